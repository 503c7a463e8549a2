//! `[lsl]`: how streams are looked for, as part of liblsl's own configuration.

use bci_config::Table;
use bci_driver_lsl::{Liblsl, LibraryError, configuration_file};

/// What of liblsl's configuration the daemon's overrides; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Network {
    entries: Vec<(&'static str, &'static str, String)>,
}

/// How far look-ups go, in liblsl's words.
const SCOPES: [&str; 5] = ["machine", "link", "site", "organization", "global"];

impl Network {
    /// Reads the table; what is wrong has been noted.
    pub(crate) fn read(mut t: Table<'_>) -> Self {
        let mut network = Self::default();
        let mistakes = t.mistakes();
        if let Some(scope) = t.optional::<String>("resolve_scope") {
            if SCOPES.contains(&scope.value.as_str()) {
                network.set("multicast", "ResolveScope", scope.value);
            } else {
                mistakes.add(scope.mistake(format!("must be one of {}", SCOPES.join(", "))));
            }
        }
        if let Some(peers) = t.optional::<Vec<String>>("known_peers") {
            let plain = |peer: &String| {
                !peer.is_empty() && peer.chars().all(|c| c.is_ascii_alphanumeric() || ".-:%_".contains(c))
            };
            if peers.value.iter().all(plain) {
                network.set("lab", "KnownPeers", format!("{{{}}}", peers.value.join(", ")));
            } else {
                mistakes.add(peers.mistake("must be addresses or names of machines"));
            }
        }
        if let Some(session) = t.optional::<String>("session_id") {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if !session.value.is_empty() && session.value.chars().all(plain) {
                network.set("lab", "SessionID", session.value);
            } else {
                mistakes.add(session.mistake("must be letters, digits, - or _"));
            }
        }
        for (key, name, range) in
            [("base_port", "BasePort", 1024..=65_000), ("port_range", "PortRange", 1..=512)]
        {
            if let Some(given) = t.optional::<i64>(key) {
                if range.contains(&given.value) {
                    network.set("ports", name, given.value.to_string());
                } else {
                    mistakes.add(given.mistake(format!(
                        "must be between {} and {}",
                        range.start(),
                        range.end()
                    )));
                }
            }
        }
        if let Some(ipv6) = t.optional::<bool>("ipv6") {
            network.set("ports", "IPv6", if ipv6.value { "allow" } else { "disable" }.to_owned());
        }
        t.finish();
        network
    }

    fn set(&mut self, section: &'static str, key: &'static str, value: String) {
        self.entries.push((section, key, value));
    }

    /// Gives liblsl its configuration with this in it. Before the first look-up.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub(crate) fn apply(&self, lsl: Liblsl) -> Result<(), LibraryError> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let own =
            configuration_file().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        lsl.configure(&self.merged(&own))
    }

    /// `own`, an `lsl_api.cfg`, with this in it; as quiet as the daemon likes it where it says nothing of logging.
    fn merged(&self, own: &str) -> String {
        let mut text = own.to_owned();
        if !text.lines().any(|line| line.trim() == "[log]") {
            text += "\n[log]\nlevel = -2\n";
        }
        self.entries.iter().fold(text, |text, (section, key, value)| replaced(&text, section, key, value))
    }
}

/// An INI text in which this key of this section has this value, and only once.
fn replaced(text: &str, section: &str, key: &str, value: &str) -> String {
    let (mut out, mut inside, mut done) = (String::new(), false, false);
    let entry = format!("{key} = {value}\n");
    for line in text.lines() {
        let plain = line.trim();
        if plain.starts_with('[') {
            inside = plain.eq_ignore_ascii_case(&format!("[{section}]"));
        }
        let is_key =
            inside && plain.split('=').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(key));
        if !is_key {
            out += line;
            out.push('\n');
        }
        if inside && !done && plain.starts_with('[') {
            out += &entry;
            done = true;
        }
    }
    if done { out } else { format!("{out}[{section}]\n{entry}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_here_overrides_what_is_there_and_the_rest_stays() {
        let mut network = Network::default();
        network.set("multicast", "ResolveScope", "machine".into());
        network.set("lab", "KnownPeers", "{127.0.0.1, rig-2}".into());
        network.set("ports", "PortRange", "64".into());
        let own = "[ports]\nPortRange = 32\nIPv6 = disable\n[lab]\nSessionID = a\n[log]\nlevel = 1\n";
        assert_eq!(
            network.merged(own),
            "[ports]\nPortRange = 64\nIPv6 = disable\n[lab]\nKnownPeers = {127.0.0.1, rig-2}\nSessionID = a\n\
             [log]\nlevel = 1\n[multicast]\nResolveScope = machine\n"
        );
        assert!(network.merged("").contains("[log]\nlevel = -2\n"));
    }
}
