//! The picture.

use super::{Pipeline, Screen};
use crate::client::outcome_words;
use bci_proto::v1;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};
use std::time::Instant;

/// Lines of one pipeline besides its classes and its steps, borders included.
const FIXED_LINES: usize = 8;
/// Lines of a pipeline whose stream does not flow: there is room for the reason.
const TROUBLED_LINES: u16 = 14;
const BAR: usize = 32;

pub(super) fn render(screen: &mut Screen, frame: &mut Frame<'_>) {
    let heights: Vec<Constraint> = screen
        .pipelines
        .values()
        .map(|p| {
            let classes = p.intent.as_ref().map_or(0, |i| i.probabilities.len());
            let flowing = (FIXED_LINES + classes + crate::client::LATENCY_STEPS.len()) as u16;
            Constraint::Length(if flows(p) { flowing } else { TROUBLED_LINES })
        })
        .chain([Constraint::Length(4)])
        .collect();
    let areas = Layout::vertical(heights).split(frame.area());
    for ((name, pipeline), area) in screen.pipelines.iter().zip(areas.iter()) {
        render_pipeline(name, pipeline, *area, frame);
    }
    if let Some(area) = areas.last() {
        frame.render_widget(Paragraph::new(footer(screen)), *area);
    }
}

/// Whether samples come.
fn flows(p: &Pipeline) -> bool {
    p.stream.as_ref().is_some_and(|s| s.state() == v1::StreamState::Streaming)
}

fn render_pipeline(name: &str, p: &Pipeline, area: Rect, frame: &mut Frame<'_>) {
    let mut lines = vec![stream_line(p), intent_line(p)];
    if flows(p) {
        if let Some(intent) = &p.intent {
            lines.extend(intent.probabilities.iter().map(class_line));
        }
        lines.push(legend_line(p));
        lines.extend(count_lines(p));
        lines.extend(step_lines(p));
    } else {
        let message = p.stream.as_ref().map_or("", |s| s.message.as_str());
        lines.extend(message.lines().map(|l| Line::from(format!("  {l}"))));
        lines.extend(count_lines(p));
    }
    let decoder = p.intent.as_ref().and_then(|i| i.decoder.as_ref());
    let title = match decoder {
        Some(d) => format!(" {name} - {} {} ", d.name, d.version),
        None => format!(" {name} "),
    };
    let text = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(text.block(Block::bordered().title(title)), area);
}

/// What the bars mean, and what they have to reach.
fn legend_line(p: &Pipeline) -> Line<'static> {
    let threshold =
        p.status.as_ref().map_or(String::new(), |s| format!("; an intent from {:.2}", s.threshold));
    Line::from(format!("         bar: smoothed, |: this window{threshold}")).dim()
}

/// Distributions since this viewer began, the whole first.
fn step_lines(p: &Pipeline) -> Vec<Line<'static>> {
    let head =
        format!("{:<9}{:>10}{:>10}{:>10}   (since this viewer began)", "step", "p50 ms", "p99 ms", "max ms");
    let mut lines = vec![Line::from(head).dim()];
    let summary = p.latency.summary();
    let (steps, total) = summary.split_at(summary.len().saturating_sub(1));
    for s in total.iter().chain(steps) {
        let line = if s.count == 0 {
            format!("{:<9}{:>10}{:>10}{:>10}", s.step, "-", "-", "-")
        } else {
            format!("{:<9}{:>10.3}{:>10.3}{:>10.3}", s.step, s.p50_ms, s.p99_ms, s.max_ms)
        };
        lines.push(if s.step == "total" { Line::from(line).bold() } else { Line::from(line) });
    }
    lines
}

