use super::{at_least_one, no_repeats};
use bci_config::{Located, Table};
use bci_types::{Hz, Unit};

/// What a decoder needs.
#[derive(Clone, Debug)]
pub struct Input {
    /// Name of the input tensor.
    pub tensor: Located<String>,
    /// Labels of the stream's channels, in the order in which the preprocessing takes them.
    pub channels: Located<Vec<String>>,
    /// Unit of the numbers: a voltage.
    pub unit: Unit,
    /// Sampling rate of the stream, before the preprocessing.
    pub rate: Located<Hz>,
    /// Frames a decision rests on, after the preprocessing.
    pub window_samples: Located<usize>,
    /// Frames between windows, after the preprocessing, as it was made for.
    pub hop_samples: Located<usize>,
    /// Which of those frames the tensor holds.
    pub feed: Feed,
    /// The order of the tensor's axes.
    pub layout: Layout,
}

/// Which frames the input tensor holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Feed {
    /// The whole window, every hop.
    #[default]
    Window,
    /// The newest hop alone; what came before is in the decoder's states.
    Hop,
}

/// The order of the input tensor's axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// `[1, channels, samples]`.
    #[default]
    ChannelsSamples,
    /// `[1, samples, channels]`.
    SamplesChannels,
}

impl Input {
    /// Frames that the tensor holds.
    #[must_use]
    pub fn fed_samples(&self) -> usize {
        match self.feed {
            Feed::Window => self.window_samples.value,
            Feed::Hop => self.hop_samples.value,
        }
    }
}

pub(super) fn read_input(mut t: Table<'_>) -> Option<Input> {
    let tensor = t.required::<String>("tensor");
    let channels = t.required::<Vec<String>>("channels");
    let unit = t.required::<String>("unit");
    let rate = t.required::<f64>("rate_hz");
    let window_samples = at_least_one(&mut t, "window_samples");
    let hop_samples = at_least_one(&mut t, "hop_samples");
    let feed = word(&mut t, "feed", &[("window", Feed::Window), ("hop", Feed::Hop)]);
    let layouts =
        [("channels_samples", Layout::ChannelsSamples), ("samples_channels", Layout::SamplesChannels)];
    let layout = word(&mut t, "layout", &layouts);
    let mistakes = t.mistakes();
    t.finish();
    let rate = rate.and_then(|r| match Hz::new(r.value) {
        Ok(hz) => Some(Located { value: hz, at: r.at }),
        Err(e) => {
            mistakes.add(r.mistake(e.to_string()));
            None
        }
    });
    let unit = unit.and_then(|u| {
        let parsed = Unit::parse(&u.value);
        if parsed.to_microvolts().is_none() {
            mistakes.add(u.mistake("must be a voltage: uV, mV, V or nV"));
            return None;
        }
        Some(parsed)
    });
    if let Some(channels) = &channels {
        no_repeats(channels, mistakes);
    }
    Some(Input {
        tensor: tensor?,
        channels: channels?,
        unit: unit?,
        rate: rate?,
        window_samples: window_samples?,
        hop_samples: hop_samples?,
        feed,
        layout,
    })
}

/// One of some words; the first value when the key is absent or wrong, which is noted.
fn word<T: Copy + Default>(t: &mut Table<'_>, key: &str, words: &[(&str, T)]) -> T {
    let Some(found) = t.optional::<String>(key) else { return T::default() };
    words.iter().find(|(word, _)| *word == found.value).map_or_else(
        || {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            t.mistakes().add(found.mistake(format!("must be {}", words.join(" or "))));
            T::default()
        },
        |(_, value)| *value,
    )
}
