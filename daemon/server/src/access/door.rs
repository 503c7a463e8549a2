//! What every request passes before anything is done for it: who asks, from where, what for, how often.

use super::Access;
use super::caller::{Caller, Peer, Transport};
use super::connection::From;
use super::limit::Limit;
use super::origin::is_ours;
use super::scope::{Needs, Scope, Scopes, needs};
use super::token::{NoToken, find};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

/// How a browser, which cannot set a header on a WebSocket, brings a token: as one of its subprotocols, behind this.
const SUBPROTOCOL: &str = "bcid.bearer.";
/// Tokens that are none, from one address: so many a second, and at once.
const WRONG_PER_S: f64 = 1.0;
const WRONG_AT_ONCE: f64 = 20.0;

/// Whom one counts together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asker {
    Local,
    Address(IpAddr),
    Token(Arc<str>),
}

/// The door; clones are the same one.
#[derive(Clone)]
pub(crate) struct Door(Arc<Inner>);

struct Inner {
    access: Access,
    requests: Limit<Asker>,
    wrong: Limit<IpAddr>,
    refused: AtomicU64,
}

/// Why a request goes no further.
struct Refusal {
    code: Code,
    why: String,
}

impl Refusal {
    fn new(code: Code, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }
}

impl Door {
    pub(crate) fn new(access: Access) -> Self {
        let requests = Limit::new(access.requests_per_s, 5.0 * access.requests_per_s);
        let wrong = Limit::new(WRONG_PER_S, WRONG_AT_ONCE);
        Self(Arc::new(Inner { access, requests, wrong, refused: AtomicU64::new(0) }))
    }

    /// Requests that went no further, so far.
    pub(crate) fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Lets a request in, and says in whose name, or why not.
    fn pass<B>(&self, request: &Request<B>) -> Result<Caller, (Caller, Refusal)> {
        let from = request.extensions().get::<From>();
        let peer = from.map_or(Peer::Local, |from| from.peer);
        if let Some(from) = from {
            from.spoke.store(true, Ordering::Relaxed);
        }
        let mut caller =
            Caller { peer, token: None, scopes: Scopes::NONE, transport: transport(request.headers()) };
        match self.examine(request, &mut caller, from.is_some()) {
            Ok(()) => Ok(caller),
            Err(refusal) => Err((caller, refusal)),
        }
    }

    fn examine<B>(&self, request: &Request<B>, caller: &mut Caller, known: bool) -> Result<(), Refusal> {
        let Inner { access, requests, wrong, .. } = &*self.0;
        let now = Instant::now();
        if !known {
            return Err(Refusal::new(Code::Internal, "a request from nowhere"));
        }
        if let Peer::Address(address) = caller.peer {
            let headers = request.headers();
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
            let authority = request.uri().authority().map(|a| a.as_str()).or(host);
            is_ours(access, address.ip().is_loopback(), authority, headers)
                .map_err(|why| Refusal::new(Code::PermissionDenied, why))?;
            if !wrong.has_left(&address.ip(), now) {
                return Err(Refusal::new(
                    Code::ResourceExhausted,
                    "too many tokens that are none: wait some seconds",
                ));
            }
        }
        let shown = presented(request.headers()).map_err(|why| Refusal::new(Code::Unauthenticated, why))?;
        caller.scopes = match (shown, caller.peer) {
            (Some(text), peer) => {
                let unix_s =
                    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
                let token = find(&access.tokens, text, unix_s).map_err(|why| {
                    if let Peer::Address(address) = peer {
                        wrong.permits(&address.ip(), now);
                    }
                    Refusal::new(
                        Code::Unauthenticated,
                        match why {
                            NoToken::Unknown => "the token is none of this daemon's",
                            NoToken::Expired => "the token has expired",
                        },
                    )
                })?;
                caller.token = Some(Arc::clone(&token.name));
                token.scopes
            }
            (None, Peer::Local) => Scopes::ALL,
            (None, Peer::Address(_)) => access.anonymous,
        };
        let asker = match (&caller.token, caller.peer) {
            (Some(name), _) => Asker::Token(Arc::clone(name)),
            (None, Peer::Local) => Asker::Local,
            (None, Peer::Address(address)) => Asker::Address(address.ip()),
        };
        // The owner's own programs are not held up.
        if asker != Asker::Local && !requests.permits(&asker, now) {
            let per_s = access.requests_per_s;
            return Err(Refusal::new(
                Code::ResourceExhausted,
                format!("more than {per_s} requests a second"),
            ));
        }
        let path = request.uri().path();
        match needs(path) {
            None => Err(Refusal::new(Code::Unimplemented, format!("there is nothing at {path}"))),
            Some(Needs::Nothing) => Ok(()),
            Some(Needs::Scope(scope)) if caller.may(scope) => Ok(()),
            Some(Needs::Scope(scope)) => Err(lacking(caller, scope)),
        }
    }

