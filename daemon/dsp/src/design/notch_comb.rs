use super::{DesignError, Sos, notch};
use bci_types::Hz;

/// The most notches of one comb: each costs a section on every channel.
pub const MAX_NOTCHES: u32 = 512;

/// How wide the notches of a comb are; all have the same width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CombWidth {
    /// The first notch's centre over its -3 dB width; that of the k-th harmonic is k times as much.
    Q(f64),
    /// The -3 dB width in hertz.
    Hz(f64),
}

impl CombWidth {
    /// The quality factor of a notch at `freq_hz`.
    fn q(self, freq_hz: f64) -> f64 {
        match self {
            Self::Q(q) => q,
            Self::Hz(width_hz) => freq_hz / width_hz,
        }
    }
}

/// Notches at `freq_hz` and its harmonics, as of the mains: SciPy's `iirnotch(k * freq_hz, k * q, fs=rate)` for k from
/// 1 to `harmonics`, one section each, in that order. `harmonics` counts the notches, the one at `freq_hz` included;
/// without it there is one at every multiple below half of `rate`.
///
/// # Errors
/// The first of: `freq_hz` outside (0, half of `rate`), notches so wide that neighbours meet, more `harmonics` than lie
/// below half of `rate` or none, more than [`MAX_NOTCHES`], and [`DesignError::Unstable`] for notches too narrow for
/// double precision.
pub fn notch_comb(
    freq_hz: f64,
    harmonics: Option<u32>,
    width: CombWidth,
    rate: Hz,
) -> Result<Sos, DesignError> {
    if let Some(first) = mistakes(freq_hz, harmonics, width, rate).into_iter().next() {
        return Err(first);
    }
    let q = width.q(freq_hz);
    let mut sections = Vec::new();
    for k in 1..=harmonics.unwrap_or_else(|| fitting(freq_hz, rate)) {
        let k = f64::from(k);
        sections.extend_from_slice(notch(k * freq_hz, k * q, rate)?.sections());
    }
    Sos::new(sections, rate)
}

/// How many multiples of `freq_hz` lie below half of `rate`.
fn fitting(freq_hz: f64, rate: Hz) -> u32 {
    let nyquist_hz = rate.nyquist();
    let mut count = (nyquist_hz / freq_hz) as u32;
    // The product decides, as it does where the notch is designed; a quotient may round across it.
    while count > 0 && f64::from(count) * freq_hz >= nyquist_hz {
        count -= 1;
    }
    count
}

/// Everything wrong with a specification that can be seen without designing it.
pub(crate) fn mistakes(freq_hz: f64, harmonics: Option<u32>, width: CombWidth, rate: Hz) -> Vec<DesignError> {
    let nyquist_hz = rate.nyquist();
    let mut found = Vec::new();
    let frequency_fits = freq_hz > 0.0 && freq_hz < nyquist_hz;
    if !frequency_fits {
        found.push(DesignError::Frequency { name: "freq_hz", hz: freq_hz, nyquist_hz });
    }
    // Neighbours lie `freq_hz` apart.
    match width {
        CombWidth::Q(q) if !(q > 1.0 && q.is_finite()) => {
            let must = "must be finite and above 1, for notches narrower than what lies between them";
            found.push(DesignError::setting("q", q, must));
        }
        CombWidth::Hz(width_hz) if !(width_hz > 0.0 && (width_hz < freq_hz || !frequency_fits)) => {
            let must = if frequency_fits {
                format!("must be above 0 and below freq_hz, which is {freq_hz}")
            } else {
                "must be above 0".to_owned()
            };
            found.push(DesignError::setting("width_hz", width_hz, must));
        }
        _ => {}
    }
    if frequency_fits {
        let fit = fitting(freq_hz, rate);
        let most = fit.min(MAX_NOTCHES);
        match harmonics {
            Some(count) if !(1..=most).contains(&count) => {
                let why = if fit > MAX_NOTCHES {
                    "no more run together".to_owned()
                } else {
                    format!("multiples of {freq_hz} Hz below {nyquist_hz} Hz, half of the rate")
                };
                let range = if most == 1 { "1".to_owned() } else { format!("1 to {most}") };
                found.push(DesignError::setting("harmonics", count, format!("must be {range}: {why}")));
            }
            None if fit > MAX_NOTCHES => {
                let must = format!(
                    "must leave at most {MAX_NOTCHES} multiples below {nyquist_hz} Hz, half of the rate (these are \
                     {fit}), unless harmonics says how many"
                );
                found.push(DesignError::setting("freq_hz", freq_hz, must));
            }
            _ => {}
        }
    }
    found
}
