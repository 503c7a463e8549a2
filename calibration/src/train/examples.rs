/// Windows with the class that was cued: what is learned from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    width: usize,
    /// `[windows x width]`.
    values: Vec<f64>,
    marks: Vec<Mark>,
}

/// Where a window is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    class: usize,
    trial: usize,
}

impl Examples {
    /// None yet, of `width` features each.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self { width, values: Vec::new(), marks: Vec::new() }
    }

    /// Adds the features of a window of trial `trial`, of class `class`.
    ///
    /// # Panics
    /// When there are not as many as were announced.
    pub fn push(&mut self, trial: usize, class: usize, features: impl IntoIterator<Item = f64>) {
        self.values.extend(features);
        self.marks.push(Mark { class, trial });
        assert_eq!(self.values.len(), self.width * self.marks.len(), "{} features a window", self.width);
    }

    /// Features a window.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Windows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The features of window `i`.
    #[must_use]
    pub fn features(&self, i: usize) -> &[f64] {
        &self.values[i * self.width..(i + 1) * self.width]
    }

    /// Its class.
    #[must_use]
    pub fn class(&self, i: usize) -> usize {
        self.marks[i].class
    }

    /// Its trial.
    #[must_use]
    pub fn trial(&self, i: usize) -> usize {
        self.marks[i].trial
    }

    /// One more than the largest class.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.marks.iter().map(|mark| mark.class + 1).max().unwrap_or(0)
    }

    /// Those of trials that are wanted.
    #[must_use]
    pub fn of_trials(&self, wanted: impl Fn(usize) -> bool) -> Self {
        let mut some = Self::new(self.width);
        for (i, mark) in self.marks.iter().enumerate().filter(|(_, mark)| wanted(mark.trial)) {
            some.push(mark.trial, mark.class, self.features(i).iter().copied());
        }
        some
    }

    /// The same windows with other features.
    #[must_use]
    pub fn map(&self, width: usize, of: impl Fn(&[f64]) -> Vec<f64>) -> Self {
        let mut mapped = Self::new(width);
        for (i, mark) in self.marks.iter().enumerate() {
            mapped.push(mark.trial, mark.class, of(self.features(i)));
        }
        mapped
    }

    /// For each window one over how many its trial has: so that every trial counts alike.
    #[must_use]
    pub fn weights(&self) -> Vec<f64> {
        let most = self.marks.iter().map(|mark| mark.trial).max().map_or(0, |trial| trial + 1);
        let mut counts = vec![0usize; most];
        self.marks.iter().for_each(|mark| counts[mark.trial] += 1);
        self.marks.iter().map(|mark| 1.0 / counts[mark.trial] as f64).collect()
    }
}
