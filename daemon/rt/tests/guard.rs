//! The guard in the only setting in which it works: installed as the global allocator.

use bci_rt::guard::{GuardedAllocator, operations, passes, watched};
use bci_rt::{doorbell, edge::edge};
use bci_types::Chunk;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: GuardedAllocator = GuardedAllocator;

/// One test, because the counters are the process's.
#[test]
fn heap_operations_are_counted_inside_and_only_inside() {
    let outside = vec![1u8; 100];
    drop(outside);
    assert_eq!(operations(), 0, "nothing is counted outside");

    watched(|| drop(std::hint::black_box(vec![1u8; 100])));
    assert_eq!(operations(), 2, "one allocation and one free");
    assert_eq!(passes(), 1);

    let other = std::thread::spawn(|| drop(std::hint::black_box(vec![1u8; 100])));
    watched(|| std::thread::sleep(Duration::from_millis(20)));
    other.join().expect("thread");
    assert_eq!(operations(), 2, "another thread's allocations are not this one's");

    let (mut writer, mut reader) = edge(4, 32);
    let mut chunk = Chunk::with_capacity(4, 8);
    let (mut samples, mut stamps) = (vec![0.0; 128], vec![0.0; 32]);
    let bell = doorbell::Doorbell::for_thread(&std::thread::current());
    for round in 0..1000 {
        watched(|| {
            chunk.clear();
            for i in 0..8 {
                assert!(chunk.push(f64::from(round * 8 + i), &[0.0; 4]));
            }
            assert!(writer.push(&chunk));
            bell.ring();
            doorbell::wait(Duration::from_millis(1));
            assert_eq!(reader.pop(&mut samples, &mut stamps).map(|h| h.frames), Some(8));
        });
    }
    assert_eq!(operations(), 2, "chunk, edge and doorbell stay off the heap");
}
