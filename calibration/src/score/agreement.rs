use crate::{Proportion, wilson95};

/// What was decided against what was cued, trial by trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    classes: usize,
    /// Cued and decided class; `None` where nothing was decided.
    trials: Vec<(usize, Option<usize>)>,
}

impl Agreement {
    /// Of `trials` between `classes` classes.
    ///
    /// # Panics
    /// When a trial is of a class that is not there.
    #[must_use]
    pub fn new(classes: usize, trials: Vec<(usize, Option<usize>)>) -> Self {
        let within = |(cued, decided): &(usize, Option<usize>)| {
            *cued < classes && decided.is_none_or(|decided| decided < classes)
        };
        assert!(trials.iter().all(within), "trials of {classes} classes");
        Self { classes, trials }
    }

    /// The part of the trials decided right. One without a decision is wrong.
    #[must_use]
    pub fn accuracy(&self) -> Proportion {
        wilson95(self.trials.iter().filter(|t| is_right(t)).count(), self.trials.len())
    }

    /// The mean over the classes that were cued of the part of each decided right; NaN of no trials.
    #[must_use]
    pub fn balanced_accuracy(&self) -> f64 {
        let of_class = (0..self.classes).filter_map(|class| {
            let own: Vec<_> = self.trials.iter().filter(|(cued, _)| *cued == class).collect();
            let right = own.iter().filter(|t| is_right(t)).count();
            (!own.is_empty()).then(|| right as f64 / own.len() as f64)
        });
        let of_class: Vec<f64> = of_class.collect();
        of_class.iter().sum::<f64>() / of_class.len() as f64
    }

    /// Cohen, A coefficient of agreement for nominal scales, Educ. Psychol. Meas. 20(1), 1960. No decision counts as one
    /// of its own, which is never right. NaN of no trials, and where agreement by chance is certain.
    #[must_use]
    pub fn kappa(&self) -> f64 {
        let n = self.trials.len() as f64;
        let observed = self.accuracy().value;
        let by_chance: f64 = (0..self.classes)
            .map(|class| {
                let cued = self.trials.iter().filter(|(cued, _)| *cued == class).count() as f64;
                let decided = self.trials.iter().filter(|(_, d)| *d == Some(class)).count() as f64;
                cued / n * (decided / n)
            })
            .sum();
        if by_chance < 1.0 { (observed - by_chance) / (1.0 - by_chance) } else { f64::NAN }
    }

    /// How many trials of each class (a row) were decided for each class (a column); the last column counts those without a
    /// decision.
    #[must_use]
    pub fn confusion(&self) -> Vec<Vec<usize>> {
        let mut counts = vec![vec![0; self.classes + 1]; self.classes];
        for (cued, decided) in &self.trials {
            counts[*cued][decided.unwrap_or(self.classes)] += 1;
        }
        counts
    }

    /// What always deciding for the class that was cued most yields; NaN of no trials.
    #[must_use]
    pub fn chance(&self) -> f64 {
        let most =
            (0..self.classes).map(|class| self.trials.iter().filter(|(c, _)| *c == class).count()).max();
        most.unwrap_or(0) as f64 / self.trials.len() as f64
    }

    /// How likely as many trials would be right, or more, were cues and decisions unrelated: the part of `rounds` random
    /// orders of the cues, and of the one that was, with as many right. `seed` chooses the orders.
    #[must_use]
    pub fn p_permutation(&self, rounds: usize, seed: u64) -> f64 {
        let right = |cues: &[usize]| cues.iter().zip(&self.trials).filter(|(c, t)| t.1 == Some(**c)).count();
        let mut cues: Vec<usize> = self.trials.iter().map(|(cued, _)| *cued).collect();
        let real = right(&cues);
        let mut random = seed;
        let mut as_many = 0;
        for _ in 0..rounds {
            // Fisher and Yates.
            for i in (1..cues.len()).rev() {
                let j = (split_mix(&mut random) % (i as u64 + 1)) as usize;
                cues.swap(i, j);
            }
            as_many += usize::from(right(&cues) >= real);
        }
        (as_many + 1) as f64 / (rounds + 1) as f64
    }

