use bci_types::civil_from_days;
use std::time::{SystemTime, UNIX_EPOCH};

/// A time of day in UTC, as XDF headers have it: `2026-11-26T13:08:19.123+0000`.
pub(crate) fn utc(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, s) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil_from_days(days as i64);
    let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{:03}+0000", since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_time_is_written_as_headers_have_it() {
        let at = |s: u64, ms: u32| utc(UNIX_EPOCH + Duration::new(s, ms * 1_000_000));
        assert_eq!(at(0, 7), "1970-01-01T00:00:00.007+0000");
        assert_eq!(at(1_795_698_499, 123), "2026-11-26T13:08:19.123+0000");
        assert_eq!(at(951_782_399, 999), "2000-02-28T23:59:59.999+0000");
    }
}
