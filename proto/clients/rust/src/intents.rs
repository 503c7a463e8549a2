//! Intents as they come, over breaks of the connection and restarts of the daemon.

use crate::target::{Error, Wire, root};
use crate::v1;
use crate::v1::intent_service_client::IntentServiceClient;
use crate::v1::subscribe_response::Event as Told;
use std::time::Duration;
use tonic::{Code, Status, Streaming};

/// From one attempt to connect to the next: twice as long each time, up to the second.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// What is asked for; as `SubscribeRequest`.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The pipeline; empty for all.
    pub pipeline: String,
    /// Markers, too.
    pub markers: bool,
    /// Which intents.
    pub filter: Option<v1::IntentFilter>,
    /// Go on behind this place.
    pub resume: Option<v1::Place>,
    /// How long nothing may be heard until the connection counts as lost. Windows come every hop, so that a second is plenty where
    /// nothing is filtered and the source sends; by default none: the connection itself tells.
    pub silence: Option<Duration>,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// A window was decoded.
    Intent {
        /// What it was decoded to.
        intent: Box<v1::Intent>,
        /// From before this connection: for records, and not to be acted upon.
        replayed: bool,
        /// Which run of the daemon.
        run: u64,
    },
    /// A marker arrived.
    Marker(v1::Marker),
    /// Events are missing here.
    Missed(v1::Missed),
    /// A pipeline's stream changed its state.
    Stream(v1::StreamStatus),
    /// The daemon is heard from now on.
    Connected,
    /// The daemon is not heard any more, and why. It is tried again by itself.
    Lost(String),
}

/// Intents as they come. They reconnect by themselves, and go on behind what was heard last.
#[derive(Debug)]
pub struct Intents {
    service: IntentServiceClient<Wire>,
    asked: Asked,
    /// `None` while nothing is heard.
    stream: Option<Streaming<v1::SubscribeResponse>>,
    attempts: u32,
    /// Nothing more comes.
    ended: bool,
}

impl Intents {
    pub(crate) fn new(wire: Wire, asked: Asked) -> Self {
        Self { service: IntentServiceClient::new(wire), asked, stream: None, attempts: 0, ended: false }
    }

    /// The next event; `None` after an error. Not to be broken off half-way, as a branch of `select!` is: what it waits for would
    /// begin anew each time.
    ///
    /// # Errors
    /// [`Error::Refused`] where trying again would be to no avail: nothing more comes then.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        if self.ended {
            return None;
        }
        loop {
            let Some(stream) = &mut self.stream else {
                match self.connect().await {
                    Ok(()) => return Some(Ok(Event::Connected)),
                    Err(status) if is_final(&status) => {
                        self.ended = true;
                        return Some(Err(Error::Refused(status)));
                    }
                    // It is known already that nothing is heard.
                    Err(_) if self.attempts > 1 => continue,
                    Err(status) => return Some(Ok(Event::Lost(why(&status)))),
                }
            };
            let heard = match self.asked.silence {
                Some(silence) => tokio::time::timeout(silence, stream.message()).await,
                None => Ok(stream.message().await),
            };
            let lost = match heard {
                Ok(Ok(Some(response))) => match self.told(response) {
                    Some(event) => return Some(Ok(event)),
                    None => continue,
                },
                Ok(Ok(None)) => "the daemon ended".to_owned(),
                Ok(Err(status)) if is_final(&status) => {
                    self.ended = true;
                    return Some(Err(Error::Refused(status)));
                }
                Ok(Err(status)) => why(&status),
                Err(_) => "nothing was heard for too long".to_owned(),
            };
            self.stream = None;
            // It was there until now: tried again soon, and told once.
            self.attempts = 1;
            return Some(Ok(Event::Lost(lost)));
        }
    }

    /// Tries to subscribe, after as long as it takes by now.
    async fn connect(&mut self) -> Result<(), Status> {
        if self.attempts > 0 {
            tokio::time::sleep(pause(self.attempts)).await;
        }
        self.attempts += 1;
        let request = v1::SubscribeRequest {
            pipeline: self.asked.pipeline.clone(),
            markers: self.asked.markers,
            filter: self.asked.filter.clone(),
            resume: self.asked.resume,
        };
        let stream = self.service.subscribe(request).await?.into_inner();
        (self.stream, self.attempts) = (Some(stream), 0);
        Ok(())
    }

    /// What a response tells; nothing where this client is too old for it.
    fn told(&mut self, response: v1::SubscribeResponse) -> Option<Event> {
        let v1::SubscribeResponse { event, place, replayed } = response;
        let run = place.map_or(0, |place| place.run);
        self.asked.resume = place.or(self.asked.resume);
        Some(match event? {
            Told::Intent(intent) => Event::Intent { intent: Box::new(intent), replayed, run },
            Told::Marker(marker) => Event::Marker(marker),
            Told::Missed(missed) => Event::Missed(missed),
            Told::Stream(status) => Event::Stream(status),
        })
    }
}

/// Twice as long each time, and not all clients at once.
fn pause(attempts: u32) -> Duration {
    let (first, most) = AGAIN_AFTER;
    let whole = first.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(most);
    let chance = crate::clock::now_ns().unsigned_abs() / 1000 % 1000;
    whole.mul_f64(0.75 + 0.25 * chance as f64 / 1000.0)
}

/// Whether to try again would be to no avail.
fn is_final(status: &Status) -> bool {
    use Code::{InvalidArgument, NotFound, PermissionDenied, Unauthenticated, Unimplemented};
    matches!(status.code(), InvalidArgument | NotFound | PermissionDenied | Unauthenticated | Unimplemented)
}

fn why(status: &Status) -> String {
    match std::error::Error::source(status) {
        Some(cause) => root(cause),
        None => status.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_rarer_and_never_rarer_than_every_three_seconds() {
        for attempts in 1..200 {
            let most = Duration::from_millis(100 * (1 << (attempts - 1).min(10))).min(Duration::from_secs(3));
            let pause = pause(attempts);
            assert!(pause <= most && pause >= most.mul_f64(0.74), "{attempts}: {pause:?}");
        }
    }

    #[test]
    fn what_is_refused_for_good_is_not_tried_again() {
        assert!(is_final(&Status::unauthenticated("")) && is_final(&Status::not_found("")));
        assert!(!is_final(&Status::unavailable("")) && !is_final(&Status::resource_exhausted("")));
        assert!(!is_final(&Status::unknown("")) && !is_final(&Status::internal("")));
    }
}
