use super::CHUNK;
use crate::design::{Band, DesignError, butterworth};
use crate::element::{Element, Emit, Reframe};
use crate::run::{RetuneError, SosFilter, same};
use crate::signal::Signal;
use std::any::Any;

/// Every channel through every band's Butterworth band-pass. Output channels are `[bands x channels]`, band-major: all
/// channels of the first band, then all of the second; the rate stays. Each band equals SciPy's `sosfilt` of
/// `butter(order, band, "bandpass", output="sos")`.
#[derive(Debug)]
pub struct FilterBank {
    bank: Bank,
}

impl FilterBank {
    /// A bank at rest. `bands_hz` are pairs of -3 dB edges in hertz, `order` counts as SciPy counts. Allocates.
    ///
    /// # Errors
    /// Everything wrong with the bands and the order at once; no channels.
    pub fn design(input: &Signal, bands_hz: &[[f64; 2]], order: u32) -> Result<Self, Vec<DesignError>> {
        Ok(Self { bank: Bank::design(input, bands_hz, order)? })
    }
}

impl Element for FilterBank {
    fn reset(&mut self) {
        self.bank.reset();
    }

    fn prime(&mut self, first: &[f64]) {
        self.bank.prime(first);
    }

    fn settle_samples(&self, tolerance: f64) -> usize {
        self.bank.settle_samples(tolerance)
    }

    fn delay_samples(&self, at_hz: f64) -> f64 {
        self.bank.at(at_hz).delay_samples(at_hz)
    }

    /// Of the band that lets most of it through.
    fn gain_db(&self, at_hz: f64) -> f64 {
        self.bank.at(at_hz).gain_db(at_hz)
    }

    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        per_channel(outputs, self.bank.channels)
    }

    fn is_finite_state(&self) -> bool {
        self.bank.is_finite()
    }

    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.bank.fits(&same::<Self>(ready)?.bank)
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.bank.retune(&same::<Self>(ready)?.bank)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Reframe for FilterBank {
    fn most_frames(&self, input: usize) -> usize {
        input
    }

    fn process(&mut self, input: &[f64], _learn: bool, out: &mut Emit<'_>) {
        let channels = self.bank.channels;
        for (i, chunk) in input.chunks(CHUNK * channels).enumerate() {
            self.bank.filter(chunk);
            for n in 0..chunk.len() / channels {
                let frame = out.frame(i * CHUNK + n);
                for (part, band) in frame.chunks_exact_mut(channels).zip(self.bank.frame(n)) {
                    part.copy_from_slice(band);
                }
            }
        }
    }
}

/// Which inputs reach the marked outputs where output `k` is made from channel `k % channels` alone.
pub(super) fn per_channel(outputs: &[bool], channels: usize) -> Vec<bool> {
    let mut inputs = vec![false; channels];
    for part in outputs.chunks(channels) {
        inputs.iter_mut().zip(part).for_each(|(input, &marked)| *input |= marked);
    }
    inputs
}

/// The label of what is made from a channel; none where the channel has none.
pub(super) fn label(channel: &str, what: &str) -> String {
    if channel.is_empty() { String::new() } else { format!("{channel} {what}") }
}

/// `8-13 Hz`.
pub(crate) fn band_name([low_hz, high_hz]: [f64; 2]) -> String {
    format!("{low_hz}-{high_hz} Hz")
}

/// The labels of a bank's outputs, `[bands x channels]`.
pub(crate) fn bank_labels(input: &Signal, bands_hz: &[[f64; 2]]) -> Vec<String> {
    let name = |band| move |channel: &String| label(channel, &band_name(band));
    bands_hz.iter().flat_map(|&band| input.labels.iter().map(name(band))).collect()
}

/// Band-passes side by side, up to [`CHUNK`] frames at a time.
#[derive(Debug)]
pub(super) struct Bank {
    pub(super) channels: usize,
    filters: Box<[SosFilter]>,
    /// `[bands x CHUNK x channels]`.
    filtered: Box<[f64]>,
}