fn stream_line(p: &Pipeline) -> Line<'static> {
    let Some(stream) = &p.stream else { return Line::from("stream   not known yet").dim() };
    let (word, colour) = match stream.state() {
        v1::StreamState::Streaming => ("streaming", Color::Green),
        v1::StreamState::Waiting => ("waiting", Color::Yellow),
        v1::StreamState::Silent => ("SILENT", Color::Red),
        v1::StreamState::Lost => ("LOST", Color::Red),
        v1::StreamState::Refused => ("REFUSED", Color::Red),
        v1::StreamState::Stopped | v1::StreamState::Unspecified => ("stopped", Color::Yellow),
    };
    let mut spans = vec![
        Span::raw("stream   "),
        Span::styled(word, Style::new().fg(colour).add_modifier(Modifier::BOLD)),
    ];
    if flows(p) {
        spans.push(Span::raw(format!("  {}", stream.message)));
    }
    Line::from(spans)
}

fn intent_line(p: &Pipeline) -> Line<'static> {
    let Some(intent) = &p.intent else { return Line::from("intent   none yet").dim() };
    // The last intent says nothing of now once no samples come.
    if p.stream.as_ref().is_some_and(|s| s.state() != v1::StreamState::Streaming) {
        return Line::from("intent   none: no samples come").fg(Color::Red);
    }
    let (words, fires) = outcome_words(intent);
    let style =
        if fires { Style::new().fg(Color::Green).add_modifier(Modifier::BOLD) } else { Style::new().dim() };
    Line::from(vec![Span::raw("intent   "), Span::styled(words, style)])
}

/// The smoothed posterior as a bar, with the window's own as a tick on it.
fn class_line(class: &v1::ClassProbability) -> Line<'static> {
    let place = |p: f32| (f64::from(p.clamp(0.0, 1.0)) * BAR as f64).round() as usize;
    let (filled, tick) = (place(class.smoothed), place(class.window).min(BAR - 1));
    let mut label: String = class.label.chars().take(8).collect();
    while label.chars().count() < 9 {
        label.push(' ');
    }
    let bar = (0..BAR).map(|i| {
        let (sign, colour) = if i == tick {
            ("|", Color::White)
        } else if i < filled {
            ("\u{2588}", Color::Cyan)
        } else {
            ("\u{b7}", Color::DarkGray)
        };
        Span::styled(sign, Style::new().fg(colour))
    });
    let mut spans = vec![Span::raw(label)];
    spans.extend(bar);
    spans.push(Span::raw(format!(" {:.2}  (window {:.2})", class.smoothed, class.window)));
    Line::from(spans)
}

fn count_lines(p: &Pipeline) -> Vec<Line<'static>> {
    let now = Instant::now();
    let recent = p.arrivals.iter().filter(|t| now - **t < super::RATE_OVER).count();
    let rate = recent as f64 / super::RATE_OVER.as_secs_f64();
    let Some(s) = &p.status else { return vec![Line::from(format!("rate     {rate:.1} /s"))] };
    let samples = format!(
        "rate     {rate:.1} /s   samples {} lost {} away {:.1} s",
        s.samples_in, s.samples_lost, s.away_seconds
    );
    let windows = format!(
        "windows  {} skipped {} not trusted {} decoder faults {}",
        s.windows, s.windows_skipped, s.windows_invalid, s.decoder_faults
    );
    let coloured = |text: String, worrying: bool| {
        if worrying { Line::from(text).fg(Color::Yellow) } else { Line::from(text) }
    };
    vec![
        coloured(samples, s.samples_lost > 0 || s.away_seconds > 0.0),
        coloured(windows, s.windows_skipped + s.decoder_faults > 0),
    ]
}

fn footer(screen: &Screen) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let marker = screen.marker.as_ref().map_or("none yet".to_owned(), |m| m.text.clone());
    lines.push(Line::from(format!("last marker {marker}, missed by this viewer {} events", screen.missed)));
    if let Some(s) = &screen.status {
        let priority = if s.realtime_priority { "yes" } else { "no" };
        lines.push(Line::from(format!(
            "daemon      {:.0} s up, {:.2} s of processor, {} subscribers",
            s.uptime_seconds, s.cpu_seconds, s.subscribers
        )));
        lines.push(Line::from(format!(
            "real time   priority {priority}, heap operations {} in {} passes",
            s.realtime_heap_operations, s.realtime_loops_watched
        )));
    }
    lines.push(Line::from(format!("{}   q to quit", screen.server)).dim());
    lines
}
