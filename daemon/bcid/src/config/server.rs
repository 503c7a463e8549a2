//! `[server]`: where clients come in, and what they may do.

use bci_config::{Located, Mistake, Mistakes, Table};
use bci_server::{Access, Audit, Scope, Scopes, TlsFiles, Token};
use bci_types::days_from_civil;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What of it there is; what is wrong has been noted.
#[derive(Debug, Default)]
pub(crate) struct ServerPart {
    pub(super) listen: Option<Located<SocketAddr>>,
    pub(super) socket: Option<Located<PathBuf>>,
    pub(super) tls: Option<Located<TlsFiles>>,
    /// Whether the operator allows others to read along.
    plaintext_beyond_loopback: bool,
    anonymous: Option<Scopes>,
    tokens: Vec<Token>,
    hosts: Vec<String>,
    origins: Vec<String>,
    connections: Option<usize>,
    requests_per_s: Option<f64>,
    pub(super) audit: Option<Located<PathBuf>>,
}

impl ServerPart {
    pub(super) fn read(mut s: Table<'_>, folder: &Path) -> Self {
        let mistakes = s.mistakes();
        let listen =
            s.optional::<String>("listen").and_then(|listen| match listen.value.parse::<SocketAddr>() {
                Ok(address) => Some(listen.map(|_| address)),
                Err(_) => {
                    mistakes
                        .add(listen.mistake("must be an address with a port, such as \"127.0.0.1:50051\""));
                    None
                }
            });
        let mut file = |key: &str, such: &str| {
            let path = s.optional::<String>(key)?;
            if path.value.is_empty() {
                mistakes
                    .add(path.mistake(format!("must be the path of a file to be made, such as {such:?}")));
                return None;
            }
            Some(path.map(|path| folder.join(path)))
        };
        let (socket, audit) = (file("socket", "bcid.sock"), file("audit", "audit.jsonl"));
        let plaintext_beyond_loopback =
            s.optional::<bool>("plaintext_beyond_loopback").is_some_and(|l| l.value);
        let anonymous = s.optional::<Vec<String>>("anonymous").map(|words| {
            // Where they are none, which has been noted, it is not said besides that nobody may come in.
            scopes(&words, mistakes).unwrap_or_else(Scopes::read_only)
        });
        let names = |found: Option<Located<Vec<String>>>| found.map(|l| l.value).unwrap_or_default();
        let hosts = names(s.optional("hosts"));
        let origins = s.optional::<Vec<String>>("origins");
        for origin in origins.iter().flat_map(|all| &all.value) {
            let plain = origin.split_once("://").is_some_and(|(scheme, rest)| {
                matches!(scheme, "http" | "https") && !rest.is_empty() && !rest.contains(['/', '*', ' '])
            });
            if let (false, Some(at)) = (plain, &origins) {
                mistakes.add(at.mistake(format!(
                    "{origin:?} must be an origin as browsers name it, such as \"https://lab.example\""
                )));
            }
        }
        let connections = s.optional_within("max_connections", 1.0..=100_000.0, "").map(|l| l.value as usize);
        let requests_per_s = s.optional_within("requests_per_s", 1.0..=1e6, "").map(|l| l.value);
        let tls = s.optional_table("tls").and_then(|t| read_tls(t, folder));
        let mut tokens: Vec<Token> = Vec::new();
        for table in s.tables("token") {
            let at = table.place().clone();
            let Some(token) = read_token(table) else { continue };
            if tokens.iter().any(|other| other.name == token.name) {
                mistakes.add(at.mistake(format!("two tokens are named {:?}", &*token.name)));
            }
            tokens.push(token);
        }
        s.finish();
        Self {
            listen,
            socket,
            tls,
            plaintext_beyond_loopback,
            anonymous,
            tokens,
            hosts,
            origins: names(origins),
            connections,
            requests_per_s,
            audit,
        }
    }

    /// Holds where it listens against what is said of encryption, and of who may come in.
    pub(super) fn check(&self, listen: &Located<SocketAddr>, mistakes: &Mistakes) {
        if !listen.ip().is_loopback() && self.tls.is_none() && !self.plaintext_beyond_loopback {
            mistakes.add(listen.mistake(
                "is reachable from other machines, where anyone could read a person's intents unencrypted: listen on 127.0.0.1 or [::1], give [server.tls] a certificate, or set plaintext_beyond_loopback = true in [server] to take that risk",
            ));
        }
        let open = self.anonymous_at(listen);
        let may_come = Scope::ALL.into_iter().any(|scope| open.permit(scope));
        if !may_come && self.tokens.is_empty() && self.socket.is_none() {
            mistakes.add(listen.mistake(
                "nobody may come in: add a [[server.token]] (`bcid token NAME` makes one), or say in server.anonymous what is permitted without, such as [\"intents:read\", \"streams:read\"]",
            ));
        }
    }

