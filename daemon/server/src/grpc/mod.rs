//! The services of `bci.v1`, over the engine.

mod control;
pub(crate) mod convert;
mod decoders;
mod filter;
mod recording;
pub(crate) mod subscription;
mod telemetry;

use crate::access::{Access, Audit, Caller};
use crate::engine::Engine;
use crate::history::History;
use crate::publisher::Publisher;
use crate::roll::Roll;
use crate::telemetry::Telemetry;
use serde_json::Value;
use std::sync::Arc;
use tonic::Status;

/// What the services stand on.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) publisher: Publisher,
    pub(crate) telemetry: Telemetry,
    pub(crate) history: History,
    pub(crate) roll: Roll,
    pub(crate) audit: Audit,
    /// Held once by each that watches latencies.
    watchers: Arc<()>,
}

impl Services {
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        publisher: Publisher,
        telemetry: Telemetry,
        access: &Access,
    ) -> Self {
        let (history, audit) = (History::of(&publisher), access.audit.clone());
        Self { engine, history, roll: Roll::default(), publisher, telemetry, audit, watchers: Arc::default() }
    }

    /// The pipeline that is meant where one has to be.
    fn meant(&self, name: &str) -> Result<Arc<str>, Status> {
        let known = self.engine.pipelines();
        match (name, known.as_slice()) {
            ("", [only]) => Ok(Arc::clone(only)),
            ("", _) => {
                Err(Status::invalid_argument(format!("name a pipeline; there are: {}", known.join(", "))))
            }
            _ => self.all_meant(name).map(|mut one| one.remove(0)),
        }
    }

    /// The pipelines that are meant where the empty name means all.
    pub(crate) fn all_meant(&self, name: &str) -> Result<Vec<Arc<str>>, Status> {
        let known = self.engine.pipelines();
        if name.is_empty() {
            return Ok(known);
        }
        let found = known.iter().find(|known| ***known == *name).cloned();
        let none = || Status::not_found(format!("no pipeline {name:?}; there are: {}", known.join(", ")));
        found.map(|one| vec![one]).ok_or_else(none)
    }

    /// Writes down what became of a change that `caller` asked for.
    fn audited<T>(
        &self,
        caller: &Caller,
        call: &str,
        what: Value,
        made: Result<T, Status>,
    ) -> Result<T, Status> {
        let outcome = made.as_ref().map(|_| ()).map_err(Status::message);
        self.audit.note(caller, call, what, outcome);
        made
    }
}
