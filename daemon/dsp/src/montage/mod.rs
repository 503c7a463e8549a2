//! Labels, positions and neighbours of electrodes.
//!
//! Names are those of the 10-20, 10-10 and 10-05 systems, in any spelling that [`bci_types::label`] folds.

mod grid;
mod shaft;
mod spline;
mod table;

pub use grid::{LaplacianSize, neighbours, place};
pub use shaft::{Contact, contact};
pub use spline::{SPLINE_REGULARISATION, spline_weights};

use bci_types::label;

/// Where an electrode sits on a template head: a direction of unit length from the centre of the sphere that fits the
/// head best; x to the right ear, y to the nose, z up. `None` for what is no name of the 10-05 system.
///
/// These are the positions of MNE-Python's montage `standard_1005`, seen from the centre that its spherical splines
/// take for a recording of all its channels.
#[must_use]
pub fn position(electrode: &str) -> Option<[f64; 3]> {
    let name = label::canonical(electrode);
    let row = table::DIRECTIONS.binary_search_by(|(known, _)| (*known).cmp(&name)).ok()?;
    Some(table::DIRECTIONS[row].1)
}

/// How far apart two directions are: the length of the straight line, for a sphere of radius 1.
#[must_use]
pub fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_of_unit_length() {
        assert_eq!(table::DIRECTIONS.len(), 339, "343 names of which 4 are second names");
        assert!(table::DIRECTIONS.is_sorted_by(|(a, _), (b, _)| a < b));
        for (name, at) in table::DIRECTIONS {
            assert!((distance(*at, [0.0; 3]) - 1.0).abs() < 1e-11, "{name}");
        }
    }

    #[test]
    fn positions_are_found_by_any_spelling_and_lie_where_the_system_puts_them() {
        assert_eq!(position("EEG T3-Ref"), position("T7.."));
        assert_eq!(position("L'1"), None);
        assert_eq!(position(""), None);
        let [x, y, z] = position("Cz").expect("a place");
        assert!(x.abs() < 0.01 && y.abs() < 0.2 && z > 0.98, "the vertex: {x} {y} {z}");
        let [x, y, _] = position("C3").expect("a place");
        assert!(x < -0.5 && y.abs() < 0.2, "on the left: {x} {y}");
        let [x, y, _] = position("Fpz").expect("a place");
        assert!(x.abs() < 0.01 && y > 0.9, "in front: {x} {y}");
    }
}
