use crate::design::DesignError;
use crate::run::{LANES, RetuneError, simd::vectorised};
use bci_types::Hz;

/// What [`ChannelFaults`] looks for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaultSpec {
    /// How long a channel must stay where it is to count as flat, in ms; `None` looks for no flat channels.
    pub flat_ms: Option<f64>,
    /// By how much it may stray from where it was when the run began, in the signal's unit; 0 or more.
    pub flat_eps_uv: f64,
    /// The magnitude from which on a sample counts as railed; `None` looks for no rails.
    pub rail_uv: Option<f64>,
}

/// What was found in a frame, among the channels watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A channel has been flat for as long as it takes.
    pub flat: bool,
    /// A sample is at or beyond the rails.
    pub railed: bool,
    /// Frames for which the channel that has been still for longest has not changed, whatever it takes to be flat.
    pub flat_since: u32,
}

/// Whether electrodes are dead: tells frame by frame, at a fraction of a nanosecond a sample.
///
/// Causal, without a window: a channel counts as flat from the frame that completes `flat_ms` until the frame in which it
/// moves. A NaN is neither flat nor railed, and a run begins anew behind it. Only `design` allocates.
#[derive(Clone, Debug)]
pub struct ChannelFaults {
    channels: usize,
    /// Frames of no change that make a channel flat; infinite when none do.
    flat_frames: f64,
    eps: f64,
    /// NaN, which nothing reaches, when there are none.
    rail: f64,
    /// `[tiles]`, the last padded with channels that are not watched.
    tiles: Box<[Tile]>,
}

#[derive(Clone, Copy, Debug)]
struct Tile {
    /// Where the run began.
    held: [f64; LANES],
    /// Frames since.
    run: [f64; LANES],
    /// 1 for channels watched, 0 for others.
    watched: [f64; LANES],
}

/// The longest run that is counted: what is flat for that long stays so.
const LONGEST: f64 = u32::MAX as f64;

