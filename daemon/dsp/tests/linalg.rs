//! Decompositions and functions of symmetric matrices: against nalgebra, numpy and their own definitions.

#[path = "support/counting.rs"]
mod counting;
mod support;

use bci_dsp::linalg::{EigenError, SPD_FLOOR, SymmetricEigen, multiply, scatter, symmetrise};
use bci_dsp::run::{Covariance, Shrinkage};
use counting::calls;
use nalgebra::DMatrix;
use proptest::prelude::*;
use support::{eeg, json, number, numbers, synthetic_noise};

/// Synthetic: symmetric, entries in -1 to 1.
fn symmetric(n: usize, seed: u64) -> Vec<f64> {
    let mut a = synthetic_noise(seed, n * n);
    symmetrise(n, &mut a);
    a
}

fn largest(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |m: f64, x| m.max(x.abs()))
}

fn product(n: usize, a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut out = vec![f64::NAN; n * n];
    multiply(a, b, n, n, &mut out);
    out
}

fn unit(n: usize) -> Vec<f64> {
    (0..n * n).map(|i| if i % (n + 1) == 0 { 1.0 } else { 0.0 }).collect()
}

fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |m: f64, (x, y)| m.max((x - y).abs()))
}

/// What a decomposition must be, by definition; returns it.
fn assert_decomposes(n: usize, a: &[f64], what: &str) -> SymmetricEigen {
    let mut eigen = SymmetricEigen::design(n);
    eigen.decompose(a).unwrap_or_else(|e| panic!("{what}: {e}"));
    let size = largest(eigen.values());
    assert!(eigen.values().is_sorted(), "{what}: rising");
    let vectors = eigen.vectors();
    let mut transposed = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            transposed[i * n + j] = vectors[j * n + i];
        }
    }
    // LAPACK's own tests permit 30 times n times the precision; a random matrix of 3 was met at 4.1 times.
    let allowed = 10.0 * n as f64 * f64::EPSILON;
    let off = difference(&product(n, vectors, &transposed), &unit(n));
    assert!(off < allowed, "{what}, n = {n}: vectors off the right angle by {off:e}");
    let mut whole = vec![0.0; n * n];
    eigen.function(|x| x, &mut whole);
    let off = difference(&whole, a);
    // Numbers below 1e-308 have fewer digits.
    let allowed = allowed * size + n as f64 * 5e-324;
    assert!(off <= allowed, "{what}, n = {n}: put together again it is off by {off:e} of {size:e}");
    eigen
}

#[test]
fn random_matrices_of_every_size_are_decomposed_as_by_nalgebra() {
    for n in (1..=40).chain([63, 64, 65, 96, 128]) {
        let a = symmetric(n, n as u64);
        let eigen = assert_decomposes(n, &a, "random");
        let mut theirs: Vec<f64> =
            DMatrix::from_row_slice(n, n, &a).symmetric_eigenvalues().iter().copied().collect();
        theirs.sort_by(f64::total_cmp);
        let off = difference(eigen.values(), &theirs);
        assert!(off < 1e-14 * n as f64, "n = {n}: eigenvalues differ from nalgebra's by {off:e}");
    }
}

#[test]
fn awkward_matrices_are_decomposed() {
    let n = 21;
    let diagonal = |f: &dyn Fn(usize) -> f64| -> Vec<f64> {
        (0..n * n).map(|i| if i % (n + 1) == 0 { f(i / n) } else { 0.0 }).collect()
    };
    assert_decomposes(n, &vec![0.0; n * n], "zero");
    assert_decomposes(n, &unit(n), "unit");
    assert_decomposes(n, &vec![1.0; n * n], "ones: rank 1");
    assert_decomposes(n, &diagonal(&|i| (i as f64 - 10.0) * 1e5), "diagonal");
    assert_decomposes(n, &diagonal(&|i| 10f64.powi(-(15 * i as i32))), "diagonal over 300 decades");
    let mut wilkinson = diagonal(&|i| (i as f64 - 10.0).abs());
    for i in 1..n {
        wilkinson[i * n + i - 1] = 1.0;
    }
    symmetrise(n, &mut wilkinson);
    let eigen = assert_decomposes(n, &wilkinson, "Wilkinson's W21+");
    // Two largest eigenvalues, known to agree in 14 digits: Wilkinson, The Algebraic Eigenvalue Problem, 1965.
    assert!((eigen.values()[n - 1] - 10.746_194_182_903_39).abs() < 1e-13, "{:?}", eigen.values());
    let mut graded = symmetric(n, 5);
    for i in 0..n {
        for j in 0..n {
            graded[i * n + j] *= 10f64.powi(-(4 * (i + j) as i32));
        }
    }
    assert_decomposes(n, &graded, "graded down");
    graded.reverse();
    assert_decomposes(n, &graded, "graded up");
    for scale in [1e300, 1e-300, 1e-310] {
        let a: Vec<f64> = symmetric(n, 9).iter().map(|x| x * scale).collect();
        let eigen = assert_decomposes(n, &a, "scaled");
        assert!(largest(eigen.values()) > scale, "{scale:e}");
    }
}

#[test]
fn what_is_not_finite_is_refused_and_leaves_nothing_behind() {
    for bad in [f64::NAN, f64::INFINITY] {
        let mut eigen = SymmetricEigen::design(3);
        eigen.decompose(&[2.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 5.0]).expect("finite");
        assert!(difference(eigen.values(), &[1.0, 3.0, 5.0]) < 1e-14, "only the lower triangle counts");
        let mut a = unit(3);
        a[6] = bad;
        assert_eq!(eigen.decompose(&a), Err(EigenError::NotFinite));
        assert_eq!((eigen.values(), eigen.vectors()), (&[0.0; 3][..], &unit(3)[..]));
        assert_eq!(eigen.decompose(&unit(3)), Ok(()));
        assert_eq!(eigen.values(), [1.0; 3]);
    }
}

