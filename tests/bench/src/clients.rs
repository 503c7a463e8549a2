//! Many subscribers, a tenth of whom read nothing: what that costs those who do, and whether everything that was dropped is told.
//!
//! A real recording plays at its own speed. Three subscribers are measured, of which one came first, one in the middle and one last,
//! by a thread of their own, with real-time priority where that is granted: as if they had a machine to themselves. The crowd is read
//! by another thread, which gives way. Through the local socket, as clients on the daemon's machine come, and over TCP: on the loopback
//! the daemon's thread then does the receiving machine's part of TCP, too. Then a part at ten times the speed, so that those who read nothing lose
//! events; afterwards they read on, and what they got and were told of is held against what there was.

use crate::Options;
use crate::child::{Running, cpu_seconds};
use bcid_client::v1::intent_service_client::IntentServiceClient;
use bcid_client::v1::subscribe_response::Event as Told;
use bcid_client::v1::telemetry_service_client::TelemetryServiceClient;
use bcid_client::{Client, Target, now_ns, v1};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// How many subscribe.
const CROWDS: [usize; 4] = [1, 10, 100, 1000];
/// What is measured at so many is held against what one alone gets: the 99th percentile, at most so many times as long.
const HELD_AT: usize = 100;
const MOST: f64 = 1.5;
/// What the daemon may grow by with a thousand subscribers, a hundred of whom read nothing, MB.
const MOST_MB: f64 = 250.0;
/// What may be sent to one that reads nothing before it has to read, in bytes: the rest waits in the daemon.
const WINDOW: u32 = 16 << 10;
/// Of the part in which events are dropped.
const FAST: f64 = 10.0;
const FAST_CROWD: usize = 20;

/// An intent, as it came: when its newest sample was taken, when it was handed over, and when it was here.
#[derive(Clone, Copy)]
struct Came {
    newest_ns: i64,
    published_ns: i64,
    here_ns: i64,
}

/// What one subscriber got.
#[derive(Default)]
struct Got {
    intents: u64,
    missed: u64,
    /// Changes of a stream's state.
    others: u64,
    first: Option<u64>,
    last: u64,
    came: Vec<Came>,
}

impl Got {
    /// Takes a response in; `measured` keeps its times.
    fn take(&mut self, response: v1::SubscribeResponse, measured: bool) {
        let here_ns = now_ns();
        let position = response.place.map_or(0, |place| place.position);
        match response.event {
            Some(Told::Intent(intent)) => {
                self.intents += 1;
                if measured {
                    let published_ns = intent.ledger.map_or(0, |ledger| ledger.published_ns);
                    self.came.push(Came { newest_ns: intent.newest_sample_ns, published_ns, here_ns });
                }
            }
            Some(Told::Missed(missed)) => self.missed += missed.events,
            // The states that it begins with are of no position of their own; later ones are events like others.
            _ if self.first.is_none() || Some(position) == self.first => self.first = Some(position),
            _ => self.others += 1,
        }
        self.last = self.last.max(position);
    }

    /// Whether all that there was came, or was told to be missing.
    fn adds_up(&self) -> bool {
        self.first.is_some_and(|first| self.last - first == self.intents + self.missed + self.others)
    }
}

