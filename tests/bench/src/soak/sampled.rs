//! What is seen of the daemon from outside while it runs.

use bci_rt::clock::{Clock as _, HostClock};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// How the daemon stood at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// On the host's clock.
    pub(super) at_ns: i64,
    /// Recorded time that it has received, s.
    pub(super) recorded_s: f64,
    /// Resident memory, bytes.
    pub(super) resident: u64,
    pub(super) threads: u64,
    pub(super) files: u64,
    pub(super) counters: Counters,
}

/// Of the daemon's metrics page, its one pipeline's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) samples: u64,
    pub(super) lost: u64,
    pub(super) gaps: u64,
    pub(super) windows: u64,
    pub(super) skipped: u64,
}

impl Sample {
    /// Now; how much of the recordings that is remains to be said.
    pub(super) fn take(id: u32, url: &str) -> Result<Self, String> {
        let (resident, threads, files) = process(id).map_err(|e| format!("the daemon is gone: {e}"))?;
        let counters = Counters::ask(url)?;
        Ok(Self { at_ns: HostClock.now().0, recorded_s: 0.0, resident, threads, files, counters })
    }
}

impl Counters {
    fn ask(url: &str) -> Result<Self, String> {
        let address = url.trim_start_matches("http://");
        let ask = || -> std::io::Result<String> {
            let mut connection = TcpStream::connect(address)?;
            connection.set_read_timeout(Some(Duration::from_secs(10)))?;
            write!(connection, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
            let mut page = String::new();
            connection.read_to_string(&mut page)?;
            Ok(page)
        };
        Self::read(&ask().map_err(|e| format!("{url}/metrics: {e}"))?)
    }

    fn read(page: &str) -> Result<Self, String> {
        let value = |name: &str| {
            let line = page.lines().find(|line| line.strip_prefix(name).is_some_and(|l| l.starts_with('{')));
            let value = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            value.map(|v| v as u64).ok_or_else(|| format!("the metrics tell no {name}"))
        };
        Ok(Self {
            samples: value("bci_samples_total")?,
            lost: value("bci_samples_lost_total")?,
            gaps: value("bci_gaps_total")?,
            windows: value("bci_windows_total")?,
            skipped: value("bci_windows_skipped_total")?,
        })
    }
}

/// Resident memory in bytes, threads, and open files of a process.
fn process(id: u32) -> std::io::Result<(u64, u64, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{id}/statm"))?;
    let pages: u64 = text.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    let entries = |what: &str| std::fs::read_dir(format!("/proc/{id}/{what}")).map(|all| all.count() as u64);
    Ok((pages * rustix::param::page_size() as u64, entries("task")?, entries("fd")?))
}

/// What the machine's processors were kept from, since it was started: seconds in which some process waited for one, and
/// seconds that the host took away; NaN where the system does not tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pressure {
    waited_s: f64,
    stolen_s: f64,
    at_ns: i64,
}

impl Pressure {
    pub(super) fn now() -> Self {
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let waited = waited_us(&read("/proc/pressure/cpu")).map_or(f64::NAN, |us| us as f64 / 1e6);
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let stolen = stolen_ticks(&read("/proc/stat")).map_or(f64::NAN, |n| n as f64 / ticks);
        Self { waited_s: waited, stolen_s: stolen, at_ns: HostClock.now().0 }
    }

    /// Shares of the time since `before`: with a process that waited, and of one processor taken away.
    pub(super) fn since(&self, before: &Self) -> [f64; 2] {
        let whole = ((self.at_ns - before.at_ns) as f64 / 1e9).max(f64::MIN_POSITIVE);
        [(self.waited_s - before.waited_s) / whole, (self.stolen_s - before.stolen_s) / whole]
    }
}

/// Of `some avg10=0.30 avg60=19.66 avg300=44.28 total=1246090205` the last.
fn waited_us(page: &str) -> Option<u64> {
    page.lines().find(|line| line.starts_with("some "))?.rsplit_once("total=")?.1.parse().ok()
}

/// The eighth number of the first line.
fn stolen_ticks(page: &str) -> Option<u64> {
    page.lines().find(|line| line.starts_with("cpu "))?.split_whitespace().nth(8)?.parse().ok()
}

/// A window that came to the client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Intent {
    pub(super) sequence: u64,
    /// On the host's clock.
    pub(super) received_ns: i64,
    /// From the newest sample's stamp to receipt, ms.
    pub(super) age_ms: f64,
    /// Of that, from the newest sample's arrival at the daemon on, ms: what comes before is the recording's own.
    pub(super) since_arrival_ms: f64,
}

/// What `bcid latency --each` wrote.
pub(super) fn intents(csv: &str) -> Result<Vec<Intent>, String> {
    let mut lines = csv.lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column =
        |name: &str| columns.iter().position(|c| *c == name).ok_or_else(|| format!("no column {name}"));
    let (sequence, newest, acquired, received) =
        (column("sequence")?, column("newest_sample_ns")?, column("acquired_ns")?, column("received_ns")?);
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let number = |at: usize| cells.get(at).and_then(|n| n.parse::<i64>().ok());
            let all = (number(sequence), number(newest), number(acquired), number(received));
            let (Some(sequence), Some(newest), Some(acquired), Some(received)) = all else {
                return Err(format!("no intent: {line}"));
            };
            let ms = |ns: i64| ns as f64 / 1e6;
            Ok(Intent {
                sequence: sequence as u64,
                received_ns: received,
                age_ms: ms(received - newest),
                since_arrival_ms: ms(received - acquired),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_the_page() {
        let page = "# HELP bci_samples_total x\nbci_samples_total{pipeline=\"p\"} 12\nbci_samples_lost_total{pipeline=\"p\"} 0\n\
                    bci_gaps_total{pipeline=\"p\"} 1\nbci_windows_total{pipeline=\"p\"} 7\nbci_windows_skipped_total{pipeline=\"p\"} 2\n";
        let found = Counters::read(page).expect("whole");
        assert_eq!([found.samples, found.lost, found.gaps, found.windows, found.skipped], [12, 0, 1, 7, 2]);
        assert!(Counters::read("bci_samples_total{pipeline=\"p\"} 12\n").is_err());
    }

    #[test]
    fn what_the_system_tells_of_its_processors() {
        let page = "some avg10=0.30 avg60=19.66 avg300=44.28 total=1246090205\nfull avg10=0.00 total=7\n";
        assert_eq!(waited_us(page), Some(1_246_090_205));
        assert_eq!(waited_us(""), None);
        assert_eq!(stolen_ticks("cpu  1 2 3 4 5 6 7 88 9 10\ncpu0 1 2\n"), Some(88));
        assert_eq!(stolen_ticks(""), None);
    }

    #[test]
    fn intents_by_the_names_of_their_columns() {
        let found = intents("received_ns,sequence,acquired_ns,newest_sample_ns\n3000000,5,2500000,1000000\n");
        let wanted = Intent { sequence: 5, received_ns: 3_000_000, age_ms: 2.0, since_arrival_ms: 0.5 };
        assert_eq!(found, Ok(vec![wanted]));
        assert!(intents("sequence\n1\n").is_err());
    }
}