    /// Bits a decision: Wolpaw et al., Brain-computer interface technology: a review of the first international meeting,
    /// IEEE Trans. Rehabil. Eng. 8(2), 2000. It takes classes to be cued alike often and errors to be spread evenly. 0
    /// where guessing among the classes would do as well.
    #[must_use]
    pub fn bits(&self) -> f64 {
        let (n, p) = (self.classes as f64, self.accuracy().value);
        if self.classes < 2 || p.is_nan() || p <= 1.0 / n {
            return 0.0;
        }
        let part = |p: f64, of: f64| if p > 0.0 { p * (p / of).log2() } else { 0.0 };
        n.log2() + part(p, 1.0) + part(1.0 - p, n - 1.0)
    }

    /// Trials.
    #[must_use]
    pub fn trials(&self) -> &[(usize, Option<usize>)] {
        &self.trials
    }
}

fn is_right((cued, decided): &(usize, Option<usize>)) -> bool {
    *decided == Some(*cued)
}

/// Steele, Lea, Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
pub(crate) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(classes: usize, counts: &[&[usize]]) -> Agreement {
        let mut trials = Vec::new();
        for (cued, row) in counts.iter().enumerate() {
            for (decided, n) in row.iter().enumerate() {
                let decided = (decided < classes).then_some(decided);
                trials.extend(std::iter::repeat_n((cued, decided), *n));
            }
        }
        Agreement::new(classes, trials)
    }

    /// Against scikit-learn 1.9 `balanced_accuracy_score` and `cohen_kappa_score`.
    #[test]
    fn known_agreements() {
        let a = of(3, &[&[8, 1, 1, 0], &[2, 9, 3, 0], &[0, 2, 4, 0]]);
        assert!((a.accuracy().value - 0.7).abs() < 1e-12);
        assert!((a.balanced_accuracy() - (0.8 + 9.0 / 14.0 + 4.0 / 6.0) / 3.0).abs() < 1e-12);
        assert!((a.kappa() - 0.537_671_232_876_712_3).abs() < 1e-12, "{}", a.kappa());
        assert!((a.chance() - 14.0 / 30.0).abs() < 1e-12);
        assert_eq!(a.confusion()[1], [2, 9, 3, 0]);
    }

    #[test]
    fn no_decision_is_a_wrong_one() {
        let a = of(2, &[&[3, 0, 1], &[0, 2, 2]]);
        assert_eq!((a.accuracy().hits, a.accuracy().total), (5, 8));
        assert_eq!(a.confusion(), [vec![3, 0, 1], vec![0, 2, 2]]);
        // (5/8 - (1/2 3/8 + 1/2 2/8)) / (1 - 5/16).
        assert!((a.kappa() - 5.0 / 11.0).abs() < 1e-12);
    }

    #[test]
    fn bits_are_wolpaws() {
        assert_eq!(of(2, &[&[5, 5, 0], &[5, 5, 0]]).bits(), 0.0);
        assert_eq!(
            of(4, &[&[1, 0, 0, 0, 0], &[0, 1, 0, 0, 0], &[0, 0, 1, 0, 0], &[0, 0, 0, 1, 0]]).bits(),
            2.0
        );
        // 1 - H(0.9).
        assert!((of(2, &[&[9, 1, 0], &[1, 9, 0]]).bits() - 0.531_004_406).abs() < 1e-9);
    }

    /// The chance of at least 9 of 10 right with 5 cues of each and 5 decisions of each, one of them wrong at least: all
    /// right in 1 of 252 orders, and none has 9.
    #[test]
    fn permutations_tell_what_chance_yields() {
        let perfect = of(2, &[&[5, 0, 0], &[0, 5, 0]]);
        let p = perfect.p_permutation(20_000, 1);
        assert!((p - 1.0 / 252.0).abs() < 0.0015, "{p}");
        let level = of(2, &[&[5, 5, 0], &[5, 5, 0]]);
        assert!(level.p_permutation(2000, 1) > 0.5);
        assert_eq!(perfect.p_permutation(500, 7), perfect.p_permutation(500, 7));
    }

    #[test]
    fn of_nothing_nothing_is_known() {
        let none = Agreement::new(2, Vec::new());
        assert!(none.accuracy().value.is_nan() && none.balanced_accuracy().is_nan() && none.kappa().is_nan());
        assert_eq!((none.bits(), none.p_permutation(10, 0)), (0.0, 1.0));
    }
}
