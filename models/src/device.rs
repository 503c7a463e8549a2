//! Where a model runs, and the proof that it did: what ONNX Runtime's own trace says of every node of a run.

use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
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
    /// How many of them hold graphs of their own, of which a run takes one or none (`If`, `Loop`, `Scan`): what it did not
    /// take is not among the nodes, and nothing is proven of it.
    pub branching: usize,
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
        if self.branching > 0 {
            let them = if self.branching == 1 {
                "1 of them branches".to_owned()
            } else {
                format!("{} of them branch", self.branching)
            };
            write!(f, "; {them}, and of branches not taken nothing is known")?;
        }
        if let Some(why) = &self.degraded {
            write!(f, "; DEGRADED, {} was asked for: {why}", self.asked.word())?;
        }
        Ok(())
    }
}

/// A node that ran.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// What decoders spend their time on; also as parts of the names that ONNX Runtime gives to what it fuses (`FusedConv`,
/// `TransposeMatMul`, `DynamicQuantizeLSTM`).
const COMPUTING: [&str; 8] = ["Conv", "MatMul", "Gemm", "Attention", "Einsum", "LSTM", "GRU", "RNN"];

/// Nodes that hold graphs, all of which no run takes.
const BRANCHING: [&str; 4] = ["If", "Loop", "Scan", "SequenceMap"];

/// The nodes of a trace in Chrome's format, as ONNX Runtime writes it. One that ran several times (in a loop) counts once.
///
/// # Errors
/// In words: why the trace tells nothing.
pub(crate) fn nodes(trace: &str) -> Result<Vec<Ran>, String> {
    let events: Vec<Value> =
        serde_json::from_str(trace).map_err(|e| format!("the trace of ONNX Runtime is no JSON: {e}"))?;
    let mut found: Vec<Ran> = Vec::new();
    let mut seen = HashSet::new();
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
        if seen.insert(ran.clone()) {
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

/// How many nodes hold graphs that the run need not have taken.
pub(crate) fn branching(nodes: &[Ran]) -> usize {
    nodes.iter().filter(|ran| BRANCHING.contains(&&*ran.operator)).count()
}

/// Whether the model ran on the GPU: CUDA ran what decoders spend their time on, products of matrices or convolutions
/// among it, and what did not run there is bookkeeping. A model that does nothing but bookkeeping is none for a GPU.
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
    let on_cuda = || nodes.iter().filter(|ran| ran.provider == "CUDA");
    if on_cuda().any(|ran| COMPUTING.iter().any(|part| ran.operator.contains(part))) {
        return Ok(());
    }
    Err(match on_cuda().count() {
        0 => "CUDA ran no node".to_owned(),
        n => format!(
            "of {} nodes CUDA ran {n}, and none of them is one of {}",
            nodes.len(),
            COMPUTING.join(", ")
        ),
    })
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
mod tests;
