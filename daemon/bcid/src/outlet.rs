//! Intents as an LSL stream, for the lab's recorder: a marker stream whose texts say what changed, stamped with the newest sample that the
//! decision rests on.

use bci_driver_lsl::{Liblsl, MarkerOutlet, OutletError};
use bci_record::IntentLine;
use bci_types::Intent;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Intents that may wait for LSL; beyond, they are left out, and counted.
const WAITING: usize = 1024;
/// How long what was pushed last may take to reach who reads along, when the daemon ends.
const LINGER: Duration = Duration::from_millis(200);

/// What of intents goes into the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutletConfig {
    pub(crate) name: String,
    /// Every window, and not only what changed.
    pub(crate) every_window: bool,
}

/// Takes intents; clones share the stream. It never waits.
#[derive(Clone, Debug)]
pub(crate) struct IntentOutlet {
    hand: Sender<Arc<Intent>>,
    lost: Arc<AtomicU64>,
}

impl IntentOutlet {
    /// Announces the stream, and sends from a thread of its own for as long as anybody may hand intents over.
    pub(crate) fn start(lsl: Liblsl, config: OutletConfig) -> Result<Self, OutletError> {
        let outlet =
            MarkerOutlet::new(lsl, &config.name, &format!("{}-{}", config.name, std::process::id()))?;
        let (hand, handed) = bounded(WAITING);
        let spawned = std::thread::Builder::new()
            .name("out".to_owned())
            .spawn(move || send(outlet, &handed, config.every_window));
        if let Err(e) = spawned {
            tracing::error!(error = %e, "no thread for the stream of intents: it stays empty");
        }
        Ok(Self { hand, lost: Arc::default() })
    }

    /// Takes an intent.
    pub(crate) fn take(&self, intent: &Arc<Intent>) {
        if let Err(TrySendError::Full(_)) = self.hand.try_send(Arc::clone(intent))
            && self.lost.fetch_add(1, Ordering::Relaxed) == 0
        {
            tracing::error!("LSL takes intents too slowly: some are missing from the stream of intents");
        }
    }
}

fn send(mut outlet: MarkerOutlet, handed: &Receiver<Arc<Intent>>, every_window: bool) {
    let mut before: BTreeMap<Arc<str>, Option<String>> = BTreeMap::new();
    let mut failing = false;
    while let Ok(intent) = handed.recv() {
        let now = intent.class().and_then(|class| intent.labels.get(class).cloned());
        let changed = before.get(&intent.pipeline) != Some(&now);
        if changed {
            before.insert(Arc::clone(&intent.pipeline), now);
        }
        if changed || every_window {
            let pushed = outlet.push(&text(&intent), intent.newest_sample.as_lsl_seconds());
            let failed = pushed.is_err();
            if let (Err(e), false) = (pushed, failing) {
                tracing::error!(error = %e, "the stream of intents takes nothing");
            }
            failing = failed;
        }
    }
    outlet.close(LINGER);
}

/// What is said of an intent: JSON in one line, and as clients are told, so that what is withheld is none.
fn text(intent: &Intent) -> String {
    let line = IntentLine::of(intent);
    let class = intent.class();
    let probability = class.and_then(|class| intent.smoothed.get(class));
    let reason = if class.is_some() { None } else { line.withheld.or(line.no_intent) };
    json!({
        "pipeline": &*intent.pipeline,
        "sequence": intent.seq,
        "intent": class.and_then(|class| intent.labels.get(class)),
        "probability": probability,
        "activation": class.map(|_| intent.action.activation),
        "reason": reason,
        "velocity": intent.action.motion.as_ref().map(|motion| motion.axes.iter().cloned().zip(motion.values.iter().copied()).collect::<BTreeMap<_, _>>()),
        "decoder": intent.decoder.name,
    })
    .to_string()
}
