use super::bound::Bound;
use super::open::Traced;
use super::watch::{STUCK, STUCK_AT_FIRST, STUCK_AT_FIRST_ON_GPU, Watch};
use super::{first_line, fit, runtime};
use crate::bundle::{Bundle, Layout, Output, Reset, load_model, sha256_hex};
use crate::decoder::{DecodeError, Decoder};
use crate::device::{Device, Proof, branching, by_provider, ran_on_cpu, ran_on_cuda};
use crate::golden::{self, Agreement};
use crate::posterior::to_posteriors;
use ::ort::session::Session;
use bci_config::Mistake;
use bci_types::DecoderIdentity;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much of a hop one run may take: a decoder that needs longer falls behind for good.
const MOST_OF_A_HOP: f64 = 1.0;

/// A single run beyond so many hops is refused without measuring on.
const HOPELESS_HOPS: f64 = 10.0;

/// Runs that are timed at load; their median counts.
const TIMED_RUNS: usize = 7;

/// A decoder that runs in ONNX Runtime on the calling thread, its tensors bound once.
///
/// Where it runs was seen in ONNX Runtime's own trace of a run, not taken from what it was asked for. On a GPU the input
/// and the states are copied there at every run.
pub struct OrtDecoder {
    session: Session,
    bound: Bound,
    output: Output,
    /// Channels of the tensor where it holds them side by side; a window is turned to fit.
    interleaved: Option<usize>,
    identity: Arc<DecoderIdentity>,
    proof: Proof,
    run_time: Duration,
    agreement: Option<Agreement>,
}

impl std::fmt::Debug for OrtDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrtDecoder")
            .field("identity", &self.identity)
            .field("proof", &self.proof)
            .finish_non_exhaustive()
    }
}

impl OrtDecoder {
    /// Loads the bundle's model on `device`, holds it against what the bundle says of it, proves where it runs, warms it up on
    /// silence, times it, and compares it with what the bundle expects of its golden segment.
    ///
    /// # Errors
    /// Every mistake found, each at its line of the bundle.
    pub fn load(bundle: &Bundle, device: Device) -> Result<Self, Vec<Mistake>> {
        let Some(golden) = &bundle.golden else { return Self::open(bundle, device) };
        match (golden.load(), Self::open(bundle, device)) {
            (Ok((segment, expected)), Ok(mut decoder)) => {
                let agreement = golden::check(bundle, golden, (&segment, &expected), &mut decoder)?;
                decoder.agreement = Some(agreement);
                Ok(decoder)
            }
            (files, opened) => Err([opened.err(), files.err()].into_iter().flatten().flatten().collect()),
        }
    }

    /// As [`OrtDecoder::load`], but what it yields is compared with nothing: for who makes a bundle.
    ///
    /// # Errors
    /// As [`OrtDecoder::load`].
    pub fn open(bundle: &Bundle, device: Device) -> Result<Self, Vec<Mistake>> {
        let first = Self::on(bundle, device);
        match (device, first) {
            (Device::PreferCuda, Err(found)) => {
                let mut decoder = Self::on(bundle, Device::Cpu)?;
                let why = found.first().map(|m| m.problem.clone()).unwrap_or_default();
                tracing::warn!(
                    decoder = %bundle.identity.name, reason = %why,
                    "a GPU was preferred, and the decoder runs on the processor"
                );
                decoder.proof.asked = device;
                decoder.proof.degraded = Some(why);
                Ok(decoder)
            }
            (_, opened) => opened,
        }
    }

    fn on(bundle: &Bundle, device: Device) -> Result<Self, Vec<Mistake>> {
        let model_at = bundle.model_place();
        let loaded = runtime().map_err(|e| vec![Mistake::elsewhere(e.to_string())])?;
        let mut traced = hashed(bundle)
            .and_then(|model| Traced::open(loaded, &model, device))
            .map_err(|e| vec![model_at.mistake(format!("the model cannot be loaded: {}", first_line(&e)))])?;
        let found = fit::against_bundle(&traced.session, bundle);
        if !found.is_empty() {
            return Err(found);
        }
        let fails = |e: String| vec![model_at.mistake(format!("the model does not run: {}", first_line(&e)))];
        let watch = Watch::new().map_err(fails)?;
        let mut bound = Bound::new(&traced.session, bundle, device != Device::Cpu, watch)
            .map_err(|e| fails(e.to_string()))?;
        bound.input().fill(0.0);
        let limit = if device == Device::Cpu { STUCK_AT_FIRST } else { STUCK_AT_FIRST_ON_GPU };
        bound.run(&mut traced.session, limit).map_err(fails)?;
        let (session, nodes) = traced.finish().map_err(fails)?;
        let provider = if device == Device::Cpu { "CPU" } else { "CUDA" };
        if device == Device::Cpu { ran_on_cpu(&nodes) } else { ran_on_cuda(&nodes) }
            .map_err(|why| vec![model_at.mistake(format!("{} was asked for, but {why}", device.word()))])?;
        let proof = Proof {
            asked: device,
            provider: provider.to_owned(),
            nodes: by_provider(&nodes),
            branching: branching(&nodes),
            degraded: None,
        };
        let mut decoder = Self {
            session,
            bound,
            output: bundle.output.clone(),
            interleaved: (bundle.input.layout == Layout::SamplesChannels).then(|| bundle.windowed.channels()),
            identity: Arc::clone(&bundle.identity),
            proof,
            run_time: Duration::ZERO,
            agreement: None,
        };
        decoder.run_time = decoder.time(bundle)?;
        Ok(decoder)
    }

