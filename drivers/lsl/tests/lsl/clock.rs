//! One clock.

use crate::support::{LONG, loopback, open, pull_until, signal, unique};
use bci_driver_api::Source;
use bci_driver_lsl::{EegOutlet, LibraryError, OutletOptions, host_now};
use bci_types::SampleFormat;

#[test]
fn liblsl_reads_the_hosts_monotonic_clock() {
    let offset = loopback().clock_offset_ns();
    assert!(offset.abs() < 1_000_000, "{offset} ns apart");
    assert!((loopback().local_clock() - host_now().as_lsl_seconds()).abs() < 1.0);
}

#[test]
fn the_version_is_recent_enough_and_told() {
    assert!(loopback().version() >= 117, "{}", loopback().version());
    assert!(loopback().path().to_string_lossy().contains("lsl"));
    assert!(!loopback().build_info().is_empty());
}

#[test]
fn configuration_after_the_first_use_is_refused() {
    drop(bci_driver_lsl::list(loopback(), std::time::Duration::from_millis(10)));
    let late = loopback().configure("[lab]\nSessionID = late\n");
    assert!(matches!(late, Err(LibraryError::ConfiguredTooLate)), "{late:?}");
}

#[test]
fn on_one_machine_the_clock_offset_is_nothing() {
    let id = unique("clock");
    let spec = signal(&id, SampleFormat::Double64, 100.0, 1);
    let mut outlet = EegOutlet::new(loopback(), &spec, &OutletOptions::default()).unwrap();
    let mut source = open(&id);
    let measured = source.clock_offset().expect("measured while opening");
    assert_eq!(measured.offset_s, 0.0);
    assert!(outlet.wait_for_consumers(LONG));
    let sent = loopback().local_clock();
    outlet.push_from(&[1.0, 2.0, 3.0], sent).unwrap();
    let (_, stamps) = pull_until(&mut source, LONG, |v, _| v.len() == 3).unwrap();
    assert_eq!(stamps, [sent, sent + 1.0 / 100.0, sent + 2.0 / 100.0]);
}
