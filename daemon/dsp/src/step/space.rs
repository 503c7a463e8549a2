//! Steps across the channels of one instant.

mod derive;
mod labels;
mod shafts;

use super::{Designed, Stage};
use crate::design::DesignError;
use crate::montage::LaplacianSize;
use crate::run::{CommonAverage, CommonMedian};
use crate::signal::Signal;
use labels::listed;
use std::fmt;

/// A step across the channels of one instant; without memory. Labels mean channels as [`Signal::index`] says.
#[derive(Clone, Debug, PartialEq)]
pub enum SpaceSpec {
    /// These channels alone, in this order.
    Select {
        /// At least one; each once.
        channels: Vec<String>,
    },
    /// All but these channels.
    Drop {
        /// At least one, not all; each once.
        channels: Vec<String>,
    },
    /// Subtracts the mean of some channels from every channel.
    CommonAverage {
        /// Which are averaged.
        over: Over,
    },
    /// Subtracts the median of some channels from every channel.
    CommonMedian {
        /// Over which the median is.
        over: Over,
    },
    /// Subtracts the mean of the named channels from every channel, as MNE-Python's `set_eeg_reference`.
    Reference {
        /// At least one; each once.
        channels: Vec<String>,
        /// Whether they themselves go on.
        keep: bool,
    },
    /// Each channel minus the mean of its neighbours on the 10-10 grid, weighted by inverse distance: McFarland, McCane,
    /// David & Wolpaw, Electroencephalography and Clinical Neurophysiology 103:386-394, 1997.
    Laplacian {
        /// Which neighbours.
        size: LaplacianSize,
        /// What goes out, in this order; all channels when `None`. Each needs at least two neighbours in the signal.
        channels: Option<Vec<String>>,
    },
    /// Differences of two channels, the first minus the second, labelled `C3-C4`.
    Bipolar {
        /// Lists of two labels.
        pairs: Vec<Vec<String>>,
        /// Lists of at least two labels, each paired with the next (as in the double banana); after `pairs`.
        chains: Vec<Vec<String>>,
    },
    /// Differences of neighbouring contacts on each depth electrode, strip or grid, by their labels (`L'1-L'2`); electrodes
    /// in the order of their first contact in the signal, contacts by number. As MNE-Python's `set_bipolar_reference`
    /// with the lower number as anode.
    BipolarShafts {
        /// Whether channels that are no contacts (`EKG1`) go on as they are, behind the differences.
        keep_others: bool,
        /// Electrodes that are grids, and contacts in each of their rows: no difference goes from row to row.
        grids: Vec<(String, usize)>,
    },
    /// Puts what the other channels tell in place of bad ones: spherical splines over template positions (Perrin et al.,
    /// Electroencephalography and Clinical Neurophysiology 72:184-187, 1989), as MNE-Python's `interpolate_bads`.
    Interpolate {
        /// The bad ones, each once. The others need no position, but four must have one.
        channels: Vec<String>,
    },
    /// Any fixed matrix: common spatial patterns, xDAWN, the unmixing of an ICA.
    SpatialFilter {
        /// A row for each output: one weight a channel of the signal, in its order.
        rows: Vec<Vec<f64>>,
        /// One label an output; `s1`, `s2`, ... when `None`.
        names: Option<Vec<String>>,
    },
}

/// Over which channels a common reference is taken: all, these, or all but these; not both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Over {
    /// These; at least one, each once.
    pub channels: Option<Vec<String>>,
    /// All but these.
    pub except: Option<Vec<String>>,
}

