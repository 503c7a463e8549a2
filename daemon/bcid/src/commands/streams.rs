//! `bcid streams`: what can be seen on the network.

use super::{LslLog, load_lsl};
use crate::cli::StreamsArgs;
use crate::exit::{Exit, Failure};
use std::time::Duration;

#[allow(clippy::print_stdout, reason = "what the command is asked to print")]
pub(crate) fn streams(args: &StreamsArgs) -> Result<Exit, Failure> {
    let lsl = load_lsl(LslLog::Errors)?;
    let wait = Duration::try_from_secs_f64(args.wait)
        .map_err(|_| Failure::new(Exit::Usage, format!("--wait {} is no duration", args.wait)))?;
    let found = bci_driver_lsl::list(lsl, wait)
        .map_err(|e| Failure::caused(Exit::Device, "looking for streams", &e))?;
    if found.is_empty() {
        println!(
            "no LSL stream was seen in {} s: is the amplifier's program running, on this network? Is UDP (16571 and multicast) open between the machines? LSLAPICFG can name a file with [lab] KnownPeers = {{ADDRESS}}",
            args.wait
        );
    }
    for stream in found {
        println!("{stream}");
    }
    Ok(Exit::Clean)
}
