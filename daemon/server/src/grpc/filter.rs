//! Which intents a subscriber wants to hear of.

use bci_proto::v1;
use bci_types::{Intent, Outcome};
use std::collections::BTreeMap;
use std::sync::Arc;
use tonic::Status;

/// What was asked for, and what each pipeline said last.
pub(crate) struct Filter {
    classes: Vec<String>,
    minimum: f32,
    changes_only: bool,
    /// The class of the last intent that passed, or that there is none; of a pipeline that is not there, nobody knows what the
    /// subscriber holds.
    last: BTreeMap<Arc<str>, Option<String>>,
}

impl Filter {
    /// `None` where everything is to pass.
    pub(crate) fn of(asked: Option<v1::IntentFilter>) -> Result<Option<Self>, Status> {
        let Some(v1::IntentFilter { classes, minimum_probability, changes_only }) = asked else {
            return Ok(None);
        };
        if !(0.0..=1.0).contains(&minimum_probability) {
            let text = format!("filter.minimum_probability is {minimum_probability}; 0 to 1 is possible");
            return Err(Status::invalid_argument(text));
        }
        Ok(Some(Self { classes, minimum: minimum_probability, changes_only, last: BTreeMap::new() }))
    }

    /// Whether it is told of: an intent that is wanted, the first one that is not after one that was, and the first of all.
    pub(crate) fn passes(&mut self, intent: &Intent) -> bool {
        if intent.outcome == Outcome::Numbers {
            return true;
        }
        let wanted = intent.class().and_then(|class| {
            let label = intent.labels.get(class).map_or("", String::as_str);
            let listed = self.classes.is_empty() || self.classes.iter().any(|wanted| wanted == label);
            let sure = intent.smoothed.get(class).is_some_and(|p| *p >= self.minimum);
            (listed && sure).then_some(label)
        });
        let changed = self.last.get(&intent.pipeline).is_none_or(|last| wanted != last.as_deref());
        if changed {
            self.last.insert(Arc::clone(&intent.pipeline), wanted.map(str::to_owned));
        }
        changed || (wanted.is_some() && !self.changes_only)
    }

    /// Events were lost: what was said last is not known, and the next window says where things stand.
    pub(crate) fn forget(&mut self) {
        self.last.clear();
    }
}
