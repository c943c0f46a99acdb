//! Medians, ratios, the table for people and the figures for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::json;

use super::machine;
use super::run::{Measure, Outcome};
use super::scenario::{Scenario, Sizes};
use super::targets::{Kind, Target};

/// The stages of one run.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Which story.
    pub scenario: Scenario,
    /// Told by whom.
    pub target: Kind,
    /// How its stages went.
    pub stages: Vec<(&'static str, Outcome)>,
}

/// All runs so far.
#[derive(Clone, Debug)]
pub struct Report {
    sizes: Sizes,
    targets: Vec<Target>,
    runs: usize,
    samples: Vec<Sample>,
}

/// One row: a target in a stage.
struct Row {
    target: Kind,
    outcome: Outcome,
}

impl Report {
    /// An empty report.
    pub fn new(sizes: &Sizes, targets: &[Target], runs: usize) -> Self {
        Self { sizes: sizes.clone(), targets: targets.to_vec(), runs, samples: Vec::new() }
    }

    /// Adds a run.
    pub fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// Whether a target failed in a scenario, so that running it again would only cost time.
    pub fn gave_up(&self, scenario: Scenario, target: Kind) -> bool {
        self.of(scenario, target)
            .flat_map(|sample| &sample.stages)
            .any(|(_, o)| !matches!(o, Outcome::Done(_)))
    }

    /// Whether these targets were exact wherever they were measured, and measured at all.
    pub fn is_sound(&self, judged: &[Kind]) -> bool {
        let mut stages =
            self.samples.iter().filter(|s| judged.contains(&s.target)).flat_map(|s| &s.stages).peekable();
        stages.peek().is_some()
            && stages.all(|(_, outcome)| matches!(outcome, Outcome::Done(_) | Outcome::NotApplicable { .. }))
    }

    /// Writes every run and the medians to `results.json` in `dir`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        let samples = self.samples.iter().map(|sample| {
            let stages: Vec<_> = sample
                .stages
                .iter()
                .map(|(stage, outcome)| json!({"stage": stage, "result": outcome}))
                .collect();
            json!({"scenario": sample.scenario.name(), "target": sample.target.name(), "stages": stages})
        });
        let samples: Vec<_> = samples.collect();
        let medians: Vec<_> = self
            .stages()
            .into_iter()
            .flat_map(|(scenario, stage)| self.rows(scenario, stage).into_iter().map(move |row| (scenario, stage, row)))
            .map(|(scenario, stage, row)| {
                json!({"scenario": scenario.name(), "stage": stage, "target": row.target.name(), "result": row.outcome})
            })
            .collect();
        let versions: BTreeMap<_, _> =
            self.targets.iter().map(|target| (target.kind.name(), target.version.clone())).collect();
        let all = json!({
            "machine": machine::description(), "versions": versions, "runs": self.runs,
            "medians": medians, "samples": samples,
        });
        fs::write(dir.join("results.json"), serde_json::to_vec_pretty(&all)?)
    }

    /// The tables, one for each stage, in Markdown.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut last = None;
        for (scenario, stage) in self.stages() {
            let rows = self.rows(scenario, stage);
            if rows.iter().all(|row| matches!(row.outcome, Outcome::NotApplicable { .. })) {
                continue;
            }
            if last != Some(scenario) {
                let _ = write!(out, "\n## {}\n", scenario.title(&self.sizes));
                last = Some(scenario);
            }
            let _ = write!(out, "\n**{stage}**\n\n{}", table(&rows));
            if let Some(ratio) = two_shards(&rows) {
                let _ = write!(out, "\nTwo shards take {ratio:.2} times the wall of one.\n");
            }
        }
        let mut notes = Vec::new();
        for sample in &self.samples {
            for (stage, outcome) in &sample.stages {
                if let Outcome::Failed { why } | Outcome::TooSlow { why, .. } = outcome {
                    notes.push(format!(
                        "- {}, {}, {stage}: {why}",
                        sample.target.title(),
                        sample.scenario.name()
                    ));
                }
            }
        }
        if !notes.is_empty() {
            let _ = write!(out, "\n## Not done\n\n{}\n", notes.join("\n"));
        }
        out
    }

    /// Writes the page of the book.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_page(&self, path: &Path) -> io::Result<()> {
        let versions: Vec<String> = self
            .targets
            .iter()
            .filter(|target| target.kind != Kind::Relay)
            .map(|target| format!("{} {}", target.kind.title(), target.version))
            .collect();
        let page = format!(
            "# Performance\n\n{HOW}\n- Machine: {}.\n- Versions: {}.\n- Medians of {} runs, targets taking turns.\n{}",
            machine::description(),
            versions.join(", "),
            self.runs,
            self.text()
        );
        fs::write(path, page)
    }

    fn of(&self, scenario: Scenario, target: Kind) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.scenario == scenario && sample.target == target)
    }

    /// Scenarios and their stages in the order first met.
    fn stages(&self) -> Vec<(Scenario, &'static str)> {
        let mut found = Vec::new();
        for scenario in Scenario::all(&self.sizes) {
            for sample in self.samples.iter().filter(|sample| sample.scenario == scenario) {
                for (stage, _) in &sample.stages {
                    if !found.contains(&(scenario, *stage)) {
                        found.push((scenario, *stage));
                    }
                }
            }
        }
        found
    }

    fn rows(&self, scenario: Scenario, stage: &str) -> Vec<Row> {
        let row = |target: &Target| {
            let outcomes: Vec<&Outcome> = self
                .of(scenario, target.kind)
                .flat_map(|sample| &sample.stages)
                .filter(|(name, _)| *name == stage)
                .map(|(_, outcome)| outcome)
                .collect();
            Some(Row { target: target.kind, outcome: combine(&outcomes)? })
        };
        self.targets.iter().filter_map(row).collect()
    }
}

