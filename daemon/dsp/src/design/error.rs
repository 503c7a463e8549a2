use super::MAX_ORDER;

/// Why something cannot be designed. Every comparison is written so that NaN is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DesignError {
    /// A setting that is not permitted, where no variant below says it better.
    #[error("{key} = {value} {must}")]
    Setting {
        /// The key as in a configuration (`window_ms`).
        key: &'static str,
        /// The refused value as a person would write it.
        value: String,
        /// What is permitted, as an end of the sentence ("must be 1 to 16").
        must: String,
    },
    /// A frequency outside the open interval from 0 to half of the sampling rate.
    #[error("{name} = {hz} must be above 0 and below {nyquist_hz} Hz, half of the rate there, {} Hz", nyquist_hz * 2.0)]
    Frequency {
        /// Which one (`low_hz`).
        name: &'static str,
        /// The refused value.
        hz: f64,
        /// Half of the sampling rate.
        nyquist_hz: f64,
    },
    /// A band whose lower edge is not below its upper edge.
    #[error("low_hz = {low_hz} must be below high_hz = {high_hz}")]
    BandEdges {
        /// The lower edge as given.
        low_hz: f64,
        /// The upper edge as given.
        high_hz: f64,
    },
    /// An order that is 0 or too high to be sound.
    #[error("order = {order} must be 1 to {MAX_ORDER}")]
    Order {
        /// The refused order.
        order: u32,
    },
    /// A quality factor that is not finite and above 0.
    #[error("q = {q} must be finite and above 0")]
    Quality {
        /// The refused factor.
        q: f64,
    },
    /// A notch so wide that it has no -3 dB edges below half of the sampling rate.
    #[error(
        "q = {q} must make a notch narrower than {nyquist_hz} Hz, half of the rate: this one is {width_hz} Hz wide"
    )]
    NotchWidth {
        /// The quality factor.
        q: f64,
        /// The -3 dB width it asks for.
        width_hz: f64,
        /// Half of the sampling rate.
        nyquist_hz: f64,
    },
    /// Coefficients whose output would grow without bound, because the band is too narrow or too low for the
    /// sampling rate even in f64.
    #[error(
        "the filter is unstable (largest pole radius {pole_radius}): the band is too narrow for this rate and order"
    )]
    Unstable {
        /// The largest distance of a pole from the origin; NaN when a coefficient is not finite.
        pole_radius: f64,
    },
    /// Coefficients that rounding has made those of another filter.
    #[error(
        "double precision cannot hold this filter: its gain at {edge_hz} Hz would be off by {off_db:.3} dB; \
         a lower order, a wider band or a lower rate can be held"
    )]
    Imprecise {
        /// The edge.
        edge_hz: f64,
        /// How far its gain is from the design, in decibels; not finite when nothing was left of it.
        off_db: f64,
    },
    /// A cascade without sections.
    #[error("a filter needs at least one section")]
    NoSections,
    /// An element without channels.
    #[error("at least one channel is needed")]
    NoChannels,
    /// A channel index beyond the stream's channels.
    #[error("channel {channel} is not among the stream's {channels} channels (numbered from 0)")]
    NoSuchChannel {
        /// The refused index.
        channel: usize,
        /// How many there are.
        channels: usize,
    },
    /// A channel that would count twice in an average.
    #[error("channel {channel} is named twice")]
    RepeatedChannel {
        /// The index.
        channel: usize,
    },
    /// A scale factor that is not finite.
    #[error("the scale factor {scale} of channel {channel} must be finite")]
    Scale {
        /// The channel it belongs to.
        channel: usize,
        /// The refused factor.
        scale: f64,
    },
    /// A window without frames.
    #[error("a window needs at least one frame")]
    NoFrames,
    /// Windows that do not advance.
    #[error("the hop must be at least one frame")]
    NoHop,
}

impl DesignError {
    /// A refused setting: `must` is the end of the sentence that begins with key and value ("must be 1 to 16").
    pub fn setting(key: &'static str, value: impl ToString, must: impl Into<String>) -> Self {
        Self::Setting { key, value: value.to_string(), must: must.into() }
    }

    /// The key of the setting that it is about, as in a configuration; `None` when it is about a step as a whole.
    #[must_use]
    pub fn key(&self) -> Option<&'static str> {
        match self {
            Self::Setting { key, .. } => Some(key),
            Self::Frequency { name, .. } => Some(name),
            Self::BandEdges { .. } => Some("low_hz"),
            Self::Order { .. } => Some("order"),
            Self::Quality { .. } | Self::NotchWidth { .. } => Some("q"),
            _ => None,
        }
    }

    /// What is permitted, without naming key and value again.
    #[must_use]
    pub fn must(&self) -> String {
        match self {
            Self::Setting { must, .. } => must.clone(),
            Self::BandEdges { high_hz, .. } => format!("must be below high_hz, which is {high_hz}"),
            other => {
                let whole = other.to_string();
                whole.find("must").map_or(whole.clone(), |at| whole[at..].to_owned())
            }
        }
    }
}
