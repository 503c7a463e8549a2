use super::calibrate::{Calibrator, Progress};
use super::state::AsrState;
use crate::run::all_finite;

/// A calibration on the stream: trusted frames are collected until there are enough, and then worked off.
#[derive(Clone, Debug)]
pub(super) struct OnStream {
    channels: usize,
    collected: Box<[f64]>,
    frames: usize,
    calibrator: Calibrator,
}

impl OnStream {
    /// On `frames` frames with windows of `window`. Allocates room for all of them.
    pub(super) fn design(channels: usize, frames: usize, window: usize) -> Self {
        Self {
            channels,
            collected: vec![0.0; frames * channels].into_boxed_slice(),
            frames: 0,
            calibrator: Calibrator::design(channels, frames, window),
        }
    }

    /// As if no frame had ever come.
    pub(super) fn reset(&mut self) {
        self.frames = 0;
        self.calibrator.stop();
    }

    /// A frame has come, which `shaped` is after the shaping filter; true when `state` has become complete. While it is
    /// worked off, each frame brings a slice of work, whatever the frame: when it is done does not depend on how the signal
    /// is cut.
    pub(super) fn meet(&mut self, frame: &[f64], shaped: &[f64], learn: bool, state: &mut AsrState) -> bool {
        if self.calibrator.is_busy() {
            return self.work(state);
        }
        if learn && all_finite(frame) && all_finite(shaped) {
            let at = self.frames * self.channels;
            self.collected[at..at + self.channels].copy_from_slice(shaped);
            self.frames += 1;
            if self.frames * self.channels == self.collected.len() {
                self.frames = 0;
                self.calibrator.begin();
            }
        }
        false
    }

    /// Does all that is left of the work, where enough frames are in; true when `state` has become complete.
    pub(super) fn finish(&mut self, state: &mut AsrState) -> bool {
        while self.calibrator.is_busy() {
            if self.work(state) {
                return true;
            }
        }
        false
    }

    /// Frames collected so far.
    pub(super) fn frames(&self) -> usize {
        if self.calibrator.is_busy() { self.collected.len() / self.channels } else { self.frames }
    }

    /// Frames that it takes at least until it is done.
    pub(super) fn frames_to_learn(&self) -> usize {
        if self.calibrator.is_busy() { 1 } else { self.collected.len() / self.channels - self.frames + 1 }
    }

    /// Frames from the first until it is done, if all can be learned from.
    pub(super) fn most_frames(&self) -> usize {
        self.collected.len() / self.channels + self.calibrator.most_slices()
    }

    fn work(&mut self, state: &mut AsrState) -> bool {
        self.calibrator.advance(&self.collected, state) == Progress::Done
    }
}
