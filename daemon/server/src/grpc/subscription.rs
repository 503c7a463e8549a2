//! `IntentService`: what one subscriber is told, whichever way it came.

use super::filter::Filter;
use super::{Services, convert};
use crate::access::Caller;
use crate::publisher::{Event, Numbered};
use crate::roll::Present;
use bci_proto::v1;
use bci_proto::v1::intent_service_server::IntentService;
use bci_proto::v1::subscribe_response::Event as Wire;
use std::pin::Pin;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

/// Subscriptions at once: each costs memory for what it has not read.
const MOST: usize = 8192;

/// What a subscriber is told, one after the other.
pub(crate) type Told = Pin<Box<dyn Stream<Item = v1::SubscribeResponse> + Send>>;

/// What one subscriber asked for.
struct Subscription {
    services: Services,
    pipeline: Option<String>,
    markers: bool,
    filter: Option<Filter>,
    /// Where it stands.
    position: u64,
    present: Present,
}

#[tonic::async_trait]
impl IntentService for Services {
    type SubscribeStream = Pin<Box<dyn Stream<Item = Result<v1::SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let caller = Caller::of(&request);
        let told = self.subscription(request.into_inner(), caller)?;
        Ok(Response::new(Box::pin(told.map(Ok))))
    }
}

impl Services {
    /// Begins a subscription.
    pub(crate) fn subscription(&self, asked: v1::SubscribeRequest, caller: Caller) -> Result<Told, Status> {
        self.all_meant(&asked.pipeline)?;
        if self.roll.count() >= MOST {
            return Err(Status::resource_exhausted(format!("there are {MOST} subscriptions already")));
        }
        let filter = Filter::of(asked.filter)?;
        // Before the subscription begins: what comes in between is not left out.
        let before = self.publisher.position();
        let Some(events) = self.publisher.receive() else {
            return Err(Status::unavailable("the daemon is draining"));
        };
        let mut subscription = Subscription {
            present: self.roll.enter(caller, asked.pipeline.clone(), self.engine.now(), before),
            services: self.clone(),
            pipeline: (!asked.pipeline.is_empty()).then_some(asked.pipeline),
            markers: asked.markers,
            filter,
            position: before,
        };
        let past = asked.resume.map(|place| subscription.past(&place)).transpose()?.unwrap_or_default();
        // Read after the subscription began: a change in between is told twice rather than not at all.
        let states = self.engine.status().pipelines.into_iter();
        let states = states.filter(|p| subscription.wants(&p.stream.pipeline));
        let states = states.map(|p| Wire::Stream(convert::stream(&p.stream)));
        let first: Vec<_> = states.map(|state| subscription.told(state)).collect();
        let live = BroadcastStream::new(events)
            .take_while(|e| !matches!(e, Ok(Numbered { event: Event::Closing, .. })))
            .map(Next::Live);
        let rest = tokio_stream::iter(past).chain(live);
        let rest = rest.filter_map(move |next| subscription.next(next));
        Ok(Box::pin(tokio_stream::iter(first).chain(rest)))
    }
}

/// What comes next in a subscription.
enum Next {
    /// From before the call.
    Past(Numbered),
    /// Events that are not remembered, up to this position.
    Hole(u64, v1::Missed),
    Live(Result<Numbered, BroadcastStreamRecvError>),
}

impl Subscription {
    fn wants(&self, pipeline: &str) -> bool {
        self.pipeline.as_deref().is_none_or(|p| p == pipeline)
    }

    /// What has been since `place`, with what is not remembered any more.
    fn past(&mut self, place: &v1::Place) -> Result<Vec<Next>, Status> {
        let another_run = place.run != self.services.publisher.run();
        let now = self.services.publisher.position();
        if !another_run && place.position > now {
            let text = format!("resume.position is {}; there have been {now} events", place.position);
            return Err(Status::invalid_argument(text));
        }
        let mut at = if another_run { 0 } else { place.position };
        self.position = at;
        let mut all = Vec::new();
        if another_run {
            all.push(Next::Hole(0, v1::Missed { events: 0, another_run }));
        }
        let hole = |all: &mut Vec<Next>, from: u64, to: u64| {
            if from < to {
                all.push(Next::Hole(to, v1::Missed { events: to - from, another_run: false }));
            }
        };
        for event in self.services.history.behind(at) {
            hole(&mut all, at, event.position - 1);
            at = event.position;
            all.push(Next::Past(event));
        }
        hole(&mut all, at, now);
        Ok(all)
    }

    fn next(&mut self, next: Next) -> Option<v1::SubscribeResponse> {
        let (event, replayed) = match next {
            Next::Live(Ok(Numbered { position, .. })) if position <= self.position => return None,
            Next::Live(Ok(Numbered { position, event })) => {
                self.position = position;
                self.present.at(position);
                (self.wanted(&event, true)?, false)
            }
            Next::Live(Err(BroadcastStreamRecvError::Lagged(events))) => {
                self.services.publisher.note_dropped(events);
                self.present.dropped(events);
                self.present.at(self.position + events);
                (self.missed(self.position + events, v1::Missed { events, another_run: false }), false)
            }
            Next::Past(Numbered { position, event }) => {
                self.position = position;
                (self.wanted(&event, false)?, true)
            }
            Next::Hole(position, missed) => (self.missed(position, missed), true),
        };
        Some(v1::SubscribeResponse { replayed, ..self.told(event) })
    }

    /// Goes on behind a hole.
    fn missed(&mut self, position: u64, missed: v1::Missed) -> Wire {
        self.position = position;
        self.filter.iter_mut().for_each(Filter::forget);
        Wire::Missed(missed)
    }

    /// What is told of an event; how long it took counts only where it is `live`.
    fn wanted(&mut self, event: &Event, live: bool) -> Option<Wire> {
        match event {
            Event::Intent(intent) if self.wants(&intent.pipeline) => {
                if !self.filter.as_mut().is_none_or(|filter| filter.passes(intent)) {
                    return None;
                }
                let published = self.services.engine.now();
                if live {
                    self.services.telemetry.handed(intent, published);
                }
                Some(Wire::Intent(convert::intent(intent, published)))
            }
            Event::Marker(marker) if self.markers => Some(Wire::Marker(convert::marker(marker))),
            Event::Stream(status) if self.wants(&status.pipeline) => {
                Some(Wire::Stream(convert::stream(status)))
            }
            _ => None,
        }
    }

    fn told(&self, event: Wire) -> v1::SubscribeResponse {
        self.present.sent();
        let place = v1::Place { run: self.services.publisher.run(), position: self.position };
        v1::SubscribeResponse { event: Some(event), place: Some(place), replayed: false }
    }
}
