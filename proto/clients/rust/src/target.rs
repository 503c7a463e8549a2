//! The daemon, and the way to it.

use crate::clock::{DaemonClock, now_ns};
use crate::intents::{Asked, Intents};
use crate::v1;
use crate::v1::telemetry_service_client::TelemetryServiceClient;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// How long to wait for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A connection on which nothing is heard is asked whether it is there, and given up when it does not answer.
const ASK_AFTER: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How often the daemon is asked for its clock: the best answer counts.
const QUESTIONS: usize = 8;

/// Why it does not work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was said of the daemon cannot be.
    #[error("{0}")]
    Target(String),
    /// Nobody answers there.
    #[error("no daemon answers at {url}: {cause}")]
    Unreachable {
        /// Where.
        url: String,
        /// The innermost cause.
        cause: String,
    },
    /// The daemon refuses.
    #[error("{}", .0.message())]
    Refused(tonic::Status),
}

/// Where a daemon is, and what is shown to it.
#[derive(Clone, Default)]
pub struct Target {
    url: String,
    token: Option<MetadataValue<Ascii>>,
    /// Whose certificates are trusted, in PEM; absent: those that the system trusts.
    pub ca: Option<PathBuf>,
    /// What is shown, and its private key, in PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// What the daemon may send on a call before it is read, in bytes; absent: as the transport has it.
    pub window: Option<u32>,
}

impl std::fmt::Debug for Target {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("url", &self.url)
            .field("token", &self.token.is_some())
            .finish_non_exhaustive()
    }
}

impl Target {
    /// At `http://ADDRESS:PORT`, `https://ADDRESS:PORT`, `unix:FILE`, or `ADDRESS:PORT` in the clear.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub fn at(url: &str) -> Result<Self, Error> {
        let url = if url.starts_with("unix:") || url.contains("://") {
            url.to_owned()
        } else {
            format!("http://{url}")
        };
        let known = ["http://", "https://", "unix:"].iter().any(|scheme| url.starts_with(scheme));
        if !known || Endpoint::from_shared(url.clone()).is_err() {
            return Err(Error::Target(format!(
                "{url}: must be http://ADDRESS:PORT, https://ADDRESS:PORT or unix:FILE"
            )));
        }
        Ok(Self { url, ..Self::default() })
    }

    /// Showing a token; not in the clear to another machine, where everybody on the way would read it.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub fn with_token(mut self, token: &str) -> Result<Self, Error> {
        if let Some(rest) = self.url.strip_prefix("http://") {
            let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host).trim_matches(['[', ']']);
            let near =
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
            if !near {
                let problem =
                    format!("{}: a token would go there for everybody to read; use https://", self.url);
                return Err(Error::Target(problem));
            }
        }
        let value = format!("Bearer {}", token.trim()).parse();
        let mut value: MetadataValue<Ascii> =
            value.map_err(|_| Error::Target("the token holds what no token holds".to_owned()))?;
        value.set_sensitive(true);
        self.token = Some(value);
        Ok(self)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    fn endpoint(&self) -> Result<Endpoint, Error> {
        let wrong = |e: tonic::transport::Error| Error::Target(format!("{}: {}", self.url, root(&e)));
        let endpoint = Endpoint::from_shared(self.url.clone())
            .map_err(wrong)?
            .connect_timeout(CONNECT_WITHIN)
            .http2_keep_alive_interval(ASK_AFTER)
            .keep_alive_timeout(ANSWER_WITHIN)
            .initial_stream_window_size(self.window);
        if !self.url.starts_with("https://") {
            return Ok(endpoint);
        }
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|e| Error::Target(format!("{}: cannot be read: {e}", path.display())))
        };
        let mut tls = match &self.ca {
            Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(path)?)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let Some((certificate, key)) = &self.identity {
            tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        endpoint.tls_config(tls).map_err(wrong)
    }
}

/// Over which every request shows the token, where there is one.
pub type Wire = InterceptedService<Channel, ShowToken>;

/// Puts a token into requests.
#[derive(Clone, Debug)]
pub struct ShowToken(Option<MetadataValue<Ascii>>);

impl Interceptor for ShowToken {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// A connection to a daemon; clones share it. It comes about again by itself when it broke.
#[derive(Clone, Debug)]
pub struct Client {
    wire: Wire,
    url: String,
}

impl Client {
    /// Connects, and fails where nobody answers.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn connect(to: &Target) -> Result<Self, Error> {
        let channel = to.endpoint()?.connect().await.map_err(|e| unreachable(&to.url, &e))?;
        Ok(Self::over(channel, to))
    }

    /// Connects once something is asked: the daemon need not be there yet.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub fn lazily(to: &Target) -> Result<Self, Error> {
        Ok(Self::over(to.endpoint()?.connect_lazy(), to))
    }

    fn over(channel: Channel, to: &Target) -> Self {
        Self { wire: InterceptedService::new(channel, ShowToken(to.token.clone())), url: to.url.clone() }
    }

    /// For the services of [`crate::v1`], each of which has a client there.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.wire.clone()
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Intents as they come, from now on; see [`Intents`].
    #[must_use]
    pub fn intents(&self, asked: Asked) -> Intents {
        Intents::new(self.wire(), asked)
    }

    /// How far the daemon's clock is from this machine's, known to half of the quickest way there and back.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub async fn clock(&self) -> Result<DaemonClock, Error> {
        let mut service = TelemetryServiceClient::new(self.wire());
        let mut best: Option<DaemonClock> = None;
        for _ in 0..QUESTIONS {
            let asked = now_ns();
            let answer =
                service.get_clock(v1::GetClockRequest {}).await.map_err(Error::Refused)?.into_inner();
            let found = DaemonClock::of(asked, answer.received_ns, answer.answered_ns, now_ns());
            best = Some(best.map_or(found, |best| best.better(found)));
        }
        Ok(best.unwrap_or_default())
    }
}

fn unreachable(url: &str, e: &tonic::transport::Error) -> Error {
    Error::Unreachable { url: url.to_owned(), cause: root(e) }
}

/// The innermost cause, which says what happened; those around it repeat it.
pub(crate) fn root(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_nowhere_in_the_clear_but_to_this_machine() {
        let with = |url: &str| Target::at(url).expect("an address").with_token("t");
        for near in ["127.0.0.1:1", "http://[::1]:5", "localhost:5", "unix:/tmp/s", "https://far.example:5"] {
            assert!(with(near).is_ok(), "{near}");
        }
        for far in ["10.0.0.1:5", "http://far.example:5", "http://[fe80::1]:5", "localhost.far.example:5"] {
            assert!(with(far).is_err(), "{far}");
        }
        for wrong in ["ftp://a:1", "http://"] {
            assert!(Target::at(wrong).is_err(), "{wrong}");
        }
        let shown = format!("{:?}", with("localhost:5").expect("near"));
        assert!(!shown.contains("Bearer"), "{shown}");
    }
}
