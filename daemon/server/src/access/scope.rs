//! What somebody may do, and what each call asks for.

use std::fmt;

/// One thing that may be permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Intents and markers as they come.
    IntentsRead,
    /// How streams, decoders and the daemon are; its metrics.
    StreamsRead,
    /// Load, swap and discard decoders.
    DecodersWrite,
    /// What an operator does in a session: recordings, markers, pauses.
    Calibrate,
    /// Everything, and who is connected.
    Admin,
}

impl Scope {
    /// All, in order.
    pub const ALL: [Self; 5] =
        [Self::IntentsRead, Self::StreamsRead, Self::DecodersWrite, Self::Calibrate, Self::Admin];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::IntentsRead => "intents:read",
            Self::StreamsRead => "streams:read",
            Self::DecodersWrite => "decoders:write",
            Self::Calibrate => "calibrate",
            Self::Admin => "admin",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Several of them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// None.
    pub const NONE: Self = Self(0);
    /// All.
    pub const ALL: Self = Self(0b1_1111);

    /// Whoever may only look.
    #[must_use]
    pub fn read_only() -> Self {
        [Scope::IntentsRead, Scope::StreamsRead].into_iter().collect()
    }

    /// Whether `scope` is among them; `admin` is all.
    #[must_use]
    pub fn permit(self, scope: Scope) -> bool {
        self.0 & (scope.bit() | Scope::Admin.bit()) != 0
    }

    /// Those whose words these are, or the word that is none.
    ///
    /// # Errors
    /// In words.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        words
            .into_iter()
            .map(|word| {
                Scope::ALL.into_iter().find(|scope| scope.word() == word).ok_or_else(|| {
                    let known: Vec<_> = Scope::ALL.iter().map(|scope| scope.word()).collect();
                    format!("{word:?} is no scope; there are {}", known.join(", "))
                })
            })
            .collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |all, scope| all | scope.bit()))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Scope::ALL.iter().filter(|scope| self.0 & scope.bit() != 0).map(|scope| scope.word());
        f.debug_set().entries(words).finish()
    }
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: health, and what the API looks like.
    Nothing,
    Scope(Scope),
}

/// What is asked for at an HTTP path; `None` where nothing is. A method that is not listed is not served: forgotten here, it would be
/// noticed, and not open.
pub(crate) fn needs(path: &str) -> Option<Needs> {
    let Some((service, method)) = path.strip_prefix('/').and_then(|path| path.split_once('/')) else {
        return match path {
            "/metrics" => Some(Needs::Scope(Scope::StreamsRead)),
            "/" => Some(Needs::Nothing),
            _ => None,
        };
    };
    let scope = match (service, method) {
        ("grpc.health.v1.Health", _)
        | ("grpc.reflection.v1.ServerReflection", _)
        | ("grpc.reflection.v1alpha.ServerReflection", _)
        | ("bci.v1.TelemetryService", "GetClock")
        // The pages hold nothing but themselves; what they show they ask for as everybody does.
        | ("console", _) => return Some(Needs::Nothing),
        ("bci.v1.IntentService", "Subscribe") | ("v1", "intents") => Scope::IntentsRead,
        ("bci.v1.TelemetryService", "GetStatus" | "WatchLatency")
        | ("bci.v1.DecoderService", "ListDecoders" | "GetShadowReport")
        | ("bci.v1.RecordingService", "GetRecording") => Scope::StreamsRead,
        ("bci.v1.DecoderService", "LoadCandidate" | "SwapDecoder" | "RollBackDecoder" | "DiscardCandidate") => {
            Scope::DecodersWrite
        }
        ("bci.v1.RecordingService", "StartRecording" | "StopRecording")
        | ("bci.v1.ControlService", "Pause" | "Resume" | "Mark") => Scope::Calibrate,
        ("bci.v1.TelemetryService", "ListSubscribers") => Scope::Admin,
        _ => return None,
    };
    Some(Needs::Scope(scope))
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;

    #[test]
    fn every_method_of_the_interface_says_what_it_needs() {
        let all = prost_types::FileDescriptorSet::decode(bci_proto::DESCRIPTOR).expect("the descriptor");
        let mut methods = 0;
        for file in all.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let needed = needs(&path);
                    assert!(needed.is_some(), "{path} would not be served");
                    let reads = ["Get", "List", "Watch", "Subscribe"].iter();
                    let reads = reads.clone().any(|verb| method.name().starts_with(verb));
                    let open = Scopes::read_only();
                    let may = match needed {
                        Some(Needs::Scope(scope)) => open.permit(scope),
                        _ => true,
                    };
                    assert!(reads || !may, "{path} changes something, and reading permits it");
                    methods += 1;
                }
            }
        }
        assert!(methods >= 16, "{methods}");
        assert_eq!(needs("/bci.v1.IntentService/Other"), None);
        assert_eq!(needs("/../metrics"), None);
    }

    #[test]
    fn scopes_are_their_words_and_admin_is_all_of_them() {
        let some = Scopes::parse(["intents:read", "calibrate"]).expect("known");
        assert!(some.permit(Scope::IntentsRead) && some.permit(Scope::Calibrate));
        assert!(
            !some.permit(Scope::StreamsRead)
                && !some.permit(Scope::DecodersWrite)
                && !some.permit(Scope::Admin)
        );
        assert_eq!(format!("{some:?}"), r#"{"intents:read", "calibrate"}"#);
        let admin = Scopes::parse(["admin"]).expect("known");
        assert!(Scope::ALL.into_iter().all(|scope| admin.permit(scope)));
        assert!(Scope::ALL.into_iter().all(|scope| !Scopes::NONE.permit(scope)));
        let wrong = Scopes::parse(["intents:read", "write"]).expect_err("no such word");
        assert!(wrong.contains("\"write\"") && wrong.contains("decoders:write"), "{wrong}");
    }
}
