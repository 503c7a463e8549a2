//! Processors that wake at once: the system's bound on how long an idle one may take.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Where Linux takes the bound ("PM QoS", CPU latency).
const INTERFACE: &str = "/dev/cpu_dma_latency";

/// Holds the bound for as long as it lives; the system forgets it when the process ends, however it does.
#[derive(Debug)]
pub struct Wakeful {
    /// The bound stands while this is open.
    _held: File,
}

impl Wakeful {
    /// Lets no processor of the machine sleep so deeply that waking takes longer than `latency_us`; with 0 idle ones poll
    /// and never halt, which costs power, and no other process time.
    ///
    /// # Errors
    /// Where the system has no such interface or does not permit it.
    pub fn hold(latency_us: u32) -> io::Result<Self> {
        Self::hold_at(Path::new(INTERFACE), latency_us)
    }

    fn hold_at(interface: &Path, latency_us: u32) -> io::Result<Self> {
        let bound = i32::try_from(latency_us).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut held = OpenOptions::new().write(true).open(interface)?;
        // Binary, in the machine's order: text would be taken for hexadecimal digits.
        held.write_all(&bound.to_ne_bytes())?;
        Ok(Self { _held: held })
    }

    /// Whether the system would permit it.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn probe() -> io::Result<()> {
        OpenOptions::new().write(true).open(INTERFACE).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_written_as_the_system_reads_it() {
        let file = std::env::temp_dir().join(format!("bcid-wakeful-{}", std::process::id()));
        std::fs::write(&file, []).expect("write");
        let held = Wakeful::hold_at(&file, 7);
        let written = std::fs::read(&file).expect("read");
        std::fs::remove_file(&file).expect("remove");
        held.expect("held");
        assert_eq!(written, 7_i32.to_ne_bytes());
    }

    #[test]
    fn where_there_is_no_such_interface_that_is_told() {
        let none = Wakeful::hold_at(Path::new("/nonexistent/cpu_dma_latency"), 0).expect_err("refused");
        assert_eq!(none.kind(), io::ErrorKind::NotFound);
        assert!(Wakeful::hold_at(Path::new("/dev/null"), u32::MAX).is_err(), "beyond what the system reads");
    }
}
