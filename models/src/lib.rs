//! Decoders: the bundle contract and inference through ONNX Runtime.
//!
//! A bundle is a folder with `decoder.toml` and `model.onnx`. A caller may rely on a loaded bundle being consistent
//! in itself: every key known, the model's hash as stated, its tensors of the stated names, types and shapes, its nodes
//! seen to run where they were to, in less than a hop, and a golden segment yielding what it must there. What a bundle asks of a stream is checked by whoever attaches one. Nothing here guesses a
//! missing fact, and nothing here runs on a real-time thread: ONNX Runtime allocates on every run.

pub mod bundle;
pub mod contract;
pub mod decoder;
mod device;
pub mod golden;
pub mod learned;
pub mod native;
pub mod onnx;
mod ort;
pub mod pack;
mod posterior;
pub mod steps;

pub use crate::ort::{OrtDecoder, OrtError, RuntimeInfo, runtime_info};
pub use bundle::{Bundle, Draft};
pub use decoder::{DecodeError, Decoder};
pub use device::{Device, Proof};
pub use posterior::Prior;
