//! Which intents are one and the same.

use bci_types::{Intent, Outcome};

/// Counts activations: stretches of windows in which one class is the intent without a break. Who acts once a stretch looks for
/// the change of the number, whatever was lost on the way.
#[derive(Debug, Default)]
pub(crate) struct Activations {
    /// So many, so far.
    count: u64,
    /// The class of the one that lasts.
    lasting: Option<String>,
}

impl Activations {
    /// Gives `intent`, the next of its pipeline, its number.
    pub(crate) fn number(&mut self, intent: &mut Intent) {
        let Outcome::Class(class) = intent.outcome else {
            self.lasting = None;
            return;
        };
        let label = intent.labels.get(class).map_or("", String::as_str);
        // It may have begun unheard, in the shadow of another decoder; and it may have ended in a window that was skipped.
        if intent.action.held_ms == 0.0 || self.lasting.as_deref() != Some(label) {
            self.count += 1;
            self.lasting = Some(label.to_owned());
        }
        intent.action.activation = self.count;
    }
}
