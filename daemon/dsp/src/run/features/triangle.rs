//! The upper triangle of a symmetric matrix, with the diagonal, row by row.

use crate::linalg::SymmetricEigen;
use std::f64::consts::SQRT_2;

/// What stands in it, for groups of `width` channels one after the other.
pub(in crate::run) fn labels(labels: &[String], width: usize) -> Vec<String> {
    let pair = |(a, b): (&String, &String)| {
        if a.is_empty() || b.is_empty() { String::new() } else { format!("{a}*{b}") }
    };
    let of_group = |labels: &[String]| -> Vec<String> {
        (0..labels.len()).flat_map(|i| labels[i..].iter().map(move |b| pair((&labels[i], b)))).collect()
    };
    labels.chunks(width.max(1)).flat_map(of_group).collect()
}

/// How many numbers stand in it.
pub(in crate::run) fn size(width: usize) -> usize {
    width * (width + 1) / 2
}

/// The `matrix`, or with `log` its logarithm, what is beside the diagonal times the root of 2; NaN where it has none.
pub(in crate::run) fn write(matrix: &mut [f64], log: Option<&mut SymmetricEigen>, out: &mut [f64]) {
    let width = matrix.len().isqrt();
    let beside = if log.is_some() { SQRT_2 } else { 1.0 };
    if let Some(eigen) = log {
        match eigen.decompose(matrix) {
            Ok(()) => eigen.log(matrix),
            Err(_) => matrix.fill(f64::NAN),
        }
    }
    let mut rest = out;
    for (i, row) in matrix.chunks_exact(width.max(1)).enumerate() {
        let (part, after) = rest.split_at_mut(width - i);
        part[0] = row[i];
        part[1..].iter_mut().zip(&row[i + 1..]).for_each(|(out, x)| *out = beside * x);
        rest = after;
    }
}
