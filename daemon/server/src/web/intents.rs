//! Intents as JSON over a WebSocket: `GET /v1/intents?pipeline=NAME&markers=true&class=LEFT&class=RIGHT&minimum_probability=0.8&changes_only=true`,
//! and `&run=R&position=P` to resume.
//!
//! Each message is a `bci.v1.SubscribeResponse` in the canonical JSON of protocol buffers: names in camel case, 64-bit numbers as texts.

use crate::access::{Caller, Transport};
use crate::grpc::Services;
use crate::grpc::subscription::Told;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bci_proto::v1;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use std::sync::OnceLock;
use std::time::Duration;
use tokio_stream::StreamExt as _;
use tonic::Code;

/// The subprotocol that a client may ask for.
const PROTOCOL: &str = "bcid.v1";
/// What a client may send, in bytes: nothing is asked of it.
const LONGEST: usize = 4096;
/// Who answers no ping for so long is gone.
const PING_EVERY: Duration = Duration::from_secs(20);

/// Answers a request for a WebSocket.
pub(crate) async fn serve(
    State(services): State<Services>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    let caller = Caller { transport: Transport::WebSocket, ..caller };
    let told = asked(query.as_deref().unwrap_or_default())
        .map_err(|why| (StatusCode::BAD_REQUEST, why))
        .and_then(|asked| {
            services.subscription(asked, caller).map_err(|e| (status(e.code()), e.message().to_owned()))
        });
    match told {
        Ok(told) => upgrade
            .protocols([PROTOCOL])
            .max_message_size(LONGEST)
            .max_frame_size(LONGEST)
            .on_upgrade(move |socket| tell(socket, told)),
        Err((status, why)) => (status, why + "\n").into_response(),
    }
}

fn status(code: Code) -> StatusCode {
    match code {
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// What a query asks for.
fn asked(query: &str) -> Result<v1::SubscribeRequest, String> {
    let mut asked = v1::SubscribeRequest::default();
    let (mut filter, mut filters) = (v1::IntentFilter::default(), false);
    let (mut run, mut position) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value)?;
        let wrong = |wanted: &str| format!("{key}={value}: must be {wanted}");
        let flag = || match value.as_str() {
            "true" | "1" | "" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(wrong("true or false")),
        };
        match key {
            "pipeline" => asked.pipeline = value,
            "markers" => asked.markers = flag()?,
            "class" => {
                filters = true;
                filter.classes.push(value);
            }
            "minimum_probability" => {
                filters = true;
                filter.minimum_probability = value.parse().map_err(|_| wrong("a number from 0 to 1"))?;
            }
            "changes_only" => {
                filters = true;
                filter.changes_only = flag()?;
            }
            "run" => run = Some(value.parse().map_err(|_| wrong("the run of a place"))?),
            "position" => position = Some(value.parse().map_err(|_| wrong("the position of a place"))?),
            _ => {
                return Err(format!(
                    "{key}: nothing is known of that; there are pipeline, markers, class, minimum_probability, changes_only, run, position"
                ));
            }
        }
    }
    asked.filter = filters.then_some(filter);
    asked.resume = match (run, position) {
        (Some(run), Some(position)) => Some(v1::Place { run, position }),
        (None, None) => None,
        _ => return Err("run and position go together".to_owned()),
    };
    Ok(asked)
}

/// A value of a query without its percent signs.
fn decoded(value: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits =
                    [rest.next(), rest.next()].map(|digit| digit.and_then(|d| (d as char).to_digit(16)));
                let [Some(high), Some(low)] = digits else {
                    return Err(format!("{value}: a percent sign without its two digits"));
                };
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| format!("{value}: is no UTF-8"))
}

/// Tells what there is to tell, until the client goes or all ends.
async fn tell(mut socket: WebSocket, mut told: Told) {
    let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
    let mut answered = true;
    loop {
        let frame = tokio::select! {
            response = told.next() => match response.as_ref().map(json) {
                Some(text) => Frame::Text(text.into()),
                None => break,
            },
            heard = socket.recv() => match heard {
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {
                    answered = true;
                    continue;
                }
            },
            _ = ping.tick() => {
                if !std::mem::take(&mut answered) {
                    return;
                }
                Frame::Ping(Vec::new().into())
            }
        };
        // Who takes nothing for so long is gone, and need not be told.
        match tokio::time::timeout(PING_EVERY, socket.send(frame)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
    let close = CloseFrame { code: close_code::AWAY, reason: "the daemon is draining".into() };
    let _ = socket.send(Frame::Close(Some(close))).await;
}

/// In the canonical JSON of protocol buffers.
pub(crate) fn json(response: &v1::SubscribeResponse) -> String {
    let bytes = response.encode_to_vec();
    let message = descriptor().and_then(|of| DynamicMessage::decode(of, bytes.as_slice()).ok());
    message.and_then(|message| serde_json::to_string(&message).ok()).unwrap_or_default()
}

fn descriptor() -> Option<MessageDescriptor> {
    static POOL: OnceLock<Option<MessageDescriptor>> = OnceLock::new();
    let found = POOL.get_or_init(|| {
        let pool = DescriptorPool::decode(bci_proto::DESCRIPTOR).ok()?;
        pool.get_message_by_name("bci.v1.SubscribeResponse")
    });
    found.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_asks_for_what_a_request_can_ask_for_and_for_nothing_else() {
        let all = asked("pipeline=left%20hand&markers=true&class=a&class=b%2Bc&minimum_probability=0.5&changes_only=1&run=7&position=9")
            .expect("all of it is known");
        assert_eq!((all.pipeline.as_str(), all.markers), ("left hand", true));
        let filter = all.filter.expect("asked for");
        assert_eq!((filter.classes, filter.changes_only), (vec!["a".to_owned(), "b+c".to_owned()], true));
        assert_eq!(all.resume, Some(v1::Place { run: 7, position: 9 }));
        assert_eq!(asked("").expect("nothing"), v1::SubscribeRequest::default());
        for wrong in [
            "speed=1",
            "markers=maybe",
            "minimum_probability=x",
            "run=1",
            "position=-1&run=1",
            "class=%zz",
            "class=%ff",
        ] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_response_is_told_in_the_json_of_protocol_buffers() {
        let response = v1::SubscribeResponse {
            event: Some(v1::subscribe_response::Event::Marker(v1::Marker {
                stream: "s".into(),
                text: "a \"b\"".into(),
                time_ns: 9_007_199_254_740_993,
                received_ns: 0,
            })),
            place: Some(v1::Place { run: 3, position: 4 }),
            replayed: true,
        };
        let told: serde_json::Value = serde_json::from_str(&json(&response)).expect("JSON");
        let expected = serde_json::json!({
            "marker": { "stream": "s", "text": "a \"b\"", "timeNs": "9007199254740993" },
            "place": { "run": "3", "position": "4" },
            "replayed": true,
        });
        assert_eq!(told, expected);
    }
}
