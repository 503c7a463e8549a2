use super::dense::Dense;
use super::sparse::Sparse;
use crate::design::DesignError;
use crate::element::{Element, Emit, Reframe};
use crate::run::simd::vectorised;
use crate::run::{RetuneError, same, same_channels};
use std::any::Any;

/// A fixed matrix across the channels of one instant: montages, Laplacians, interpolation, spatial filters.
///
/// Each output is the sum of weight times channel, in the order of the channels. Has no memory. A weight of 0 is not
/// multiplied: a NaN or infinity spoils the outputs that its channel has a part in and no other.
#[derive(Clone, Debug)]
pub struct Matrix {
    inputs: usize,
    outputs: usize,
    weights: Weights,
}

#[derive(Clone, Debug)]
enum Weights {
    /// Some are 0.
    Sparse(Sparse),
    /// None is.
    Dense(Dense),
}

/// A row of a [`Matrix`]: channels and their weights.
pub type Row = Vec<(usize, f64)>;

impl Matrix {
    /// From frames of `inputs` channels to one output for each of `rows`, of `inputs` weights each. Allocates.
    ///
    /// # Errors
    /// The first of: no inputs or no rows, a row of another length, a weight that is not finite.
    pub fn design<R: AsRef<[f64]>>(inputs: usize, rows: &[R]) -> Result<Self, DesignError> {
        for row in rows {
            let weights = row.as_ref();
            if weights.len() != inputs {
                let must = format!("must have {inputs} weights, one a channel");
                return Err(DesignError::setting("rows", format!("a row of {}", weights.len()), must));
            }
        }
        let sparse: Vec<Row> =
            rows.iter().map(|row| row.as_ref().iter().copied().enumerate().collect()).collect();
        Self::of_rows(inputs, &sparse)
    }

    /// As [`Matrix::design`], from the weights that are not 0, as `(channel, weight)`; a channel that a row names twice
    /// has the sum of both.
    ///
    /// # Errors
    /// The first of: no inputs or no rows, a channel that is not there, a weight that is not finite.
    pub fn of_rows(inputs: usize, rows: &[Row]) -> Result<Self, DesignError> {
        if inputs == 0 || rows.is_empty() {
            return Err(DesignError::NoChannels);
        }
        for &(channel, scale) in rows.iter().flatten() {
            if channel >= inputs {
                return Err(DesignError::NoSuchChannel { channel, channels: inputs });
            }
            if !scale.is_finite() {
                return Err(DesignError::Scale { channel, scale });
            }
        }
        let rows: Vec<Row> = rows.iter().map(tidied).collect();
        let terms: usize = rows.iter().map(Vec::len).sum();
        let weights = if terms == inputs * rows.len() {
            Weights::Dense(Dense::new(inputs, &rows))
        } else {
            Weights::Sparse(Sparse::new(&rows))
        };
        Ok(Self { inputs, outputs: rows.len(), weights })
    }

    /// Channels of a frame that comes in.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Channels of a frame that goes out.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The weight of a channel in an output; indices count from 0.
    ///
    /// # Panics
    /// When there is no such channel or output.
    #[must_use]
    pub fn weight(&self, output: usize, channel: usize) -> f64 {
        assert!(output < self.outputs && channel < self.inputs, "an output and a channel of the matrix");
        match &self.weights {
            Weights::Sparse(sparse) => sparse.weight(output, channel),
            Weights::Dense(dense) => dense.weight(output, channel),
        }
    }
}

/// In the order of the channels, each once, none of weight 0.
fn tidied(row: &Row) -> Row {
    let mut sorted = row.clone();
    sorted.sort_by_key(|(channel, _)| *channel);
    let mut tidy: Row = Vec::with_capacity(sorted.len());
    for (channel, weight) in sorted {
        match tidy.last_mut() {
            Some((last, sum)) if *last == channel => *sum += weight,
            _ => tidy.push((channel, weight)),
        }
    }
    tidy.retain(|(_, weight)| *weight != 0.0);
    tidy
}

impl Element for Matrix {
    fn reset(&mut self) {}

    fn reaches(&self, outputs: &[bool]) -> Vec<bool> {
        let marked: Vec<usize> = (0..self.outputs).filter(|&o| outputs[o]).collect();
        (0..self.inputs).map(|i| marked.iter().any(|&o| self.weight(o, i) != 0.0)).collect()
    }

    /// Takes one of as many inputs and outputs, and with as many weights of 0 in each row.
    fn fits(&self, ready: &dyn Element) -> Result<(), RetuneError> {
        let ready = same::<Self>(ready)?;
        for (have, got) in [(self.inputs, ready.inputs), (self.outputs, ready.outputs)] {
            same_channels(have, got)?;
        }
        match (&self.weights, &ready.weights) {
            (Weights::Dense(_), Weights::Dense(_)) => Ok(()),
            (Weights::Sparse(own), Weights::Sparse(new)) if own.fits(new) => Ok(()),
            _ => Err(RetuneError::Kind),
        }
    }

    fn retune(&mut self, ready: &dyn Element) -> Result<(), RetuneError> {
        self.fits(ready)?;
        match (&mut self.weights, &same::<Self>(ready)?.weights) {
            (Weights::Dense(own), Weights::Dense(new)) => own.copy_from(new),
            (Weights::Sparse(own), Weights::Sparse(new)) => own.copy_from(new),
            _ => return Err(RetuneError::Kind),
        }
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Reframe for Matrix {
    fn most_frames(&self, input: usize) -> usize {
        input
    }

    fn process(&mut self, input: &[f64], _learn: bool, out: &mut Emit<'_>) {
        debug_assert_eq!(input.len() % self.inputs, 0, "whole frames");
        let output = out.block(0, input.len() / self.inputs);
        match &self.weights {
            Weights::Sparse(sparse) => vectorised(
                #[inline(always)]
                || sparse.multiply(input, self.inputs, output),
            ),
            Weights::Dense(dense) => vectorised(
                #[inline(always)]
                || dense.multiply(input, self.inputs, output, self.outputs),
            ),
        }
    }
}
