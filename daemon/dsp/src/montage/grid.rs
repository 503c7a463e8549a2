use bci_types::label;

/// Which neighbours a surface Laplacian takes: McFarland, McCane, David & Wolpaw, Electroencephalography and Clinical
/// Neurophysiology 103:386-394, 1997.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaplacianSize {
    /// The nearest electrodes of the 10-10 grid: FC3, CP3, C5 and C1 around C3.
    Small,
    /// The next ones: F3, P3, T7 and Cz around C3.
    Large,
}

/// The rows of the 10-10 system from front to back, by the letters of the inner and of the outer columns.
const ROWS: [(&str, &str); 11] = [
    ("n", "n"),
    ("fp", "fp"),
    ("af", "af"),
    ("f", "f"),
    ("fc", "ft"),
    ("c", "t"),
    ("cp", "tp"),
    ("p", "p"),
    ("po", "po"),
    ("o", "o"),
    ("i", "i"),
];

/// Columns of either side up to which the inner letters hold: C5 is the third, T7 the fourth.
const INNER: i8 = 3;
/// Columns on either side: T9 is the fifth.
const COLUMNS: i8 = 5;

/// Row and column of an electrode in the grid of the 10-10 system. Rows count from the front (Nz 0, Cz 5, Iz 10), columns
/// from the midline (C3 -2, Cz 0, C4 2). `None` for what is not on the grid.
#[must_use]
pub fn place(electrode: &str) -> Option<(i8, i8)> {
    let name = label::canonical(electrode);
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let (letters, column) = match (letters.strip_suffix('z'), &name[letters.len()..]) {
        (Some(letters), "") => (letters, 0),
        (None, number) => {
            let number: i8 = number.parse().ok()?;
            (letters, if number % 2 == 1 { -(number + 1) / 2 } else { number / 2 })
        }
        _ => return None,
    };
    let midline = name.ends_with('z');
    if midline != (column == 0) || column.abs() > COLUMNS {
        return None;
    }
    let inner = column.abs() <= INNER;
    let row = ROWS.iter().position(|(near, far)| letters == if inner { *near } else { *far })?;
    Some((row as i8, column))
}

/// The places of the neighbours on the grid, on it or beyond its edge: in front, behind, left, right.
#[must_use]
pub fn neighbours((row, column): (i8, i8), size: LaplacianSize) -> [(i8, i8); 4] {
    let step = match size {
        LaplacianSize::Small => 1,
        LaplacianSize::Large => 2,
    };
    [(row - step, column), (row + step, column), (row, column - step), (row, column + step)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_neighbours_of_c3_are_those_of_mcfarland() {
        let c3 = place("C3").expect("on the grid");
        let of = |size| neighbours(c3, size);
        let places = |names: [&str; 4]| names.map(|n| place(n).expect("on the grid"));
        assert_eq!(of(LaplacianSize::Small), places(["FC3", "CP3", "C5", "C1"]));
        assert_eq!(of(LaplacianSize::Large), places(["F3", "P3", "T7", "Cz"]));
    }

    #[test]
    fn only_names_of_the_grid_have_a_place() {
        assert_eq!(place("Cz"), Some((5, 0)));
        assert_eq!(place("T3"), Some((5, -4)), "T7 by its older name");
        assert_eq!(place("FT10"), Some((4, 5)));
        assert_eq!(place("Iz"), Some((10, 0)));
        for label in
            ["C7", "FT3", "C0", "Cz1", "C", "FFC3h", "FFC3", "A1", "C11", "C129", "", "z", "L'1", "EOG"]
        {
            assert_eq!(place(label), None, "{label}");
        }
    }

    #[test]
    fn left_and_right_mirror_each_other() {
        for (left, right) in [("Fp1", "Fp2"), ("AF7", "AF8"), ("T9", "T10"), ("PO3", "PO4"), ("O1", "O2")] {
            let (l, r) = (place(left).expect("on the grid"), place(right).expect("on the grid"));
            assert_eq!((l.0, -l.1), r, "{left}");
        }
    }
}
