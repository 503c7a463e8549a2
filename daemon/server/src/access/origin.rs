//! Which pages may ask. A browser sends a person's requests for whatever page is open: a page from elsewhere must not read intents of
//! somebody's daemon, and a name that its owner lets point to the loopback (DNS rebinding) must not make it one of the daemon's own.

use super::Access;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use std::net::IpAddr;
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// What other pages may ask, and be told.
pub(crate) fn origins(access: &Access) -> CorsLayer {
    let names = ["x-grpc-web", "x-user-agent", "grpc-timeout"].map(HeaderName::from_static);
    let told = ["grpc-status", "grpc-message", "grpc-status-details-bin"].map(HeaderName::from_static);
    let listed: Vec<HeaderValue> =
        access.origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(listed))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([&[header::AUTHORIZATION, header::CONTENT_TYPE], names.as_slice()].concat())
        .expose_headers(told)
        .max_age(Duration::from_secs(3600))
}

/// Whether a request is addressed to this daemon by a name that is its own, and comes from no page but its own and those listed.
pub(crate) fn is_ours(
    access: &Access,
    loopback: bool,
    authority: Option<&str>,
    headers: &HeaderMap,
) -> Result<(), String> {
    let host = authority.map(host_of);
    if let Some(host) = host.filter(|host| loopback && !is_known(access, host)) {
        return Err(format!(
            "this daemon is not known as {host:?}: address it as 127.0.0.1 or localhost, or list the name in server.hosts"
        ));
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let own = origin.split_once("://").is_some_and(|(_, rest)| Some(rest) == authority);
    if own || access.origins.iter().any(|listed| listed == origin) {
        return Ok(());
    }
    Err(format!("pages of {origin:?} may not ask: list it in server.origins"))
}

/// A name without its port.
fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

fn is_known(access: &Access, host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.is_loopback() || address.is_unspecified())
        || access.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(loopback: bool, authority: &str, origin: Option<&str>) -> bool {
        let access = Access {
            hosts: vec!["rig".into()],
            origins: vec!["https://lab.example".into()],
            ..Access::default()
        };
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().expect("a value"));
        }
        is_ours(&access, loopback, Some(authority), &headers).is_ok()
    }

    #[test]
    fn names_that_are_not_the_daemons_are_refused_on_the_loopback() {
        for own in
            ["127.0.0.1:50051", "localhost:1", "localhost", "[::1]:50051", "127.9.9.9", "RIG:5", "0.0.0.0:5"]
        {
            assert!(asked(true, own, None), "{own}");
        }
        for foreign in ["evil.example:50051", "localhost.evil.example", "10.0.0.1:5", "[::2]:5", ""] {
            assert!(!asked(true, foreign, None), "{foreign}");
        }
        assert!(asked(false, "rig.lab.example:50051", None), "beyond the loopback any name may be its own");
    }

    #[test]
    fn pages_from_elsewhere_are_refused_unless_they_are_listed() {
        assert!(asked(true, "127.0.0.1:50051", Some("http://127.0.0.1:50051")));
        assert!(asked(false, "rig:50051", Some("https://rig:50051")));
        assert!(asked(true, "127.0.0.1:50051", Some("https://lab.example")));
        for foreign in
            ["http://127.0.0.1:8000", "http://localhost:50051", "https://lab.example.evil", "null", ""]
        {
            assert!(!asked(true, "127.0.0.1:50051", Some(foreign)), "{foreign}");
        }
        assert!(
            !asked(true, "evil.example", Some("http://evil.example")),
            "a name that was made to point here"
        );
    }
}
