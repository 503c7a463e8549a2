//! Steps across channels.

use super::{Places, choice};
use bci_config::{FromToml, Table};
use bci_dsp::montage::LaplacianSize;
use bci_dsp::{Over, SpaceSpec};

/// The keys of its steps.
pub(super) const KINDS: &[&str] = &[
    "select",
    "drop",
    "common_average",
    "common_median",
    "reference",
    "laplacian",
    "bipolar",
    "bipolar_shafts",
    "interpolate",
    "spatial_filter",
];

const SIZES: [(&str, LaplacianSize); 2] = [("small", LaplacianSize::Small), ("large", LaplacianSize::Large)];

/// Reads a step of one of its kinds; mistakes are noted.
pub(super) fn read(kind: &str, table: &mut Table<'_>, places: &mut Places) -> Option<SpaceSpec> {
    // Every key is asked for before any is found missing, so that all mistakes are noted.
    match kind {
        "select" => Some(SpaceSpec::Select { channels: places.required(table, "channels")? }),
        "drop" => Some(SpaceSpec::Drop { channels: places.required(table, "channels")? }),
        "interpolate" => Some(SpaceSpec::Interpolate { channels: places.required(table, "channels")? }),
        "common_average" => Some(SpaceSpec::CommonAverage { over: over(table, places)? }),
        "common_median" => Some(SpaceSpec::CommonMedian { over: over(table, places)? }),
        "reference" => {
            let (channels, keep) = (places.required(table, "channels"), flag(table, places, "keep"));
            Some(SpaceSpec::Reference { channels: channels?, keep: keep? })
        }
        "laplacian" => {
            let (size, channels) =
                (choice(table, places, "size", None, &SIZES), either(table, places, "channels"));
            Some(SpaceSpec::Laplacian { size: size?, channels: channels? })
        }
        "bipolar" => {
            let (pairs, chains) = (either(table, places, "pairs"), either(table, places, "chain"));
            Some(SpaceSpec::Bipolar {
                pairs: pairs?.unwrap_or_default(),
                chains: chains?.unwrap_or_default(),
            })
        }
        "bipolar_shafts" => {
            let (keep_others, grids) = (flag(table, places, "keep_others"), grids(table, places));
            Some(SpaceSpec::BipolarShafts { keep_others: keep_others?, grids: grids? })
        }
        _ => {
            let (rows, names) = (places.required(table, "rows"), either(table, places, "names"));
            Some(SpaceSpec::SpatialFilter { rows: rows?, names: names? })
        }
    }
}

fn over(table: &mut Table<'_>, places: &mut Places) -> Option<Over> {
    let (channels, except) = (either(table, places, "channels"), either(table, places, "except"));
    Some(Over { channels: channels?, except: except? })
}

/// What may be left out: `None` only for what is there and cannot be read.
fn either<T: FromToml>(table: &mut Table<'_>, places: &mut Places, key: &str) -> Option<Option<T>> {
    Some(places.readable(table, key)?.map(|located| located.value))
}

fn flag(table: &mut Table<'_>, places: &mut Places, key: &str) -> Option<bool> {
    either(table, places, key).map(Option::unwrap_or_default)
}

fn grids(table: &mut Table<'_>, places: &mut Places) -> Option<Vec<(String, usize)>> {
    let found = table.keys().find(|(name, _)| name == "grids");
    let Some(mut grids) = table.optional_table("grids") else {
        return if found.is_some() { None } else { Some(Vec::new()) };
    };
    places.0.extend(found.map(|(_, at)| at));
    let names: Vec<String> = grids.keys().map(|(name, _)| name).collect();
    let rows: Vec<Option<usize>> = names.iter().map(|n| Some(grids.required(n)?.value)).collect();
    grids.finish();
    names.into_iter().zip(rows).map(|(name, row)| Some((name, row?))).collect()
}
