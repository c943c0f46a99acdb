//! One stage as a table for people.

use std::fmt::Write as _;
use std::iter;

use super::{Row, Sample};
use crate::bench::run::{Measure, Outcome};
use crate::bench::targets::Kind;

/// One stage as a Markdown table; `×` columns compare with the best rival and with the relay.
pub(super) fn table(rows: &[Row]) -> String {
    let done =
        |row: &Row| if let Outcome::Done(measure) = &row.outcome { Some(measure.clone()) } else { None };
    let best = |value: &dyn Fn(&Measure) -> Option<f64>| {
        let rivals = rows.iter().filter(|row| row.target.is_rival()).filter_map(done);
        rivals.filter_map(|m| value(&m)).min_by(f64::total_cmp)
    };
    let relay = rows.iter().find(|row| row.target == Kind::Relay).and_then(done);
    let timed = rows.iter().filter_map(done).any(|measure| measure.wall.is_some());
    let extras: Vec<&str> =
        rows.iter().filter_map(done).next().map(|m| m.extra.keys().copied().collect()).unwrap_or_default();
    let mut head: Vec<String> = vec![String::new()];
    if timed {
        head.extend(["wall s", "× best rival"].map(str::to_owned));
    }
    head.extend(
        ["CPU s", "× best rival", "× relay", "peak MiB", "× best rival", "after MiB"].map(str::to_owned),
    );
    head.extend(extras.iter().map(|&name| name.to_owned()));
    let mut out = format!("| {} |\n|---{}|\n", head.join(" | "), "|--:".repeat(head.len() - 1));
    for row in rows {
        let mut cells = vec![row.title()];
        match &row.outcome {
            Outcome::Done(m) => {
                if timed {
                    cells.push(m.wall.map_or_else(String::new, seconds));
                    cells.push(ratio(m.wall, best(&|m| m.wall)));
                }
                cells.extend([
                    seconds(m.cpu),
                    ratio(Some(m.cpu), best(&|m| Some(m.cpu))),
                    ratio(Some(m.cpu), relay.as_ref().map(|m| m.cpu)),
                    format!("{:.0}", m.peak),
                    ratio(Some(m.peak), best(&|m| Some(m.peak))),
                    format!("{:.0}", m.resident),
                ]);
                cells.extend(
                    extras.iter().map(|name| m.extra.get(name).map_or(String::new(), |v| format!("{v:.2}"))),
                );
            }
            Outcome::TooSlow { limit, .. } => cells.push(format!("> {limit:.0}")),
            Outcome::Failed { .. } => cells.push("failed".to_owned()),
            Outcome::GaveUp { why } => cells.push(why.clone()),
            Outcome::NotApplicable { .. } => cells.push("–".to_owned()),
        }
        cells.resize(head.len(), String::new());
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out
}

/// The stages of a run that failed, as items of a list; what is wrong with up to `receivers` receivers, and
/// whatever else takes lines, is code.
pub(super) fn failures(sample: &Sample, receivers: usize) -> String {
    let mut out = String::new();
    for (stage, outcome) in &sample.stages {
        let (Outcome::Failed { why, differences } | Outcome::TooSlow { why, differences, .. }) = outcome
        else {
            continue;
        };
        let (why, more) = why.split_once('\n').unwrap_or((why, ""));
        let _ = writeln!(out, "- {}, {}, {stage}: {why}", sample.target.title(), sample.scenario.name());
        let shown = differences.iter().take(receivers).map(String::as_str);
        let lines: Vec<&str> = iter::once(more).chain(shown).flat_map(str::lines).collect();
        if !lines.is_empty() {
            let _ = writeln!(out, "\n      {}\n", lines.join("\n      "));
        }
    }
    out
}

/// The wall of Peregrine's two shards by that of its one.
pub(super) fn two_shards(rows: &[Row]) -> Option<f64> {
    let wall = |kind| {
        let row = rows.iter().find(|row| row.target == kind)?;
        if let Outcome::Done(measure) = &row.outcome { measure.wall } else { None }
    };
    let (two, one) = (wall(Kind::Peregrine2)?, wall(Kind::Peregrine)?);
    (one > 0.0).then(|| two / one)
}

fn seconds(value: f64) -> String {
    if value < 10.0 { format!("{value:.3}") } else { format!("{value:.1}") }
}

fn ratio(value: Option<f64>, base: Option<f64>) -> String {
    match (value, base) {
        (Some(value), Some(base)) if base > 0.0 => format!("{:.2}", value / base),
        _ => String::new(),
    }
}
