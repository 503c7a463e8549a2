//! Bearer tokens. The daemon holds their SHA-256 alone: who reads its configuration, its memory or its log learns none.

use super::scope::Scopes;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// The longest that is looked at, in bytes.
const LONGEST: usize = 512;

/// Whom a token admits.
#[derive(Clone)]
pub struct Token {
    /// Whose it is, as logs name it.
    pub name: Arc<str>,
    /// SHA-256 of the token's text.
    pub sha256: [u8; 32],
    /// What it permits.
    pub scopes: Scopes,
    /// Seconds since 1970 after which it admits nobody; absent: never.
    pub expires_unix_s: Option<u64>,
}

impl fmt::Debug for Token {
    /// Without the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("name", &self.name)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// SHA-256 of a token's text, as the configuration has it.
#[must_use]
pub fn token_hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Why a token admits nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// It is none of ours.
    Unknown,
    /// It was one.
    Expired,
}

/// Whose token a text is. Takes as long whichever it is, and whether it is one: every hash is compared to its end.
pub(crate) fn find<'t>(tokens: &'t [Token], text: &str, now_unix_s: u64) -> Result<&'t Token, NoToken> {
    let hash = token_hash(text.get(..LONGEST.min(text.len())).unwrap_or(""));
    let mut found = u32::MAX;
    for (i, token) in (0u32..).zip(tokens) {
        let same: Choice = token.sha256.ct_eq(&hash);
        found.conditional_assign(&i, same);
    }
    let token = tokens.get(found as usize).filter(|_| text.len() <= LONGEST).ok_or(NoToken::Unknown)?;
    if token.expires_unix_s.is_some_and(|expires| now_unix_s >= expires) {
        return Err(NoToken::Expired);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_admits_its_owner_until_it_expires_and_nothing_like_it_does() {
        let token = |name: &str, text: &str, expires| Token {
            name: name.into(),
            sha256: token_hash(text),
            scopes: Scopes::read_only(),
            expires_unix_s: expires,
        };
        let long = "x".repeat(LONGEST + 1);
        let tokens = [
            token("a", "first", None),
            token("b", "second", Some(100)),
            token("c", &long[..LONGEST], None),
            token("d", "", None),
        ];
        let whose = |text: &str, now| find(&tokens, text, now).map(|token| &*token.name);
        assert_eq!(whose("first", 0), Ok("a"));
        assert_eq!(whose("second", 99), Ok("b"));
        assert_eq!(whose("second", 100), Err(NoToken::Expired));
        assert_eq!(whose("firs", 0), Err(NoToken::Unknown));
        assert_eq!(whose("First", 0), Err(NoToken::Unknown));
        assert_eq!(whose(&long, 0), Err(NoToken::Unknown), "what is too long is not cut to what would fit");
        assert_eq!(find(&[], "first", 0).map(|_| ()), Err(NoToken::Unknown));
        let shown = format!("{:?}", tokens[0]);
        assert!(!shown.contains("sha256") && shown.contains("intents:read"), "{shown}");
    }
}
