//! `TelemetryService`.

use super::{Services, convert};
use crate::telemetry::{Snapshot, StepSummary, Telemetry};
use bci_proto::v1;
use bci_proto::v1::telemetry_service_server::TelemetryService;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Who may watch latencies at once.
const WATCHERS: usize = 16;
/// The period where the request does not say, and what may be asked for, ms.
const EVERY_MS: u32 = 1000;
const PERIODS_MS: std::ops::RangeInclusive<u32> = 100..=60_000;

#[tonic::async_trait]
impl TelemetryService for Services {
    type WatchLatencyStream = Pin<Box<dyn Stream<Item = Result<v1::WatchLatencyResponse, Status>> + Send>>;

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
            subscribers: u32::try_from(self.roll.count()).unwrap_or(u32::MAX),
            events_dropped: self.publisher.dropped(),
        }))
    }

    async fn get_clock(
        &self,
        _: Request<v1::GetClockRequest>,
    ) -> Result<Response<v1::GetClockResponse>, Status> {
        let received_ns = self.engine.now().0;
        Ok(Response::new(v1::GetClockResponse { received_ns, answered_ns: self.engine.now().0 }))
    }

    async fn watch_latency(
        &self,
        request: Request<v1::WatchLatencyRequest>,
    ) -> Result<Response<Self::WatchLatencyStream>, Status> {
        let v1::WatchLatencyRequest { pipeline, every_ms } = request.into_inner();
        let names = self.all_meant(&pipeline)?;
        let every_ms = if every_ms == 0 { EVERY_MS } else { every_ms };
        if !PERIODS_MS.contains(&every_ms) {
            let (least, most) = (PERIODS_MS.start(), PERIODS_MS.end());
            let text = format!("every_ms is {every_ms}; {least} to {most} is possible");
            return Err(Status::invalid_argument(text));
        }
        // Each costs a copy of the histograms a period.
        if Arc::strong_count(&self.watchers) > WATCHERS {
            return Err(Status::resource_exhausted(format!("{WATCHERS} watch latencies already")));
        }
        let watcher = Arc::clone(&self.watchers);
        let (tell, told) = tokio::sync::mpsc::channel(1);
        let this = self.clone();
        tokio::spawn(async move {
            this.tell_latency(names, every_ms, tell).await;
            drop(watcher);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(told))))
    }

    async fn list_subscribers(
        &self,
        _: Request<v1::ListSubscribersRequest>,
    ) -> Result<Response<v1::ListSubscribersResponse>, Status> {
        let here = self.roll.all();
        let subscribers = here.iter().map(|entry| v1::Subscriber {
            number: entry.number,
            peer: entry.caller.peer.to_string(),
            token: entry.caller.token.as_deref().unwrap_or_default().to_owned(),
            transport: entry.caller.transport.word().to_owned(),
            pipeline: entry.pipeline.clone(),
            since_ns: entry.since.0,
            sent: entry.sent(),
            behind: entry.behind(&self.publisher),
            dropped: entry.dropped(),
        });
        Ok(Response::new(v1::ListSubscribersResponse { subscribers: subscribers.collect() }))
    }
}

impl Services {
    /// Tells where the time went, until nobody listens or all ends. Who does not read gets the next when it does.
    async fn tell_latency(
        self,
        names: Vec<Arc<str>>,
        every_ms: u32,
        tell: tokio::sync::mpsc::Sender<Result<v1::WatchLatencyResponse, Status>>,
    ) {
        let mut before: Vec<Option<Snapshot>> = vec![None; names.len()];
        let mut every = tokio::time::interval(Duration::from_millis(u64::from(every_ms)));
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = every.tick() => {}
                () = tell.closed() => return,
            }
            if self.publisher.is_closing() {
                return;
            }
            let first = before.iter().all(Option::is_none);
            let (telemetry, of) = (self.telemetry.clone(), names.clone());
            // Histograms are large: not on the thread that intents go through.
            let made = tokio::task::spawn_blocking(move || {
                let pipelines =
                    of.iter().zip(&mut before).map(|(name, before)| latency(&telemetry, name, before));
                (pipelines.collect(), before)
            });
            let Ok((pipelines, now)) = made.await else { return };
            before = now;
            let response = v1::WatchLatencyResponse { pipelines, time_ns: self.engine.now().0 };
            if !first && tell.send(Ok(response)).await.is_err() {
                return;
            }
        }
    }
}

/// Where the time of a pipeline went since `before`, which becomes what is known now.
fn latency(telemetry: &Telemetry, name: &str, before: &mut Option<Snapshot>) -> v1::PipelineLatency {
    let now = telemetry.snapshot(name);
    let recent = before.as_ref().map_or_else(Vec::new, |before| steps(&now.since(before)));
    let since_start = steps(&now.summary());
    *before = Some(now);
    v1::PipelineLatency { pipeline: name.to_owned(), recent, since_start }
}

fn steps(of: &[StepSummary]) -> Vec<v1::StepLatency> {
    of.iter().map(convert::step).collect()
}
