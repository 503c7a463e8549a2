/// Makes this thread treat denormal numbers as zero: a filter that rings out towards zero would otherwise become
/// many times slower.
#[allow(unsafe_code, reason = "the control register of the floating-point unit")]
pub(crate) fn flush_denormals_to_zero() {
    #[cfg(target_arch = "x86_64")]
    {
        let mut mxcsr: u32 = 0;
        // SAFETY: stores and loads this thread's own MXCSR, with only the FTZ (15) and DAZ (6) bits changed.
        unsafe {
            std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut mxcsr, options(nostack));
            mxcsr |= (1 << 15) | (1 << 6);
            std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const mxcsr, options(nostack, readonly));
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        // SAFETY: reads and writes this thread's own FPCR, with only the FZ bit (24) changed.
        unsafe {
            let mut fpcr: u64;
            std::arch::asm!("mrs {}, fpcr", out(reg) fpcr, options(nomem, nostack));
            fpcr |= 1 << 24;
            std::arch::asm!("msr fpcr, {}", in(reg) fpcr, options(nomem, nostack));
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn denormals_become_zero_on_the_thread_that_asked() {
        let tiny = std::hint::black_box(f64::MIN_POSITIVE);
        let half = std::hint::black_box(0.5);
        assert!(tiny * half > 0.0, "denormals exist by default");
        let flushed = std::thread::spawn(move || {
            super::flush_denormals_to_zero();
            std::hint::black_box(tiny) * std::hint::black_box(half)
        });
        assert_eq!(flushed.join().expect("thread"), 0.0);
        assert!(tiny * half > 0.0, "other threads keep them");
    }
}
