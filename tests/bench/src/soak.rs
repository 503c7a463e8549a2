//! The long run: real recordings played faster than they were, one after the other and over again, each as a source that comes
//! anew; what of the daemon grows meanwhile, what is lost, whether latency stays as it is, and whether what it recorded of
//! itself replays.

mod material;
mod sampled;
mod statistics;

use self::material::{Decoder, Material, RECORDED};
use self::sampled::{Intent, Pressure, Sample, intents};
use self::statistics::{median, quantile, slope};
use crate::Options;
use crate::child::Running;
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// By how much resident memory may be above what it was once everything had been touched, bytes.
const MOST_GROWTH: f64 = 8.0 * 1024.0 * 1024.0;
/// By how much threads or open files may.
const MOST_HANDLES: f64 = 4.0;
/// How far the 99th percentile may rise from the settled part of the first half to the last third.
const MOST_RISE: f64 = 1.5;
/// What a busy machine adds to any percentile, ms: below that nothing is a trend.
const LEAST_RISE_MS: f64 = 2.0;
/// A window is skipped when eight wait for the decoder, at ten times the speed a matter of 50 ms: on a machine that kept
/// processes waiting for this share of the time, or whose host took away that share of a processor, so large a share of them
/// may be; else none.
const BUSY: f64 = 0.1;
const STOLEN: f64 = 0.01;
const MOST_SKIPPED_BUSY: f64 = 0.005;
/// How old the newest intents may be when a recording ends, ms, and in medians of the whole run.
const MOST_BACKLOG_MS: f64 = 100.0;
const MOST_BACKLOG: f64 = 10.0;
/// The intents by which that is told.
const NEWEST: usize = 20;

/// The daemon is looked at so often.
const EVERY: Duration = Duration::from_secs(2);
/// Of a percentile an interval needs so many windows: between recordings there are few.
const LEAST_INTENTS: usize = 50;

const START: Duration = Duration::from_secs(60);
/// For the client, the daemon and the player to end.
const DRAIN: Duration = Duration::from_secs(60);

/// A recording that was played.
struct Play {
    begun_ns: i64,
    ended_ns: i64,
    /// Frames of this and all before: as played, and as the daemon counts them when the player has ended.
    frames: u64,
    received: u64,
}

/// Everything that came of it.
struct Run {
    plays: Vec<Play>,
    played_s: f64,
    markers: u64,
    holes: u64,
    /// Frames that the recordings' own holes are long, at their rates.
    lacking: f64,
    samples: Vec<Sample>,
    intents: Vec<Intent>,
    summary: Value,
    /// Shares of the time: in which a process waited for a processor, and of one that the host took away.
    pressure: [f64; 2],
    /// What the daemon's own recording holds: frames, and markers.
    recorded: (u64, u64),
    replayed: Value,
    /// Latency is told for each such interval, s: short ones where the run is short, of which a busy moment spoils one and not the
    /// median.
    interval_s: f64,
}

