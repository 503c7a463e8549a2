//! Pulling allocates nothing, loses nothing and is quick: 64 channels at 1 kHz.

use crate::support::{LONG, loopback, open, signal, unique};
use bci_driver_api::Source;
use bci_driver_lsl::{EegOutlet, OutletOptions};
use bci_types::{Chunk, SampleFormat};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // The last allocations of a thread may come after its locals are gone.
    let _ = CALLS.try_with(|c| c.set(c.get() + 1));
}

// SAFETY: every call goes to the system's allocator unchanged.
#[allow(unsafe_code, reason = "counting allocations takes an allocator")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn pulling_64_channels_at_1_khz_allocates_nothing_and_loses_nothing() {
    const CHANNELS: usize = 64;
    const FRAMES: usize = 3000;
    let id = unique("flow");
    let spec = signal(&id, SampleFormat::Float32, 1000.0, CHANNELS);
    let mut outlet = EegOutlet::new(loopback(), &spec, &OutletOptions::default()).unwrap();
    let mut source = open(&id);
    assert!(outlet.wait_for_consumers(LONG));
    let feeder = std::thread::spawn(move || {
        let begun = loopback().local_clock();
        for i in 0..FRAMES {
            let due = begun + i as f64 / 1000.0;
            let wait = due - loopback().local_clock();
            if wait > 0.0 {
                std::thread::sleep(Duration::from_secs_f64(wait));
            }
            outlet.push(&[i as f64; CHANNELS], &[loopback().local_clock()]).unwrap();
        }
        outlet.close(Duration::from_millis(500));
    });
    let mut chunk = Chunk::with_capacity(CHANNELS, 64);
    let mut late_ms = Vec::with_capacity(FRAMES);
    let (mut next, mut pulls) = (0, 0);
    source.pull(&mut chunk, Duration::ZERO).unwrap();
    let before = CALLS.with(Cell::get);
    loop {
        for (frame, stamp) in chunk.samples().chunks(CHANNELS).zip(chunk.stamps()) {
            assert!(frame.iter().all(|&v| v == f64::from(next)));
            next += 1;
            late_ms.push((chunk.acquired.as_lsl_seconds() - stamp) * 1e3);
        }
        if late_ms.len() == FRAMES {
            break;
        }
        pulls += 1;
        source.pull(&mut chunk, Duration::from_secs(5)).unwrap();
    }
    let calls = CALLS.with(Cell::get) - before;
    feeder.join().unwrap();
    assert_eq!(calls, 0, "allocator calls in {pulls} pulls");
    late_ms.sort_by(f64::total_cmp);
    let at = |share: f64| late_ms[(share * (FRAMES - 1) as f64) as usize];
    let report = format!("pushed to pulled: p50 {:.3} p99 {:.3} max {:.3} ms", at(0.5), at(0.99), at(1.0));
    assert!(at(0.0) >= 0.0 && at(0.5) < 5.0, "{report}");
    #[allow(clippy::print_stderr, reason = "a measurement, shown with --nocapture")]
    {
        eprintln!("{report}, {pulls} pulls, {calls} allocator calls");
    }
}
