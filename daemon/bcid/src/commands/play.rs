//! `bcid play`: a recording as LSL streams, paced by its own clock.

use super::{Interrupts, LslLog, load_lsl, runtime};
use crate::cli::PlayArgs;
use crate::exit::{Exit, Failure};
use bci_driver_lsl::{EegOutlet, Liblsl, MarkerOutlet, OutletError, OutletOptions};
use bci_driver_playback::{Due, Options, Player, Recording};
use bci_types::{Rate, SampleFormat, StreamSpec};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long the streams stay after the last sample: readers lose what they have not taken when a stream ends.
const LINGER: Duration = Duration::from_secs(1);
/// How long the reader of the markers may come after the reader of the samples.
const MARKER_READER: Duration = Duration::from_secs(3);

/// The streams being played.
struct Streams {
    samples: EegOutlet,
    markers: Option<MarkerOutlet>,
}

pub(crate) fn play(args: &PlayArgs) -> Result<Exit, Failure> {
    let file = args.file.display();
    let recording = bci_driver_playback::open(&args.file)
        .map_err(|e| Failure::new(Exit::Config, crate::exit::chain(&e)))?;
    let wrong = |e: &dyn std::error::Error| Failure::caused(Exit::Usage, &format!("{file}"), e);
    let groups = recording.groups().len();
    if !(1..=groups).contains(&args.group) {
        let problem =
            format!("--group {}: {file} has {groups} groups of channels, counted from 1", args.group);
        return Err(Failure::new(Exit::Usage, problem));
    }
    let group = args.group - 1;
    let span = recording.span(group, args.from, args.to).map_err(|e| wrong(&e))?;
    let options =
        Options { rate_factor: args.rate, looping: args.looping, chunk_frames: args.chunk, markers: true };
    let player = Player::new(&recording, group, span, options).map_err(|e| wrong(&e))?;
    let runtime = runtime(1)?;
    let mut interrupts = runtime.block_on(async { Interrupts::listen() })?;
    let lsl = load_lsl(LslLog::Errors)?;
    let streams = publish(args, &recording, group, &player, lsl)
        .map_err(|e| Failure::caused(Exit::Internal, "publishing the streams", &e))?;
    announce(args, &recording, &player, streams.markers.is_some());

    let stop = Arc::new(AtomicBool::new(false));
    runtime.spawn({
        let stop = Arc::clone(&stop);
        async move {
            interrupts.next().await;
            stop.store(true, Ordering::Release);
        }
    });
    let played = pace(args, &recording, group, player, lsl, streams, &stop);
    runtime.shutdown_background();
    played
}

fn publish(
    args: &PlayArgs,
    recording: &Recording,
    group: usize,
    player: &Player,
    lsl: Liblsl,
) -> Result<Streams, OutletError> {
    let signals = &recording.groups()[group];
    let stem = args.file.file_stem().map_or_else(|| "recording".into(), |s| s.to_string_lossy().into_owned());
    let name = args.name.clone().unwrap_or(stem);
    let marker_name = args.marker_name.clone().unwrap_or_else(|| format!("{name}-markers"));
    let source_id = args.source_id.clone().unwrap_or_else(|| name.clone());
    let rate = if args.keep_stated_rate { signals.rate() } else { player.published_rate() };
    let spec = StreamSpec {
        name,
        kind: args.stream_type.clone(),
        source_id: source_id.clone(),
        hostname: String::new(),
        instance: String::new(),
        // Double precision holds every physical value of the file exactly.
        format: SampleFormat::Double64,
        rate: Rate::Regular(rate),
        channels: signals.channels().to_vec(),
    };
    let options = OutletOptions {
        acquisition: vec![
            ("manufacturer".into(), "bcid play".into()),
            ("recording".into(), args.file.file_name().unwrap_or_default().to_string_lossy().into_owned()),
        ],
        ..OutletOptions::default()
    };
    let samples = EegOutlet::new(lsl, &spec, &options)?;
    let markers = if recording.annotations().is_empty() {
        None
    } else {
        Some(MarkerOutlet::new(lsl, &marker_name, &format!("{source_id}-markers"))?)
    };
    Ok(Streams { samples, markers })
}

#[allow(clippy::print_stderr, reason = "what a person at the terminal wants to know")]
fn announce(args: &PlayArgs, recording: &Recording, player: &Player, markers: bool) {
    for warning in recording.warnings() {
        eprintln!("bcid play: {}: {warning}", args.file.display());
    }
    let channels = recording.groups()[args.group - 1].channels().len();
    eprintln!(
        "playing {}: {channels} channels at {}, {:.1} s{}{}{}",
        args.file.display(),
        player.published_rate(),
        player.lap_s(),
        if args.rate == 1.0 { String::new() } else { format!(", {} times as fast as recorded", args.rate) },
        if args.looping { ", again and again" } else { "" },
        if markers { ", with markers" } else { "" },
    );
}

fn pace(
    args: &PlayArgs,
    recording: &Recording,
    group: usize,
    mut player: Player,
    lsl: Liblsl,
    mut streams: Streams,
    stop: &AtomicBool,
) -> Result<Exit, Failure> {
    let stopped = || stop.load(Ordering::Acquire);
    if args.wait_consumer {
        wait_for_readers(&streams, stop);
    }
    let signals = &recording.groups()[group];
    let channels = signals.channels().len();
    let mut frames_out = vec![0.0; channels * args.chunk];
    let mut stamps = Vec::with_capacity(args.chunk);
    let failed = |e: OutletError| Failure::caused(Exit::Internal, "sending", &e);
    // The first sample is due a period after the start, so that its stamp is not in the past.
    let begin = lsl.local_clock() + 1.0 / player.published_rate().get();
    while let (Some(due), false) = (player.next_due(), stopped()) {
        let wait = begin + due - lsl.local_clock();
        if wait > 0.0 {
            std::thread::sleep(Duration::from_secs_f64(wait.min(0.1)));
            continue;
        }
        match player.take_due(lsl.local_clock() - begin) {
            Some(Due::Frames { first_frame, frames, lap, .. }) => {
                let room = &mut frames_out[..frames * channels];
                signals.read_frames(first_frame, room);
                stamps.clear();
                stamps.extend((0..frames as u64).map(|i| begin + player.frame_stamp_s(lap, first_frame + i)));
                streams.samples.push(room, &stamps).map_err(failed)?;
            }
            Some(Due::Marker { annotation, time_s, .. }) => {
                if let Some(markers) = &mut streams.markers {
                    markers
                        .push(&recording.annotations()[annotation].text, begin + time_s)
                        .map_err(failed)?;
                }
            }
            None => {}
        }
    }
    std::thread::sleep(LINGER);
    Ok(Exit::Clean)
}

fn wait_for_readers(streams: &Streams, stop: &AtomicBool) {
    let step = Duration::from_millis(100);
    while !streams.samples.wait_for_consumers(step) {
        if stop.load(Ordering::Acquire) {
            return;
        }
    }
    if let Some(markers) = &streams.markers {
        let _ = markers.wait_for_consumers(MARKER_READER);
    }
}