    /// Counts a refusal, and tells of it.
    fn tell(&self, path: &str, caller: &Caller, refusal: &Refusal) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        let why = refusal.why.as_str();
        let writes = matches!(needs(path), Some(Needs::Scope(Scope::DecodersWrite | Scope::Calibrate)));
        if writes {
            self.0.access.audit.note(caller, path, json!({}), Err(why));
        } else {
            tracing::warn!(who = %caller.who(), peer = %caller.peer, path, why, "a request was refused");
        }
    }
}

/// Why a call that asks for `scope` is refused.
fn lacking(caller: &Caller, scope: Scope) -> Refusal {
    let scope = scope.word();
    match &caller.token {
        Some(name) => {
            Refusal::new(Code::PermissionDenied, format!("the token {name} does not permit {scope}"))
        }
        None => Refusal::new(
            Code::Unauthenticated,
            format!(
                "this asks for {scope}: show a token that permits it, use the daemon's local socket, or have it listed in server.anonymous"
            ),
        ),
    }
}

fn transport(headers: &HeaderMap) -> Transport {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/grpc-web") {
        Transport::GrpcWeb
    } else if kind.starts_with("application/grpc") {
        Transport::Grpc
    } else if headers.contains_key(header::UPGRADE) || headers.contains_key("sec-websocket-key") {
        Transport::WebSocket
    } else {
        Transport::Http
    }
}

/// The token that is shown, if one is.
fn presented(headers: &HeaderMap) -> Result<Option<&str>, String> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let text = value.to_str().unwrap_or_default();
        let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let token = token.map(|(_, token)| token.trim()).filter(|token| !token.is_empty());
        return token.map(Some).ok_or_else(|| "`authorization` must be `Bearer TOKEN`".to_owned());
    }
    let offered = headers.get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
    let offered = offered.into_iter().flat_map(|all| all.split(','));
    Ok(offered.map(str::trim).find_map(|one| one.strip_prefix(SUBPROTOCOL)))
}

/// The answer to a request that goes no further, in the words of whoever asked.
fn refuse(transport: Transport, refusal: Refusal) -> Response<Body> {
    let Refusal { code, why } = refusal;
    match transport {
        Transport::Grpc => Status::new(code, why).into_http(),
        Transport::GrpcWeb => {
            let mut answer = Status::new(code, why).into_http::<Body>();
            let kind = HeaderValue::from_static("application/grpc-web+proto");
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
            answer
        }
        Transport::WebSocket | Transport::Http => {
            let status = match code {
                Code::Unauthenticated => StatusCode::UNAUTHORIZED,
                Code::PermissionDenied => StatusCode::FORBIDDEN,
                Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
                Code::Unimplemented => StatusCode::NOT_FOUND,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            let mut answer = Response::new(Body::new(format!("{why}\n")));
            *answer.status_mut() = status;
            let headers = answer.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
            if status == StatusCode::UNAUTHORIZED {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"bcid\""));
            }
            answer
        }
    }
}

/// Puts a service behind the door.
#[derive(Clone)]
pub(crate) struct DoorLayer(pub(crate) Door);

impl<S> Layer<S> for DoorLayer {
    type Service = Behind<S>;

    fn layer(&self, inner: S) -> Behind<S> {
        Behind { door: self.0.clone(), inner }
    }
}

/// A service behind the door.
#[derive(Clone)]
pub(crate) struct Behind<S> {
    door: Door,
    inner: S,
}

impl<S, B> Service<Request<B>> for Behind<S>
where
    S: Service<Request<B>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // Other pages ask first whether they may; that is answered behind the door, and opens nothing.
        match self.door.pass(&request) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                // What was shown is nobody's business further on.
                request.headers_mut().remove(header::AUTHORIZATION);
                Box::pin(self.inner.call(request))
            }
            Err((caller, refusal)) => {
                self.door.tell(request.uri().path(), &caller, &refusal);
                Box::pin(std::future::ready(Ok(refuse(caller.transport, refusal))))
            }
        }
    }
}