    /// Warms up and takes the time. What silence yields does not matter: it may well be no number.
    fn time(&mut self, bundle: &Bundle) -> Result<Duration, Vec<Mistake>> {
        let hop = &bundle.input.hop_samples;
        let hop_s = hop.value as f64 / bundle.windowed.rate.get();
        let slow = |run_s: f64| {
            vec![hop.mistake(format!(
                "one run of the model takes {} ms, a hop is {} ms",
                rounded(run_s * 1e3),
                rounded(hop_s * 1e3)
            ))]
        };
        let mut times = Vec::with_capacity(TIMED_RUNS);
        // The first run after the trace still allocates and plans.
        for run in 0..=TIMED_RUNS {
            let begun = Instant::now();
            self.bound.run(&mut self.session, STUCK).map_err(|e| {
                vec![bundle.model_place().mistake(format!("the model does not run: {}", first_line(&e)))]
            })?;
            let took = begun.elapsed();
            if took.as_secs_f64() > HOPELESS_HOPS * hop_s && run > 0 {
                return Err(slow(took.as_secs_f64()));
            }
            if run > 0 {
                times.push(took);
            }
        }
        times.sort_unstable();
        let median = times[TIMED_RUNS / 2];
        if median.as_secs_f64() > MOST_OF_A_HOP * hop_s {
            return Err(slow(median.as_secs_f64()));
        }
        Ok(median)
    }

    /// Where it runs, as was seen.
    #[must_use]
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// What one run took when it was loaded (median).
    #[must_use]
    pub fn run_time(&self) -> Duration {
        self.run_time
    }

    /// How well it agrees with what its bundle expects; `None` where it was not compared.
    #[must_use]
    pub fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_ref()
    }
}

/// The model's bytes, which are those that were hashed: the file may have changed since the bundle was read.
fn hashed(bundle: &Bundle) -> Result<Vec<u8>, String> {
    let bytes = load_model(&bundle.model.value)?;
    if sha256_hex(&bytes) == bundle.identity.model_sha256 {
        Ok(bytes)
    } else {
        Err("the file changes while it is being read".to_owned())
    }
}

/// To three digits, in plain writing.
fn rounded(x: f64) -> f64 {
    let digits = 10f64.powi(2 - x.abs().max(1e-9).log10().floor() as i32);
    (x * digits).round() / digits
}

impl Decoder for OrtDecoder {
    fn identity(&self) -> Arc<DecoderIdentity> {
        Arc::clone(&self.identity)
    }

    fn output(&self) -> &Output {
        &self.output
    }

    fn decode(&mut self, window: &[f32], numbers: &mut [f32]) -> Result<(), DecodeError> {
        let needed = self.bound.inputs();
        if window.len() != needed || numbers.len() != self.output.numbers() {
            return Err(DecodeError::Size { window: window.len(), needed, posterior: numbers.len() });
        }
        match self.interleaved {
            None => self.bound.input().copy_from_slice(window),
            Some(channels) => interleave(window, channels, self.bound.input()),
        }
        self.bound
            .run(&mut self.session, STUCK)
            .map_err(|e| DecodeError::Run(Box::new(std::io::Error::other(e))))?;
        self.bound.check_finite()?;
        numbers.copy_from_slice(self.bound.output());
        if let Some(classes) = self.output.classes() {
            to_posteriors(classes, numbers)?;
        }
        self.bound.keep();
        Ok(())
    }

    fn has_memory(&self) -> bool {
        self.bound.has_states()
    }

    fn reset(&mut self, how: Reset) {
        self.bound.reset(how);
    }

    fn keep_warm(&mut self) {
        self.bound.input().fill(0.0);
        // What it yields is not kept, and a failure will show where it matters.
        let _ = self.bound.run(&mut self.session, STUCK);
    }
}

/// `[channels x samples]` to `[samples x channels]`.
fn interleave(window: &[f32], channels: usize, out: &mut [f32]) {
    let samples = window.len() / channels;
    for (n, frame) in out.chunks_exact_mut(channels).enumerate() {
        for (c, x) in frame.iter_mut().enumerate() {
            *x = window[c * samples + n];
        }
    }
}
