//! Who may come in, and what for.

mod audit;
mod caller;
mod connection;
mod door;
mod limit;
mod origin;
mod scope;
mod tls;
mod token;

pub use self::audit::Audit;
pub use self::caller::Peer;
pub(crate) use self::caller::{Caller, Transport};
pub(crate) use self::connection::{Connection, Connections, Counts, Taken};
pub(crate) use self::door::{Door, DoorLayer};
pub(crate) use self::origin::origins;
pub use self::scope::{Scope, Scopes};
pub(crate) use self::tls::acceptor;
pub use self::tls::{TlsError, TlsFiles, check_tls};
pub use self::token::{Token, token_hash};

/// Who may come in, and what for.
#[derive(Clone, Debug)]
pub struct Access {
    /// What somebody may who shows no token, over TCP. On the local socket everything is permitted: its file is the daemon's owner's.
    pub anonymous: Scopes,
    /// Whom tokens admit.
    pub tokens: Vec<Token>,
    /// Names by which browsers and clients may address the daemon besides `localhost` and addresses of the loopback; where it listens
    /// beyond that, any.
    pub hosts: Vec<String>,
    /// Other pages that may ask, as their browsers name where they are from, such as `https://lab.example`.
    pub origins: Vec<String>,
    /// Connections at once, at most.
    pub connections: usize,
    /// Requests a second from one address or token, and five times as many at once.
    pub requests_per_s: f64,
    /// Where changes are written down.
    pub audit: Audit,
}

impl Default for Access {
    /// Reading for everybody.
    fn default() -> Self {
        Self {
            anonymous: Scopes::read_only(),
            tokens: Vec::new(),
            hosts: Vec::new(),
            origins: Vec::new(),
            connections: 4096,
            requests_per_s: 500.0,
            audit: Audit::default(),
        }
    }
}
