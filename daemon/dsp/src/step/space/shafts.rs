//! Bipolar derivations along depth electrodes, strips and grids.

use super::derive::reframed;
use super::labels::there;
use crate::design::DesignError;
use crate::montage::contact;
use crate::run::{Matrix, Row};
use crate::signal::Signal;
use crate::step::Designed;
use bci_types::label::tidy;

/// The contacts of an electrode: number and channel.
struct Shaft {
    name: String,
    contacts: Vec<(u32, usize)>,
}

pub(super) fn bipolar_shafts(
    input: &Signal,
    keep_others: bool,
    grids: &[(String, usize)],
) -> Result<Designed, Vec<DesignError>> {
    let (shafts, others) = sorted(input);
    let mut mistakes = repeated(input, &shafts);
    for (name, row) in grids {
        if *row < 2 || !shafts.iter().any(|s| s.name == *name) {
            let names: Vec<&str> = shafts.iter().map(|s| s.name.as_str()).collect();
            let must = format!(
                "must name an electrode, and at least 2 contacts a row; there are {}",
                names.join(", ")
            );
            mistakes.push(DesignError::setting("grids", format!("{{ {name:?} = {row} }}"), must));
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let (mut rows, mut labels): (Vec<Row>, Vec<String>) = Default::default();
    for shaft in &shafts {
        let row = grids.iter().find(|(name, _)| *name == shaft.name).map(|(_, row)| *row);
        for pair in shaft.contacts.windows(2) {
            let [(number, anode), (next, cathode)] = [pair[0], pair[1]];
            // Contacts count from 1: the last of a row of 8 is the 8th.
            let ends_row = row.is_some_and(|row| (number as usize).is_multiple_of(row));
            if number.checked_add(1) == Some(next) && !ends_row {
                rows.push(vec![(anode, 1.0), (cathode, -1.0)]);
                labels.push(format!("{}-{}", tidy(&input.labels[anode]), tidy(&input.labels[cathode])));
            }
        }
    }
    if rows.is_empty() {
        let must = "must have contacts of consecutive numbers on one electrode (letters, then the number)";
        return Err(vec![DesignError::setting("labels", there(input), must)]);
    }
    if keep_others {
        rows.extend(others.iter().map(|&i| vec![(i, 1.0)]));
        labels.extend(others.iter().map(|&i| input.labels[i].clone()));
    }
    reframed(Matrix::of_rows(input.channels(), &rows), input, labels)
}

/// The electrodes in the order of their first contacts, each with its contacts by number; and what is no contact.
fn sorted(input: &Signal) -> (Vec<Shaft>, Vec<usize>) {
    let (mut shafts, mut others): (Vec<Shaft>, Vec<usize>) = Default::default();
    for (i, label) in input.labels.iter().enumerate() {
        let Some(found) = contact(label) else {
            others.push(i);
            continue;
        };
        match shafts.iter_mut().find(|s| s.name == found.shaft) {
            Some(shaft) => shaft.contacts.push((found.number, i)),
            None => shafts.push(Shaft { name: found.shaft, contacts: vec![(found.number, i)] }),
        }
    }
    for shaft in &mut shafts {
        shaft.contacts.sort_unstable();
    }
    (shafts, others)
}

fn repeated(input: &Signal, shafts: &[Shaft]) -> Vec<DesignError> {
    let neighbours = shafts.iter().flat_map(|s| s.contacts.windows(2));
    neighbours
        .filter(|pair| pair[0].0 == pair[1].0)
        .map(|pair| {
            let both = format!("{}, {}", input.labels[pair[0].1], input.labels[pair[1].1]);
            DesignError::setting("labels", both, "must not name one contact twice")
        })
        .collect()
}