/// One subscriber; one that is stalled reads nothing until it is told to.
async fn subscriber(
    target: Target,
    measured: bool,
    stalled: Option<Arc<AtomicBool>>,
    ends: Arc<AtomicBool>,
) -> Result<Got, String> {
    let client = Client::connect(&target).await.map_err(|e| e.to_string())?;
    let answer = IntentServiceClient::new(client.wire()).subscribe(v1::SubscribeRequest::default()).await;
    let mut stream = answer.map_err(|e| e.message().to_owned())?.into_inner();
    let mut got = Got::default();
    if let Some(reads) = stalled {
        while !reads.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    loop {
        match tokio::time::timeout(Duration::from_millis(500), stream.message()).await {
            Ok(Ok(Some(response))) => got.take(response, measured),
            Ok(Ok(None)) => return Ok(got),
            Ok(Err(e)) => return Err(e.message().to_owned()),
            Err(_) if ends.load(Ordering::Relaxed) => return Ok(got),
            Err(_) => {}
        }
        if measured && ends.load(Ordering::Relaxed) {
            return Ok(got);
        }
    }
}

/// A crowd, with those in it that are measured.
struct Crowd {
    probes: Vec<JoinHandle<Result<Got, String>>>,
    others: Vec<JoinHandle<Result<Got, String>>>,
    stalled: Vec<JoinHandle<Result<Got, String>>>,
    reads: Arc<AtomicBool>,
    ends: Arc<AtomicBool>,
}

/// The threads that read: one for those that are measured, one for all others.
struct Readers {
    probes: Runtime,
    others: Runtime,
}

impl Readers {
    fn start() -> Result<Self, String> {
        let runtime = |name: &str, crowd: bool| {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1).thread_name(name).enable_all().on_thread_start(move || {
                if crowd {
                    let _ = rustix::process::setpriority_process(None, 15);
                } else if let Err(e) = bci_rt::thread::take_priority(10) {
                    println!("real-time priority is not granted ({e}): those that are measured wait for the crowd, too");
                }
            });
            builder.build().map_err(|e| e.to_string())
        };
        Ok(Self { probes: runtime("probes", false)?, others: runtime("crowd", true)? })
    }

    /// `n` subscribers, a tenth of them stalled; the first, the middle and the last are measured.
    fn crowd(&self, url: &str, n: usize) -> Result<Crowd, String> {
        let target = Target::at(url).map_err(|e| e.to_string())?;
        let reads = Arc::new(AtomicBool::new(false));
        let ends = Arc::new(AtomicBool::new(false));
        let mut crowd = Crowd { probes: Vec::new(), others: Vec::new(), stalled: Vec::new(), reads, ends };
        for number in 0..n {
            let measured = number == 0 || number == n / 2 || number == n - 1;
            let stalls = !measured && number % 10 == 3;
            let mut target = target.clone();
            target.window = stalls.then_some(WINDOW);
            let wait = stalls.then(|| Arc::clone(&crowd.reads));
            let task = subscriber(target, measured, wait, Arc::clone(&crowd.ends));
            if measured {
                crowd.probes.push(self.probes.spawn(task));
            } else if stalls {
                crowd.stalled.push(self.others.spawn(task));
            } else {
                crowd.others.push(self.others.spawn(task));
            }
        }
        Ok(crowd)
    }

    fn join(&self, tasks: Vec<JoinHandle<Result<Got, String>>>) -> Result<Vec<Got>, String> {
        self.others.block_on(async {
            let mut all = Vec::new();
            for task in tasks {
                all.push(task.await.map_err(|e| e.to_string())??);
            }
            Ok(all)
        })
    }

    /// What the daemon says of its subscribers: how many, and events dropped.
    fn status(&self, url: &str) -> Result<(u32, u64), String> {
        self.others.block_on(async {
            let target = Target::at(url).map_err(|e| e.to_string())?;
            let client = Client::connect(&target).await.map_err(|e| e.to_string())?;
            let answer = TelemetryServiceClient::new(client.wire()).get_status(v1::GetStatusRequest {}).await;
            let status = answer.map_err(|e| e.message().to_owned())?.into_inner();
            Ok((status.subscribers, status.events_dropped))
        })
    }

    fn wait_for(&self, url: &str, n: usize) -> Result<(), String> {
        let begun = Instant::now();
        while self.status(url)?.0 as usize != n {
            if begun.elapsed() > Duration::from_secs(60) {
                return Err(format!("{n} subscribers do not come about"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// The quantile of what is sorted, ms.
fn quantile(sorted: &[i64], q: f64) -> f64 {
    let at = ((sorted.len() as f64 - 1.0) * q).round() as usize;
    sorted.get(at).map_or(f64::NAN, |ns| *ns as f64 / 1e6)
}

/// Median, 99th percentile and largest, ms.
fn spread(mut ns: Vec<i64>) -> Value {
    ns.sort_unstable();
    json!({ "n": ns.len(), "p50_ms": quantile(&ns, 0.5), "p99_ms": quantile(&ns, 0.99), "max_ms": quantile(&ns, 1.0) })
}

/// Memory of a process that is in use, MB.
fn resident_mb(id: u32) -> Result<f64, String> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).map_err(|e| e.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    kb.map(|kb| kb / 1024.0).ok_or_else(|| "no VmRSS".to_owned())
}

pub(crate) fn run(options: &Options) -> Result<bool, String> {
    let [recording] = options.recordings.as_slice() else {
        return Err("--recordings: one".to_owned());
    };
    let folder = std::env::temp_dir().join(format!("clients-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let ran = within(options, recording, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    let (rows, failed) = ran?;
    crate::write_rows(options, &rows)?;
    crate::verdict(&failed)
}

/// A daemon and what it reads, on streams of their own.
struct Rig {
    daemon: Running,
    _source: Running,
    /// Over TCP, and through the local socket.
    tcp: String,
    local: String,
}

impl Rig {
    fn start(options: &Options, recording: &Path, folder: &Path, speed: f64) -> Result<Self, String> {
        let stream = format!("clients-{}-{speed}", std::process::id());
        let config = folder.join("rig.toml");
        let decoder = options.zoo.join("eegmmidb-s001-fists-feet");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nsocket = \"s{speed}\"\nrequests_per_s = 1000\n[realtime]\npriority = 80\n[[pipeline]]\nname = \"p\"\ndecoder = {decoder:?}\n\
             [pipeline.stream]\nname = {stream:?}\ngap_ms = 1000\n[pipeline.intent]\nsmoothing_ms = 500\nthreshold = 0.7\nmax_age_ms = 60000\n"
        );
        std::fs::write(&config, text).map_err(|e| e.to_string())?;
        let ready = folder.join(format!("ready-{speed}.json"));
        let mut command = Command::new(&options.bcid);
        command.arg("run").arg(&config).arg("--ready-file").arg(&ready);
        let mut daemon = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
        let begun = Instant::now();
        let (tcp, local) = loop {
            if let Ok(text) = std::fs::read_to_string(&ready) {
                let told: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
                let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
                break (text("grpc"), text("socket"));
            }
            if daemon.has_ended() || begun.elapsed() > Duration::from_secs(60) {
                return Err("the daemon does not serve".to_owned());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut play = Command::new(&options.bcid);
        play.arg("play").arg(recording).args([
            "--name",
            &stream,
            "--loop",
            "--wait-consumer",
            "--keep-stated-rate",
            "--rate",
        ]);
        play.arg(speed.to_string());
        let source = Running::start(play.stdout(Stdio::null()).stderr(Stdio::null()))?;
        Ok(Self { daemon, _source: source, tcp, local })
    }
}

fn within(options: &Options, recording: &Path, folder: &Path) -> Result<(Value, Vec<String>), String> {
    let readers = Readers::start()?;
    let seconds = if options.quick { 10 } else { 40 };
    let mut failed = Vec::new();
    let rig = Rig::start(options, recording, folder, 1.0)?;
    println!("a real recording at its own speed, 16 windows a second; {seconds} s each");
    println!(
        "subscribers  stalled   way    sample to receipt, p50 / p99 / max ms   hand-over to receipt, p50 / p99 ms   daemon MB   core"
    );
    let mut rows = Vec::new();
    for (way, url) in [("socket", &rig.local), ("tcp", &rig.tcp)] {
        for n in CROWDS {
            let mut row = measure(&readers, &rig, url, n, seconds)?;
            println!(
                "{n:>11}  {:>7}  {way:>6}  {:>8.2} {:>8.2} {:>8.2}              {:>8.2} {:>8.2}                      {:>8.1}  {:>5.2}",
                row["stalled"],
                number(&row["total"]["p50_ms"]),
                number(&row["total"]["p99_ms"]),
                number(&row["total"]["max_ms"]),
                number(&row["handed"]["p50_ms"]),
                number(&row["handed"]["p99_ms"]),
                number(&row["daemon_mb"]),
                number(&row["daemon_cores"]),
            );
            row["way"] = way.into();
            rows.push(row);
        }
    }
    let of = |way: &str, n: usize| rows.iter().find(|row| row["way"] == way && row["subscribers"] == n);
    let p99 = |way: &str, n: usize| of(way, n).map_or(f64::NAN, |row| number(&row["total"]["p99_ms"]));
    let ratio = |way: &str| p99(way, HELD_AT) / p99(way, 1);
    let (local, tcp) = (ratio("socket"), ratio("tcp"));
    println!("99th percentile at {HELD_AT}, of one alone: {local:.2} through the socket, {tcp:.2} over TCP");
    // What is no number does not hold.
    if local > MOST || local.is_nan() {
        failed.push(format!(
            "the 99th percentile at {HELD_AT} is {local:.2} of that of one alone, more than {MOST}"
        ));
    }
    let mb = |n: usize| of("tcp", n).map_or(f64::NAN, |row| number(&row["daemon_mb"]));
    let grown = mb(1000) - mb(1);
    if grown > MOST_MB || grown.is_nan() {
        failed.push(format!("the daemon grew by {grown:.0} MB, more than {MOST_MB}"));
    }
    drop(rig);
    let dropped = drops(options, recording, folder, &readers, &mut failed)?;
    let all = json!({ "rows": rows, "ratio_p99_100_to_1": { "socket": local, "tcp": tcp }, "grown_mb": grown, "drops": dropped });
    Ok((all, failed))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn measure(readers: &Readers, rig: &Rig, url: &str, n: usize, seconds: u64) -> Result<Value, String> {
    let crowd = readers.crowd(url, n)?;
    readers.wait_for(url, n)?;
    // Connections that came about just now are no part of it.
    std::thread::sleep(Duration::from_secs(3));
    let (from_ns, begun, cpu) = (now_ns(), Instant::now(), cpu_seconds(rig.daemon.id())?);
    std::thread::sleep(Duration::from_secs(seconds));
    let cores = (cpu_seconds(rig.daemon.id())? - cpu) / begun.elapsed().as_secs_f64();
    let daemon_mb = resident_mb(rig.daemon.id())?;
    crowd.ends.store(true, Ordering::Relaxed);
    let stalled = crowd.stalled.len();
    crowd.stalled.iter().chain(&crowd.others).for_each(JoinHandle::abort);
    let probes = readers.join(crowd.probes)?;
    let came: Vec<Came> =
        probes.iter().flat_map(|got| &got.came).filter(|came| came.here_ns > from_ns).copied().collect();
    if came.is_empty() || probes.iter().any(|got| got.missed > 0) {
        return Err(format!(
            "{} intents came, {} were missed",
            came.len(),
            probes.iter().map(|got| got.missed).sum::<u64>()
        ));
    }
    Ok(json!({
        "subscribers": n,
        "stalled": stalled,
        "total": spread(came.iter().map(|came| came.here_ns - came.newest_ns).collect()),
        "handed": spread(came.iter().map(|came| came.here_ns - came.published_ns).collect()),
        "daemon_mb": daemon_mb,
        "daemon_cores": cores,
    }))
}

/// The part in which events are dropped: everything is accounted for.
fn drops(
    options: &Options,
    recording: &Path,
    folder: &Path,
    readers: &Readers,
    failed: &mut Vec<String>,
) -> Result<Value, String> {
    let rig = Rig::start(options, recording, folder, FAST)?;
    let crowd = readers.crowd(&rig.tcp, FAST_CROWD)?;
    readers.wait_for(&rig.tcp, FAST_CROWD)?;
    std::thread::sleep(Duration::from_secs(if options.quick { 15 } else { 25 }));
    crowd.reads.store(true, Ordering::Relaxed);
    std::thread::sleep(Duration::from_secs(2));
    // The daemon drains: everything that was handed over arrives, and then the end.
    rig.daemon.interrupt()?;
    let (others, stalled) = (readers.join(crowd.others)?, readers.join(crowd.stalled)?);
    let told: u64 = stalled.iter().map(|got| got.missed).sum();
    let whole = others.iter().all(|got| got.missed == 0 && got.adds_up());
    let adds_up = stalled.iter().filter(|got| got.missed > 0 && got.adds_up()).count();
    println!(
        "at {FAST} times the speed: of {} that read nothing {} lost events, {told} in all; what came and what was told to be missing is all that there was for {adds_up}; of the others {} lost nothing",
        stalled.len(),
        stalled.iter().filter(|got| got.missed > 0).count(),
        others.iter().filter(|got| got.missed == 0).count(),
    );
    if !whole {
        failed.push("somebody who read lost events".to_owned());
    }
    if adds_up != stalled.len() || stalled.is_empty() {
        failed.push(format!(
            "drops are not counted exactly for {} of {}",
            stalled.len() - adds_up,
            stalled.len()
        ));
    }
    Ok(json!({ "stalled": stalled.len(), "told_missed": told, "exact": adds_up }))
}
