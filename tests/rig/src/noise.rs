//! The synthetic signal: the same in the source, which sends it, and in the receiver, which checks what came.

/// How many frames there are before it repeats: 60 ms at 30 kHz, so that memory is as busy as with a signal.
pub(crate) const PERIOD: usize = 1800;

/// `[PERIOD x channels]`, uV: white noise, near enough to Gaussian (the sum of four uniform numbers), of RMS 10.
pub(crate) fn noise(channels: usize) -> Vec<f32> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut uniform = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    let scale = 10.0 * (3.0f32 / 4.0).sqrt();
    (0..PERIOD * channels).map(|_| scale * (uniform() + uniform() + uniform() + uniform())).collect()
}
