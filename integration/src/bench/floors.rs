//! What Peregrine must reach, and what it reached: the summary at the head of the page.

use std::fmt::Write as _;

use super::report::Report;
use super::run::Measure;
use super::scenario::{Scenario, Sizes};
use super::targets::{ALL, Kind};

/// The figure of latency to the last client, ms.
pub const LATENCY: &str = "p99 ms";
/// The figure that says what a slow and a stuck client do to the others: the wall of a change with them by
/// that without.
pub const BESIDE: &str = "× without";
/// The figure of sessions that have nothing to say, percent of a core.
pub const USED: &str = "% of a core";

/// Octets of a megabyte and of a mebibyte differ; the floors are in the former.
const MEGABYTE: f64 = 1e6 / 1048576.0;
/// What the log may hold, MiB, and what the allocator needs beside it.
const LOG: f64 = 32.0 * 1.25;

/// What is compared.
#[derive(Clone, Copy)]
enum Field {
    Wall,
    Cpu,
    Peak,
    Latency,
}

/// With whom.
#[derive(Clone, Copy)]
enum Base {
    One(Kind),
    BestRival,
}

/// One line of the summary.
struct Line {
    floor: u8,
    what: String,
    reached: Option<f64>,
    bound: f64,
}

struct Summary<'a> {
    report: &'a Report,
    lines: Vec<Line>,
}

