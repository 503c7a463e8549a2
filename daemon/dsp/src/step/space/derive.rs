//! The elements of the steps across channels.

use super::labels::{any_times, each_once, listed, others};
use crate::design::DesignError;
use crate::element::Reframe;
use crate::montage::{self, LaplacianSize, distance, neighbours, place, position};
use crate::run::{CommonAverage, Matrix, Reference, Row, Select};
use crate::signal::Signal;
use crate::step::{Designed, Stage};

type Design = Result<Designed, Vec<DesignError>>;

/// Positions that splines need at the least: three lie in a plane.
const LEAST_POSITIONS: usize = 4;

pub(super) fn select(input: &Signal, channels: &[String]) -> Design {
    picked(input, &each_once("channels", channels, input)?)
}

pub(super) fn drop(input: &Signal, channels: &[String]) -> Design {
    picked(input, &others("channels", channels, input)?)
}

pub(super) fn reference(input: &Signal, channels: &[String], keep: bool) -> Design {
    let members = each_once("channels", channels, input)?;
    if keep {
        let average = CommonAverage::design(input.channels(), Some(&members)).map_err(|e| vec![e])?;
        return Ok(Designed { stage: Stage::InPlace(Box::new(average)), output: input.clone() });
    }
    let kept = others("channels", channels, input)?;
    let element = Reference::design(input.channels(), &members, &kept);
    reframed(element, input, labels_of(input, &kept))
}

pub(super) fn laplacian(input: &Signal, size: LaplacianSize, channels: Option<&[String]>) -> Design {
    let outputs = match channels {
        Some(channels) => each_once("channels", channels, input)?,
        None => (0..input.channels()).collect(),
    };
    let places: Vec<_> = input.labels.iter().map(|l| place(l)).collect();
    let (mut rows, mut lonely) = (Vec::new(), Vec::new());
    for &centre in &outputs {
        let around = places[centre].map_or([const { Vec::new() }; 4], |at| {
            neighbours(at, size).map(|n| (0..places.len()).filter(|&i| places[i] == Some(n)).collect())
        });
        let label = &input.labels[centre];
        if let Some(twice) = around.iter().find(|fits| fits.len() > 1) {
            let fits: Vec<&str> = twice.iter().map(|&i| input.labels[i].as_str()).collect();
            lonely.push(format!("{label} has one that could be {}", fits.join(" or ")));
            continue;
        }
        let around = around.concat();
        match laplacian_row(input, centre, &around) {
            Some(row) if around.len() >= 2 => rows.push(row),
            _ => lonely.push(format!("{label} has {}", around.len())),
        }
    }
    if !lonely.is_empty() {
        let shown = channels.map_or_else(|| listed(&input.labels), listed);
        let must = format!(
            "must be electrodes with at least two neighbours of the 10-10 grid in the signal: {}",
            lonely.join(", ")
        );
        return Err(vec![DesignError::setting("channels", shown, must)]);
    }
    reframed(Matrix::of_rows(input.channels(), &rows), input, labels_of(input, &outputs))
}

/// The centre minus its neighbours, weighted by inverse distance; `None` where a position is not known.
fn laplacian_row(input: &Signal, centre: usize, around: &[usize]) -> Option<Row> {
    let at = position(&input.labels[centre])?;
    let near: Option<Vec<f64>> =
        around.iter().map(|&i| Some(1.0 / distance(at, position(&input.labels[i])?))).collect();
    let near = near?;
    let total: f64 = near.iter().sum();
    let weights = around.iter().zip(near).map(|(&i, near)| (i, -near / total));
    Some(std::iter::once((centre, 1.0)).chain(weights).collect())
}

