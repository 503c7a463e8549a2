use super::{Complex, DesignError, settle};
use bci_types::Hz;
use std::f64::consts::PI;

/// One second-order section, `y[n] = b0 x[n] + b1 x[n-1] + b2 x[n-2] - a1 y[n-1] - a2 y[n-2]`; a0 is 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Biquad {
    /// `[b0, b1, b2]`.
    pub b: [f64; 3],
    /// `[a1, a2]`.
    pub a: [f64; 2],
}

impl Biquad {
    /// The larger distance of its two poles from the origin; NaN when a coefficient of `a` is.
    #[must_use]
    pub fn pole_radius(&self) -> f64 {
        let [a1, a2] = self.a;
        let discriminant = a1 * a1 - 4.0 * a2;
        if discriminant < 0.0 {
            a2.sqrt()
        } else {
            // The root of larger magnitude: both terms of one sign, so nothing cancels.
            (a1.abs() + discriminant.sqrt()) / 2.0
        }
    }

    fn is_finite(&self) -> bool {
        self.b.iter().chain(&self.a).all(|c| c.is_finite())
    }

    /// At `w` radians a sample.
    fn response(&self, w: f64) -> Complex {
        let (numerator, _) = polynomial(self.b, w);
        let (denominator, _) = polynomial([1.0, self.a[0], self.a[1]], w);
        numerator / denominator
    }

    /// Samples, at `w` radians a sample.
    fn group_delay(&self, w: f64) -> f64 {
        numerator_delay(self.b, w) - delay([1.0, self.a[0], self.a[1]], w)
    }
}

/// A stable cascade of second-order sections, with the rate it was made for. Its sections run in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Sos {
    sections: Box<[Biquad]>,
    rate: Hz,
}

impl Sos {
    /// From ready coefficients.
    ///
    /// # Errors
    /// [`DesignError::NoSections`]; [`DesignError::Unstable`] when a pole lies on or outside the unit circle or a
    /// coefficient is not finite.
    pub fn new(sections: Vec<Biquad>, rate: Hz) -> Result<Self, DesignError> {
        if sections.is_empty() {
            return Err(DesignError::NoSections);
        }
        for section in &sections {
            let pole_radius = if section.is_finite() { section.pole_radius() } else { f64::NAN };
            // The triangle of the coefficients tells more sharply than a radius that rounds to 1.
            let [a1, a2] = section.a;
            let inside = pole_radius < 1.0 && a2.abs() < 1.0 && a1.abs() < 1.0 + a2;
            if !inside {
                return Err(DesignError::Unstable { pole_radius });
            }
        }
        Ok(Self { sections: sections.into_boxed_slice(), rate })
    }

    /// The sections in the order in which they run.
    #[must_use]
    pub fn sections(&self) -> &[Biquad] {
        &self.sections
    }

    /// The sampling rate it was made for.
    #[must_use]
    pub fn rate(&self) -> Hz {
        self.rate
    }

    /// This cascade followed by `next`; keeps this one's rate.
    #[must_use]
    pub fn then(&self, next: &Sos) -> Sos {
        let sections = self.sections.iter().chain(&next.sections).copied().collect();
        Sos { sections, rate: self.rate }
    }

    /// Takes over the coefficients of a cascade of as many sections; allocates nothing.
    pub(crate) fn copy_from(&mut self, other: &Sos) {
        self.sections.copy_from_slice(&other.sections);
        self.rate = other.rate;
    }

    /// The complex response at `at_hz`: its magnitude is the gain, its angle the phase. Exactly on a zero of the
    /// filter the magnitude is 0 to rounding.
    #[must_use]
    pub fn response(&self, at_hz: f64) -> Complex {
        let w = self.radians(at_hz);
        Complex::product(self.sections.iter().map(|s| s.response(w)))
    }

    /// The gain at `at_hz` in decibels; negative infinity where nothing passes.
    #[must_use]
    pub fn gain_db(&self, at_hz: f64) -> f64 {
        20.0 * self.response(at_hz).abs().log10()
    }

    /// The group delay at `at_hz` in samples: by how much the envelope of a narrow band around it lags. On a zero
    /// of the filter, where no delay can be observed, the limit from its surroundings.
    #[must_use]
    pub fn group_delay_samples(&self, at_hz: f64) -> f64 {
        let w = self.radians(at_hz);
        self.sections.iter().map(|s| s.group_delay(w)).sum()
    }

    /// The largest distance of a pole from the origin; below 1, and the closer to it the longer the memory.
    #[must_use]
    pub fn pole_radius(&self) -> f64 {
        self.sections.iter().map(Biquad::pole_radius).fold(0.0, f64::max)
    }

    /// Samples after which what came before the start no longer matters.
    ///
    /// The smallest `n` for which the impulse response h leaves `sum(|h[k]|, k >= n) <= tolerance * sum(|h|)`. A
    /// filter started from rest `n` samples ago thus differs from one that always ran by at most `tolerance` times
    /// the largest output that input of the same bound can cause; and so does one that saw a disturbance end `n`
    /// samples ago. The bound includes any offset: to settle to 1 % of a 100 uV signal on electrodes that stand
    /// at 10 mV, ask for 1e-4.
    ///
    /// `tolerance` is a fraction, taken into 1e-9 to 1. Where the response outlasts eight million samples the
    /// result is an estimate from the pole radius. Simulates the response: takes time, not for the hot path.
    #[must_use]
    pub fn settle_samples(&self, tolerance: f64) -> usize {
        settle::samples(&self.sections, self.pole_radius(), tolerance)
    }

    fn radians(&self, at_hz: f64) -> f64 {
        2.0 * PI * at_hz / self.rate.get()
    }
}

/// `c0 + c1 e^-jw + c2 e^-2jw`, and the same with each term weighted by its delay.
fn polynomial(c: [f64; 3], w: f64) -> (Complex, Complex) {
    let e1 = Complex::from_polar(c[1], -w);
    let e2 = Complex::from_polar(c[2], -2.0 * w);
    (Complex::real(c[0]) + e1 + e2, e1 + e2 * 2.0)
}

/// The delay of a section's zeros in samples.
fn numerator_delay(b: [f64; 3], w: f64) -> f64 {
    // Zeros on the unit circle give a constant delay, which the general formula loses on the zero itself.
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * (a.abs() + b.abs());
    let [b0, b1, b2] = b;
    let symmetric = near(b0, b2) || (near(b0, -b2) && b1.abs() <= 1e-12 * b0.abs());
    if symmetric {
        1.0
    } else if b2 == 0.0 && near(b0.abs(), b1.abs()) {
        0.5
    } else {
        delay(b, w)
    }
}

fn delay(c: [f64; 3], w: f64) -> f64 {
    let (sum, weighted) = polynomial(c, w);
    (weighted / sum).re
}