/// The first that failed, or the medians.
fn combine(outcomes: &[&Outcome]) -> Option<Outcome> {
    if let Some(failed) = outcomes.iter().find(|outcome| !matches!(outcome, Outcome::Done(_))) {
        return Some((*failed).clone());
    }
    let done: Vec<&Measure> =
        outcomes.iter().filter_map(|o| if let Outcome::Done(m) = o { Some(m) } else { None }).collect();
    let first = done.first()?;
    let of = |value: &dyn Fn(&Measure) -> Option<f64>| median(done.iter().filter_map(|m| value(m)).collect());
    let mut extra = BTreeMap::new();
    for name in first.extra.keys() {
        if let Some(value) = of(&|m| m.extra.get(name).copied()) {
            extra.insert(*name, value);
        }
    }
    Some(Outcome::Done(Measure {
        wall: of(&|m| m.wall),
        cpu: of(&|m| Some(m.cpu)).unwrap_or(0.0),
        peak: of(&|m| Some(m.peak)).unwrap_or(0.0),
        resident: of(&|m| Some(m.resident)).unwrap_or(0.0),
        extra,
    }))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(middle.checked_sub(1)?).map(|lower| f64::midpoint(*lower, upper))
}

/// One stage as a Markdown table; `×` columns compare with the best rival and with the relay.
fn table(rows: &[Row]) -> String {
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
        let mut cells = vec![row.target.title().to_owned()];
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
            Outcome::NotApplicable { .. } => cells.push("–".to_owned()),
        }
        cells.resize(head.len(), String::new());
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out
}

