//! Events as the subscriber tells them.

use serde::Deserialize;

/// An event of a subscription.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// A decoded window.
    Intent(Box<Intent>),
    /// A marker.
    Marker(MarkerSeen),
    /// The subscriber was too slow.
    Missed {
        /// How many events are missing here.
        missed: u64,
        /// The daemon is another one than that which was to be gone on with.
        another_run: bool,
    },
    /// A stream's state.
    State(StateSeen),
    /// The subscription ended.
    End {
        /// The gRPC status.
        end: String,
        /// Its message.
        details: Option<String>,
    },
}

/// A decoded window; fields as in `intents.proto`.
#[derive(Clone, Debug, Deserialize)]
pub struct Intent {
    /// Its number.
    #[serde(rename = "intent")]
    pub sequence: u64,
    /// Its pipeline.
    pub pipeline: String,
    /// Name, version, SHA-256 of the model.
    pub decoder: [String; 3],
    /// The classes.
    pub labels: Vec<String>,
    /// The window's posterior.
    pub window: Vec<f64>,
    /// The smoothed posterior.
    pub smoothed: Vec<f64>,
    /// The class and probability acted upon.
    pub discrete: Option<(String, f64)>,
    /// Why there is none.
    pub none: Option<String>,
    /// Whether it may be trusted.
    pub valid: bool,
    /// Why not.
    pub causes: Vec<String>,
    /// First frame's time, ns.
    pub oldest_ns: i64,
    /// Last frame's time, ns.
    pub newest_ns: i64,
    /// Last frame's position.
    pub newest_frame: u64,
    /// When each step ended.
    pub ledger: Ledger,
    /// Run and position, to resume behind.
    pub place: [u64; 2],
    /// From before the call.
    pub replayed: bool,
    /// When the subscriber had it, ns.
    pub received_ns: i64,
}

/// When each step ended, ns: acquired, queued, filtered, decoded, published.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Ledger(pub [i64; 5]);

/// A marker.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct MarkerSeen {
    /// Its text.
    pub marker: String,
    /// The stream it came from.
    pub stream: String,
    /// Its sender's stamp, ns.
    pub time_ns: i64,
    /// When it reached the daemon, ns.
    pub marker_received_ns: i64,
}

/// A stream's state.
#[derive(Clone, Debug, Deserialize)]
pub struct StateSeen {
    /// In one word.
    pub state: String,
    /// The pipeline.
    pub pipeline: String,
    /// In words.
    pub message: String,
    /// Since when, ns.
    pub since_ns: i64,
    /// When the subscriber had it, ns.
    pub received_ns: i64,
}

impl Event {
    /// The intent, when it is one.
    #[must_use]
    pub fn intent(&self) -> Option<&Intent> {
        if let Self::Intent(intent) = self { Some(intent) } else { None }
    }

    /// The marker, when it is one.
    #[must_use]
    pub fn marker(&self) -> Option<&MarkerSeen> {
        if let Self::Marker(marker) = self { Some(marker) } else { None }
    }

    /// Whether it tells of this state.
    #[must_use]
    pub fn is_state(&self, wanted: &str) -> bool {
        matches!(self, Self::State(s) if s.state == wanted)
    }
}

impl Intent {
    /// Times of the whole path, in order: newest sample, the ledger, receipt.
    #[must_use]
    pub fn path_ns(&self) -> [i64; 7] {
        let [a, q, f, d, p] = self.ledger.0;
        [self.newest_ns, a, q, f, d, p, self.received_ns]
    }
}
