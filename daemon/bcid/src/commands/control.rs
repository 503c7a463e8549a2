//! `bcid pause`, `resume` and `mark`.

use super::{print_lines, runtime};
use crate::cli::{LiveArgs, MarkArgs, PauseArgs};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use bci_proto::v1;

pub(crate) fn pause(args: &PauseArgs) -> Result<Exit, Failure> {
    runtime(1)?.block_on(async {
        let client = Client::connect(&args.live.server).await?;
        let asked = v1::PauseRequest { pipeline: args.live.pipeline.clone(), reason: args.reason.clone() };
        let answer = client.control().pause(asked).await.map_err(|e| client.refused_change(&e))?;
        print_lines(&[paused(&answer.into_inner().paused)]);
        Ok(Exit::Clean)
    })
}

pub(crate) fn resume(args: &LiveArgs) -> Result<Exit, Failure> {
    runtime(1)?.block_on(async {
        let client = Client::connect(&args.server).await?;
        let asked = v1::ResumeRequest { pipeline: args.pipeline.clone() };
        let answer = client.control().resume(asked).await.map_err(|e| client.refused_change(&e))?;
        print_lines(&[paused(&answer.into_inner().paused)]);
        Ok(Exit::Clean)
    })
}

pub(crate) fn mark(args: &MarkArgs) -> Result<Exit, Failure> {
    runtime(1)?.block_on(async {
        let client = Client::connect(&args.server).await?;
        let asked = v1::MarkRequest { text: args.text.clone(), time_ns: None };
        let answer = client.control().mark(asked).await.map_err(|e| client.refused_change(&e))?;
        print_lines(&[format!(
            "marked at {:.6} s of the LSL clock",
            answer.into_inner().time_ns as f64 / 1e9
        )]);
        Ok(Exit::Clean)
    })
}

fn paused(names: &[String]) -> String {
    if names.is_empty() { "nothing is paused".to_owned() } else { format!("paused: {}", names.join(", ")) }
}
