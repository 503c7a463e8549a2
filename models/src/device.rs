//! Where a model runs, and the proof that it did: what ONNX Runtime's own trace says of every node of a run.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Where a model is to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU; refused where it does not run there.
    Cuda,
    /// An NVIDIA GPU where there is one, else the processor, which is told loudly.
    PreferCuda,
}

impl Device {
    /// Every device, with its word in configurations.
    pub const WORDS: [(&'static str, Self); 3] =
        [("cpu", Self::Cpu), ("cuda", Self::Cuda), ("prefer_cuda", Self::PreferCuda)];

    /// The device of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, device)| *device)
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, device)| *device == self).map_or("", |(word, _)| word)
    }
}

/// What a run was seen to run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Where it was to run.
    pub asked: Device,
    /// Where it ran: `CPU` or `CUDA`.
    pub provider: String,
    /// The nodes of one run by the provider that ran them, as ONNX Runtime traced them; the most first.
    pub nodes: Vec<(String, usize)>,
    /// Why it does not run where that was preferred.
    pub degraded: Option<String>,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ran on {}", self.provider)?;
        let nodes: Vec<String> =
            self.nodes.iter().map(|(provider, n)| format!("{n} nodes on {provider}")).collect();
        if !nodes.is_empty() {
            write!(f, " ({})", nodes.join(", "))?;
        }
        if let Some(why) = &self.degraded {
            write!(f, "; DEGRADED, {} was asked for: {why}", self.asked.word())?;
        }
        Ok(())
    }
}

/// A node that ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    /// Its name in the graph as optimised.
    pub(crate) node: String,
    /// Its operator.
    pub(crate) operator: String,
    /// The provider without its suffix: `CPU`, `CUDA`.
    pub(crate) provider: String,
}

/// Operators that may stay on the processor while the model runs on a GPU: they handle shapes, or move what others
/// computed. ONNX Runtime puts them there itself, where that is faster.
const BOOKKEEPING: [&str; 18] = [
    "Cast",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Equal",
    "Expand",
    "Gather",
    "Identity",
    "MemcpyFromHost",
    "MemcpyToHost",
    "Range",
    "Reshape",
    "Shape",
    "Size",
    "Slice",
    "Squeeze",
    "Unsqueeze",
    "Where",
];

/// The nodes of a trace in Chrome's format, as ONNX Runtime writes it. One that ran several times (in a loop) counts once.
///
/// # Errors
/// In words: why the trace tells nothing.
pub(crate) fn nodes(trace: &str) -> Result<Vec<Ran>, String> {
    let events: Vec<Value> =
        serde_json::from_str(trace).map_err(|e| format!("the trace of ONNX Runtime is no JSON: {e}"))?;
    let mut found: Vec<Ran> = Vec::new();
    for event in &events {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let Some(name) = text(&event["name"]).filter(|_| event["cat"] == "Node") else { continue };
        // A node also has events for its fences, which say nothing of who ran it.
        let Some(node) = name.strip_suffix("_kernel_time") else { continue };
        let args = &event["args"];
        let Some((operator, provider)) = text(&args["op_name"]).zip(text(&args["provider"])) else {
            return Err(format!("the trace of ONNX Runtime does not say who ran the node {node:?}"));
        };
        let provider = provider.strip_suffix("ExecutionProvider").unwrap_or(&provider).to_owned();
        let ran = Ran { node: node.to_owned(), operator, provider };
        if !found.contains(&ran) {
            found.push(ran);
        }
    }
    Ok(found)
}

/// Nodes by provider, the most first.
pub(crate) fn by_provider(nodes: &[Ran]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for ran in nodes {
        *counts.entry(&ran.provider).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().map(|(name, n)| (name.to_owned(), n)).collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    counts
}

/// Whether the model ran on the GPU: CUDA ran nodes, and what did not run there is bookkeeping.
///
/// # Errors
/// In words: what ran elsewhere.
pub(crate) fn ran_on_cuda(nodes: &[Ran]) -> Result<(), String> {
    let mut elsewhere: Vec<&str> = nodes
        .iter()
        .filter(|ran| ran.provider != "CUDA" && !BOOKKEEPING.contains(&&*ran.operator))
        .map(|ran| &*ran.operator)
        .collect();
    elsewhere.sort_unstable();
    elsewhere.dedup();
    if !elsewhere.is_empty() {
        return Err(format!("CUDA did not run {}", elsewhere.join(", ")));
    }
    if nodes.iter().any(|ran| ran.provider == "CUDA") { Ok(()) } else { Err("CUDA ran no node".to_owned()) }
}

/// Whether all of it ran on the processor.
///
/// # Errors
/// In words: what ran elsewhere.
pub(crate) fn ran_on_cpu(nodes: &[Ran]) -> Result<(), String> {
    match nodes.iter().find(|ran| ran.provider != "CPU") {
        Some(ran) => Err(format!("{} ran {}", ran.provider, ran.operator)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(node: &str, operator: &str, provider: &str) -> String {
        format!(
            r#"{{"cat":"Node","name":"{node}_kernel_time","args":{{"op_name":"{operator}","provider":"{provider}ExecutionProvider"}}}}"#
        )
    }

    fn trace(nodes: &[(&str, &str)]) -> Vec<Ran> {
        let mut events = vec![r#"{"cat":"Session","name":"model_run","args":{}}"#.to_owned()];
        for (i, (operator, provider)) in nodes.iter().enumerate() {
            let node = format!("n{i}");
            events.push(format!(r#"{{"cat":"Node","name":"{node}_fence_before","args":{{}}}}"#));
            events.push(event(&node, operator, provider));
            events.push(event(&node, operator, provider));
        }
        super::nodes(&format!("[{}]", events.join(","))).expect("a trace")
    }

    #[test]
    fn nodes_are_counted_once_by_who_ran_them() {
        let ran = trace(&[("Conv", "CUDA"), ("Shape", "CPU"), ("MatMul", "CUDA")]);
        assert_eq!(by_provider(&ran), [("CUDA".to_owned(), 2), ("CPU".to_owned(), 1)]);
        assert_eq!(ran_on_cuda(&ran), Ok(()));
        assert_eq!(ran_on_cpu(&ran), Err("CUDA ran Conv".to_owned()));
    }

    #[test]
    fn what_computes_on_the_processor_is_no_run_on_cuda() {
        let split = trace(&[("Conv", "CUDA"), ("Elu", "CPU"), ("Reshape", "CPU"), ("Conv", "CPU")]);
        assert_eq!(ran_on_cuda(&split), Err("CUDA did not run Conv, Elu".to_owned()));
        // Bookkeeping alone is no run there either: every node fell back.
        assert_eq!(ran_on_cuda(&trace(&[("Reshape", "CPU")])), Err("CUDA ran no node".to_owned()));
        assert_eq!(ran_on_cuda(&[]), Err("CUDA ran no node".to_owned()));
        assert_eq!(ran_on_cpu(&[]), Ok(()));
    }

    #[test]
    fn a_trace_that_says_nothing_proves_nothing() {
        assert!(super::nodes("").is_err() && super::nodes("[{").is_err());
        let silent = r#"[{"cat":"Node","name":"a_kernel_time","args":{"op_name":"Conv"}}]"#;
        assert!(super::nodes(silent).expect_err("no provider").contains("who ran the node \"a\""));
    }

    #[test]
    fn every_word_is_its_device() {
        for (word, device) in Device::WORDS {
            assert_eq!((Device::parse(word), device.word()), (Some(device), word));
        }
        assert_eq!(Device::parse("gpu"), None);
    }
}
