//! Plots as drawings that stand in a page.

use std::fmt::Write as _;

/// Inches of a plot, in the units of its drawing.
const WIDE: f64 = 420.0;
const HIGH: f64 = 260.0;
/// Around a plot: left, top, right, bottom.
const MARGIN: [f64; 4] = [48.0, 14.0, 14.0, 40.0];
/// Between two ticks of the axis across, the least that makes no more than so many.
const STEPS: [f64; 6] = [0.1, 0.25, 0.5, 1.0, 2.0, 5.0];
const MOST_TICKS: f64 = 9.0;

pub(super) const DASHED: &str = "stroke=\"#8a97a3\" stroke-dasharray=\"4 4\"";
pub(super) const SOLID: &str = "stroke=\"#1f6fb2\" stroke-width=\"2\"";
pub(super) const THIN: &str = "stroke=\"#1f6fb2\" stroke-width=\"1\"";
pub(super) const WARM: &str = "stroke=\"#a0301c\" stroke-width=\"2\"";

/// A plot's frame: `x` and `y` from one to the other end.
pub(super) struct Plot {
    svg: String,
    x: [f64; 2],
    y: [f64; 2],
}

impl Plot {
    pub(super) fn new(title: &str, labels: [&str; 2], x: [f64; 2], y: [f64; 2]) -> Self {
        let svg = format!(
            "<figure><h2>{title}</h2><svg viewBox=\"0 0 {WIDE} {HIGH}\" width=\"{WIDE}\" role=\"img\" aria-label=\"{title}\">"
        );
        let mut plot = Self { svg, x, y };
        let (left, right) = (MARGIN[0], WIDE - MARGIN[2]);
        for i in 0..=4 {
            let at = y[0] + f64::from(i) / 4.0 * (y[1] - y[0]);
            let level = plot.place(x[0], at).1;
            let _ = write!(
                plot.svg,
                "<line x1=\"{left}\" y1=\"{level:.1}\" x2=\"{right}\" y2=\"{level:.1}\" stroke=\"#e4e9ed\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{at:.2}</text>",
                left - 6.0,
                level + 4.0
            );
        }
        let width = x[1] - x[0];
        let step = STEPS.into_iter().find(|step| width / step < MOST_TICKS).unwrap_or(width);
        let first = (x[0] / step - 1e-9).ceil();
        let digits = if step < 1.0 { 2 } else { 0 };
        let ticks = (0..).map(|i| (first + f64::from(i)) * step).take_while(|tick| *tick <= x[1] + 1e-9);
        for tick in ticks {
            let (across, below) = (plot.place(tick, y[0]).0, HIGH - MARGIN[3] + 16.0);
            let _ = write!(
                plot.svg,
                "<text x=\"{across:.1}\" y=\"{below}\" text-anchor=\"middle\">{tick:.digits$}</text>"
            );
        }
        let _ = write!(
            plot.svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text><text x=\"12\" y=\"{}\" text-anchor=\"middle\" transform=\"rotate(-90 12 {3})\">{}</text>",
            (left + right) / 2.0,
            HIGH - 6.0,
            labels[0],
            (HIGH - MARGIN[3]) / 2.0,
            labels[1],
        );
        plot
    }

    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let part = |v: f64, [from, to]: [f64; 2]| ((v - from) / (to - from)).clamp(0.0, 1.0);
        (
            MARGIN[0] + part(x, self.x) * (WIDE - MARGIN[0] - MARGIN[2]),
            HIGH - MARGIN[3] - part(y, self.y) * (HIGH - MARGIN[1] - MARGIN[3]),
        )
    }

    pub(super) fn line(&mut self, points: &[(f64, f64)], stroke: &str) {
        let placed: Vec<String> =
            points.iter().map(|(x, y)| self.place(*x, *y)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = write!(self.svg, "<polyline points=\"{}\" fill=\"none\" {stroke}/>", placed.join(" "));
    }

    pub(super) fn dot(&mut self, x: f64, y: f64, radius: f64) {
        let (x, y) = self.place(x, y);
        let _ = write!(self.svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"#1f6fb2\"/>");
    }

    /// What is to be seen first.
    pub(super) fn mark(&mut self, x: f64, y: f64) {
        let (x, y) = self.place(x, y);
        let _ = write!(
            self.svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"6\" fill=\"#fff\" stroke=\"#a0301c\" stroke-width=\"3\"/>"
        );
    }

    /// Words to the lower right of a point.
    pub(super) fn words(&mut self, x: f64, y: f64, words: &str) {
        let (x, y) = self.place(x, y);
        let _ = write!(self.svg, "<text x=\"{:.1}\" y=\"{:.1}\">{words}</text>", x + 6.0, y + 14.0);
    }

    pub(super) fn end(self, note: &str) -> String {
        format!("{}</svg><figcaption class=\"note\">{note}</figcaption></figure>", self.svg)
    }
}
