//! Who asks.

use super::scope::{Scope, Scopes};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The local socket, whose file the daemon's own user alone may open.
    Local,
    /// Over TCP.
    Address(SocketAddr),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// How it asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transport {
    #[default]
    Grpc,
    GrpcWeb,
    WebSocket,
    Http,
}

impl Transport {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::GrpcWeb => "grpc-web",
            Self::WebSocket => "websocket",
            Self::Http => "http",
        }
    }
}

/// Who asks; goes with each request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) peer: Peer,
    /// Whose token was shown.
    pub(crate) token: Option<Arc<str>>,
    pub(crate) scopes: Scopes,
    pub(crate) transport: Transport,
}

impl Caller {
    /// As it is named: by its token, else by where it is.
    pub(crate) fn who(&self) -> String {
        match (&self.token, self.peer) {
            (Some(name), _) => name.to_string(),
            (None, Peer::Local) => "local".to_owned(),
            (None, Peer::Address(address)) => address.ip().to_string(),
        }
    }

    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.permit(scope)
    }

    /// Of a request whose way led past the door.
    pub(crate) fn of<T>(request: &tonic::Request<T>) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_else(Self::nobody)
    }

    /// Who may do nothing.
    pub(crate) fn nobody() -> Self {
        Self { peer: Peer::Local, token: None, scopes: Scopes::NONE, transport: Transport::Grpc }
    }
}