impl ChannelFaults {
    /// Watches every channel. Allocates.
    ///
    /// # Errors
    /// Everything wrong at once: no channels, a `flat_ms` that is not at least a frame, a `flat_eps_uv` that is not 0 or
    /// more, a `rail_uv` that is not above 0.
    pub fn design(channels: usize, rate: Hz, spec: FaultSpec) -> Result<Self, Vec<DesignError>> {
        let mut mistakes = Vec::new();
        if channels == 0 {
            mistakes.push(DesignError::NoChannels);
        }
        let flat_frames = spec.flat_ms.map(|ms| (ms, ms * rate.get() / 1e3));
        if let Some((ms, _)) = flat_frames.filter(|(_, n)| !(*n >= 1.0 - 1e-9 && *n <= LONGEST)) {
            let most = LONGEST / rate.get() * 1e3;
            let must = format!("must be {} to {most} ms at {rate}", 1e3 / rate.get());
            mistakes.push(DesignError::setting("flat_ms", ms, must));
        }
        if !(spec.flat_eps_uv >= 0.0 && spec.flat_eps_uv.is_finite()) {
            mistakes.push(DesignError::setting("flat_eps_uv", spec.flat_eps_uv, "must be 0 uV or more"));
        }
        if let Some(rail) = spec.rail_uv.filter(|rail| !(*rail > 0.0 && rail.is_finite())) {
            mistakes.push(DesignError::setting("rail_uv", rail, "must be above 0 uV"));
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let tile = |i: usize| Tile {
            held: [f64::NAN; LANES],
            run: [0.0; LANES],
            watched: std::array::from_fn(|lane| if i * LANES + lane < channels { 1.0 } else { 0.0 }),
        };
        Ok(Self {
            channels,
            flat_frames: flat_frames.map_or(f64::INFINITY, |(_, n)| (n - 1e-6).ceil()),
            eps: spec.flat_eps_uv,
            rail: spec.rail_uv.unwrap_or(f64::NAN),
            tiles: (0..channels.div_ceil(LANES)).map(tile).collect(),
        })
    }

    /// Watches only the channels marked in `mask`, from the next frame on; runs go on being counted in all of them.
    /// Channels beyond the mask are not watched. Allocates nothing.
    pub fn watch(&mut self, mask: &[bool]) {
        let mask = &mask[..mask.len().min(self.channels)];
        let marks = mask.iter().copied().chain(std::iter::repeat(false));
        for (watched, marked) in self.tiles.iter_mut().flat_map(|t| &mut t.watched).zip(marks) {
            *watched = if marked { 1.0 } else { 0.0 };
        }
    }

    /// As designed, but for the channels watched: no frame has ever come.
    pub fn reset(&mut self) {
        for tile in &mut self.tiles {
            tile.held = [f64::NAN; LANES];
            tile.run = [0.0; LANES];
        }
    }

    /// Takes over what `ready` looks for; runs and the channels watched stay.
    ///
    /// # Errors
    /// [`RetuneError::Channels`].
    pub fn retune(&mut self, ready: &ChannelFaults) -> Result<(), RetuneError> {
        if self.channels != ready.channels {
            return Err(RetuneError::Channels { have: self.channels, got: ready.channels });
        }
        self.flat_frames = ready.flat_frames;
        self.eps = ready.eps;
        self.rail = ready.rail;
        Ok(())
    }

    /// Looks at the next frame, one sample a channel.
    pub fn check(&mut self, frame: &[f64]) -> Faults {
        debug_assert_eq!(frame.len(), self.channels, "one frame");
        let (mut longest, mut railed) = (0.0, false);
        vectorised(|| (longest, railed) = look(&mut self.tiles, frame, self.eps, self.rail));
        Faults { flat: longest >= self.flat_frames, railed, flat_since: longest as u32 }
    }

    /// Frames for which a channel has not changed, watched or not; `None` when there is no such channel.
    #[must_use]
    pub fn flat_since(&self, channel: usize) -> Option<u32> {
        let tile = self.tiles.get(channel / LANES).filter(|_| channel < self.channels)?;
        Some(tile.run[channel % LANES] as u32)
    }

    /// Channels a frame.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }
}

#[inline(always)]
fn look(tiles: &mut [Tile], frame: &[f64], eps: f64, rail: f64) -> (f64, bool) {
    let (whole, rest) = frame.as_chunks::<LANES>();
    let (mut longest, mut railed) = ([0.0; LANES], [0.0; LANES]);
    for (tile, x) in tiles.iter_mut().zip(whole) {
        look_at(tile, x, eps, rail, &mut longest, &mut railed);
    }
    if let (false, Some(tile)) = (rest.is_empty(), tiles.get_mut(whole.len())) {
        let mut x = [0.0; LANES];
        x[..rest.len()].copy_from_slice(rest);
        look_at(tile, &x, eps, rail, &mut longest, &mut railed);
    }
    (longest.into_iter().fold(0.0, f64::max), railed.contains(&1.0))
}

#[inline(always)]
fn look_at(tile: &mut Tile, x: &[f64; LANES], eps: f64, rail: f64, longest: &mut Row, railed: &mut Row) {
    for lane in 0..LANES {
        let steady = (x[lane] - tile.held[lane]).abs() <= eps;
        let longer = tile.run[lane] + 1.0;
        let longer = if longer > LONGEST { LONGEST } else { longer };
        tile.held[lane] = if steady { tile.held[lane] } else { x[lane] };
        tile.run[lane] = if steady { longer } else { 0.0 };
        let run = tile.run[lane] * tile.watched[lane];
        longest[lane] = if run > longest[lane] { run } else { longest[lane] };
        railed[lane] =
            if x[lane].abs() >= rail { tile.watched[lane].max(railed[lane]) } else { railed[lane] };
    }
}

type Row = [f64; LANES];
