//! When outputs are due that come every so many frames.

/// Moves a countdown (never 0) that starts again at `period` whenever it runs out on by `frames`; how often it ran out.
pub(crate) fn pass_over(until_due: &mut usize, period: usize, frames: u64) -> u64 {
    let Some(beyond) = frames.checked_sub(*until_due as u64) else {
        // Below `until_due`, so it fits.
        *until_due -= frames as usize;
        return 0;
    };
    let period = period as u64;
    *until_due = (period - beyond % period) as usize;
    1 + beyond / period
}

/// Moves the place in a ring of `blocks` blocks of `block` frames, block `at` and frames `filled` of it, on by `frames`. What
/// a block holds that is then gone on with is that of the one it takes the place of: it is gone with the window.
pub(crate) fn pass_over_blocks(at: &mut usize, filled: &mut usize, block: usize, blocks: usize, frames: u64) {
    // Whole rings change nothing.
    let rest = *filled + (frames % (block * blocks) as u64) as usize;
    *at = (*at + rest / block) % blocks;
    *filled = rest % block;
}

#[cfg(test)]
mod tests {
    use super::pass_over;

    #[test]
    fn as_if_counted_one_by_one() {
        for period in 1..6 {
            for start in 1..12 {
                for frames in 0..40 {
                    let (mut fast, mut slow, mut times) = (start, start, 0);
                    for _ in 0..frames {
                        slow -= 1;
                        if slow == 0 {
                            slow = period;
                            times += 1;
                        }
                    }
                    assert_eq!(pass_over(&mut fast, period, frames), times, "{start} of {period}, {frames}");
                    assert_eq!(fast, slow, "{start} of {period}, {frames}");
                }
            }
        }
        let mut until_due = 3;
        assert_eq!(pass_over(&mut until_due, 7, u64::MAX), 1 + (u64::MAX - 3) / 7);
        assert!((1..=7).contains(&until_due));
    }
}