pub(crate) fn run(options: &Options) -> Result<bool, String> {
    let base = format!("soak-{}", std::process::id());
    let folder = std::env::temp_dir().join(&base);
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let ran = within(options, &base, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    let run = ran?;
    let rows = rows(&run);
    table(&rows);
    let (figures, failed) = judge(&run);
    let all = json!({
        "minutes": run.played_s / 60.0,
        "speed": options.speed(),
        "recordings": options.recordings.iter().filter_map(|f| f.file_name()?.to_str()).collect::<Vec<_>>(),
        "plays": run.plays.len(),
        "figures": figures,
        "rows": rows,
    });
    crate::write_rows(options, &all)?;
    crate::verdict(&failed)
}

fn within(options: &Options, stream: &str, folder: &Path) -> Result<Run, String> {
    let materials =
        options.recordings.iter().map(|file| Material::open(file)).collect::<Result<Vec<_>, _>>()?;
    let decoder = Decoder::make(options, folder)?;
    let (minutes, speed) = (options.minutes(), options.speed());
    println!(
        "{} recordings, real ones, one after the other until {minutes} minutes of them have gone, at {speed} times their speed",
        materials.len()
    );
    let (config, ready, summary) =
        (folder.join("rig.toml"), folder.join("ready.json"), folder.join("summary.json"));
    let study = folder.join("study");
    std::fs::write(&config, decoder.configuration(stream, speed, &study)).map_err(|e| e.to_string())?;
    let mut command = Command::new(&options.bcid);
    command.arg("run").arg(&config).arg("--ready-file").arg(&ready).arg("--json").arg(&summary);
    let daemon_log = folder.join("daemon.log");
    let mut daemon = Running::start(command.stdout(Stdio::null()).stderr(written_to(&daemon_log)?))?;
    let url = serves(&mut daemon, &ready).map_err(|e| format!("{e}\n{}", tail(&daemon_log)))?;
    let each = folder.join("intents.csv");
    let mut client = Command::new(&options.bcid);
    client.args(["latency", "--server", &url, "--settle", "0", "--seconds", "86400", "--each"]).arg(&each);
    let client_log = folder.join("client.log");
    let mut client = Running::start(client.stdout(Stdio::null()).stderr(written_to(&client_log)?))?;

    let before = Pressure::now();
    let mut playing = Playing {
        options,
        stream,
        folder,
        url: &url,
        daemon: daemon.id(),
        plays: Vec::new(),
        samples: Vec::new(),
        frames: 0,
        played_s: 0.0,
    };
    let (mut markers, mut holes, mut lacking) = (0, 0, 0.0);
    for material in materials.iter().cycle() {
        playing.play(material).map_err(|e| format!("{e}\nthe daemon:\n{}", tail(&daemon_log)))?;
        markers += material.markers;
        holes += material.holes;
        lacking += material.away_s * material.rate_hz;
        if playing.played_s >= 60.0 * minutes {
            break;
        }
    }
    let Playing { plays, samples, played_s, .. } = playing;
    let pressure = Pressure::now().since(&before);
    client.interrupt()?;
    if !client.wait(DRAIN)? {
        return Err(format!("the client failed: {}", tail(&client_log)));
    }
    daemon.interrupt()?;
    if !daemon.wait(DRAIN)? {
        return Err(format!("the daemon does not end well:\n{}", tail(&daemon_log)));
    }
    let read = |file: &Path| std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()));
    let of_json = |file: &Path| serde_json::from_str(&read(file)?).map_err(|e| e.to_string());
    let session = study.join(RECORDED);
    Ok(Run {
        plays,
        played_s,
        markers,
        holes,
        lacking,
        samples,
        intents: intents(&read(&each)?)?,
        summary: of_json(&summary)?,
        pressure,
        recorded: recorded(&session, stream)?,
        interval_s: if options.quick { 2.0 } else { 5.0 },
        replayed: replay(options, &session, &folder.join("replay.json"))?,
    })
}

/// Recordings that are played to the daemon, and how it does.
struct Playing<'a> {
    options: &'a Options,
    stream: &'a str,
    folder: &'a Path,
    url: &'a str,
    daemon: u32,
    plays: Vec<Play>,
    samples: Vec<Sample>,
    frames: u64,
    played_s: f64,
}

impl Playing<'_> {
    fn play(&mut self, material: &Material) -> Result<(), String> {
        let mut command = Command::new(&self.options.bcid);
        command.arg("play").arg(&material.file).args(["--name", self.stream, "--source-id", self.stream]);
        command.arg("--marker-name").arg(format!("{}-markers", self.stream));
        command.args(["--keep-stated-rate", "--wait-consumer", "--chunk", "4"]);
        command.args(["--rate", &self.options.speed().to_string(), "--group", &material.group.to_string()]);
        let log = self.folder.join("player.log");
        let mut player = Running::start(command.stdout(Stdio::null()).stderr(written_to(&log)?))?;
        // Until it is found, and as long again as it takes.
        let patience = START + Duration::from_secs_f64(2.0 * material.seconds / self.options.speed());
        let (begun, begun_ns) = (Instant::now(), self.sample(material)?.at_ns);
        let mut looked = Instant::now();
        while !player.has_ended() {
            if begun.elapsed() > patience {
                return Err(format!("{} is not played within {patience:?}", material.file.display()));
            }
            std::thread::sleep(Duration::from_millis(20));
            if looked.elapsed() >= EVERY {
                looked = Instant::now();
                self.sample(material)?;
            }
        }
        if !player.wait(DRAIN)? {
            return Err(format!("bcid play: {}", tail(&log)));
        }
        let sample = self.sample(material)?;
        self.frames += material.frames;
        self.played_s += material.seconds;
        let (ended_ns, received) = (sample.at_ns, sample.counters.samples);
        self.plays.push(Play { begun_ns, ended_ns, frames: self.frames, received });
        Ok(())
    }

    fn sample(&mut self, material: &Material) -> Result<Sample, String> {
        let mut sample = Sample::take(self.daemon, self.url)?;
        let share = sample.counters.samples.saturating_sub(self.frames) as f64 / material.frames as f64;
        sample.recorded_s = self.played_s + share.min(1.0) * material.seconds;
        self.samples.push(sample);
        Ok(sample)
    }
}

