/// The smallest and the largest of the last while: of at least one span and of at most two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    span: f64,
    began: f64,
    this: Option<(f64, f64)>,
    before: Option<(f64, f64)>,
}

impl Range {
    /// `span` in whatever `at` counts.
    pub(super) fn new(span: f64) -> Self {
        Self { span, began: f64::NEG_INFINITY, this: None, before: None }
    }

    /// Takes in `value`, at a time that never falls.
    pub(super) fn push(&mut self, at: f64, value: f64) {
        if at - self.began >= self.span {
            // After a pause of two spans the one before says nothing any more.
            self.before = if at - self.began < 2.0 * self.span { self.this } else { None };
            self.this = None;
            self.began = at;
        }
        self.this = merge(self.this, Some((value, value)));
    }

    /// The smallest and the largest; `None` after a reset.
    pub(super) fn get(&self) -> Option<(f64, f64)> {
        merge(self.this, self.before)
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(self.span);
    }
}

fn merge(a: Option<(f64, f64)>, b: Option<(f64, f64)>) -> Option<(f64, f64)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_two_spans_is_forgotten() {
        let mut range = Range::new(10.0);
        assert_eq!(range.get(), None);
        range.push(0.0, 5.0);
        range.push(1.0, -3.0);
        assert_eq!(range.get(), Some((-3.0, 5.0)));
        range.push(10.0, 1.0);
        assert_eq!(range.get(), Some((-3.0, 5.0)), "still of the span before");
        range.push(20.0, 2.0);
        assert_eq!(range.get(), Some((1.0, 2.0)));
        range.push(40.0, 4.0);
        assert_eq!(range.get(), Some((4.0, 4.0)), "nothing came in between");
        range.reset();
        assert_eq!(range.get(), None);
    }
}
