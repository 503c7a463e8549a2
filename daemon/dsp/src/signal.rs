use bci_types::{Hz, label};

/// What flows between two elements of a chain: at which rate, and which channels in which order.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Frames a second.
    pub rate: Hz,
    /// One label a channel, in order; empty where a channel has none.
    pub labels: Vec<String>,
}

impl Signal {
    /// A signal of channels with these labels.
    #[must_use]
    pub fn new<S: AsRef<str>>(rate: Hz, labels: &[S]) -> Self {
        Self { rate, labels: labels.iter().map(|l| l.as_ref().to_owned()).collect() }
    }

    /// A signal of channels without labels: steps that name channels refuse it.
    #[must_use]
    pub fn unlabelled(rate: Hz, channels: usize) -> Self {
        Self { rate, labels: vec![String::new(); channels] }
    }

    /// How many channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.labels.len()
    }

    /// The same channels at another rate.
    #[must_use]
    pub fn at(&self, rate: Hz) -> Self {
        Self { rate, labels: self.labels.clone() }
    }

    /// The index of the channel that `label` means: as written, else folded, never ambiguously; see [`bci_types::label`].
    #[must_use]
    pub fn index(&self, label: &str) -> Option<usize> {
        label::index_of(self.labels.iter().map(|l| Some(l.as_str())), label)
    }
}
