//! `bcid play`: a recording as LSL streams, paced by its own clock.

mod streams;

use self::streams::{Streams, Track};
use super::{Interrupts, LslLog, load_lsl, runtime};
use crate::cli::PlayArgs;
use crate::exit::{Exit, Failure};
use bci_driver_lsl::{Liblsl, OutletError};
use bci_driver_playback::{Due, Options, Player, Recording, Span};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long the streams stay after the last sample: readers lose what they have not taken when a stream ends.
const LINGER: Duration = Duration::from_secs(1);
/// How long the reader of the markers may come after the reader of the samples.
const MARKER_READER: Duration = Duration::from_secs(3);

pub(crate) fn play(args: &PlayArgs) -> Result<Exit, Failure> {
    let recording = bci_driver_playback::open(&args.file)
        .map_err(|e| Failure::new(Exit::Config, crate::exit::chain(&e)))?;
    let players = players(args, &recording)?;
    let runtime = runtime(1)?;
    let mut interrupts = runtime.block_on(async { Interrupts::listen() })?;
    let lsl = load_lsl(LslLog::Errors)?;
    let streams = Streams::publish(args, &recording, players, lsl)
        .map_err(|e| Failure::caused(Exit::Internal, "publishing the streams", &e))?;
    announce(args, &recording, &streams);

    let stop = Arc::new(AtomicBool::new(false));
    runtime.spawn({
        let stop = Arc::clone(&stop);
        async move {
            interrupts.next().await;
            stop.store(true, Ordering::Release);
        }
    });
    let played = pace(args, &recording, lsl, streams, &stop);
    runtime.shutdown_background();
    played
}

/// The groups that are played, each with its player; in step with each other.
fn players(args: &PlayArgs, recording: &Recording) -> Result<Vec<(usize, Player)>, Failure> {
    let file = args.file.display();
    let wrong = |e: &dyn std::error::Error| Failure::caused(Exit::Usage, &format!("{file}"), e);
    let count = recording.groups().len();
    let group = args.group.unwrap_or(1);
    if !(1..=count).contains(&group) {
        let problem = format!("--group {group}: {file} has {count} groups of channels, counted from 1");
        return Err(Failure::new(Exit::Usage, problem));
    }
    let all = args.group.is_none() && recording.groups()[0].stream().is_some();
    let groups: Vec<usize> = if all { (0..count).collect() } else { vec![group - 1] };
    let named = args.name.is_some() || args.source_id.is_some() || args.stream_type.is_some();
    if groups.len() > 1 && named {
        let problem =
            format!("{file} has {count} streams of samples: say which is to be called so, by --group");
        return Err(Failure::new(Exit::Usage, problem));
    }
    let spans: Vec<_> = groups.iter().map(|&group| recording.span(group, args.from, args.to)).collect();
    let reach = |a: Span, b: Span| Span { start_s: a.start_s.min(b.start_s), end_s: a.end_s.max(b.end_s) };
    let span = spans.iter().filter_map(|span| span.as_ref().ok()).copied().reduce(reach);
    let Some(span) = span else {
        return Err(spans.into_iter().find_map(Result::err).map_or_else(
            || Failure::new(Exit::Usage, format!("{file} has nothing to play")),
            |e| wrong(&e),
        ));
    };
    let mut players = Vec::new();
    for (group, own) in groups.into_iter().zip(spans) {
        // A stream that has nothing there is not played.
        if own.is_ok() {
            let options = Options {
                rate_factor: args.rate,
                looping: args.looping,
                chunk_frames: args.chunk,
                markers: players.is_empty(),
            };
            players.push((group, Player::new(recording, group, span, options).map_err(|e| wrong(&e))?));
        }
    }
    Ok(players)
}

#[allow(clippy::print_stderr, reason = "what a person at the terminal wants to know")]
fn announce(args: &PlayArgs, recording: &Recording, streams: &Streams) {
    for warning in recording.warnings() {
        eprintln!("bcid play: {}: {warning}", args.file.display());
    }
    let tracks: Vec<String> = streams
        .tracks
        .iter()
        .map(|track| {
            let channels = recording.groups()[track.group].channels().len();
            format!("{channels} channels at {}", track.player.published_rate())
        })
        .collect();
    eprintln!(
        "playing {}: {}, {:.1} s{}{}{}",
        args.file.display(),
        tracks.join(", "),
        streams.tracks.first().map_or(0.0, |track| track.player.lap_s()),
        if args.rate == 1.0 { String::new() } else { format!(", {} times as fast as recorded", args.rate) },
        if args.looping { ", again and again" } else { "" },
        if streams.markers.is_empty() { "" } else { ", with markers" },
    );
}

fn pace(
    args: &PlayArgs,
    recording: &Recording,
    lsl: Liblsl,
    mut streams: Streams,
    stop: &AtomicBool,
) -> Result<Exit, Failure> {
    let stopped = || stop.load(Ordering::Acquire);
    if args.wait_consumer {
        wait_for_readers(&streams, stop);
    }
    let failed = |e: OutletError| Failure::caused(Exit::Internal, "sending", &e);
    // The first sample is due a period after the start, so that its stamp is not in the past.
    let slowest = streams.tracks.iter().map(|t| 1.0 / t.player.published_rate().get()).fold(0.0, f64::max);
    let begin = lsl.local_clock() + slowest;
    while let (Some((track, due)), false) = (next(&streams.tracks), stopped()) {
        let wait = begin + due - lsl.local_clock();
        if wait > 0.0 {
            std::thread::sleep(Duration::from_secs_f64(wait.min(0.1)));
            continue;
        }
        let Streams { tracks, markers } = &mut streams;
        let track = &mut tracks[track];
        match track.player.take_due(lsl.local_clock() - begin) {
            Some(Due::Frames { first_frame, frames, lap, .. }) => {
                track
                    .push(recording, begin, first_frame..first_frame + frames as u64, lap)
                    .map_err(failed)?;
            }
            Some(Due::Marker { annotation, time_s, .. }) => {
                let annotation = &recording.annotations()[annotation];
                if let Some(markers) = markers.get_mut(annotation.stream) {
                    markers.push(&annotation.text, begin + time_s).map_err(failed)?;
                }
            }
            None => {}
        }
    }
    std::thread::sleep(LINGER);
    Ok(Exit::Clean)
}

/// Whose turn it is next, and when.
fn next(tracks: &[Track]) -> Option<(usize, f64)> {
    let due = tracks.iter().enumerate().filter_map(|(i, track)| Some((i, track.player.next_due()?)));
    due.min_by(|a, b| a.1.total_cmp(&b.1))
}

/// Until the first stream is read; the others are, where somebody reads them, soon after.
fn wait_for_readers(streams: &Streams, stop: &AtomicBool) {
    let step = Duration::from_millis(100);
    let Some(first) = streams.tracks.first() else { return };
    while !first.samples.wait_for_consumers(step) {
        if stop.load(Ordering::Acquire) {
            return;
        }
    }
    if let Some(markers) = streams.markers.first() {
        let _ = markers.wait_for_consumers(MARKER_READER);
    }
}