pub(super) fn bipolar(input: &Signal, pairs: &[Vec<String>], chains: &[Vec<String>]) -> Design {
    let mut mistakes = Vec::new();
    for (key, lists, must, good) in [
        ("pairs", pairs, "must be lists of two labels", (|n| n == 2) as fn(usize) -> bool),
        ("chain", chains, "must be lists of at least two labels", |n| n >= 2),
    ] {
        if !lists.iter().all(|list| good(list.len())) {
            mistakes.push(DesignError::setting(key, nested(lists), must));
            continue;
        }
        // All labels of a key in one mistake.
        let labels: Vec<String> = lists.iter().flatten().cloned().collect();
        if !labels.is_empty()
            && let Err(found) = any_times(key, nested(lists), &labels, input)
        {
            mistakes.extend(found);
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let of_chains = chains.iter().flat_map(|chain| chain.windows(2));
    let (mut rows, mut labels, mut seen): (Vec<Row>, Vec<String>, Vec<(usize, usize)>) = Default::default();
    for pair in pairs.iter().map(Vec::as_slice).chain(of_chains) {
        let [Some(anode), Some(cathode)] = [input.index(&pair[0]), input.index(&pair[1])] else { continue };
        let label = format!("{}-{}", pair[0], pair[1]);
        let key = if rows.len() < pairs.len() { "pairs" } else { "chain" };
        if anode == cathode {
            mistakes.push(DesignError::setting(
                key,
                &label,
                format!("must be pairs of two different channels, which {label} is not"),
            ));
        } else if seen.contains(&(anode, cathode)) {
            mistakes.push(DesignError::setting(
                key,
                &label,
                format!("must have each pair once: {label} comes twice"),
            ));
        }
        seen.push((anode, cathode));
        rows.push(vec![(anode, 1.0), (cathode, -1.0)]);
        labels.push(label);
    }
    if rows.is_empty() {
        mistakes.push(DesignError::setting(
            "pairs",
            "[]",
            "must name at least one pair, or chain at least two channels",
        ));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    reframed(Matrix::of_rows(input.channels(), &rows), input, labels)
}

pub(super) fn interpolate(input: &Signal, channels: &[String]) -> Design {
    let bad = each_once("channels", channels, input)?;
    let refused = |must: String| vec![DesignError::setting("channels", listed(channels), must)];
    let mut unknown = Vec::new();
    let mut to = Vec::with_capacity(bad.len());
    for (&i, name) in bad.iter().zip(channels) {
        match position(&input.labels[i]) {
            Some(at) => to.push(at),
            None => unknown.push(name.as_str()),
        }
    }
    if !unknown.is_empty() {
        let must = format!("must be places of the 10-05 system, which {} is not", unknown.join(", "));
        return Err(refused(must));
    }
    let good: Vec<(usize, [f64; 3])> = (0..input.channels())
        .filter(|i| !bad.contains(i))
        .filter_map(|i| Some((i, position(&input.labels[i])?)))
        .collect();
    let from: Vec<[f64; 3]> = good.iter().map(|(_, at)| *at).collect();
    let weights = (from.len() >= LEAST_POSITIONS).then(|| montage::spline_weights(&from, &to)).flatten();
    let Some(weights) = weights else {
        return Err(refused(format!(
            "must leave at least {LEAST_POSITIONS} channels at places of the 10-05 system, there are {}",
            from.len()
        )));
    };
    let mut rows: Vec<Row> = (0..input.channels()).map(|i| vec![(i, 1.0)]).collect();
    for (&i, weights) in bad.iter().zip(weights.row_iter()) {
        rows[i] = good.iter().zip(weights.iter()).map(|((from, _), &weight)| (*from, weight)).collect();
    }
    reframed(Matrix::of_rows(input.channels(), &rows), input, input.labels.clone())
}

pub(super) fn spatial_filter(input: &Signal, rows: &[Vec<f64>], names: Option<&[String]>) -> Design {
    let mut mistakes = Vec::new();
    let channels = input.channels();
    if rows.is_empty() {
        mistakes.push(DesignError::setting("rows", "[]", "must have at least one row"));
    }
    for (row, n) in rows.iter().zip(1..) {
        let must = if row.len() != channels {
            format!("must have {channels} weights a row, one a channel: row {n} has {}", row.len())
        } else if !row.iter().all(|w| w.is_finite()) {
            format!("must be finite numbers, which row {n} is not")
        } else {
            continue;
        };
        mistakes.push(DesignError::setting("rows", format!("row {n}"), must));
    }
    let labels = match names {
        None => (1..=rows.len()).map(|n| format!("s{n}")).collect(),
        Some(names) => {
            let repeated =
                names.iter().enumerate().any(|(i, name)| name.is_empty() || names[..i].contains(name));
            if names.len() != rows.len() || repeated {
                let must = format!("must be {} different labels, one a row", rows.len());
                mistakes.push(DesignError::setting("names", listed(names), must));
            }
            names.to_vec()
        }
    };
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    reframed(Matrix::design(channels, rows), input, labels)
}

fn picked(input: &Signal, channels: &[usize]) -> Design {
    let picks: Vec<(usize, f64)> = channels.iter().map(|&i| (i, 1.0)).collect();
    reframed(Select::design(input.channels(), &picks), input, labels_of(input, channels))
}

fn labels_of(input: &Signal, channels: &[usize]) -> Vec<String> {
    channels.iter().map(|&i| input.labels[i].clone()).collect()
}

fn nested(lists: &[Vec<String>]) -> String {
    format!("[{}]", lists.iter().map(|list| listed(list)).collect::<Vec<_>>().join(", "))
}

pub(super) fn reframed<E: Reframe>(
    element: Result<E, DesignError>,
    input: &Signal,
    labels: Vec<String>,
) -> Design {
    let element = element.map_err(|e| vec![e])?;
    Ok(Designed { stage: Stage::Reframe(Box::new(element)), output: Signal { rate: input.rate, labels } })
}
