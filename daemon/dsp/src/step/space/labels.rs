//! From labels to channels, and what is told of those that name none.

use crate::design::DesignError;
use crate::signal::Signal;
use bci_types::label::{self, NoChannel};

/// As many labels as a mistake lists before it only counts the rest.
const MOST_LISTED: usize = 64;

/// The channels that `wanted` names, in its order.
///
/// # Errors
/// One mistake at `key` with everything wrong: none named, unknown, ambiguous or named twice.
pub(super) fn each_once(
    key: &'static str,
    wanted: &[String],
    input: &Signal,
) -> Result<Vec<usize>, Vec<DesignError>> {
    named(key, listed(wanted), wanted, true, input)
}

/// As [`each_once`], for labels that may come more than once; `shown` is the setting as written.
pub(super) fn any_times(
    key: &'static str,
    shown: String,
    wanted: &[String],
    input: &Signal,
) -> Result<Vec<usize>, Vec<DesignError>> {
    named(key, shown, wanted, false, input)
}

/// The channels that `unwanted` does not name, in the order of the signal.
///
/// # Errors
/// As [`each_once`]; also when none is left.
pub(super) fn others(
    key: &'static str,
    unwanted: &[String],
    input: &Signal,
) -> Result<Vec<usize>, Vec<DesignError>> {
    let named = each_once(key, unwanted, input)?;
    let left: Vec<usize> = (0..input.channels()).filter(|i| !named.contains(i)).collect();
    if left.is_empty() {
        return Err(vec![DesignError::setting(key, listed(unwanted), "must leave at least one channel")]);
    }
    Ok(left)
}

/// A list of labels as a person would write it.
pub(super) fn listed(labels: &[String]) -> String {
    let quoted: Vec<String> = labels.iter().map(|l| format!("{l:?}")).collect();
    format!("[{}]", quoted.join(", "))
}

/// What there is to choose from.
pub(super) fn there(input: &Signal) -> String {
    let known: Vec<&str> = input.labels.iter().map(String::as_str).filter(|l| !l.is_empty()).collect();
    if known.is_empty() {
        return "the channels have no labels".to_owned();
    }
    let rest = known.len().saturating_sub(MOST_LISTED);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("there are {}{more}", known[..known.len() - rest].join(", "))
}

fn named(
    key: &'static str,
    shown: String,
    wanted: &[String],
    once: bool,
    input: &Signal,
) -> Result<Vec<usize>, Vec<DesignError>> {
    if wanted.is_empty() {
        return Err(vec![DesignError::setting(
            key,
            shown,
            format!("must name at least one channel; {}", there(input)),
        )]);
    }
    let mut found = Vec::with_capacity(wanted.len());
    let mut wrong: Vec<String> = Vec::new();
    for name in wanted {
        match label::find(input.labels.iter().map(|l| Some(l.as_str())), name) {
            Ok(i) if once && found.contains(&i) => wrong.push(format!("{name} is named twice")),
            Ok(i) => found.push(i),
            Err(NoChannel::Unknown) => wrong.push(format!("{name} is not there")),
            Err(NoChannel::Ambiguous(fits)) => {
                let fits: Vec<&str> = fits.iter().map(|&i| input.labels[i].as_str()).collect();
                wrong.push(format!("{name} could be {}", fits.join(" or ")));
            }
        }
    }
    wrong.dedup();
    if wrong.is_empty() {
        return Ok(found);
    }
    let each = if once { ", each once" } else { "" };
    let must = format!("must name channels of the signal{each}: {}; {}", wrong.join(", "), there(input));
    Err(vec![DesignError::setting(key, shown, must)])
}
