use super::CHUNK;
use super::bank::{band_name, label};
use super::frames::every;
use super::hilbert::{self, Hilbert};
use crate::design::{Band, DesignError, Family, band_mistakes, butterworth};
use crate::element::{Element, Emit, Reframe};
use crate::run::beat::pass_over;
use crate::run::{RetuneError, SosFilter, same};
use crate::signal::Signal;
use std::any::Any;

/// The order of the low-pass that smooths.
const SMOOTHING_ORDER: u32 = 2;
/// Where a rectified signal is smoothed when nothing is said.
const SMOOTH_HZ: f64 = 10.0;

/// How an envelope is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnvelopeMethod {
    /// The magnitude of the analytic signal: the amplitude itself.
    #[default]
    Hilbert,
    /// The magnitude of the signal, which has to be smoothed: of a sine, 2/pi of its amplitude.
    Rectified,
}

/// What [`Envelope`] computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnvelopeSpec {
    /// The lower -3 dB edge of the band.
    pub low_hz: f64,
    /// The upper -3 dB edge of the band.
    pub high_hz: f64,
    /// Of the band-pass, as SciPy counts.
    pub order: u32,
    /// How the envelope is taken.
    pub method: EnvelopeMethod,
    /// A Butterworth low-pass of order 2 on the envelope. `None`: 10 Hz for a rectified signal, none for Hilbert's.
    pub smooth_hz: Option<f64>,
    /// The output's rate, a whole fraction of the input's; needs a low-pass below half of it. `None` keeps the rate.
    pub rate_hz: Option<f64>,
}

/// The amplitude of a band over time, as of high gamma (70-170 Hz): band-pass, envelope, smoothing, fewer frames.
///
/// Causal. With [`EnvelopeMethod::Hilbert`] the signal meets a Hilbert transformer without recursion and itself delayed by
/// as much; in steady state a sine between the edges comes out as its amplitude to within 0.1 %. That is
/// `abs(scipy.signal.hilbert(x))` with a transformer that knows no future; what leaks through the skirts of the
/// band-pass beyond the edges is turned less well.
#[derive(Debug)]
pub struct Envelope {
    channels: usize,
    band: SosFilter,
    hilbert: Option<Hilbert>,
    smooth: Option<SosFilter>,
    /// One output for as many input frames.
    hop: usize,
    /// Frames until the next output; never 0.
    until_due: usize,
    /// `[CHUNK x channels]`.
    work: Box<[f64]>,
}

impl Envelope {
    /// At rest. Allocates. Also gives what comes out.
    ///
    /// # Errors
    /// Everything wrong with the settings at once; no channels.
    pub fn design(input: &Signal, spec: &EnvelopeSpec) -> Result<(Self, Signal), Vec<DesignError>> {
        let (channels, rate) = (input.channels(), input.rate);
        let band = Band::BandPass { low_hz: spec.low_hz, high_hz: spec.high_hz };
        let mut mistakes = band_mistakes(Family::Butterworth, band, spec.order, rate);
        let smooth_hz = match spec.method {
            EnvelopeMethod::Rectified => Some(spec.smooth_hz.unwrap_or(SMOOTH_HZ)),
            EnvelopeMethod::Hilbert => spec.smooth_hz,
        };
        if let Some(hz) = smooth_hz.filter(|hz| !(*hz > 0.0 && *hz < rate.nyquist())) {
            mistakes.push(DesignError::Frequency { name: "smooth_hz", hz, nyquist_hz: rate.nyquist() });
        }
        let hop = match spec.rate_hz.map(|hz| hop(hz, rate.get(), smooth_hz)) {
            None => 1,
            Some(Ok(hop)) => hop,
            Some(Err(mistake)) => {
                mistakes.push(mistake);
                1
            }
        };
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let one = |e| vec![e];
        let filter = |band, order| SosFilter::design(&butterworth(band, order, rate)?, channels);
        let smooth = smooth_hz.map(|cutoff_hz| filter(Band::LowPass { cutoff_hz }, SMOOTHING_ORDER));
        let hilbert = match spec.method {
            EnvelopeMethod::Rectified => None,
            EnvelopeMethod::Hilbert => {
                let taps = hilbert::design(spec.low_hz, spec.high_hz, rate).map_err(one)?;
                Some(Hilbert::new(&taps, channels))
            }
        };
        let envelope = Self {
            channels,
            band: filter(band, spec.order).map_err(one)?,
            hilbert,
            smooth: smooth.transpose().map_err(one)?,
            hop,
            until_due: hop,
            work: vec![0.0; CHUNK * channels].into_boxed_slice(),
        };
        let name = band_name([spec.low_hz, spec.high_hz]);
        let labels = input.labels.iter().map(|channel| label(channel, &name)).collect();
        Ok((envelope, Signal { rate: every(hop, rate), labels }))
    }

