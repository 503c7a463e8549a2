//! From the engine's types to the wire's.

use crate::engine::{PipelineStatus, StreamState, StreamStatus};
use crate::telemetry::StepSummary;
use bci_proto::v1;
use bci_types::{
    DecoderIdentity, HostNs, Intent, Marker, NoIntentReason, Numbers, Outcome, Validity, Withheld,
};

pub(crate) fn intent(intent: &Intent, published: HostNs) -> v1::Intent {
    let probabilities = intent
        .labels
        .iter()
        .zip(intent.numbers.iter().zip(&intent.smoothed))
        .map(|(label, (&window, &smoothed))| v1::ClassProbability { label: label.clone(), window, smoothed })
        .collect();
    let none = |reason: v1::NoIntentReason| v1::intent::Outcome::None(v1::NoIntent { reason: reason.into() });
    let action = &intent.action;
    let outcome = match (intent.outcome, action.withheld) {
        // What is untrustworthy, or nothing anyhow, is told as what it is.
        (Outcome::NoIntent(reason), _) => none(no_intent(reason)),
        (_, Some(Withheld::Paused)) => none(v1::NoIntentReason::Paused),
        (_, Some(Withheld::Overruled)) => none(v1::NoIntentReason::Overruled),
        (Outcome::Class(class), None) => v1::intent::Outcome::Discrete(v1::DiscreteIntent {
            label: intent.labels[class].clone(),
            probability: intent.smoothed[class],
            activation: action.activation,
            held_ms: action.held_ms,
        }),
        (Outcome::Numbers, None) => numbers(intent),
    };
    let motion = action.motion.as_ref().map(|motion| {
        let axes = motion.axes.iter().zip(&motion.values);
        let stopped = action.withheld.is_some();
        let along = |(axis, value): (&String, &f32)| v1::AxisVelocity {
            axis: axis.clone(),
            value: if stopped { 0.0 } else { *value },
        };
        v1::VelocityIntent { axes: axes.map(along).collect(), unit: motion.unit.to_string() }
    });
    v1::Intent {
        sequence: intent.seq,
        pipeline: intent.pipeline.to_string(),
        decoder: Some(decoder(&intent.decoder)),
        probabilities,
        outcome: Some(outcome),
        validity: Some(validity(intent.validity)),
        oldest_sample_ns: intent.oldest_sample.0,
        newest_sample_ns: intent.newest_sample.0,
        newest_frame: intent.newest_frame,
        ledger: Some(v1::Ledger {
            acquired_ns: intent.ledger.acquired.0,
            queued_ns: intent.ledger.dequeued.0,
            filtered_ns: intent.ledger.filtered.0,
            decoded_ns: intent.ledger.decoded.0,
            published_ns: published.0,
            signal_delay_ns: intent.ledger.signal_delay_ns,
        }),
        motion,
        valid_until_ns: action.valid_until.map(|at| at.0),
    }
}

fn no_intent(reason: NoIntentReason) -> v1::NoIntentReason {
    match reason {
        NoIntentReason::BelowThreshold => v1::NoIntentReason::BelowThreshold,
        NoIntentReason::InvalidData => v1::NoIntentReason::InvalidData,
        NoIntentReason::Rejected => v1::NoIntentReason::Rejected,
        NoIntentReason::Rest => v1::NoIntentReason::Rest,
        NoIntentReason::Dwelling => v1::NoIntentReason::Dwelling,
        NoIntentReason::Refractory => v1::NoIntentReason::Refractory,
        NoIntentReason::Accumulating => v1::NoIntentReason::Accumulating,
    }
}

/// What a decoder of anything but classes yielded.
fn numbers(intent: &Intent) -> v1::intent::Outcome {
    let values = intent.numbers.clone();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (kind, shape, labels) = match &intent.kind {
        Numbers::Velocity(unit) => {
            let axes = intent.labels.iter().zip(values);
            let axes = axes.map(|(axis, value)| v1::AxisVelocity { axis: axis.clone(), value }).collect();
            return v1::intent::Outcome::Velocity(v1::VelocityIntent { axes, unit: unit.to_string() });
        }
        Numbers::TokenLogits(steps) => (
            v1::NumbersKind::TokenLogits,
            vec![count(*steps), count(intent.labels.len())],
            intent.labels.to_vec(),
        ),
        Numbers::Embedding | Numbers::Posterior => {
            (v1::NumbersKind::Embedding, vec![count(values.len())], Vec::new())
        }
    };
    v1::intent::Outcome::Numbers(v1::NumbersIntent { kind: kind.into(), shape, values, labels })
}

