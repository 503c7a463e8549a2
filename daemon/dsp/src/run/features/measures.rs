use super::quality_blocks::{REPEATED, Whole};

/// What [`super::Quality`] measures, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QualitySpec {
    /// Over how long, in ms; a whole number of samples. `None`: a second, rounded to one.
    pub window_ms: Option<f64>,
    /// From one measurement to the next in ms; a whole number of samples. `None`: half a second, rounded to one.
    pub hop_ms: Option<f64>,
    /// The frequency of the mains; `None` measures no line noise.
    pub line_hz: Option<f64>,
    /// How many multiples of it count, itself included, 1 to 10; those from half of the rate on are left out.
    pub line_harmonics: u32,
    /// By how much a channel that counts as flat may stray from where the run began, in the signal's unit; 0 or more.
    pub flat_eps_uv: f64,
    /// The magnitude from which on a sample counts as railed. `None` takes a repeated extreme for a rail.
    pub rail_uv: Option<f64>,
}

impl Default for QualitySpec {
    /// Over a second, twice a second, without line noise or rails given.
    fn default() -> Self {
        Self {
            window_ms: None,
            hop_ms: None,
            line_hz: None,
            line_harmonics: 3,
            flat_eps_uv: 0.0,
            rail_uv: None,
        }
    }
}

/// The artefact measures of one channel over the last window; 0 before there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// The largest sample less the smallest, uV.
    pub peak_to_peak_uv: f64,
    /// The largest step from one sample to the next, uV/ms.
    pub slope_uv_per_ms: f64,
    /// Excess kurtosis, `scipy.stats.kurtosis`: 0 for a normal distribution. 0 for a constant.
    pub kurtosis: f64,
    /// The power at the frequency of the mains and its multiples over the variance, 0 to 1: the rectangular window's
    /// spectrum at exactly these frequencies, what Goertzel's recursion yields. Of a pure sine 1 if the window holds
    /// whole periods; of white noise about 2 a harmonic over the frames of the window. 0 for a constant.
    pub line_ratio: f64,
    /// The longest time for which the channel stayed within the epsilon of where it was, ms.
    pub flat_ms: f64,
    /// The share of samples at or beyond the rails, 0 to 1. Without rails given: of samples at the window's largest or
    /// smallest value, each if at least five samples have it.
    pub railed_share: f64,
}

impl Measures {
    /// The names of [`Measures::to_array`].
    pub const NAMES: [&'static str; 6] =
        ["peak-to-peak", "slope", "kurtosis", "line noise", "flat", "railed"];

    /// All measures in the order of the fields.
    #[must_use]
    pub fn to_array(&self) -> [f64; 6] {
        [
            self.peak_to_peak_uv,
            self.slope_uv_per_ms,
            self.kurtosis,
            self.line_ratio,
            self.flat_ms,
            self.railed_share,
        ]
    }
}

/// The measures of one lane of a window, with the power of its line noise.
#[inline(always)]
pub(super) fn measures(
    w: &Whole,
    line: f64,
    lane: usize,
    frames: f64,
    rate_hz: f64,
    rail_uv: Option<f64>,
) -> Measures {
    let (mean, second) = (w.mean[lane], w.second[lane]);
    // What rounding makes of a constant; NaN is none.
    let rounding = 1e-12 * mean;
    let constant = second <= rounding * rounding;
    let repeated = |n: f64| if n >= REPEATED { n } else { 0.0 };
    let railed = match rail_uv {
        Some(_) => w.railed[lane],
        None if w.min[lane] == w.max[lane] => repeated(w.at_max[lane]),
        None => repeated(w.at_max[lane]) + repeated(w.at_min[lane]),
    };
    let line_ratio = line / second;
    Measures {
        peak_to_peak_uv: w.max[lane] - w.min[lane],
        slope_uv_per_ms: w.step[lane] * rate_hz / 1e3,
        kurtosis: if constant { 0.0 } else { w.fourth[lane] / (second * second) - 3.0 },
        line_ratio: if constant {
            0.0
        } else if line_ratio > 1.0 {
            1.0
        } else {
            line_ratio
        },
        flat_ms: w.run[lane] * 1e3 / rate_hz,
        railed_share: railed / frames,
    }
}
