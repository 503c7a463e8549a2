use std::ops::{Add, Div, Mul, Neg, Sub};

/// A complex number: a pole, a zero, or a filter's response at one frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Complex {
    /// The real part.
    pub re: f64,
    /// The imaginary part.
    pub im: f64,
}

impl Complex {
    pub(crate) const ONE: Complex = Complex::real(1.0);

    /// From its parts.
    #[must_use]
    pub const fn new(re: f64, im: f64) -> Self {
        Self { re, im }
    }

    /// A real number.
    #[must_use]
    pub const fn real(re: f64) -> Self {
        Self { re, im: 0.0 }
    }

    /// The magnitude: of a response, the gain.
    #[must_use]
    pub fn abs(self) -> f64 {
        self.re.hypot(self.im)
    }

    /// The angle in radians, in (-pi, pi]: of a response, the phase.
    #[must_use]
    pub fn arg(self) -> f64 {
        self.im.atan2(self.re)
    }

    pub(crate) fn from_polar(magnitude: f64, angle: f64) -> Self {
        Self::new(magnitude * angle.cos(), magnitude * angle.sin())
    }

    pub(crate) fn conj(self) -> Self {
        Self::new(self.re, -self.im)
    }

    pub(crate) fn is_real(self) -> bool {
        self.im == 0.0
    }

    /// The principal root, computed from the larger half so that nothing cancels.
    pub(crate) fn sqrt(self) -> Self {
        let m = self.abs();
        if m == 0.0 {
            return Self::real(0.0);
        }
        if self.re >= 0.0 {
            let t = ((m + self.re) / 2.0).sqrt();
            Self::new(t, self.im / (2.0 * t))
        } else {
            let t = ((m - self.re) / 2.0).sqrt();
            Self::new(self.im.abs() / (2.0 * t), t.copysign(self.im))
        }
    }

    pub(crate) fn product(numbers: impl Iterator<Item = Complex>) -> Self {
        numbers.fold(Self::ONE, Mul::mul)
    }
}

impl Add for Complex {
    type Output = Complex;
    fn add(self, o: Complex) -> Complex {
        Complex::new(self.re + o.re, self.im + o.im)
    }
}
impl Sub for Complex {
    type Output = Complex;
    fn sub(self, o: Complex) -> Complex {
        Complex::new(self.re - o.re, self.im - o.im)
    }
}
impl Mul for Complex {
    type Output = Complex;
    fn mul(self, o: Complex) -> Complex {
        Complex::new(self.re * o.re - self.im * o.im, self.re * o.im + self.im * o.re)
    }
}
impl Mul<f64> for Complex {
    type Output = Complex;
    fn mul(self, o: f64) -> Complex {
        Complex::new(self.re * o, self.im * o)
    }
}
impl Div for Complex {
    type Output = Complex;
    /// Smith's method: scaled by the larger part of the divisor, so that no square over- or underflows.
    fn div(self, o: Complex) -> Complex {
        if o.re.abs() >= o.im.abs() {
            let r = o.im / o.re;
            let d = o.re + o.im * r;
            Complex::new((self.re + self.im * r) / d, (self.im - self.re * r) / d)
        } else {
            let r = o.re / o.im;
            let d = o.im + o.re * r;
            Complex::new((self.re * r + self.im) / d, (self.im * r - self.re) / d)
        }
    }
}
impl Neg for Complex {
    type Output = Complex;
    fn neg(self) -> Complex {
        Complex::new(-self.re, -self.im)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_and_quotients_undo_squares_and_products() {
        for (re, im) in [(3.0, 4.0), (-3.0, 4.0), (-3.0, -4.0), (0.0, -2.0), (-9.0, 0.0), (1e-9, 5e3)] {
            let z = Complex::new(re, im);
            let back = z.sqrt() * z.sqrt();
            assert!((back - z).abs() <= 1e-15 * z.abs() * 4.0, "{z:?} {back:?}");
            assert!(z.sqrt().re >= 0.0, "the principal one");
            let w = Complex::new(-0.3, 7.0);
            assert!((z * w / w - z).abs() <= 1e-15 * z.abs() * 4.0);
            assert!((z * w / z - w).abs() <= 1e-15 * w.abs() * 4.0);
        }
    }
}