fn written_to(file: &Path) -> Result<Stdio, String> {
    File::create(file).map(Stdio::from).map_err(|e| format!("{}: {e}", file.display()))
}

fn tail(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// The address of the daemon, once it serves.
fn serves(daemon: &mut Running, ready: &PathBuf) -> Result<String, String> {
    let begun = Instant::now();
    loop {
        let told = std::fs::read_to_string(ready).ok();
        let told = told.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        if let Some(url) = told.as_ref().and_then(|told| told["grpc"].as_str()) {
            return Ok(url.to_owned());
        }
        if daemon.has_ended() || begun.elapsed() > START {
            return Err("the daemon does not come to serve".to_owned());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Frames and markers in the daemon's own recording.
fn recorded(session: &Path, stream: &str) -> Result<(u64, u64), String> {
    let recording = bci_driver_playback::open(session).map_err(|e| format!("{}: {e}", session.display()))?;
    let own = |group: &&bci_driver_playback::SignalGroup| group.stream().is_some_and(|s| s.name == stream);
    let frames = recording.groups().iter().filter(own).map(|group| group.frames()).sum();
    let name = format!("{stream}-markers");
    let of_markers = |n: usize| recording.marker_streams().get(n).is_some_and(|s| s.name == name);
    let markers = recording.annotations().iter().filter(|a| of_markers(a.stream)).count() as u64;
    Ok((frames, markers))
}

/// What `bcid replay` finds.
fn replay(options: &Options, session: &Path, found: &Path) -> Result<Value, String> {
    let mut command = Command::new(&options.bcid);
    let out = command.arg("replay").arg(session).arg("--json").arg(found).stdin(Stdio::null()).output();
    let out = out.map_err(|e| e.to_string())?;
    print!("{}", String::from_utf8_lossy(&out.stdout));
    let text = std::fs::read_to_string(found)
        .map_err(|_| format!("bcid replay: {}", String::from_utf8_lossy(&out.stderr).trim()))?;
    serde_json::from_str(&text).map_err(|e| e.to_string())
}

/// A row a tenth of what was played.
fn rows(run: &Run) -> Vec<Value> {
    let mut before = run.samples.first().copied().unwrap_or_default();
    let tenths = (1..=10).map(|n| f64::from(n) / 10.0 * run.played_s + 1e-6);
    tenths
        .map(|until| {
            let at = run.samples.iter().rev().find(|s| s.recorded_s <= until).copied().unwrap_or(before);
            let within =
                run.intents.iter().filter(|i| before.at_ns < i.received_ns && i.received_ns <= at.at_ns);
            let (ages, since): (Vec<f64>, Vec<f64>) = within.map(|i| (i.age_ms, i.since_arrival_ms)).unzip();
            let more = |of: fn(&Sample) -> u64| of(&at) - of(&before);
            let row = json!({
                "recorded_min": at.recorded_s / 60.0,
                "samples": more(|s| s.counters.samples),
                "lost": more(|s| s.counters.lost),
                "gaps": more(|s| s.counters.gaps),
                "windows": more(|s| s.counters.windows),
                "skipped": more(|s| s.counters.skipped),
                "p50_ms": quantile(&ages, 0.5),
                "p99_ms": quantile(&ages, 0.99),
                "since_arrival_p50_ms": quantile(&since, 0.5),
                "since_arrival_p99_ms": quantile(&since, 0.99),
                "resident_mb": at.resident as f64 / 1e6,
                "threads": at.threads,
                "files": at.files,
            });
            before = at;
            row
        })
        .collect()
}

fn table(rows: &[Value]) {
    println!(
        "{:>8} {:>9} {:>5} {:>8} {:>7} {:>8} {:>8} {:>11} {:>8} {:>7} {:>7} {:>5}",
        "rec. min",
        "samples",
        "lost",
        "windows",
        "skipped",
        "p50 ms",
        "p99 ms",
        "arrival p50",
        "p99 ms",
        "RSS MB",
        "threads",
        "files"
    );
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
        println!(
            "{:>8.1} {:>9} {:>5} {:>8} {:>7} {:>8.3} {:>8.3} {:>11.3} {:>8.3} {:>7.1} {:>7} {:>5}",
            number("recorded_min"),
            number("samples"),
            number("lost"),
            number("windows"),
            number("skipped"),
            number("p50_ms"),
            number("p99_ms"),
            number("since_arrival_p50_ms"),
            number("since_arrival_p99_ms"),
            number("resident_mb"),
            number("threads"),
            number("files")
        );
    }
    println!(
        "p50, p99: from the newest sample's stamp to receipt in another process; arrival: from its arrival at the daemon on. How long\n\
         stamps run ahead of what comes is the recordings' own."
    );
}

/// The 99th percentiles of one interval.
#[derive(Clone, Copy, Debug)]
struct Interval {
    /// Share of the run that had gone by its middle.
    share: f64,
    age_p99: f64,
    since_arrival_p99: f64,
}

/// Intervals in which enough came.
fn intervals(intents: &[Intent], interval_s: f64) -> Vec<Interval> {
    let (Some(first), Some(last)) = (intents.first(), intents.last()) else { return Vec::new() };
    let seconds = |i: &Intent| (i.received_ns - first.received_ns) as f64 / 1e9;
    let whole = seconds(last).max(f64::MIN_POSITIVE);
    let of_one = |one: &[Intent]| {
        let number = (seconds(&one[0]) / interval_s).floor();
        let (ages, since): (Vec<f64>, Vec<f64>) = one.iter().map(|i| (i.age_ms, i.since_arrival_ms)).unzip();
        Interval {
            share: (number + 0.5) * interval_s / whole,
            age_p99: quantile(&ages, 0.99),
            since_arrival_p99: quantile(&since, 0.99),
        }
    };
    intents
        .chunk_by(|a, b| (seconds(a) / interval_s).floor() == (seconds(b) / interval_s).floor())
        .filter(|one| one.len() >= LEAST_INTENTS)
        .map(of_one)
        .collect()
}

/// Figures of the whole run, and what does not hold of it.
fn judge(run: &Run) -> (Value, Vec<String>) {
    let mut failed = Vec::new();
    let mut hold = |holds: bool, what: String| {
        if !holds {
            failed.push(what);
        }
    };
    let ended = &run.summary["pipelines"][0];
    let count = |key: &str| ended[key].as_u64().unwrap_or(u64::MAX);

    // What was played arrived, each recording before its source was gone.
    let played = run.plays.last().map_or(0, |play| play.frames);
    for (n, play) in run.plays.iter().enumerate() {
        let (received, frames) = (play.received, play.frames);
        hold(received == frames, format!("at the end of play {}: {received} frames came of {frames}", n + 1));
    }
    let (in_file, markers) = run.recorded;
    hold(count("samples_in") == played, format!("{} frames in of {played}", count("samples_in")));
    hold(in_file == played, format!("{in_file} frames recorded of {played}"));
    hold(markers == run.markers, format!("{markers} markers recorded of {}", run.markers));
    let (lost, gaps) = (count("samples_lost"), count("gaps"));
    hold(
        lost as f64 <= run.lacking && gaps <= run.holes,
        format!(
            "{lost} frames lost in {gaps} gaps: the recordings lack {:.0} in {}",
            run.lacking.ceil(),
            run.holes
        ),
    );
    let (windows, skipped, received) = (count("windows"), count("windows_skipped"), run.intents.len() as u64);
    let [waited, stolen] = run.pressure;
    let most = if waited > BUSY || stolen > STOLEN { MOST_SKIPPED_BUSY * windows as f64 } else { 0.0 };
    hold(
        skipped as f64 <= most,
        format!("{skipped} of {windows} windows were skipped, {most:.0} may be on a machine as busy as this"),
    );
    for none in ["decoder_faults", "samples_repeated"] {
        hold(count(none) == 0, format!("{none}: {}", count(none)));
    }
    for none in ["events_dropped", "realtime_heap_operations"] {
        let found = run.summary[none].as_u64();
        hold(found == Some(0), format!("{none}: {found:?}"));
    }
    hold(windows == received + skipped, format!("{received} of {windows} windows came to the client"));

    // What may grow.
    let between = |from: f64, to: f64, of: fn(&Sample) -> f64| {
        let within = run.samples.iter().filter(|s| {
            let share = s.recorded_s / run.played_s;
            from <= share && share <= to
        });
        median(within.map(of).collect())
    };
    let grown = |of: fn(&Sample) -> f64| between(2.0 / 3.0, 1.0, of) - between(1.0 / 6.0, 1.0 / 3.0, of);
    let (memory, threads, files) =
        (grown(|s| s.resident as f64), grown(|s| s.threads as f64), grown(|s| s.files as f64));
    hold(memory <= MOST_GROWTH, format!("resident memory grew by {:.1} MB", memory / 1e6));
    hold(threads <= MOST_HANDLES, format!("{threads} threads more than before"));
    hold(files <= MOST_HANDLES, format!("{files} open files more than before"));

    // Latency, of the whole way and of this system's part of it.
    let all = intervals(&run.intents, run.interval_s);
    let mut flat = |name: &str, of: fn(&Interval) -> f64| {
        let part = |from: f64, to: f64| {
            median(all.iter().filter(|i| from <= i.share && i.share <= to).map(of).collect())
        };
        let (early, late) = (part(1.0 / 6.0, 0.5), part(2.0 / 3.0, 1.0));
        let most = early * MOST_RISE;
        let points: Vec<(f64, f64)> =
            all.iter().filter(|i| i.share >= 1.0 / 6.0).map(|i| (i.share, of(i))).collect();
        let slope = slope(&points);
        hold(
            late <= most.max(early + LEAST_RISE_MS),
            format!("{name}: p99 went from {early:.3} to {late:.3} ms"),
        );
        let rise = early * (MOST_RISE - 1.0);
        hold(
            slope <= rise.max(LEAST_RISE_MS),
            format!("{name}: p99 rises by {slope:.3} ms over the run, from {early:.3}"),
        );
        println!(
            "{name}: p99 {early:.3} ms (median of intervals, settled first half), {late:.3} ms (last third); slope {slope:+.3} ms over the run"
        );
        json!({ "early_p99_ms": early, "late_p99_ms": late, "slope_ms_a_run": slope })
    };
    println!("{} intervals of {} s with {LEAST_INTENTS} windows or more", all.len(), run.interval_s);
    let age = flat("from the stamp", |i| i.age_p99);
    let since_arrival = flat("from arrival", |i| i.since_arrival_p99);
    hold(all.len() >= 4, format!("only {} intervals of latency", all.len()));

    // A backlog shows at the end of a recording: what is newest is old.
    let usual = median(run.intents.iter().map(|i| i.age_ms).collect());
    let most = (MOST_BACKLOG * usual).max(MOST_BACKLOG_MS);
    let newest = run.plays.iter().map(|play| {
        let own = run.intents.iter().rev().skip_while(|i| i.received_ns > play.ended_ns);
        median(own.take_while(|i| i.received_ns > play.begun_ns).take(NEWEST).map(|i| i.age_ms).collect())
    });
    let newest: Vec<f64> = newest.collect();
    for (n, age) in newest.iter().enumerate() {
        // Written so that NaN fails.
        hold(
            *age <= most,
            format!(
                "at the end of play {} the newest intents are {age:.1} ms old, usually {usual:.1}",
                n + 1
            ),
        );
    }
    let oldest = newest.iter().copied().fold(0.0, f64::max);

    // What the daemon recorded is what it did.
    let replayed = &run.replayed["pipelines"][0];
    hold(run.replayed["equal"] == true, format!("the daemon's own recording does not replay: {replayed}"));
    hold(
        replayed["equal"].as_u64() == windows.checked_sub(skipped),
        format!("of {windows} windows, {skipped} of them skipped, {} replayed", replayed["equal"]),
    );

    println!(
        "some process waited for a processor for {:.0} % of the time, and the host took away {:.1} % of one; real-time priority: {}\n\
         {} plays, {:.1} recorded minutes, {played} frames and {markers} markers; the recordings lack {:.0} frames in {} holes of \
         more than half a second, of which {lost} in {gaps} gaps can be told at this speed\n\
         resident memory {:+.1} MB, threads {threads:+}, open files {files:+} (last third on second sixth, medians)\n\
         newest intents when a recording ends {oldest:.1} ms old at most, usually {usual:.1}; {windows} windows, {} not trusted, \
         {} attachments, {} heap operations in {} real-time passes",
        100.0 * waited,
        100.0 * stolen,
        run.summary["realtime_priority"],
        run.plays.len(),
        run.played_s / 60.0,
        run.lacking,
        run.holes,
        memory / 1e6,
        count("windows_invalid"),
        count("reattached") + 1,
        run.summary["realtime_heap_operations"],
        run.summary["realtime_loops_watched"],
    );
    let figures = json!({
        "frames": played,
        "markers": markers,
        "recordings_lack_frames": run.lacking,
        "recordings_holes": run.holes,
        "latency_from_stamp": age,
        "latency_from_arrival": since_arrival,
        "resident_growth_mb": memory / 1e6,
        "newest_at_end_ms": newest,
        "usual_age_ms": usual,
        "waited_for_processors": waited,
        "stolen_of_a_processor": stolen,
        "summary": run.summary,
        "replay": run.replayed,
    });
    (figures, failed)
}
