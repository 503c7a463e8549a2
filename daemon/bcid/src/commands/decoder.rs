//! `bcid decoder`: what a bundle is, whether it holds, and how one is made.

mod inspect;
mod live;
mod verify;

pub(crate) use inspect::inspect;
pub(crate) use live::{Action, live};
pub(crate) use verify::{checked, verify};

use crate::cli::PackArgs;
use crate::engine::decoder_line;
use crate::exit::{Exit, Failure};
use bci_models::pack::{Pack, pack as make};

pub(crate) fn pack(args: &PackArgs) -> Result<Exit, Failure> {
    let request = Pack {
        folder: &args.folder,
        out: &args.out,
        segment: args.segment.as_deref().zip(args.origin.as_deref()),
        expected: args.expected.as_deref(),
        device: args.device.into(),
    };
    let (bundle, decoder) = make(&request).map_err(Failure::mistakes)?;
    let lines = [
        format!("{} at {}", decoder_line(&bundle), args.out.display()),
        format!("  {}; {}", decoder.proof(), checked(&decoder)),
    ];
    super::print_lines(&lines);
    Ok(Exit::Clean)
}
