//! What is fuzzed: every reader of files, texts and streams from outside, and what must hold of what it read.
//!
//! Each target is a function of bytes that panics when something does not hold. The programs of `tests/fuzz` give it bytes
//! that libFuzzer makes up; the test of this crate gives it every file of `tests/fuzz/corpus`, so that what was found once
//! is never found again. A new target is a function here, its line in [`TARGETS`], a program of three lines in
//! `tests/fuzz/fuzz_targets` with its entry in `tests/fuzz/Cargo.toml`, and a folder of seeds in `tests/fuzz/corpus`.
//!
//! Nothing here writes a file or opens a connection.

mod models;
mod playback;
mod record;
mod text;
mod wire;
mod xdf;

pub use models::{bundle, learned, npy, onnx};
pub use playback::{brainvision, edf, gdf};
pub use record::{intent, recording, template};
pub use text::{config, task};
pub use wire::wire;
pub use xdf::xdf;

/// A target: its name, which is that of its program and of its folder of seeds, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 14] = [
    ("brainvision", brainvision),
    ("bundle", bundle),
    ("config", config),
    ("edf", edf),
    ("gdf", gdf),
    ("intent", intent),
    ("learned", learned),
    ("npy", npy),
    ("onnx", onnx),
    ("recording", recording),
    ("task", task),
    ("template", template),
    ("wire", wire),
    ("xdf", xdf),
];

/// Of what a text says, at most so many bytes may be made for each of its own: a short file costs little memory.
const MOST_PER_BYTE: usize = 200;

/// That words about an input of `bytes` are in proportion to it.
fn in_proportion<'t>(words: impl IntoIterator<Item = &'t str>, bytes: usize) {
    let told: usize = words.into_iter().map(|text| text.len() + size_of::<String>()).sum();
    assert!(told <= 4096 + MOST_PER_BYTE * bytes, "{told} bytes are told of {bytes}");
}
