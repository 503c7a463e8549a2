use super::case::ChainName;
use crate::Options;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// `peers.py` at work. It measures when asked and waits otherwise; asked never while our own is measured.
pub(crate) struct Peers {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What a peer is asked to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) peer: &'static str,
    pub(crate) chain: ChainName,
    pub(crate) channels: usize,
    pub(crate) rate_hz: f64,
    pub(crate) frames: usize,
}

impl Peers {
    pub(crate) fn start(options: &Options) -> Result<Self, String> {
        let mut command = Command::new(&options.python);
        command.arg(&options.peers).stdin(Stdio::piped()).stdout(Stdio::piped());
        for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(variable, "1");
        }
        let mut child = command.spawn().map_err(|e| format!("{}: {e}", options.python.display()))?;
        let requests = child.stdin.take();
        let answers = child.stdout.take().ok_or("the peers have no output")?;
        Ok(Self { child, requests, answers: BufReader::new(answers) })
    }

    /// Nanoseconds per sample, over about `seconds`.
    pub(crate) fn measure(&mut self, ask: Ask, seconds: f64) -> Result<f64, String> {
        number(&self.ask(ask, seconds)?, "ns_per_sample")
    }

    /// The sum of the output's magnitudes over all chunks, from the start; and in which layout the peer is the faster.
    pub(crate) fn check(&mut self, ask: Ask) -> Result<(f64, String), String> {
        let answer = self.ask(ask, 0.0)?;
        let layout = answer["layout"].as_str().unwrap_or_default().to_owned();
        Ok((number(&answer, "sum")?, layout))
    }

    fn ask(&mut self, ask: Ask, seconds: f64) -> Result<Value, String> {
        let Ask { peer, chain, channels, rate_hz, frames } = ask;
        let request = json!({
            "peer": peer, "chain": chain.to_string(), "channels": channels, "rate_hz": rate_hz, "frames": frames,
            "seconds": seconds,
        });
        let requests = self.requests.as_mut().ok_or("the peers have no input")?;
        writeln!(requests, "{request}").map_err(|e| format!("the peers: {e}"))?;
        let mut line = String::new();
        let read = self.answers.read_line(&mut line).map_err(|e| format!("the peers: {e}"))?;
        if read == 0 {
            return Err(format!("the peers ended at {request}; their complaint stands above"));
        }
        serde_json::from_str(&line).map_err(|e| format!("the peers said {line:?}: {e}"))
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.requests = None;
        let _ = self.child.wait();
    }
}

fn number(answer: &Value, key: &str) -> Result<f64, String> {
    answer[key].as_f64().ok_or_else(|| format!("the peers' answer {answer} has no {key}"))
}