    /// What may be done without a token: as it is said; else, to look on the loopback, where there are no tokens.
    fn anonymous_at(&self, listen: &SocketAddr) -> Scopes {
        let default = if listen.ip().is_loopback() && self.tokens.is_empty() {
            Scopes::read_only()
        } else {
            Scopes::NONE
        };
        self.anonymous.unwrap_or(default)
    }

    /// Who may come in at `listen`, and what for.
    pub(super) fn access(self, listen: &SocketAddr, audit: Audit) -> Access {
        let default = Access::default();
        Access {
            anonymous: self.anonymous_at(listen),
            tokens: self.tokens,
            hosts: self.hosts,
            origins: self.origins,
            connections: self.connections.unwrap_or(default.connections),
            requests_per_s: self.requests_per_s.unwrap_or(default.requests_per_s),
            audit,
        }
    }
}

fn scopes(words: &Located<Vec<String>>, mistakes: &Mistakes) -> Option<Scopes> {
    let found = Scopes::parse(words.value.iter().map(String::as_str));
    found.map_err(|why| mistakes.add(words.mistake(why))).ok()
}

fn read_tls(mut t: Table<'_>, folder: &Path) -> Option<Located<TlsFiles>> {
    let at = t.place().clone();
    let certificate = t.required::<String>("certificate");
    let key = t.required::<String>("key");
    let client_ca = t.optional::<String>("client_ca");
    let mistakes = t.mistakes();
    t.finish();
    let file = |name: Option<Located<String>>| {
        let path = name?.map(|name| folder.join(name));
        if !path.is_file() {
            mistakes.add(path.mistake(format!("{} is no file", path.display())));
            return None;
        }
        Some(path.value)
    };
    let asked = client_ca.is_some();
    let (certificate, key, client_ca) = (file(certificate), file(key), file(client_ca));
    if asked && client_ca.is_none() {
        return None;
    }
    Some(Located { value: TlsFiles { certificate: certificate?, key: key?, client_ca }, at })
}

fn read_token(mut t: Table<'_>) -> Option<Token> {
    let name = t.required::<String>("name");
    let sha256 = t.required::<String>("sha256");
    let words = t.required::<Vec<String>>("scopes");
    let expires = t.optional::<String>("expires");
    let mistakes = t.mistakes();
    t.finish();
    let name = name.filter(|name| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
        let good = (1..=64).contains(&name.len()) && name.chars().all(plain);
        if !good {
            mistakes.add(name.mistake("must be 1 to 64 letters, digits, -, _, . or @"));
        }
        good
    });
    let sha256 = sha256.and_then(|text| {
        let hash = from_hex(&text);
        if hash.is_none() {
            // Not shown: it may be the token itself.
            let hidden = bci_config::Place { shown: "[…]".to_owned(), ..text.at.clone() };
            mistakes.add(Mistake {
                place: Some(hidden),
                problem: "must be the token's SHA-256, 64 hexadecimal digits: `bcid token NAME` tells it"
                    .to_owned(),
            });
        }
        hash
    });
    let expires = match expires {
        None => Some(None),
        Some(date) => {
            let found = unix_of(&date);
            if found.is_none() {
                mistakes.add(
                    date.mistake("must be a day, such as \"2027-03-31\", at whose end in UTC it expires"),
                );
            }
            found.map(Some)
        }
    };
    let scopes = words.and_then(|words| scopes(&words, mistakes));
    Some(Token { name: name?.value.into(), sha256: sha256?, scopes: scopes?, expires_unix_s: expires? })
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        let digit = |d: u8| char::from(d).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(hash)
}

/// Seconds since 1970 at the end of a day.
fn unix_of(date: &str) -> Option<u64> {
    let mut parts = date.split('-').map(str::parse::<i64>);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days_from_civil(year, month, day);
    // The 31st of a month that has 30 days is another day.
    (bci_types::civil_from_days(days) == (year, month, day)).then(|| (days as u64 + 1) * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_when_the_next_begins_and_days_that_are_none_are_refused() {
        assert_eq!(unix_of("1970-01-01"), Some(86_400));
        assert_eq!(unix_of("2026-11-27"), Some(1_795_824_000));
        assert_eq!(unix_of("2024-02-29"), Some(1_709_251_200));
        for wrong in ["2026-02-29", "2026-13-01", "2026-11", "2026-11-27-1", "", "27.11.2026", "2026-04-31"] {
            assert_eq!(unix_of(wrong), None, "{wrong}");
        }
    }
}
