//! `bcid token`: a token and its hash.

use super::print_lines;
use crate::cli::TokenArgs;
use crate::exit::{Exit, Failure};
use bci_server::{Scopes, token_hash};
use std::io::Read as _;

/// Bytes of chance in a token.
const CHANCE: usize = 32;

pub(crate) fn token(args: &TokenArgs) -> Result<Exit, Failure> {
    Scopes::parse(args.scopes.iter().map(String::as_str))
        .map_err(|why| Failure::new(Exit::Usage, format!("--scope: {why}")))?;
    let mut chance = [0; CHANCE];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut chance))
        .map_err(|e| Failure::caused(Exit::Internal, "the system's source of chance", &e))?;
    let text = format!("bcid_{}", hex(&chance));
    let scopes: Vec<String> = args.scopes.iter().map(|scope| format!("{scope:?}")).collect();
    let mut lines = vec![
        format!(
            "The token, which is shown once; keep it in a file that only its owner reads (`--token-file`, BCID_TOKEN):\n\n{text}\n"
        ),
        "For the daemon's configuration:\n".to_owned(),
        "[[server.token]]".to_owned(),
        format!("name = {:?}", args.name),
        format!("sha256 = \"{}\"", hex(&token_hash(&text))),
        format!("scopes = [{}]", scopes.join(", ")),
    ];
    if let Some(expires) = &args.expires {
        lines.push(format!("expires = {expires:?}"));
    }
    print_lines(&lines);
    Ok(Exit::Clean)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
