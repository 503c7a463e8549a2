//! Compiles the `.proto` files in Rust (no `protoc` needed) into messages, services and descriptor bytes.

use prost::Message as _;
use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let files = [
        "bci/v1/common.proto",
        "bci/v1/control.proto",
        "bci/v1/decoders.proto",
        "bci/v1/intents.proto",
        "bci/v1/recording.proto",
        "bci/v1/telemetry.proto",
    ];
    for file in files {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(files, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("bci.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