#[test]
fn functions_of_a_covariance_of_real_eeg_equal_numpy() {
    let file = json(include_str!("vectors/align/functions.json"));
    let eeg = eeg();
    let n = eeg.channels;
    let mut covariance = vec![0.0; n * n];
    scatter(&eeg.frames, n, 1.0 / (eeg.frames.len() / n) as f64, &mut covariance);
    symmetrise(n, &mut covariance);
    let near = |got: &[f64], key: &str| {
        let want = numbers(&file[key]);
        let off = difference(got, &want) / largest(&want);
        assert!(off < 1e-11, "{key} differs by {off:e} of its largest entry");
    };
    near(&covariance, "covariance");
    let mut eigen = SymmetricEigen::design(n);
    eigen.decompose(&covariance).expect("finite");
    near(eigen.values(), "eigenvalues");
    let mut out = vec![0.0; n * n];
    eigen.sqrt(&mut out);
    near(&out, "sqrt");
    eigen.inverse_sqrt(&mut out);
    near(&out, "inverse_sqrt");
    eigen.power(0.3, &mut out);
    near(&out, "power_0_3");
    eigen.log(&mut out);
    near(&out, "log");
    eigen.decompose(&out).expect("finite");
    eigen.exp(&mut out);
    near(&out, "covariance");
    let mut shrunk = Covariance::design(n, Shrinkage::Oas, false).expect("channels");
    let share = shrunk.of_window(&eeg.frames, &mut covariance);
    assert!((share - number(&file["oas_share"])).abs() < 1e-12 && share > 0.0, "{share}");
    near(&covariance, "oas");
}

#[test]
fn a_matrix_without_full_rank_has_a_bounded_inverse_root() {
    // A projection onto all but the mean, as after an average reference, times 1e4.
    let n = 16;
    let a: Vec<f64> = unit(n).iter().map(|x| 1e4 * (x - 1.0 / n as f64)).collect();
    let mut eigen = SymmetricEigen::design(n);
    eigen.decompose(&a).expect("finite");
    assert!((eigen.spd_floor() - SPD_FLOOR * 1e4).abs() < 1e-20);
    let mut root = vec![0.0; n * n];
    eigen.inverse_sqrt(&mut root);
    assert!(largest(&root) < 1e6 / 100.0, "1 / sqrt(1e-12 * 1e4) at most");
    // Synthetic frames that have been average-referenced: what is left in the missing direction is rounding.
    let mut frames = synthetic_noise(4, 10 * n);
    for frame in frames.chunks_exact_mut(n) {
        let mean = frame.iter().sum::<f64>() / n as f64;
        frame.iter_mut().for_each(|x| *x = 100.0 * (*x - mean));
    }
    let mut white = vec![0.0; 10 * n];
    multiply(&frames, &root, n, n, &mut white);
    let want: Vec<f64> = frames.iter().map(|x| x / 100.0).collect();
    assert!(difference(&white, &want) < 1e-9, "{:e}", difference(&white, &want));
    eigen.decompose(&vec![0.0; n * n]).expect("finite");
    eigen.inverse_sqrt(&mut root);
    assert_eq!(root, unit(n), "nothing can be told of zeros");
}

proptest! {
    #[test]
    fn products_and_scatters_are_what_they_are_by_definition(rows in 1usize..9, n in 1usize..20, m in 1usize..20, seed in 1u64..99) {
        let (a, b) = (synthetic_noise(seed, rows * n), synthetic_noise(seed + 100, n * m));
        let mut out = vec![f64::NAN; rows * m];
        multiply(&a, &b, n, m, &mut out);
        for i in 0..rows {
            for j in 0..m {
                let want: f64 = (0..n).map(|k| a[i * n + k] * b[k * m + j]).sum();
                prop_assert!((out[i * m + j] - want).abs() < 1e-14 * n as f64);
            }
        }
        let mut sums = vec![1.0; n * n];
        scatter(&a, n, 0.5, &mut sums);
        symmetrise(n, &mut sums);
        for i in 0..n {
            for j in 0..n {
                let want = 1.0 + 0.5 * (0..rows).map(|k| a[k * n + i] * a[k * n + j]).sum::<f64>();
                prop_assert!((sums[i * n + j] - want).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn low_rank_and_clustered_matrices_are_decomposed(n in 2usize..40, rank in 1usize..6, shift in -3.0f64..3.0, seed in 1u64..999) {
        let x = synthetic_noise(seed, rank * n);
        let mut a: Vec<f64> = unit(n).iter().map(|u| u * shift).collect();
        scatter(&x, n, 1.0, &mut a);
        symmetrise(n, &mut a);
        assert_decomposes(n, &a, "low rank and a multiple of the unit matrix");
    }
}

#[test]
fn nothing_is_allocated_and_the_same_matrix_gives_the_same_bits() {
    let n = 33;
    let a = symmetric(n, 3);
    let mut eigen = SymmetricEigen::design(n);
    let (mut first, mut second) = (vec![0.0; n * n], vec![0.0; n * n]);
    let mut product = vec![0.0; n * n];
    let counted = calls(|| {
        eigen.decompose(&a).expect("finite");
        eigen.function(|x| x * x, &mut first);
        eigen.sqrt(&mut product);
        assert_eq!(eigen.decompose(&[f64::NAN; 33 * 33]), Err(EigenError::NotFinite));
        eigen.decompose(&a).expect("finite");
        eigen.function(|x| x * x, &mut second);
        multiply(&first, &second, n, n, &mut product);
        scatter(&first, n, 1.0, &mut product);
    });
    assert_eq!(counted, 0);
    assert_eq!(first, second);
}
