//! The findings as a page that stands alone: nothing is fetched, nothing runs.

mod asynchronous;

use self::asynchronous::asynchronous;
use super::plot::{DASHED, Plot, SOLID, THIN};
use bci_xdf::escaped;
use serde_json::Value;
use std::fmt::Write as _;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#16202a;background:#fff}\
    h1{font-size:1.5rem;margin-bottom:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.3rem 0}\
    .big{font-size:2.2rem;font-weight:600}.note{color:#51606e}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
    th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #d9e0e6}th{font-weight:500;color:#51606e}\
    td:first-child,th:first-child{text-align:left}.plots{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;max-width:420px}svg{max-width:100%;height:auto}\
    svg text{font:12px system-ui,sans-serif;fill:#51606e}.wrong{color:#a0301c}";

/// The page of what `bcid evaluate --json` writes.
pub(super) fn page(found: &Value) -> String {
    let text = |key: &str| escaped(found[key].as_str().unwrap_or_default());
    let decoder = escaped(found["decoder"]["name"].as_str().unwrap_or_default());
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{decoder} on {0}</title><style>{STYLE}</style></head><body>\n<h1>{decoder} on {0}</h1>\n",
        text("task")
    );
    let recordings: Vec<String> =
        list(&found["recordings"]).map(|r| escaped(r["file"].as_str().unwrap_or_default())).collect();
    let _ = writeln!(
        html,
        "<p class=\"note\">{} recording{}: {}. By the daemon's own path; model {}.</p>",
        recordings.len(),
        if recordings.len() == 1 { "" } else { "s" },
        recordings.join(", "),
        escaped(
            &found["decoder"]["model_sha256"]
                .as_str()
                .unwrap_or_default()
                .chars()
                .take(12)
                .collect::<String>()
        )
    );
    let n = |v: &Value| v.as_f64().unwrap_or(f64::NAN);
    let ci = &found["accuracy_ci95"];
    let _ = writeln!(
        html,
        "<p class=\"big\">{} of {} trials right</p><p>accuracy {:.3}, 95 % interval {:.3} to {:.3}; chance {:.3}; p = {:.4} by {} permutations</p>",
        found["correct"],
        found["trials"],
        n(&found["accuracy"]),
        n(&ci[0]),
        n(&ci[1]),
        n(&found["chance"]),
        n(&found["p_permutation"]),
        found["permutations"]
    );
    html += &figures(found);
    html += &confusion(found);
    html += &asynchronous(found);
    let _ = writeln!(html, "<div class=\"plots\">\n{}\n{}\n</div>", shifts(found), reliability(found));
    html += &regions(found);
    html += &trials(found);
    html + "</body></html>\n"
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn figures(found: &Value) -> String {
    let detection = &found["detection"];
    let shown = |v: &Value, unit: &str, digits: usize| {
        v.as_f64().map_or_else(|| "not known".to_owned(), |x| format!("{x:.digits$}{unit}"))
    };
    let rows = [
        ("balanced accuracy", shown(&found["balanced_accuracy"], "", 3)),
        ("kappa (Cohen)", shown(&found["kappa"], "", 3)),
        ("windows right by themselves", shown(&found["window_accuracy"], "", 3)),
        (
            "information (Wolpaw)",
            format!(
                "{} a trial, {} a minute",
                shown(&found["itr_bits_per_trial"], " bits", 3),
                shown(&found["itr_bits_per_min"], " bits", 2)
            ),
        ),
        (
            "first intent right, wrong, none",
            format!("{}, {}, {} trials", detection["right"], detection["wrong"], detection["none"]),
        ),
        (
            "from the cue to the first right intent",
            format!(
                "{} median, {} in nine of ten",
                shown(&detection["latency_s_p50"], " s", 2),
                shown(&detection["latency_s_p90"], " s", 2)
            ),
        ),
        (
            "false activations at rest",
            format!("{} a minute", shown(&found["false_activations_per_min"], "", 2)),
        ),
        ("expected calibration error", shown(&found["expected_calibration_error"], "", 3)),
        (
            "windows that could not be trusted",
            format!("{} of {}", found["windows_invalid"], found["windows"]),
        ),
    ];
    let mut html = String::from("<h2>Figures</h2>\n<table>");
    for (what, figure) in rows {
        let _ = write!(html, "<tr><td>{what}</td><td>{figure}</td></tr>");
    }
    html + "</table>\n"
}

fn confusion(found: &Value) -> String {
    let classes: Vec<String> =
        list(&found["classes"]).map(|c| escaped(c.as_str().unwrap_or_default())).collect();
    let mut html = String::from("<h2>What was cued, and what was decided</h2>\n<table><tr><th>cued</th>");
    for class in classes.iter().map(String::as_str).chain(["nothing"]) {
        let _ = write!(html, "<th>{class}</th>");
    }
    html += "</tr>";
    for (class, row) in classes.iter().zip(list(&found["confusion"])) {
        let counts: Vec<f64> = list(row).filter_map(Value::as_f64).collect();
        let all: f64 = counts.iter().sum();
        let _ = write!(html, "<tr><td>{class}</td>");
        for count in &counts {
            let share = if all > 0.0 { count / all } else { 0.0 };
            let _ =
                write!(html, "<td style=\"background:rgba(31,111,178,{:.2})\">{count}</td>", 0.55 * share);
        }
        html += "</tr>";
    }
    html + "</table>\n"
}

fn shifts(found: &Value) -> String {
    let all: Vec<(f64, f64, [f64; 2])> = list(&found["audit"]["window_shift"])
        .filter_map(|s| {
            let ci = &s["accuracy_ci95"];
            Some((s["shift_s"].as_f64()?, s["accuracy"].as_f64()?, [ci[0].as_f64()?, ci[1].as_f64()?]))
        })
        .collect();
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return String::new() };
    let mut plot = Plot::new(
        "Windows moved against the cue",
        ["moved by, s", "accuracy"],
        [first.0, last.0],
        [0.0, 1.0],
    );
    let chance = found["chance"].as_f64().unwrap_or(0.5);
    plot.line(&[(first.0, chance), (last.0, chance)], DASHED);
    for (at, _, [low, high]) in &all {
        plot.line(&[(*at, *low), (*at, *high)], THIN);
    }
    plot.line(&all.iter().map(|(at, a, _)| (*at, *a)).collect::<Vec<_>>(), SOLID);
    all.iter().for_each(|(at, a, _)| plot.dot(*at, *a, 3.0));
    plot.end("With 95 % intervals; dashed: chance. A decoder that reads the response to the cue fails a little later.")
}

fn reliability(found: &Value) -> String {
    let bins: Vec<(f64, f64, f64)> = list(&found["reliability"])
        .filter_map(|bin| Some((bin["said"].as_f64()?, bin["right"].as_f64()?, bin["count"].as_f64()?)))
        .collect();
    let most = bins.iter().map(|bin| bin.2).fold(1.0, f64::max);
    let mut plot = Plot::new("Said and right", ["said to be right with", "right"], [0.0, 1.0], [0.0, 1.0]);
    plot.line(&[(0.0, 0.0), (1.0, 1.0)], DASHED);
    plot.line(&bins.iter().map(|(said, right, _)| (*said, *right)).collect::<Vec<_>>(), SOLID);
    bins.iter().for_each(|(said, right, count)| plot.dot(*said, *right, 2.0 + 6.0 * (count / most).sqrt()));
    plot.end("Windows of trials by their largest probability; a dot's area goes with their number. On the dashed line a decoder is right as often as it says.")
}

fn regions(found: &Value) -> String {
    let all: Vec<&Value> = list(&found["audit"]["regions"]).collect();
    if all.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<h2>Parts of the head</h2>\n<p class=\"note\">Accuracy where channels are as they were at another time of the recording: what they are like stays, \
         what they tell of the cue is gone. Imagined movement is read from the central ones; a decoder that falls without the frontal or temporal ones may go by \
         eyes or muscles.</p>\n<table><tr><th>channels</th><th>accuracy</th><th>95 % interval</th></tr>\n",
    );
    for region in all {
        let n = |v: &Value| v.as_f64().unwrap_or(f64::NAN);
        let ci = &region["accuracy_ci95"];
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{:.3}</td><td>{:.3} to {:.3}</td></tr>",
            escaped(region["what"].as_str().unwrap_or_default()),
            n(&region["accuracy"]),
            n(&ci[0]),
            n(&ci[1])
        );
    }
    html + "</table>\n"
}

fn trials(found: &Value) -> String {
    let mut html = String::from(
        "<h2>Trials</h2>\n<table><tr><th>recording</th><th>cued</th><th>decided</th><th>mean probability</th><th>windows</th><th>first intent</th></tr>\n",
    );
    for trial in list(&found["per_trial"]) {
        let text = |v: &Value| escaped(v.as_str().unwrap_or("nothing"));
        let p = list(&trial["mean_posterior"]).filter_map(Value::as_f64).fold(0.0, f64::max);
        let first = &trial["first_intent"];
        let first = match first["after_s"].as_f64() {
            Some(after) => format!("{} after {after:.2} s", text(&first["class"])),
            None => "none".to_owned(),
        };
        let _ = writeln!(
            html,
            "<tr{}><td>{}</td><td>{}</td><td>{}</td><td>{p:.2}</td><td>{}</td><td>{first}</td></tr>",
            if trial["right"] == true { "" } else { " class=\"wrong\"" },
            text(&trial["recording"]),
            text(&trial["cued"]),
            text(&trial["decided"]),
            trial["windows"],
        );
    }
    html + "</table>\n"
}