/// The summary as a table in Markdown: what was measured, the floor, and whether it is reached.
pub fn summary(report: &Report) -> String {
    let mut summary = Summary { report, lines: Vec::new() };
    summary.full_table();
    summary.fanout();
    summary.many_senders();
    summary.churn();
    summary.slow_and_idle();
    let worst = summary.shards();
    let mut out = "| floor | what, for one shard | reached | at most | |\n|--:|---|--:|--:|---|\n".to_owned();
    for Line { floor, what, reached, bound } in &summary.lines {
        let (figure, verdict) = match reached {
            Some(value) => (format!("{value:.2}"), if value <= bound { "met" } else { "**missed**" }),
            None => ("not measured".to_owned(), ""),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {floor} | {what} | {figure} | {bound:.2} | {verdict} |");
    }
    if report.sizes().table < Sizes::full().table {
        out.push_str("\nThe floors are set for the full sizes; these were smaller.\n");
    }
    if let Some(worst) = worst {
        let _ = write!(out, "\n{worst}\n");
    }
    if let Some(memory) = memory(report) {
        let _ = write!(out, "\n{memory}\n");
    }
    out
}

impl Summary<'_> {
    fn full_table(&mut self) {
        let bird = Base::One(Kind::Bird);
        let load = (Scenario::FullTable, "load");
        self.ratio(1, load, (Field::Wall, bird), 0.5);
        self.ratio(1, load, (Field::Cpu, bird), 0.5);
        self.ratio(1, load, (Field::Peak, bird), 0.6);
        for stage in ["withdraw", "session drop"] {
            self.ratio(2, (Scenario::FullTable, stage), (Field::Wall, bird), 0.7);
            self.ratio(2, (Scenario::FullTable, stage), (Field::Cpu, bird), 0.7);
        }
    }

    /// The two largest.
    fn fanout(&mut self) {
        let clients = &self.report.sizes().fanout;
        for &clients in clients.iter().skip(clients.len().saturating_sub(2)) {
            let announce = (Scenario::Fanout(clients), "announce");
            self.ratio(3, announce, (Field::Wall, Base::One(Kind::Frr)), 1.0);
            self.ratio(3, announce, (Field::Cpu, Base::One(Kind::Frr)), 1.0);
            self.ratio(3, announce, (Field::Peak, Base::One(Kind::Bird)), 1.5);
        }
    }

    fn many_senders(&mut self) {
        for scenario in [Scenario::Mesh, Scenario::Same] {
            self.ratio(4, (scenario, "load"), (Field::Cpu, Base::BestRival), 0.5);
            self.ratio(4, (scenario, "load"), (Field::Peak, Base::One(Kind::Bird)), 1.0);
        }
    }

    fn churn(&mut self) {
        let stages = ["alone", "while clients join", "while a full table loads"];
        for stage in stages {
            self.ratio(5, (Scenario::Churn, stage), (Field::Latency, Base::BestRival), 1.0);
        }
        let own = |stage| self.own(Scenario::Churn, stage, Field::Latency);
        let [alone, joining, loading] = stages.map(own);
        for (stage, value) in stages.into_iter().skip(1).zip([joining, loading]) {
            let what = format!("churn, {stage}: p99 × alone (no growth but the noise of a tenth)");
            self.line(Scenario::Churn, Line { floor: 5, what, reached: divide(value, alone), bound: 1.1 });
        }
    }

    fn slow_and_idle(&mut self) {
        let measure = |scenario, stage| self.report.measure(scenario, stage, Kind::Peregrine);
        let (without, with) = (measure(Scenario::Slow, "without"), measure(Scenario::Slow, "with"));
        let idle = measure(Scenario::Idle, "idle");
        let beside = with.as_ref().and_then(|m| m.extra.get(BESIDE).copied());
        let more = without.zip(with).map(|(without, with)| with.peak - without.peak);
        let used = idle.as_ref().and_then(|m| m.extra.get(USED).copied());
        let peak = idle.map(|m| m.peak / MEGABYTE);
        let line = |floor, what: &str, reached, bound| Line { floor, what: what.to_owned(), reached, bound };
        let what = "a slow and a stuck client: wall of the others × without the two";
        self.line(Scenario::Slow, line(6, what, beside, 1.1));
        let what = "a slow and a stuck client: MiB at peak more than without, with a log of 32 MiB";
        self.line(Scenario::Slow, line(6, what, more, LOG));
        self.line(Scenario::Idle, line(7, "idle sessions: % of a core", used, 0.5));
        self.line(Scenario::Idle, line(7, "idle sessions: MB at peak", peak, 40.0));
    }

    /// A line for the scenario where two shards fare worst; returns the others in a sentence.
    fn shards(&mut self) -> Option<String> {
        if !self.report.has(Kind::Peregrine2) {
            return None;
        }
        let mut ratios: Vec<(f64, String)> = Vec::new();
        let mut scenarios: Vec<Scenario> = Vec::new();
        for (scenario, _) in self.report.stages() {
            if !scenarios.contains(&scenario) {
                scenarios.push(scenario);
            }
        }
        for scenario in scenarios {
            let stages = self.report.stages().into_iter().filter(|(of, _)| *of == scenario);
            let (mut two, mut one) = (0.0, 0.0);
            for (_, stage) in stages {
                let wall = |kind| self.report.measure(scenario, stage, kind)?.wall;
                if let (Some(more), Some(base)) = (wall(Kind::Peregrine2), wall(Kind::Peregrine)) {
                    (two, one) = (two + more, one + base);
                }
            }
            ratios.extend(divide(Some(two), Some(one)).map(|ratio| (ratio, scenario.name())));
        }
        ratios.sort_by(|one, other| other.0.total_cmp(&one.0));
        let (worst, name) = ratios.first()?.clone();
        let what =
            format!("two shards: wall × one shard, all stages of a scenario together, the worst: {name}");
        self.lines.push(Line { floor: 8, what, reached: Some(worst), bound: 1.05 });
        let all: Vec<String> = ratios.iter().map(|(ratio, name)| format!("{name} {ratio:.2}")).collect();
        Some(format!("Two shards by one, wall: {}.", all.join(", ")))
    }

    fn ratio(
        &mut self,
        floor: u8,
        (scenario, stage): (Scenario, &str),
        (field, base): (Field, Base),
        bound: f64,
    ) {
        let of = |kind| self.report.measure(scenario, stage, kind).and_then(|m| field.of(&m));
        let (base, name) = match base {
            Base::One(kind) => (of(kind), kind.title()),
            Base::BestRival => {
                let rivals = ALL.into_iter().filter(|kind| kind.is_rival());
                (rivals.filter_map(of).min_by(f64::total_cmp), "best rival")
            }
        };
        let what = format!("{}, {stage}: {} × {name}", scenario.name(), field.name());
        let reached = divide(of(Kind::Peregrine), base);
        self.line(scenario, Line { floor, what, reached, bound });
    }

    fn own(&self, scenario: Scenario, stage: &str, field: Field) -> Option<f64> {
        self.report.measure(scenario, stage, Kind::Peregrine).and_then(|m| field.of(&m))
    }

    /// Adds a line, if the scenario was part of the run.
    fn line(&mut self, scenario: Scenario, line: Line) {
        if self.report.stages().iter().any(|(of, _)| *of == scenario) {
            self.lines.push(line);
        }
    }
}

