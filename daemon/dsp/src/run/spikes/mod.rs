//! What microelectrodes are reduced to.
