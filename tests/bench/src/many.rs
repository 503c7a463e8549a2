//! One to sixteen decoders on one stream, and on as many streams: what each more costs.

use crate::Options;
use crate::child::{Running, cpu_seconds};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const COUNTS: [usize; 5] = [1, 2, 4, 8, 16];

/// By how much the processor time of sixteen may be above sixteen times that of each more, as fitted to fewer.
const MOST_OVER_LINE: f64 = 1.3;

/// What a number of decoders took.
struct Row {
    shape: &'static str,
    decoders: usize,
    cores: f64,
    p50: f64,
    p99: f64,
    lost: u64,
    intents: u64,
    /// As many as there have to be.
    due: f64,
}

/// What every pipeline has to have decoded before anything is measured.
const SETTLED_WINDOWS: u64 = 100;
/// How long that may take: sixteen streams are looked up, described and measured.
const ATTACH: Duration = Duration::from_secs(120);
/// Windows of a decoder a second.
const DECISIONS_HZ: f64 = 50.0;

pub(crate) fn run(options: &Options) -> Result<bool, String> {
    let seconds = if options.quick { 5.0 } else { 12.0 };
    println!(
        "{:<34} {:>8} {:>9} {:>9} {:>9} {:>9} {:>6}",
        "", "decoders", "cores", "a decoder", "p50 ms", "p99 ms", "lost"
    );
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (shape, streams) in [("on one stream", false), ("on a stream each", true)] {
        let mut of_shape: Vec<Row> = Vec::new();
        for decoders in COUNTS {
            let row = one(options, shape, streams, decoders, seconds)?;
            println!(
                "{shape:<34} {decoders:>8} {:>9.4} {:>9.4} {:>9.3} {:>9.3} {:>6}",
                row.cores,
                row.cores / decoders as f64,
                row.p50,
                row.p99,
                row.lost
            );
            if row.lost > 0 {
                failed.push(format!("{decoders} {shape}: {} windows were lost", row.lost));
            }
            // What does not run costs nothing.
            if (row.intents as f64) < 0.98 * row.due {
                failed.push(format!("{decoders} {shape}: {} intents came of {:.0}", row.intents, row.due));
            }
            of_shape.push(row);
        }
        // The line through one and eight, carried on to sixteen.
        let cores = |n: usize| of_shape.iter().find(|r| r.decoders == n).map_or(f64::NAN, |r| r.cores);
        let line = cores(1) + (cores(8) - cores(1)) / 7.0 * 15.0;
        println!(
            "{shape:<34} sixteen cost {:.2} of what the line through one and eight says",
            cores(16) / line
        );
        if cores(16) > MOST_OVER_LINE * line {
            failed.push(format!("sixteen {shape} cost {:.2} times what a line says", cores(16) / line));
        }
        rows.extend(of_shape);
    }
    println!(
        "\n64 channels at 1 kHz in chunks of 4, synthetic noise; notch, band-pass and the streaming EEGNet-shaped decoder (untrained)\n\
         every 20 samples. Cores: processor time of the daemon; latency: newest stamp to receipt, all decoders together; lost: skipped\n\
         by the daemon."
    );
    let rows: Vec<Value> = rows
        .iter()
        .map(|r| json!({ "shape": r.shape, "decoders": r.decoders, "cores": r.cores, "p50_ms": r.p50, "p99_ms": r.p99, "lost": r.lost, "intents": r.intents }))
        .collect();
    crate::write_rows(options, &Value::from(rows))?;
    crate::verdict(&failed)
}