impl Field {
    fn of(self, measure: &Measure) -> Option<f64> {
        match self {
            Self::Wall => measure.wall,
            Self::Cpu => Some(measure.cpu),
            Self::Peak => Some(measure.peak),
            Self::Latency => measure.extra.get(LATENCY).copied(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Cpu => "CPU",
            Self::Peak => "peak memory",
            Self::Latency => "p99",
        }
    }
}

fn divide(value: Option<f64>, base: Option<f64>) -> Option<f64> {
    let (value, base) = value.zip(base)?;
    (base > 0.0).then(|| value / base)
}

/// What is resident after each kind of work.
fn memory(report: &Report) -> Option<String> {
    let after = |scenario, stage: &str| {
        let resident = report.measure(scenario, stage, Kind::Peregrine)?.resident;
        Some(format!("{resident:.0} MiB"))
    };
    let load = after(Scenario::FullTable, "load")?;
    let withdraw = after(Scenario::FullTable, "withdraw")?;
    let churn =
        after(Scenario::Churn, "alone").map_or(String::new(), |churn| format!(", after churn {churn}"));
    Some(format!("Resident after the load {load}, after the withdrawal {withdraw}{churn}."))
}

#[cfg(test)]
mod tests {
    use super::super::report::Sample;
    use super::super::run::Outcome;
    use super::super::targets::Target;
    use super::*;

    fn measure(wall: f64, cpu: f64, peak: f64) -> Measure {
        Measure { wall: Some(wall), cpu, peak, ..Measure::default() }
    }

    fn report(samples: Vec<(Scenario, &'static str, Kind, Measure)>) -> Report {
        let target = |kind| Target { kind, program: "x".into(), version: "1".to_owned() };
        let mut report = Report::new(&Sizes::full(), &ALL.map(target), 1);
        for (scenario, stage, target, measure) in samples {
            report.add(Sample { scenario, target, stages: vec![(stage, Outcome::Done(measure))] });
        }
        report
    }

    #[test]
    fn each_floor_is_compared_with_whom_it_names() {
        let text = summary(&report(vec![
            (Scenario::FullTable, "load", Kind::Peregrine, measure(1.0, 1.5, 90.0)),
            (Scenario::FullTable, "load", Kind::Bird, measure(4.0, 2.0, 100.0)),
            (Scenario::Mesh, "load", Kind::Peregrine, measure(1.0, 1.0, 50.0)),
            (Scenario::Mesh, "load", Kind::Bird, measure(9.0, 9.0, 100.0)),
            (Scenario::Mesh, "load", Kind::Frr, measure(4.0, 4.0, 900.0)),
        ]));
        for line in [
            "| 1 | full-table, load: wall × BIRD 2 | 0.25 | 0.50 | met |",
            "| 1 | full-table, load: CPU × BIRD 2 | 0.75 | 0.50 | **missed** |",
            "| 1 | full-table, load: peak memory × BIRD 2 | 0.90 | 0.60 | **missed** |",
            "| 2 | full-table, withdraw: wall × BIRD 2 | not measured | 0.70 |  |",
            "| 4 | mesh, load: CPU × best rival | 0.25 | 0.50 | met |",
            "| 4 | mesh, load: peak memory × BIRD 2 | 0.50 | 1.00 | met |",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("idle"), "{text}");
    }

    #[test]
    fn two_shards_are_judged_by_their_worst_scenario() {
        let text = summary(&report(vec![
            (Scenario::FullTable, "load", Kind::Peregrine, measure(1.0, 1.0, 1.0)),
            (Scenario::FullTable, "load", Kind::Peregrine2, measure(0.8, 1.0, 1.0)),
            (Scenario::Mesh, "load", Kind::Peregrine, measure(1.0, 1.0, 1.0)),
            (Scenario::Mesh, "load", Kind::Peregrine2, measure(1.2, 1.0, 1.0)),
        ]));
        assert!(text.contains("the worst: mesh | 1.20 | 1.05 | **missed** |"), "{text}");
        assert!(text.contains("Two shards by one, wall: mesh 1.20, full-table 0.80."), "{text}");
    }
}
