//! All runs, their medians, the page for people and the figures for programs.

mod markdown;
mod page;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::floors;
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
    took: Duration,
}

/// One row: a target in a stage.
struct Row {
    target: Kind,
    outcome: Outcome,
    /// How many runs it is the median of, if of fewer than others are.
    few: Option<usize>,
}

impl Row {
    fn title(&self) -> String {
        match (self.few, &self.outcome) {
            (Some(1), Outcome::Done(_)) => format!("{} (one run)", self.target.title()),
            (Some(few), Outcome::Done(_)) => format!("{} ({few} runs)", self.target.title()),
            _ => self.target.title().to_owned(),
        }
    }

    fn measure(&self) -> Option<&Measure> {
        if let Outcome::Done(measure) = &self.outcome { Some(measure) } else { None }
    }
}

/// The stage of a run that did not come to its first.
const ALL: &str = "all";

impl Report {
    /// An empty report.
    pub fn new(sizes: &Sizes, targets: &[Target], runs: usize) -> Self {
        Self {
            sizes: sizes.clone(),
            targets: targets.to_vec(),
            runs,
            samples: Vec::new(),
            took: Duration::ZERO,
        }
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

    /// How long it all took.
    pub fn took(&mut self, took: Duration) {
        self.took = took;
    }

    /// Whether a target was tried and did not come to the end of the first stage.
    pub fn never_began(&self, scenario: Scenario, target: Kind) -> bool {
        let mut tried = self.of(scenario, target).peekable();
        tried.peek().is_some()
            && !tried
                .flat_map(|sample| &sample.stages)
                .any(|(_, outcome)| matches!(outcome, Outcome::Done(_)))
    }

    /// Whether a rival is the best of them in any stage, by wall, processor time, memory or latency.
    pub fn is_best(&self, scenario: Scenario, target: Kind) -> bool {
        let values = |m: &Measure| [m.wall, Some(m.cpu), Some(m.peak), m.extra.get(floors::LATENCY).copied()];
        self.stages().into_iter().filter(|(of, _)| *of == scenario).any(|(_, stage)| {
            let rows = self.rows(scenario, stage);
            let rivals: Vec<_> = rows
                .iter()
                .filter(|row| row.target.is_rival())
                .filter_map(|row| Some((row.target, values(row.measure()?))))
                .collect();
            let Some((_, mine)) = rivals.iter().find(|(kind, _)| *kind == target) else { return false };
            mine.iter().enumerate().any(|(number, value)| {
                value.is_some_and(|mine| {
                    let others =
                        rivals.iter().filter_map(|(_, values)| values.get(number).copied().flatten());
                    others.fold(f64::INFINITY, f64::min) >= mine
                })
            })
        })
    }

    /// The medians of a target in a stage, if it was exact in every run.
    pub fn measure(&self, scenario: Scenario, stage: &str, target: Kind) -> Option<Measure> {
        let rows = self.rows(scenario, stage);
        rows.into_iter().find(|row| row.target == target).and_then(|row| row.measure().cloned())
    }

    /// Whether a target is part of the report.
    pub fn has(&self, target: Kind) -> bool {
        self.targets.iter().any(|found| found.kind == target)
    }

    /// How large the scenarios were.
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
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

    /// The tables, one for each stage, in Markdown, and of every failure what was wrong with up to
    /// `receivers` receivers.
    pub fn text(&self, receivers: usize) -> String {
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
            let _ = write!(out, "\n**{stage}**\n\n{}", markdown::table(&rows));
            if let Some(ratio) = markdown::two_shards(&rows) {
                let _ = write!(out, "\nTwo shards take {ratio:.2} times the wall of one.\n");
            }
        }
        let failures: String =
            self.samples.iter().map(|sample| markdown::failures(sample, receivers)).collect();
        if !failures.is_empty() {
            let _ = write!(out, "\n## Not done\n\n{}\n", failures.trim_end());
        }
        out
    }

    fn of(&self, scenario: Scenario, target: Kind) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.scenario == scenario && sample.target == target)
    }

    /// Scenarios and their stages in the order first met.
    pub fn stages(&self) -> Vec<(Scenario, &'static str)> {
        let mut found = Vec::new();
        let scenarios = Scenario::all(&self.sizes).into_iter().chain([Scenario::Soak]);
        for scenario in scenarios {
            for sample in self.samples.iter().filter(|sample| sample.scenario == scenario) {
                for (stage, _) in &sample.stages {
                    if !found.contains(&(scenario, *stage)) {
                        found.push((scenario, *stage));
                    }
                }
            }
        }
        // Who did not come so far is told in the tables of the others.
        let named = found.clone();
        found.retain(|(scenario, stage)| {
            *stage != ALL || !named.iter().any(|(of, other)| of == scenario && *other != ALL)
        });
        found
    }

    fn rows(&self, scenario: Scenario, stage: &str) -> Vec<Row> {
        let row = |target: &Target| {
            let outcomes: Vec<&Outcome> = self
                .of(scenario, target.kind)
                .flat_map(|sample| &sample.stages)
                .filter(|(name, _)| *name == stage || *name == ALL)
                .map(|(_, outcome)| outcome)
                .collect();
            let few = Some(outcomes.len()).filter(|&runs| runs < self.runs);
            Some(Row { target: target.kind, outcome: combine(&outcomes)?, few })
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
