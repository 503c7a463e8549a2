//! Measures what a wide, fast stream costs from its source to its features, over LSL on this machine: spikes of 1024
//! channels at 30 kHz unless told otherwise, the steps of a rig's configuration with `--rig`.
//!
//! `bci-rig run` starts a source as a process of its own and receives it; `bci-rig elements` measures the elements
//! alone. Build it with `--release`. The signal is synthetic noise.
//!
//! Each file has one concern: `source` sends, `receive` pulls, `work` is what is done with each chunk, `measure` only
//! watches, so that any of them can be exchanged.

mod elements;
mod load;
mod measure;
mod noise;
mod receive;
mod source;
mod stolen;
mod work;

use bci_driver_lsl::{LOOPBACK_CONFIG, Liblsl, configuration_file};
use bci_rt::thread::{ThreadSpec, spawn};
use clap::{Args, Parser, Subcommand};
use std::error::Error;
use std::process::{Command, ExitCode, Stdio};

/// Counts what real-time loops allocate, as in the daemon.
#[global_allocator]
static ALLOCATOR: bci_rt::guard::GuardedAllocator = bci_rt::guard::GuardedAllocator;

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Parser)]
#[command(about, version)]
struct Cli {
    #[command(subcommand)]
    command: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Starts a source in another process, receives it, and tells what was measured.
    Run {
        #[command(flatten)]
        stream: Stream,
        #[command(flatten)]
        work: work::Settings,
        /// Where the figures go as JSON.
        #[arg(long)]
        json: Option<std::path::PathBuf>,
        /// Fails when the 99th percentile of the latency is not below this.
        #[arg(long)]
        most_p99_ms: Option<f64>,
        /// Fails when the receiver takes as much of a core or more.
        #[arg(long)]
        most_core_percent: Option<f64>,
    },
    /// Sends a stream as soon as somebody listens, and tells what that took.
    Source {
        #[command(flatten)]
        stream: Stream,
        /// The stream's name.
        #[arg(long)]
        name: String,
    },
    /// Measures each element alone, in nanoseconds a sample.
    Elements {
        #[command(flatten)]
        stream: Stream,
        #[command(flatten)]
        work: work::Settings,
    },
}

/// What is sent.
#[derive(Args, Clone, Debug)]
struct Stream {
    #[arg(long, default_value_t = 1024)]
    channels: usize,
    #[arg(long, default_value_t = 30_000)]
    rate_hz: u32,
    /// Frames that are sent together.
    #[arg(long, default_value_t = 30)]
    chunk_frames: usize,
    /// The most frames that the receiver takes at once; by default a third of what is sent together, for what fits into
    /// a core's own cache (10 frames of 1024 channels are 80 KiB) takes a third less time than what does not.
    #[arg(long)]
    pull_frames: Option<usize>,
    /// How long is sent.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Stamp each chunk with the time at which it is pushed, as sources commonly do, rather than with when it was due.
    #[arg(long)]
    stamp_at_push: bool,
    /// Real-time priority (`SCHED_FIFO`, 1 to 99) of source and receiver; ordinary scheduling without.
    #[arg(long)]
    priority: Option<u8>,
    /// Labels channels as contacts of depth electrodes, so many a shaft: A1, A2, ..., then B1.
    #[arg(long)]
    shaft_contacts: Option<usize>,
    /// An `lsl_api.cfg` in place of the one that keeps LSL to this machine.
    #[arg(long)]
    lsl_config: Option<std::path::PathBuf>,
}

impl Stream {
    fn chunks(&self) -> usize {
        self.seconds as usize * self.rate_hz as usize / self.chunk_frames
    }

    fn pull_frames(&self) -> usize {
        self.pull_frames.unwrap_or(self.chunk_frames.div_ceil(3)).max(1)
    }