impl Bank {
    pub(super) fn design(
        input: &Signal,
        bands_hz: &[[f64; 2]],
        order: u32,
    ) -> Result<Self, Vec<DesignError>> {
        let mistakes = mistakes(bands_hz, order, input);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let channels = input.channels();
        let filter = |&[low_hz, high_hz]: &[f64; 2]| {
            let sos = butterworth(Band::BandPass { low_hz, high_hz }, order, input.rate)?;
            SosFilter::design(&sos, channels)
        };
        let filters: Result<Box<[_]>, _> = bands_hz.iter().map(filter).collect();
        let filters = filters.map_err(|e| vec![e])?;
        let filtered = vec![0.0; filters.len() * CHUNK * channels].into_boxed_slice();
        Ok(Self { channels, filters, filtered })
    }

    pub(super) fn reset(&mut self) {
        self.filters.iter_mut().for_each(SosFilter::reset);
    }

    pub(super) fn prime(&mut self, first: &[f64]) {
        self.filters.iter_mut().for_each(|filter| filter.prime(first));
    }

    /// Filters up to [`CHUNK`] frames; [`Bank::frame`] then has them.
    pub(super) fn filter(&mut self, chunk: &[f64]) {
        for (filter, filtered) in
            self.filters.iter_mut().zip(self.filtered.chunks_exact_mut(CHUNK * self.channels))
        {
            let filtered = &mut filtered[..chunk.len()];
            filtered.copy_from_slice(chunk);
            filter.process(filtered);
        }
    }

    /// Frame `n` of the last chunk, band by band.
    pub(super) fn frame(&self, n: usize) -> impl Iterator<Item = &[f64]> {
        let at = n * self.channels..(n + 1) * self.channels;
        self.filtered.chunks_exact(CHUNK * self.channels).map(move |band| &band[at.clone()])
    }

    pub(super) fn settle_samples(&self, tolerance: f64) -> usize {
        self.filters.iter().map(|f| f.settle_samples(tolerance)).max().unwrap_or(0)
    }

    /// The filter that lets most of `at_hz` through.
    pub(super) fn at(&self, at_hz: f64) -> &SosFilter {
        let louder = |a: &&SosFilter, b: &&SosFilter| a.gain_db(at_hz).total_cmp(&b.gain_db(at_hz));
        // There is always one: a bank without bands is refused.
        self.filters.iter().max_by(louder).unwrap_or(&self.filters[0])
    }

    pub(super) fn is_finite(&self) -> bool {
        self.filters.iter().all(SosFilter::is_finite_state)
    }

    pub(super) fn fits(&self, ready: &Bank) -> Result<(), RetuneError> {
        if self.filters.len() != ready.filters.len() {
            return Err(RetuneError::Kind);
        }
        self.filters.iter().zip(&ready.filters).try_for_each(|(own, new)| own.fits(new))
    }

    pub(super) fn retune(&mut self, ready: &Bank) -> Result<(), RetuneError> {
        self.fits(ready)?;
        self.filters.iter_mut().zip(&ready.filters).try_for_each(|(own, new)| Element::retune(own, new))
    }
}

/// Everything wrong with a bank that can be seen without designing it.
fn mistakes(bands_hz: &[[f64; 2]], order: u32, input: &Signal) -> Vec<DesignError> {
    let nyquist_hz = input.rate.nyquist();
    let mut found = Vec::new();
    if input.channels() == 0 {
        found.push(DesignError::NoChannels);
    }
    if bands_hz.is_empty() {
        found.push(DesignError::setting("bands_hz", "[]", "must name at least one band"));
    }
    for (i, &[low, high]) in bands_hz.iter().enumerate() {
        if !(low > 0.0 && low < high && high < nyquist_hz) {
            let must = format!(
                "must have edges in order, above 0 and below {nyquist_hz} Hz, half of the rate there; \
                 band {} is [{low}, {high}]",
                i + 1
            );
            found.push(DesignError::setting("bands_hz", format!("[{low}, {high}]"), must));
        }
    }
    if !(1..=crate::design::MAX_ORDER).contains(&order) {
        found.push(DesignError::Order { order });
    }
    found
}
