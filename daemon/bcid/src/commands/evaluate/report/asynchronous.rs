use super::list;
use crate::commands::evaluate::plot::{DASHED, Plot, SOLID, THIN, WARM};
use serde_json::Value;
use std::fmt::Write as _;

/// False activations a minute to which the plot reaches at least and at most.
const REACH: [f64; 2] = [4.0, 10.0];
/// Thresholds whose points are labelled are so many hundredths apart.
const LABELLED: u64 = 10;

/// A point of the curve: threshold, parts detected and misdetected, false activations a minute.
struct Point {
    threshold: f64,
    detected: f64,
    misdetected: f64,
    per_min: Option<f64>,
}

/// What the decoder comes to without cues; nothing where no imagery was cued.
pub(super) fn asynchronous(found: &Value) -> String {
    let found = &found["asynchronous"];
    let (Some(part), Some(trials)) = (found["detected_part"].as_f64(), found["imagery_trials"].as_f64())
    else {
        return String::new();
    };
    let points: Vec<Point> = list(&found["curve"])
        .filter_map(|p| {
            Some(Point {
                threshold: p["threshold"].as_f64()?,
                detected: p["detected_part"].as_f64()?,
                misdetected: p["misdetected"].as_f64()? / trials,
                per_min: p["false_activations_per_min"].as_f64(),
            })
        })
        .collect();
    let number =
        |v: &Value| v.as_f64().map_or_else(|| "an unknown number of".to_owned(), |x| format!("{x:.2}"));
    let chosen = match found["chosen_by"].as_str() {
        Some("decoder") => "as the decoder states",
        Some("asked") => "as asked",
        _ => "by default",
    };
    let mut html = format!(
        "<h2>Without cues</h2>\n<p>{} of {trials} imagery trials detected, {} misdetected, {} missed; {} false activations a minute at rest, {} between trials.</p>\n\
         <p class=\"note\">From {} on, smoothed over {} ms, {chosen}. A trial is detected where the first intent that begins between its cue and its end is of the class \
         that was cued. At rest, and between trials, every intent that begins is counted; at rest one that is held already, too.</p>\n<div class=\"plots\">\n",
        found["detected"],
        found["misdetected"],
        found["missed"],
        number(&found["false_activations_per_min"]),
        number(&found["between_trials_per_min"]),
        found["threshold"].as_f64().unwrap_or(f64::NAN),
        found["smoothing_ms"].as_f64().unwrap_or(f64::NAN),
    );
    let (most, wanted) =
        (found["wanted"]["false_activations_per_min"].as_f64(), found["wanted"]["detected_part"].as_f64());
    if let (Some(rate), Some(most), Some(wanted)) =
        (found["false_activations_per_min"].as_f64(), most, wanted)
    {
        let _ = writeln!(html, "{}", against_rate(&points, (rate, part), (most, wanted)));
    }
    let _ = writeln!(html, "{}", by_threshold(&points, found["threshold"].as_f64()));
    html + "</div>\n"
}

fn against_rate(points: &[Point], in_use: (f64, f64), (most, wanted): (f64, f64)) -> String {
    let shown = || points.iter().filter_map(|p| Some((p.per_min?, p))).filter(|(rate, _)| *rate <= REACH[1]);
    let reach = shown().map(|(rate, _)| rate).fold(in_use.0.min(REACH[1]), f64::max);
    let reach = reach.ceil().max(REACH[0]);
    let mut plot = Plot::new(
        "Detected, and set off at rest",
        ["false activations a minute at rest", "part of trials detected"],
        [0.0, reach],
        [0.0, 1.0],
    );
    plot.line(&[(most, 0.0), (most, 1.0)], DASHED);
    plot.line(&[(0.0, wanted), (reach, wanted)], DASHED);
    plot.line(&shown().map(|(rate, p)| (rate, p.detected)).collect::<Vec<_>>(), THIN);
    let mut labelled = Vec::new();
    for (rate, p) in shown() {
        plot.dot(rate, p.detected, 2.0);
        let hundredths = (p.threshold * 100.0).round();
        let round =
            (hundredths - p.threshold * 100.0).abs() < 1e-9 && (hundredths as u64).is_multiple_of(LABELLED);
        // Not over one another.
        let apart = |(x, y): &(f64, f64)| (x - rate).abs() > reach / 12.0 || (y - p.detected).abs() > 0.07;
        if round && labelled.iter().chain([&in_use]).all(apart) {
            plot.words(rate, p.detected, &format!("{:.1}", p.threshold));
            labelled.push((rate, p.detected));
        }
    }
    plot.mark(in_use.0, in_use.1);
    plot.end("A dot a threshold, some of them labelled; the ring: the one in use. Dashed: 80 % and two a minute. What is to the upper left of where they cross is fit for use without cues.")
}

fn by_threshold(points: &[Point], in_use: Option<f64>) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let mut plot = Plot::new(
        "What becomes of trials",
        ["threshold", "part of trials"],
        [first.threshold, last.threshold],
        [0.0, 1.0],
    );
    plot.line(&points.iter().map(|p| (p.threshold, p.detected)).collect::<Vec<_>>(), SOLID);
    plot.line(&points.iter().map(|p| (p.threshold, p.misdetected)).collect::<Vec<_>>(), WARM);
    if let Some(threshold) = in_use {
        plot.line(&[(threshold, 0.0), (threshold, 1.0)], DASHED);
    }
    plot.end("Blue: detected; red: another class came first; the rest missed. Dashed: the threshold in use.")
}
