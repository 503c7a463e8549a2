use super::*;
use crate::device::Device;
use crate::onnx::trial_model;
use crate::ort::{open::Traced, runtime};
use ::ort::memory::Allocator;
use ::ort::session::{IoBinding, Session};
use ::ort::value::Tensor;

/// The trial model, bound.
fn trial() -> (Session, IoBinding) {
    let loaded = runtime().expect("ONNX Runtime");
    let session = Traced::open(loaded, &trial_model(), Device::Cpu).expect("opens").session;
    let new = || Tensor::<f32>::new(&Allocator::default(), [2usize, 2]).expect("a tensor");
    let mut binding = session.create_binding().expect("a binding");
    binding.bind_input("x", &new()).expect("x");
    binding.bind_output("y", new()).expect("y");
    (session, binding)
}

/// A run that ends in the very moment in which it is being stopped does not make every run after it fail.
#[test]
fn a_run_that_ends_as_it_is_stopped_spoils_no_other() {
    let (mut session, binding) = trial();
    let watch = Watch::new().expect("watched");
    for n in 0..20 {
        let shared = Arc::clone(&watch.shared);
        let ended = watch.run(Duration::from_millis(1), |_| {
            while !shared.stopped.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            Ok(())
        });
        assert!(ended.is_err());
        std::thread::sleep(Duration::from_millis(2));
        for later in 0..3 {
            let run = watch.run(STUCK, |o| session.run_binding_with_options(&binding, o).map(|_| ()));
            assert!(run.is_ok(), "stop {n}, run {later} after it: {run:?}");
        }
    }
}

/// The deadline of one run stops no other, however closely they follow each other.
#[test]
fn a_deadline_stops_no_run_but_its_own() {
    let (mut session, binding) = trial();
    let watch = Watch::new().expect("watched");
    let on = AtomicBool::new(true);
    let mut stopped = 0;
    let spoilt = std::thread::scope(|scope| {
        scope.spawn(|| {
            while on.load(Ordering::Acquire) {
                watch.shared.stop_if_late();
            }
        });
        let spoilt = (0..20_000).find_map(|n| {
            let limit = Duration::from_micros(n % 20);
            let brief = watch.run(limit, |_| {
                let begun = Instant::now();
                while begun.elapsed() < limit {
                    std::hint::spin_loop();
                }
                Ok(())
            });
            stopped += usize::from(brief.is_err());
            let run = watch.run(STUCK, |o| session.run_binding_with_options(&binding, o).map(|_| ()));
            run.err().map(|why| (n, why))
        });
        on.store(false, Ordering::Release);
        spoilt
    });
    assert_eq!(spoilt, None);
    assert!(stopped > 0, "nothing was ever stopped, and nothing is shown");
}
