//! Labels, positions and neighbours of electrodes.