impl SpaceSpec {
    pub(super) fn design(&self, input: &Signal, _max_frames: usize) -> Result<Designed, Vec<DesignError>> {
        match self {
            Self::Select { channels } => derive::select(input, channels),
            Self::Drop { channels } => derive::drop(input, channels),
            Self::CommonAverage { over } => {
                let average = CommonAverage::design(input.channels(), over.members(input)?.as_deref());
                let stage = Stage::InPlace(Box::new(average.map_err(|e| vec![e])?));
                Ok(Designed { stage, output: input.clone() })
            }
            Self::CommonMedian { over } => {
                let median = CommonMedian::design(input.channels(), over.members(input)?.as_deref());
                let stage = Stage::InPlace(Box::new(median.map_err(|e| vec![e])?));
                Ok(Designed { stage, output: input.clone() })
            }
            Self::Reference { channels, keep } => derive::reference(input, channels, *keep),
            Self::Laplacian { size, channels } => derive::laplacian(input, *size, channels.as_deref()),
            Self::Bipolar { pairs, chains } => derive::bipolar(input, pairs, chains),
            Self::BipolarShafts { keep_others, grids } => shafts::bipolar_shafts(input, *keep_others, grids),
            Self::Interpolate { channels } => derive::interpolate(input, channels),
            Self::SpatialFilter { rows, names } => derive::spatial_filter(input, rows, names.as_deref()),
        }
    }

    /// The channels of its input that it names.
    pub(super) fn named_channels(&self) -> Vec<&str> {
        match self {
            Self::Select { channels }
            | Self::Drop { channels }
            | Self::Reference { channels, .. }
            | Self::Interpolate { channels } => texts(channels).collect(),
            Self::CommonAverage { over } | Self::CommonMedian { over } => {
                over.channels.iter().chain(&over.except).flat_map(|c| texts(c)).collect()
            }
            Self::Laplacian { channels, .. } => channels.iter().flat_map(|c| texts(c)).collect(),
            Self::Bipolar { pairs, chains } => pairs.iter().chain(chains).flat_map(|c| texts(c)).collect(),
            Self::BipolarShafts { .. } | Self::SpatialFilter { .. } => Vec::new(),
        }
    }

    /// Whether the channels and the rate stay the same whatever the settings.
    pub(super) fn keeps_signal(&self) -> bool {
        match self {
            Self::CommonAverage { .. } | Self::CommonMedian { .. } | Self::Interpolate { .. } => true,
            Self::Reference { keep, .. } => *keep,
            _ => false,
        }
    }
}

fn texts(labels: &[String]) -> impl Iterator<Item = &str> {
    labels.iter().map(String::as_str)
}

impl Over {
    /// The indices of the channels, in order; `None` for all.
    fn members(&self, input: &Signal) -> Result<Option<Vec<usize>>, Vec<DesignError>> {
        match (&self.channels, &self.except) {
            (None, None) => Ok(None),
            (Some(channels), None) => labels::each_once("channels", channels, input).map(Some),
            (None, Some(except)) => labels::others("except", except, input).map(Some),
            (Some(_), Some(except)) => Err(vec![DesignError::setting(
                "except",
                listed(except),
                "must be left out where channels are named",
            )]),
        }
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(channels) = &self.channels {
            write!(f, " over {}", channels.join(", "))?;
        }
        if let Some(except) = &self.except {
            write!(f, " over all but {}", except.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for SpaceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select { channels } => write!(f, "channels {}", channels.join(", ")),
            Self::Drop { channels } => write!(f, "all channels but {}", channels.join(", ")),
            Self::CommonAverage { over } => write!(f, "common average reference{over}"),
            Self::CommonMedian { over } => write!(f, "common median reference{over}"),
            Self::Reference { channels, .. } => write!(f, "reference {}", channels.join(", ")),
            Self::Laplacian { size: LaplacianSize::Small, .. } => f.write_str("small surface Laplacian"),
            Self::Laplacian { size: LaplacianSize::Large, .. } => f.write_str("large surface Laplacian"),
            Self::Bipolar { .. } => f.write_str("bipolar montage"),
            Self::BipolarShafts { .. } => f.write_str("bipolar montage along shafts"),
            Self::Interpolate { channels } => write!(f, "interpolation of {}", channels.join(", ")),
            Self::SpatialFilter { rows, .. } => write!(f, "spatial filter with {} outputs", rows.len()),
        }
    }
}
