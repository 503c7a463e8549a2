//! From what is held to steps of the pointer.

use bcid_client::{Event, v1};

/// Which class moves which way: x is to the right, y is up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Directions(Vec<(String, f64, f64)>);

impl Directions {
    /// Of words such as `left=-x`.
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        words
            .iter()
            .map(|word| {
                let (class, way) = word.rsplit_once('=').unwrap_or((word, ""));
                let (x, y) = match way {
                    "x" | "+x" => (1.0, 0.0),
                    "-x" => (-1.0, 0.0),
                    "y" | "+y" => (0.0, 1.0),
                    "-y" => (0.0, -1.0),
                    _ => return Err(format!("--class {word}: must be CLASS=x, -x, y or -y")),
                };
                Ok((class.to_owned(), x, y))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Steps in whole pixels; what is left over counts for the next.
#[derive(Debug)]
pub(crate) struct Steer {
    directions: Directions,
    speed: f64,
    /// Which of the velocity's axes are x and y.
    axes: [Option<usize>; 2],
    left_over: (f64, f64),
}

impl Steer {
    pub(crate) fn new(directions: Directions, speed: f64) -> Self {
        Self { directions, speed, axes: [None; 2], left_over: (0.0, 0.0) }
    }

    /// Takes notice of which axes there are.
    pub(crate) fn learn(&mut self, event: &Event) {
        if let Event::Intent { intent, .. } = event
            && let Some(v1::VelocityIntent { axes, .. }) = &intent.motion
        {
            let at = |name: &str| axes.iter().position(|axis| axis.axis == name);
            // Where none is called so, the first is x and the second y.
            let unnamed = at("x").is_none() && at("y").is_none();
            let or = |found: Option<usize>, n: usize| found.or((unnamed && axes.len() > n).then_some(n));
            self.axes = [or(at("x"), 0), or(at("y"), 1)];
        }
    }

    /// The step to be made after so long, in pixels to the right and down; nothing where nothing is held.
    pub(crate) fn step(
        &mut self,
        velocity: &[f32],
        class: Option<&str>,
        elapsed_s: f64,
        width: f64,
    ) -> (i16, i16) {
        let (x, y) = if self.directions.0.is_empty() {
            let of =
                |axis: Option<usize>| axis.and_then(|at| velocity.get(at)).map_or(0.0, |v| f64::from(*v));
            (of(self.axes[0]), of(self.axes[1]))
        } else {
            let known = self.directions.0.iter().find(|(name, ..)| Some(name.as_str()) == class);
            known.map_or((0.0, 0.0), |(_, x, y)| (*x, *y))
        };
        if x == 0.0 && y == 0.0 {
            self.left_over = (0.0, 0.0);
            return (0, 0);
        }
        let far = self.speed * width * elapsed_s;
        let bounded = |d: f64| d.clamp(-width, width);
        // On a display y goes down.
        let (x, y) = (self.left_over.0 + bounded(x * far), self.left_over.1 - bounded(y * far));
        let whole = (x.trunc(), y.trunc());
        self.left_over = (x - whole.0, y - whole.1);
        (whole.0 as i16, whole.1 as i16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_moves_its_way_and_nothing_moves_nowhere() {
        let words = ["left=-x", "right=x", "up=+y"].map(str::to_owned);
        let mut steer = Steer::new(Directions::parse(&words).expect("known"), 0.5);
        assert_eq!(steer.step(&[], Some("right"), 0.01, 1000.0), (5, 0));
        assert_eq!(steer.step(&[], Some("left"), 0.01, 1000.0), (-5, 0));
        assert_eq!(steer.step(&[], Some("up"), 0.01, 1000.0), (0, -5), "up is less on a display");
        assert_eq!(steer.step(&[9.0, 9.0], Some("rest"), 0.01, 1000.0), (0, 0));
        assert_eq!(steer.step(&[9.0, 9.0], None, 0.01, 1000.0), (0, 0));
        assert!(
            Directions::parse(&["left".to_owned()]).is_err()
                && Directions::parse(&["left=z".to_owned()]).is_err()
        );
    }

    #[test]
    fn fractions_of_pixels_add_up_and_end_with_the_movement() {
        let mut steer = Steer::new(Directions::parse(&["a=x".to_owned()]).expect("known"), 0.1);
        // 0.4 of a pixel a step.
        let steps: Vec<i16> = (0..5).map(|_| steer.step(&[], Some("a"), 0.004, 1000.0).0).collect();
        assert_eq!(steps, [0, 0, 1, 0, 1]);
        steer.step(&[], None, 0.004, 1000.0);
        assert_eq!(steer.step(&[], Some("a"), 0.006, 1000.0).0, 0);
    }

    #[test]
    fn velocities_go_by_their_axes_names() {
        let mut steer = Steer::new(Directions::default(), 1.0);
        let axis = |name: &str| v1::AxisVelocity { axis: name.into(), value: 0.0 };
        let event = |names: &[&str]| {
            let motion =
                v1::VelocityIntent { axes: names.iter().map(|n| axis(n)).collect(), unit: "1/s".into() };
            let intent = v1::Intent { motion: Some(motion), ..v1::Intent::default() };
            Event::Intent { intent: Box::new(intent), replayed: false, run: 0 }
        };
        steer.learn(&event(&["y", "x"]));
        assert_eq!(steer.step(&[1.0, -0.5], None, 0.01, 1000.0), (-5, -10));
        steer.learn(&event(&["vx", "vy"]));
        assert_eq!(steer.step(&[1.0, -0.5], None, 0.01, 1000.0), (10, 5));
        steer.learn(&event(&["x"]));
        assert_eq!(steer.step(&[1.0], None, 0.01, 1000.0), (10, 0));
        assert_eq!(
            steer.step(&[f32::INFINITY], None, 0.01, 1000.0).0,
            1000,
            "no further than the display is wide"
        );
        assert_eq!(steer.step(&[], None, 0.01, 1000.0), (0, 0));
    }
}
