use super::Biquad;

/// The longest response that is simulated.
const LONGEST: usize = 1 << 23;

/// See [`super::Sos::settle_samples`].
pub(super) fn samples(sections: &[Biquad], pole_radius: f64, tolerance: f64) -> usize {
    // NaN counts as the strictest.
    let tolerance = if tolerance >= 1e-9 { tolerance.min(1.0) } else { 1e-9 };
    let Some(total) = total(sections, pole_radius, tolerance) else {
        return (tolerance.ln() / pole_radius.ln()).ceil() as usize;
    };
    let mut impulse = Impulse::new(sections);
    let mut head = 0.0;
    let mut n = 0;
    while total - head > tolerance * total && n < LONGEST {
        head += impulse.next_sample().abs();
        n += 1;
    }
    n
}

/// The sum of the response's magnitudes; `None` when it outlasts [`LONGEST`].
fn total(sections: &[Biquad], pole_radius: f64, tolerance: f64) -> Option<f64> {
    // Over one time constant of the slowest pole the rest shrinks by e, once every section has taken its turn.
    let block = (1.0 / (1.0 - pole_radius)).ceil().max(16.0);
    if block > LONGEST as f64 {
        return None;
    }
    let block = block as usize;
    let mut impulse = Impulse::new(sections);
    let mut total = 0.0;
    let mut blocks = 0;
    loop {
        let part: f64 = (0..block).map(|_| impulse.next_sample().abs()).sum();
        total += part;
        blocks += 1;
        if blocks > 2 * sections.len() && part <= 1e-3 * tolerance * total {
            return Some(total);
        }
        if blocks * block > LONGEST {
            return None;
        }
    }
}

/// The impulse response of a cascade, sample by sample.
struct Impulse<'a> {
    sections: &'a [Biquad],
    state: Vec<[f64; 2]>,
    input: f64,
}

impl<'a> Impulse<'a> {
    fn new(sections: &'a [Biquad]) -> Self {
        Self { sections, state: vec![[0.0; 2]; sections.len()], input: 1.0 }
    }

    fn next_sample(&mut self) -> f64 {
        let mut x = std::mem::take(&mut self.input);
        for (Biquad { b, a }, z) in self.sections.iter().zip(&mut self.state) {
            let y = b[0] * x + z[0];
            z[0] = b[1] * x - a[0] * y + z[1];
            z[1] = b[2] * x - a[1] * y;
            x = y;
        }
        x
    }
}