    fn labels(&self) -> Vec<String> {
        let label = |i: usize| match self.shaft_contacts {
            None => format!("E{i}"),
            Some(contacts) => {
                let (shaft, contact) = (i / contacts.max(1), i % contacts.max(1) + 1);
                let letter = |n: usize| char::from(b'A' + (n % 26) as u8);
                let second = if shaft < 26 { String::new() } else { letter(shaft / 26 - 1).to_string() };
                format!("{second}{}{contact}", letter(shaft))
            }
        };
        (0..self.channels).map(label).collect()
    }

    fn lsl(&self) -> Result<Liblsl, Failure> {
        let lsl = Liblsl::load()?;
        match (&self.lsl_config, configuration_file()) {
            (Some(file), _) => lsl.configure(&std::fs::read_to_string(file)?)?,
            (None, None) => lsl.configure(LOOPBACK_CONFIG)?,
            // The operator's own, which liblsl reads by itself.
            (None, Some(_)) => {}
        }
        Ok(lsl)
    }

    /// As arguments for a process of this program.
    fn arguments(&self) -> Vec<String> {
        let mut all = vec![
            format!("--channels={}", self.channels),
            format!("--rate-hz={}", self.rate_hz),
            format!("--chunk-frames={}", self.chunk_frames),
            format!("--seconds={}", self.seconds),
        ];
        all.extend(self.shaft_contacts.map(|n| format!("--shaft-contacts={n}")));
        all.extend(self.priority.map(|p| format!("--priority={p}")));
        all.extend(self.lsl_config.as_ref().map(|f| format!("--lsl-config={}", f.display())));
        all
    }

    /// Runs `body` on a thread of the asked priority, which the threads that it starts inherit (liblsl's among them).
    fn on_thread<R: Send + 'static>(
        &self,
        name: &str,
        body: impl FnOnce() -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        let spec = ThreadSpec { name: name.into(), priority: self.priority, cpu: None };
        let thread = spawn(spec, |granted| match granted.priority_refused {
            Some(why) => Err(format!("the real-time priority was refused: {why}").into()),
            None => body(),
        })?;
        thread.join().unwrap_or_else(|_| Err("the thread died".into()))
    }
}

#[allow(clippy::print_stderr, reason = "a command-line program")]
fn main() -> ExitCode {
    let job = Cli::parse().command;
    match run(job) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("bci-rig: {}", bci_driver_api::error_chain(e.as_ref()));
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout, reason = "what was measured is what this program is for")]
fn run(job: Job) -> Result<(), Failure> {
    match job {
        Job::Elements { stream, work } => print!("{}", elements::measure(&stream, &work)?),
        Job::Source { stream, name } => {
            let on = stream.clone();
            println!("{}", on.on_thread("rig-source", move || source::send(&stream, &name))?);
        }
        Job::Run { stream, work, json, most_p99_ms, most_core_percent } => {
            let name = format!("bci-rig-{}", std::process::id());
            let source = Command::new(std::env::current_exe()?)
                .arg("source")
                .args(stream.arguments())
                .arg(format!("--name={name}"))
                .stdout(Stdio::piped())
                .spawn()?;
            let on = stream.clone();
            let received = on.on_thread("rig-receiver", move || receive::receive(&stream, &work, &name))?;
            let sent = source.wait_with_output()?;
            let (received, figures) = received;
            print!("source:   {}{received}", String::from_utf8_lossy(&sent.stdout));
            if let Some(file) = json {
                std::fs::write(file, figures.json().to_string() + "\n")?;
            }
            let mut beyond = Vec::new();
            if let Some(most) = most_p99_ms.filter(|most| figures.p99_ms >= *most) {
                beyond.push(format!("the 99th percentile is {:.3} ms, not below {most} ms", figures.p99_ms));
            }
            let percent = figures.core.total_percent;
            if let Some(most) = most_core_percent.filter(|most| percent >= *most) {
                beyond.push(format!("the receiver takes {percent:.2} % of a core, not less than {most} %"));
            }
            if !beyond.is_empty() {
                return Err(beyond.join("; ").into());
            }
            if !sent.status.success() {
                return Err(format!("the source failed: {}", sent.status).into());
            }
        }
    }
    Ok(())
}