    /// The Hilbert transformer's taps; none for a rectified signal. Its lag is half of their number, rounded down.
    #[must_use]
    pub fn hilbert_taps(&self) -> &[f64] {
        self.hilbert.as_ref().map_or(&[], Hilbert::taps)
    }

    fn is_like(&self, ready: &Envelope) -> Result<(), RetuneError> {
        self.band.fits(&ready.band)?;
        match (&self.smooth, &ready.smooth) {
            (Some(own), Some(new)) => own.fits(new)?,
            (None, None) => {}
            _ => return Err(RetuneError::Kind),
        }
        let alike = self.hop == ready.hop && self.hilbert_taps().len() == ready.hilbert_taps().len();
        if alike { Ok(()) } else { Err(RetuneError::Kind) }
    }
}

/// How many input frames make an output frame at `rate_hz`.
fn hop(rate_hz: f64, input_hz: f64, smooth_hz: Option<f64>) -> Result<usize, DesignError> {
    let refuse = |must| Err(DesignError::setting("rate_hz", rate_hz, must));
    if !(rate_hz > 0.0 && rate_hz <= input_hz) {
        return refuse(format!("must be above 0 and up to {input_hz} Hz, the rate there"));
    }
    let hop = (input_hz / rate_hz).round();
    if hop >= 1e9 || (input_hz / rate_hz - hop).abs() > 1e-6 * hop {
        let (faster, slower) = ((input_hz / rate_hz).floor(), (input_hz / rate_hz).ceil());
        let near = format!("{} or {} Hz", input_hz / faster, input_hz / slower);
        return refuse(format!("must be a whole fraction of {input_hz} Hz, the rate there, such as {near}"));
    }
    if hop > 1.0 && !smooth_hz.is_some_and(|hz| hz < rate_hz / 2.0) {
        return refuse(
            "must be more than twice smooth_hz: what is faster would come out as something slower".into(),
        );
    }
    Ok(hop as usize)
}

impl Element for Envelope {
    fn reset(&mut self) {
        self.band.reset();
        self.hilbert.iter_mut().for_each(Hilbert::reset);
        self.smooth.iter_mut().for_each(SosFilter::reset);
        self.until_due = self.hop;
    }

    fn restart(&mut self) {
        let until_due = self.until_due;
        self.reset();
        self.until_due = until_due;
    }

    fn skip(&mut self, frames: u64) -> u64 {
        pass_over(&mut self.until_due, self.hop, frames)
    }

    /// Of a constant nothing passes the band-pass, so the rest stays at rest.
    fn prime(&mut self, first: &[f64]) {
        self.band.prime(first);
    }

    fn settle_samples(&self, tolerance: f64) -> usize {
        self.band.settle_samples(tolerance)
            + self.hilbert_taps().len().saturating_sub(1)
            + self.smooth.as_ref().map_or(0, |s| s.settle_samples(tolerance))
    }

    /// Of the band-pass at `at_hz`, the Hilbert transformer, and the smoothing of a slow envelope.
    fn delay_samples(&self, at_hz: f64) -> f64 {
        self.band.delay_samples(at_hz)
            + self.hilbert.as_ref().map_or(0.0, |h| h.delay() as f64)
            + self.smooth.as_ref().map_or(0.0, |s| s.delay_samples(0.0))
    }

    fn gain_db(&self, at_hz: f64) -> f64 {
        self.band.gain_db(at_hz)
    }

    fn is_finite_state(&self) -> bool {
        self.band.is_finite_state()
            && self.hilbert.as_ref().is_none_or(Hilbert::is_finite)
            && self.smooth.as_ref().is_none_or(SosFilter::is_finite_state)
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.is_like(same::<Self>(ready)?)
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        self.is_like(ready)?;
        Element::retune(&mut self.band, &ready.band)?;
        if let (Some(own), Some(new)) = (&mut self.smooth, &ready.smooth) {
            Element::retune(own, new)?;
        }
        if let (Some(own), Some(new)) = (&mut self.hilbert, &ready.hilbert) {
            own.retune(new);
        }
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Reframe for Envelope {
    fn most_frames(&self, input: usize) -> usize {
        input.div_ceil(self.hop)
    }

    fn process(&mut self, input: &[f64], _learn: bool, out: &mut Emit<'_>) {
        for (i, chunk) in input.chunks(CHUNK * self.channels).enumerate() {
            let work = &mut self.work[..chunk.len()];
            work.copy_from_slice(chunk);
            self.band.process(work);
            match &mut self.hilbert {
                Some(hilbert) => hilbert.magnitude(work),
                None => work.iter_mut().for_each(|x| *x = x.abs()),
            }
            if let Some(smooth) = &mut self.smooth {
                smooth.process(work);
            }
            for (n, frame) in work.chunks_exact(self.channels).enumerate() {
                self.until_due -= 1;
                if self.until_due == 0 {
                    self.until_due = self.hop;
                    out.frame(i * CHUNK + n).copy_from_slice(frame);
                }
            }
        }
    }
}
