use super::matrix::Row;

/// A matrix without its zeros, row after row.
#[derive(Clone, Debug)]
pub(super) struct Sparse {
    /// Neighbouring rows of as many terms each.
    runs: Box<[Run]>,
    terms: Box<[Term]>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    rows: usize,
    /// Terms of each row.
    width: usize,
}

#[derive(Clone, Copy, Debug)]
struct Term {
    channel: usize,
    weight: f64,
}

impl Sparse {
    /// Rows in the order of the channels. Allocates.
    pub(super) fn new(rows: &[Row]) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for row in rows {
            match runs.last_mut() {
                Some(run) if run.width == row.len() => run.rows += 1,
                _ => runs.push(Run { rows: 1, width: row.len() }),
            }
        }
        let terms = rows.iter().flatten().map(|&(channel, weight)| Term { channel, weight }).collect();
        Self { runs: runs.into_boxed_slice(), terms }
    }

    pub(super) fn fits(&self, ready: &Self) -> bool {
        self.runs == ready.runs
    }

    /// Takes over the terms of one that fits.
    pub(super) fn copy_from(&mut self, ready: &Self) {
        self.terms.copy_from_slice(&ready.terms);
    }

    pub(super) fn weight(&self, output: usize, channel: usize) -> f64 {
        let (mut rows, mut at) = (output, 0);
        for run in &self.runs {
            if rows < run.rows {
                let row = &self.terms[at + rows * run.width..][..run.width];
                return row.iter().find(|t| t.channel == channel).map_or(0.0, |t| t.weight);
            }
            rows -= run.rows;
            at += run.rows * run.width;
        }
        0.0
    }

    #[inline(always)]
    pub(super) fn multiply(&self, input: &[f64], inputs: usize, output: &mut [f64]) {
        let outputs: usize = self.runs.iter().map(|r| r.rows).sum();
        for (from, to) in input.chunks_exact(inputs).zip(output.chunks_exact_mut(outputs)) {
            let (mut terms, mut to) = (&self.terms[..], to);
            for run in &self.runs {
                let (own, after) = terms.split_at(run.rows * run.width);
                let (places, rest) = to.split_at_mut(run.rows);
                match run.width {
                    0 => places.fill(0.0),
                    1 => rows::<1>(own, from, places),
                    2 => rows::<2>(own, from, places),
                    5 => rows::<5>(own, from, places),
                    width => {
                        for (y, row) in places.iter_mut().zip(own.chunks_exact(width)) {
                            *y = row.iter().map(|t| t.weight * from[t.channel]).sum();
                        }
                    }
                }
                (terms, to) = (after, rest);
            }
        }
    }
}

/// Rows whose width is known beforehand: one channel alone, a bipolar derivation, a Laplacian.
#[inline(always)]
fn rows<const WIDTH: usize>(terms: &[Term], from: &[f64], places: &mut [f64]) {
    let (rows, _) = terms.as_chunks::<WIDTH>();
    for (y, row) in places.iter_mut().zip(rows) {
        let mut sum = row[0].weight * from[row[0].channel];
        for term in &row[1..] {
            sum += term.weight * from[term.channel];
        }
        *y = sum;
    }
}