/// The wall of Peregrine's two shards by that of its one.
fn two_shards(rows: &[Row]) -> Option<f64> {
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

const HOW: &str = "\
Made by `make bench WRITE=1`; `make bench QUICK=1` is the short form for daily use.
[Where instructions and bytes go](profile.md) has the profile behind the figures.

One process plays all BGP peers over loopback in a network namespace and drives one speaker at a time, each
freshly started. A stage ends when every receiver holds exactly what it must: the set of prefixes, their
attributes and next hops; a route too many, too few or with anything else in it fails the run. *Wall* is from
the first octet sent to that moment, *CPU* and memory are those of the speaker alone (all its threads and
processes): *peak* the most resident since its start, *after* what is resident at the end, a second later
where a full table is involved. The *relay* passes UPDATEs on without reading them: the floor for any speaker
on this machine. *2 shards* is the same program with `shards = 2`; it is no rival. `–` marks what a target does not offer, `> 60` what took longer than a minute.

";

#[cfg(test)]
mod tests {
    use super::*;

    fn done(wall: f64, cpu: f64) -> Outcome {
        Outcome::Done(Measure { wall: Some(wall), cpu, peak: 10.0, ..Measure::default() })
    }

    fn report(outcomes: &[(Kind, Outcome)]) -> Report {
        let target = |kind| Target { kind, program: "x".into(), version: "1".to_owned() };
        let targets = [Kind::Peregrine, Kind::Peregrine2, Kind::Bird, Kind::Frr, Kind::Relay].map(target);
        let mut report = Report::new(&Sizes::full(), &targets, 3);
        for (target, outcome) in outcomes {
            let stages = vec![("load", outcome.clone())];
            report.add(Sample { scenario: Scenario::FullTable, target: *target, stages });
        }
        report
    }

    #[test]
    fn ratios_are_of_medians_to_the_best_rival_and_the_relay() {
        let report = report(&[
            (Kind::Peregrine, done(1.0, 1.0)),
            (Kind::Peregrine, done(9.0, 9.0)),
            (Kind::Peregrine, done(2.0, 2.0)),
            (Kind::Bird, done(4.0, 4.0)),
            (Kind::Frr, done(8.0, 5.0)),
            (Kind::Relay, done(0.5, 0.25)),
        ]);
        let text = report.text();
        assert!(
            text.contains("| Peregrine | 2.000 | 0.50 | 2.000 | 0.50 | 8.00 | 10 | 1.00 | 0 |"),
            "{text}"
        );
        assert!(report.is_sound(&[Kind::Peregrine, Kind::Relay]));
    }

    #[test]
    fn two_shards_are_no_rival_and_compared_with_one() {
        let report = report(&[
            (Kind::Peregrine, done(1.0, 1.0)),
            (Kind::Peregrine2, done(1.04, 1.5)),
            (Kind::Bird, done(2.0, 2.0)),
        ]);
        let text = report.text();
        assert!(text.contains("| Peregrine | 1.000 | 0.50 |"), "{text}");
        assert!(text.contains("| Peregrine, 2 shards | 1.040 | 0.52 |"), "{text}");
        assert!(text.contains("Two shards take 1.04 times the wall of one."), "{text}");
    }

    #[test]
    fn one_failed_run_among_good_ones_is_a_failure() {
        let failed = Outcome::Failed { why: "not exact".to_owned() };
        let report = report(&[(Kind::Peregrine, done(1.0, 1.0)), (Kind::Peregrine, failed)]);
        assert!(!report.is_sound(&[Kind::Peregrine]));
        assert!(report.gave_up(Scenario::FullTable, Kind::Peregrine));
        assert!(report.text().contains("| Peregrine | failed |"));
        assert!(report.text().contains("not exact"));
    }

    #[test]
    fn nothing_measured_is_not_sound() {
        assert!(!report(&[(Kind::Bird, done(1.0, 1.0))]).is_sound(&[Kind::Peregrine]));
    }

    #[test]
    fn too_slow_shows_its_limit() {
        let report = report(&[(Kind::Bird, Outcome::TooSlow { limit: 60.0, why: "late".to_owned() })]);
        assert!(report.text().contains("| BIRD 2 | > 60 |"));
    }
}