fn one(
    options: &Options,
    shape: &'static str,
    streams: bool,
    decoders: usize,
    seconds: f64,
) -> Result<Row, String> {
    let base = format!("bench-{}-{}-{decoders}", std::process::id(), if streams { "each" } else { "one" });
    let folder = std::env::temp_dir().join(&base);
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let row = within(options, shape, streams, decoders, seconds, &base, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    row
}

fn within(
    options: &Options,
    shape: &'static str,
    streams: bool,
    decoders: usize,
    seconds: f64,
    base: &str,
    folder: &Path,
) -> Result<Row, String> {
    let name = |n: usize| if streams { format!("{base}-{n}") } else { base.to_owned() };
    let labels: Vec<String> = (1..=64).map(|n| format!("\"ch{n:02}\"")).collect();
    let mut text = "[server]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    for n in 0..decoders {
        let _ = write!(
            text,
            "[[pipeline]]\nname = \"p{n}\"\ndecoder = {:?}\n[pipeline.stream]\nname = {:?}\nlabels = [{}]\n\
             [pipeline.intent]\nthreshold = 0.9\n",
            options.bundles.join("bench-eegnet-streaming").display().to_string(),
            name(n),
            labels.join(", ")
        );
    }
    let (config, ready, out, summary) = (
        folder.join("rig.toml"),
        folder.join("ready.json"),
        folder.join("latency.json"),
        folder.join("summary.json"),
    );
    std::fs::write(&config, text).map_err(|e| e.to_string())?;
    let mut command = Command::new(&options.bcid);
    command.arg("run").arg(&config).arg("--ready-file").arg(&ready).arg("--json").arg(&summary);
    let mut daemon = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
    let begun = Instant::now();
    while !ready.exists() {
        if daemon.has_ended() || begun.elapsed() > Duration::from_secs(120) {
            return Err(format!("{decoders} {shape}: the daemon does not come to serve"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let told: Value = serde_json::from_str(&std::fs::read_to_string(&ready).map_err(|e| e.to_string())?)
        .map_err(|e| e.to_string())?;
    let address = told["grpc"].as_str().unwrap_or_default().to_owned();
    let sources = if streams { decoders } else { 1 };
    let mut sending = Vec::new();
    for n in 0..sources {
        let mut source = Command::new(&options.rig);
        source.args(["source", "--channels=64", "--rate-hz=1000", "--chunk-frames=4", "--stamp-at-push"]);
        source
            .arg(format!("--seconds={}", seconds as u64 + ATTACH.as_secs() + 60))
            .arg(format!("--name={}", name(n)));
        sending.push(Running::start(source.stdout(Stdio::null()))?);
    }
    let begun = Instant::now();
    loop {
        let windows = windows(&address)?;
        if windows.len() == decoders && windows.iter().all(|&n| n >= SETTLED_WINDOWS) {
            break;
        }
        if begun.elapsed() > ATTACH {
            return Err(format!("{decoders} {shape}: after {ATTACH:?} windows are {windows:?}"));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let mut client = Command::new(&options.bcid);
    client.args(["latency", "--server", &address, "--settle", "1", "--seconds", &seconds.to_string()]);
    let mut client = Running::start(client.arg("--json").arg(&out).stdout(Stdio::null()))?;
    std::thread::sleep(Duration::from_secs(2));
    let (begun, before) = (Instant::now(), cpu_seconds(daemon.id())?);
    std::thread::sleep(Duration::from_secs_f64(seconds - 2.0));
    let cores = (cpu_seconds(daemon.id())? - before) / begun.elapsed().as_secs_f64();
    if !client.wait(Duration::from_secs(90))? {
        return Err(format!("{decoders} {shape}: the client failed"));
    }
    let found: Value = serde_json::from_str(&std::fs::read_to_string(&out).map_err(|e| e.to_string())?)
        .map_err(|e| e.to_string())?;
    // Numbers of several pipelines are interleaved: what was skipped the daemon knows, while its sources still send.
    daemon.interrupt()?;
    daemon.wait(Duration::from_secs(30))?;
    drop(sending);
    let ended: Value = serde_json::from_str(&std::fs::read_to_string(&summary).map_err(|e| e.to_string())?)
        .map_err(|e| e.to_string())?;
    let lost = ended["pipelines"].as_array().into_iter().flatten();
    let lost = lost
        .map(|p| p["windows_skipped"].as_u64().unwrap_or(0) + p["samples_lost"].as_u64().unwrap_or(0))
        .sum();
    let total = &found["latency_ms"]["total"];
    let number = |v: &Value| v.as_f64().ok_or_else(|| format!("the client told {found}"));
    Ok(Row {
        shape,
        decoders,
        cores,
        p50: number(&total["p50"])?,
        p99: number(&total["p99"])?,
        lost,
        intents: found["intents"].as_u64().unwrap_or(0),
        due: decoders as f64 * DECISIONS_HZ * seconds,
    })
}

/// What each pipeline has decoded so far, by the daemon's metrics.
fn windows(url: &str) -> Result<Vec<u64>, String> {
    let address = url.trim_start_matches("http://");
    let ask = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect(address)?;
        write!(connection, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut page = String::new();
        connection.read_to_string(&mut page)?;
        Ok(page)
    };
    let page = ask().map_err(|e| format!("{url}/metrics: {e}"))?;
    let values = page.lines().filter(|line| line.starts_with("bci_windows_total{"));
    Ok(values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).map(|n| n as u64).collect())
}
