//! The daemon, driven from outside by software that nobody here wrote: pylsl and mne-lsl feed it, grpcio asks it, SciPy
//! and ONNX Runtime say what must come out.

mod access;
mod cursor;
mod ending;
mod faults;
mod formats;
mod guard;
mod health;
mod hostile;
mod latency;
mod metrics;
mod mne_lsl;
mod network;
mod oracle;
mod outlet;
mod recording;
mod recording_faults;
mod soak;
mod subscribers;
mod support;
mod swap;
