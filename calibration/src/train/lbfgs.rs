//! Limited-memory BFGS with backtracking: Nocedal, Updating quasi-Newton matrices with limited storage, Math. Comp. 35(151),
//! 1980.

use super::linear::dot;
use std::collections::VecDeque;

const MEMORY: usize = 12;
const ROUNDS: usize = 1000;
/// The part of the decrease that the slope promises with which a step is content (Armijo).
const ENOUGH: f64 = 1e-4;

/// Minimises `objective`, which returns its value and writes its gradient, from `x` on, until no entry of the gradient is above
/// `tolerance` or nothing more is gained.
pub(super) fn minimise(x: &mut [f64], tolerance: f64, mut objective: impl FnMut(&[f64], &mut [f64]) -> f64) {
    let n = x.len();
    let (mut gradient, mut next_gradient) = (vec![0.0; n], vec![0.0; n]);
    let mut next = vec![0.0; n];
    let mut value = objective(x, &mut gradient);
    // Steps, changes of the gradient, and one over their product.
    let mut past: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::with_capacity(MEMORY);
    for _ in 0..ROUNDS {
        if gradient.iter().all(|g| g.abs() <= tolerance) {
            return;
        }
        let direction = direction(&gradient, &past);
        let slope = dot(&direction, &gradient);
        let mut step =
            if past.is_empty() { 1.0 / gradient.iter().map(|g| g.abs()).sum::<f64>().max(1.0) } else { 1.0 };
        let mut found = None;
        for _ in 0..60 {
            next.iter_mut().zip(&*x).zip(&direction).for_each(|((next, x), d)| *next = x + step * d);
            let there = objective(&next, &mut next_gradient);
            if there <= value + ENOUGH * step * slope {
                found = Some(there);
                break;
            }
            step *= 0.5;
        }
        let Some(there) = found else { return };
        let moved: Vec<f64> = next.iter().zip(&*x).map(|(next, x)| next - x).collect();
        let turned: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(next, g)| next - g).collect();
        let curvature = dot(&moved, &turned);
        if curvature > 1e-12 * dot(&turned, &turned) {
            if past.len() == MEMORY {
                past.pop_front();
            }
            past.push_back((moved, turned, 1.0 / curvature));
        }
        let gained = value - there;
        x.copy_from_slice(&next);
        std::mem::swap(&mut gradient, &mut next_gradient);
        value = there;
        if gained <= 1e-14 * value.abs() {
            return;
        }
    }
}

/// The gradient through what is known of the inverse Hessian, downwards.
fn direction(gradient: &[f64], past: &VecDeque<(Vec<f64>, Vec<f64>, f64)>) -> Vec<f64> {
    let mut d: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut kept = Vec::with_capacity(past.len());
    for (moved, turned, rho) in past.iter().rev() {
        let a = rho * dot(moved, &d);
        d.iter_mut().zip(turned).for_each(|(d, t)| *d -= a * t);
        kept.push(a);
    }
    if let Some((_, turned, rho)) = past.back() {
        let scale = 1.0 / (rho * dot(turned, turned));
        d.iter_mut().for_each(|d| *d *= scale);
    }
    for ((moved, turned, rho), a) in past.iter().zip(kept.into_iter().rev()) {
        let b = rho * dot(turned, &d);
        d.iter_mut().zip(moved).for_each(|(d, m)| *d += (a - b) * m);
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock, An automatic method for finding the greatest or least value of a function, Comp. J. 3(3), 1960.
    #[test]
    fn a_curved_valley_is_followed_to_its_end() {
        let mut x = [-1.2, 1.0];
        minimise(&mut x, 1e-9, |x, g| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            g[0] = -2.0 * a - 400.0 * x[0] * b;
            g[1] = 200.0 * b;
            a * a + 100.0 * b * b
        });
        assert!((x[0] - 1.0).abs() < 1e-6 && (x[1] - 1.0).abs() < 1e-6, "{x:?}");
    }
}
