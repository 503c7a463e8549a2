//! From posteriors, or a decoder's own velocities, to what a cursor is to do.

use std::sync::Arc;

/// How velocities are made.
#[derive(Clone, Debug, PartialEq)]
pub struct MotionSpec {
    /// The axes, in their order.
    pub axes: Arc<[String]>,
    /// What drives each.
    pub drives: Vec<Drive>,
    /// Velocity at full drive; of a decoder of velocities, what its own are multiplied by.
    pub gain: f64,
    /// Drive up to this moves nothing, and what is above counts from there; of classes between 0 and 1, of a decoder of velocities in its unit.
    pub dead_zone: f64,
    /// Time constant with which velocity follows drive, ms; 0: at once.
    pub decay_ms: f64,
    /// The unit, such as `1/s`: widths of the workspace a second.
    pub unit: Arc<str>,
}

/// What drives an axis: 0 where there is nothing, else up to 1 or down to -1 of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// The probability of the one class less that of the other, by their index.
    Classes {
        /// Towards larger numbers.
        plus: Option<usize>,
        /// Towards smaller ones.
        minus: Option<usize>,
    },
    /// The number that the decoder yields at this index.
    Number(usize),
}

/// The state of it.
#[derive(Clone, Debug)]
pub(super) struct Motion {
    pub(super) spec: Arc<MotionSpec>,
    velocity: Vec<f32>,
}

impl Motion {
    pub(super) fn new(spec: Arc<MotionSpec>) -> Self {
        let velocity = vec![0.0; spec.axes.len()];
        Self { spec, velocity }
    }

    /// Stops, at once.
    pub(super) fn stop(&mut self) {
        self.velocity.fill(0.0);
    }

    /// Follows what is believed, or yielded, for so long.
    pub(super) fn follow(&mut self, numbers: &[f32], elapsed_ms: f64) {
        let spec = &self.spec;
        let weight = if spec.decay_ms > 0.0 { 1.0 - (-elapsed_ms / spec.decay_ms).exp() } else { 1.0 };
        let of = |class: Option<usize>| class.and_then(|c| numbers.get(c)).map_or(0.0, |p| f64::from(*p));
        for (velocity, drive) in self.velocity.iter_mut().zip(&spec.drives) {
            let (drive, most) = match *drive {
                Drive::Classes { plus, minus } => (of(plus) - of(minus), 1.0),
                Drive::Number(index) => (of(Some(index)), f64::INFINITY),
            };
            let beyond = (drive.abs() - spec.dead_zone).max(0.0).copysign(drive);
            // Of classes, full drive is full speed whatever the dead zone.
            let share = if most == 1.0 { beyond / (1.0 - spec.dead_zone) } else { beyond };
            let target = share * spec.gain;
            let next = f64::from(*velocity) + weight * (target - f64::from(*velocity));
            *velocity = if next.is_finite() { next as f32 } else { 0.0 };
        }
    }

    pub(super) fn velocity(&self) -> &[f32] {
        &self.velocity
    }
}
