//! `IntentService` and `TelemetryService`.

use crate::convert;
use crate::engine::Engine;
use crate::publisher::{Event, Present, Publisher};
use crate::serve::Permissions;
use crate::telemetry::Telemetry;
use bci_proto::v1;
use bci_proto::v1::intent_service_server::IntentService;
use bci_proto::v1::subscribe_response::Event as Wire;
use bci_proto::v1::telemetry_service_server::TelemetryService;
use std::pin::Pin;
use std::sync::Arc;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

/// What the services stand on.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) publisher: Publisher,
    pub(crate) telemetry: Telemetry,
    pub(crate) permissions: Permissions,
}

/// What one subscriber asked for.
struct Subscription {
    services: Services,
    pipeline: Option<String>,
    markers: bool,
    _present: Present,
}

#[tonic::async_trait]
impl IntentService for Services {
    type SubscribeStream = Pin<Box<dyn Stream<Item = Result<v1::SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let asked = request.into_inner();
        let known = self.engine.pipelines();
        let pipeline = (!asked.pipeline.is_empty()).then_some(asked.pipeline);
        if let Some(name) = &pipeline
            && !known.iter().any(|k| **k == **name)
        {
            return Err(Status::not_found(format!("no pipeline {name:?}; there are: {}", known.join(", "))));
        }
        let Some(events) = self.publisher.receive() else {
            return Err(Status::unavailable("the daemon is draining"));
        };
        let subscription = Subscription {
            services: self.clone(),
            pipeline,
            markers: asked.markers,
            _present: self.publisher.count_subscriber(),
        };
        // Read after the subscription began: a change in between is told twice rather than not at all.
        let first: Vec<_> = self
            .engine
            .status()
            .pipelines
            .into_iter()
            .filter(|p| subscription.wants(&p.stream.pipeline))
            .map(|p| Ok(wire(Wire::Stream(convert::stream(&p.stream)))))
            .collect();
        let rest = BroadcastStream::new(events)
            .take_while(|e| !matches!(e, Ok(Event::Closing)))
            .filter_map(move |event| subscription.translate(event).map(Ok));
        Ok(Response::new(Box::pin(tokio_stream::iter(first).chain(rest))))
    }
}

impl Subscription {
    fn wants(&self, pipeline: &str) -> bool {
        self.pipeline.as_deref().is_none_or(|p| p == pipeline)
    }

    fn translate(&self, event: Result<Event, BroadcastStreamRecvError>) -> Option<v1::SubscribeResponse> {
        match event {
            Ok(Event::Intent(intent)) if self.wants(&intent.pipeline) => {
                let published = self.services.engine.now();
                self.services.telemetry.handed(&intent, published);
                Some(wire(Wire::Intent(convert::intent(&intent, published))))
            }
            Ok(Event::Marker(marker)) if self.markers => Some(wire(Wire::Marker(convert::marker(&marker)))),
            Ok(Event::Stream(status)) if self.wants(&status.pipeline) => {
                Some(wire(Wire::Stream(convert::stream(&status))))
            }
            Ok(_) => None,
            Err(BroadcastStreamRecvError::Lagged(events)) => {
                self.services.publisher.note_dropped(events);
                Some(wire(Wire::Missed(v1::Missed { events })))
            }
        }
    }
}

fn wire(event: Wire) -> v1::SubscribeResponse {
    v1::SubscribeResponse { event: Some(event) }
}

#[tonic::async_trait]
impl TelemetryService for Services {
    async fn get_status(
        &self,
        _: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let status = self.engine.status();
        let pipelines = status
            .pipelines
            .iter()
            .map(|p| convert::pipeline(p, &self.telemetry.summary(&p.stream.pipeline)))
            .collect();
        Ok(Response::new(v1::GetStatusResponse {
            versions: status.versions.into_iter().collect(),
            uptime_seconds: status.uptime_seconds,
            cpu_seconds: status.cpu_seconds,
            pipelines,
            realtime_heap_operations: status.realtime_heap_operations,
            realtime_loops_watched: status.realtime_loops_watched,
            realtime_priority: status.realtime_priority,
            subscribers: self.publisher.subscribers(),
            events_dropped: self.publisher.dropped(),
        }))
    }
}