pub(crate) fn decoder(identity: &DecoderIdentity) -> v1::Decoder {
    v1::Decoder {
        name: identity.name.clone(),
        version: identity.version.clone(),
        model_sha256: identity.model_sha256.clone(),
    }
}

fn validity(validity: Validity) -> v1::Validity {
    let causes = [
        (Validity::GAP, v1::InvalidCause::Gap),
        (Validity::SETTLING, v1::InvalidCause::Settling),
        (Validity::NOT_FINITE, v1::InvalidCause::NotFinite),
        (Validity::DECODER_FAULT, v1::InvalidCause::DecoderFault),
        (Validity::STALE, v1::InvalidCause::Stale),
        (Validity::RAILED, v1::InvalidCause::Railed),
        (Validity::FLAT, v1::InvalidCause::Flat),
        (Validity::CLOCK_STEP, v1::InvalidCause::ClockStep),
    ]
    .into_iter()
    .filter(|(cause, _)| validity.has(*cause))
    .map(|(_, wire)| wire.into())
    .collect();
    v1::Validity { valid: validity.is_valid(), causes, bridged: validity.has(Validity::BRIDGED) }
}

pub(crate) fn marker(marker: &Marker) -> v1::Marker {
    v1::Marker {
        stream: marker.stream.to_string(),
        text: marker.text.clone(),
        time_ns: marker.time.0,
        received_ns: marker.received.0,
    }
}

pub(crate) fn stream(status: &StreamStatus) -> v1::StreamStatus {
    v1::StreamStatus {
        pipeline: status.pipeline.to_string(),
        state: match status.state {
            StreamState::Waiting => v1::StreamState::Waiting,
            StreamState::Streaming => v1::StreamState::Streaming,
            StreamState::Silent => v1::StreamState::Silent,
            StreamState::Lost => v1::StreamState::Lost,
            StreamState::Refused => v1::StreamState::Refused,
            StreamState::Stopped => v1::StreamState::Stopped,
        }
        .into(),
        message: status.message.clone(),
        since_ns: status.since.0,
    }
}

pub(crate) fn pipeline(status: &PipelineStatus, steps: &[StepSummary]) -> v1::PipelineStatus {
    v1::PipelineStatus {
        name: status.stream.pipeline.to_string(),
        stream: Some(stream(&status.stream)),
        stream_name: status.stream_name.clone(),
        rate_hz: status.rate_hz,
        channels: status.channels,
        decoder: Some(decoder(&status.decoder)),
        samples_in: status.samples_in,
        samples_lost: status.samples_lost,
        gaps: status.gaps,
        reattached: status.reattached,
        windows: status.windows,
        windows_skipped: status.windows_skipped,
        windows_invalid: status.windows_invalid,
        decoder_faults: status.decoder_faults,
        away_seconds: status.away_seconds,
        window_ms: status.settings.window_ms,
        hop_ms: status.settings.hop_ms,
        threshold: status.settings.threshold,
        smoothing_ms: status.settings.smoothing_ms,
        max_age_ms: status.settings.max_age_ms,
        signal_delay_ms: status.settings.signal_delay_ms,
        settle_ms: status.settings.settle_ms,
        frames_bridged: status.frames_bridged,
        frames_not_finite: status.frames_not_finite,
        measured_rate_hz: status.measured_rate_hz,
        delivered_rate_hz: status.delivered_rate_hz,
        stamp_jitter_ms: status.stamp_jitter_ms,
        clock_steps: status.clock_steps,
        samples_repeated: status.samples_repeated,
        artefacts: status.artefacts.map(|a| v1::ArtefactsRemoved {
            windows: a.windows,
            reconstructed: a.reconstructed,
            power_share: a.power_share,
        }),
        steps: steps.iter().map(step).collect(),
        pause: status.pause.as_ref().map(|pause| v1::PipelinePause {
            since_ns: pause.since.0,
            reason: pause.reason.clone(),
            by: pause.by.clone(),
        }),
        rules: Some(v1::PipelineRules {
            release: status.rules.release,
            dwell_ms: status.rules.dwell_ms,
            refractory_ms: status.rules.refractory_ms,
            rest: status.rules.rest.clone(),
            valid_ms: status.rules.valid_ms,
            accumulates: status.rules.accumulates,
            axes: status.rules.axes.clone(),
            motion_unit: status.rules.motion_unit.clone(),
        }),
    }
}

pub(crate) fn step(of: &StepSummary) -> v1::StepLatency {
    v1::StepLatency {
        step: of.step.to_owned(),
        count: of.count,
        p50_ms: of.p50_ms,
        p99_ms: of.p99_ms,
        p999_ms: of.p999_ms,
        max_ms: of.max_ms,
    }
}
