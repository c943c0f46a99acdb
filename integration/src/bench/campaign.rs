//! All runs in their order, and which of them are worth their time.
//!
//! Targets take turns within a scenario. A rival that comes near nobody is run once; one that could not
//! even begin with some number of clients is not asked for more of them.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::player::Patience;
use super::report::{Report, Sample};
use super::run::{Outcome, Run};
use super::scenario::{Scenario, Sizes};
use super::targets::{Kind, Target};

/// A rival's run that takes longer is repeated only if the rival is the best of them in something.
const WORTH: Duration = Duration::from_secs(15);

/// What to run.
#[derive(Debug)]
pub struct Campaign {
    /// How large the scenarios are.
    pub sizes: Sizes,
    /// Whom to run, in that order.
    pub targets: Vec<Target>,
    /// What to run them through, in that order.
    pub scenarios: Vec<Scenario>,
    /// How often.
    pub runs: usize,
    /// How long a stage may take; rivals may be silent as long, because some work long before they speak.
    pub patience: Patience,
    /// Whether one UPDATE is thrown away in every run.
    pub drop_one: bool,
    /// Directory for the results.
    pub out: PathBuf,
}

/// How long the runs took, for how long the rest will.
#[derive(Debug)]
struct Clock {
    started: Instant,
    took: HashMap<(String, Kind), Duration>,
}

impl Campaign {
    /// Runs everything; results are written after each scenario.
    ///
    /// # Errors
    /// When a directory or file of the benchmark itself cannot be made; what goes wrong in a run is in the
    /// report.
    pub fn run(&self) -> io::Result<Report> {
        let mut report = Report::new(&self.sizes, &self.targets, self.runs);
        let mut clock = Clock { started: Instant::now(), took: HashMap::new() };
        for (number, &scenario) in self.scenarios.iter().enumerate() {
            for round in 1..=self.runs {
                for (place, target) in self.targets.iter().enumerate() {
                    let Some(skip) = self.skip(&report, &clock, scenario, target.kind) else {
                        let left = self.left(&report, &clock, (number, round, place));
                        self.one(&mut report, &mut clock, (scenario, round, target), left)?;
                        continue;
                    };
                    if let Skip::Hopeless(why) = skip {
                        let stages = vec![("all", Outcome::GaveUp { why })];
                        report.add(Sample { scenario, target: target.kind, stages });
                    }
                }
            }
            report.save(&self.out)?;
        }
        let took = words(clock.started.elapsed());
        progress(&format!("done in {took}; results in {}\n", self.out.display()));
        report.took(clock.started.elapsed());
        Ok(report)
    }

    fn one(
        &self,
        report: &mut Report,
        clock: &mut Clock,
        (scenario, round, target): (Scenario, usize, &Target),
        left: Duration,
    ) -> io::Result<()> {
        progress(&format!(
            "[{} done, about {} to go] {}, {}, run {round}: ",
            words(clock.started.elapsed()),
            words(left),
            scenario.name(),
            target.kind.title()
        ));
        let began = Instant::now();
        let stages = self.play(target, scenario)?;
        clock.took.insert((scenario.name(), target.kind), began.elapsed());
        progress(&format!("{} ({:.0} s)\n", summary(&stages), began.elapsed().as_secs_f64()));
        report.add(Sample { scenario, target: target.kind, stages });
        Ok(())
    }

    fn play(&self, target: &Target, scenario: Scenario) -> io::Result<Vec<(&'static str, Outcome)>> {
        let dir = tempfile::Builder::new().prefix("bench").tempdir()?;
        let mut patience = self.patience;
        if target.kind.is_rival() && !self.drop_one {
            patience.quiet = patience.limit;
        }
        let mut run = Run {
            target,
            sizes: &self.sizes,
            dir: dir.path(),
            patience,
            drop_one: self.drop_one,
            stages: Vec::new(),
        };
        let ended = scenario.play(&mut run);
        let noted = run.stages.iter().any(|(_, outcome)| !matches!(outcome, Outcome::Done(_)));
        if let Err(failure) = ended
            && !noted
        {
            run.stages.push(("all", Outcome::of(&failure, "")));
        }
        Ok(run.stages)
    }

    /// Whether a run is not to be made.
    fn skip(&self, report: &Report, clock: &Clock, scenario: Scenario, kind: Kind) -> Option<Skip> {
        let Some(&took) = clock.took.get(&(scenario.name(), kind)) else {
            if report.gave_up(scenario, kind) {
                return Some(Skip::Enough);
            }
            return self.beaten_at(report, scenario, kind).map(Skip::Hopeless);
        };
        let poor = kind.is_rival() && took > WORTH && !report.is_best(scenario, kind);
        (report.gave_up(scenario, kind) || poor).then_some(Skip::Enough)
    }

    /// The number of clients that was too many for a target already, if fewer than now.
    fn beaten_at(&self, report: &Report, scenario: Scenario, kind: Kind) -> Option<String> {
        let Scenario::Fanout(clients) = scenario else { return None };
        let fewer = self.sizes.fanout.iter().copied().filter(|&fewer| fewer < clients);
        let beaten = fewer.filter(|&fewer| report.never_began(Scenario::Fanout(fewer), kind)).min()?;
        Some(format!("gave up at {beaten} clients"))
    }

    /// How long the runs from that one on take, as far as those before them say.
    fn left(&self, report: &Report, clock: &Clock, now: (usize, usize, usize)) -> Duration {
        let known: Duration = clock.took.values().sum();
        let mean = known / u32::try_from(clock.took.len().max(1)).unwrap_or(1);
        let mut left = Duration::ZERO;
        for (number, &scenario) in self.scenarios.iter().enumerate().skip(now.0) {
            for round in 1..=self.runs {
                for (place, target) in self.targets.iter().enumerate() {
                    let skipped = self.skip(report, clock, scenario, target.kind).is_some();
                    if (number, round, place) >= now && !skipped {
                        let took = clock.took.get(&(scenario.name(), target.kind));
                        left += took.copied().unwrap_or(mean);
                    }
                }
            }
        }
        left
    }
}

/// Why a run is not made.
enum Skip {
    /// More of it would tell nothing new.
    Enough,
    /// It failed with less.
    Hopeless(String),
}

/// What one run gave, on the line of its progress.
fn summary(stages: &[(&str, Outcome)]) -> String {
    let words = stages.iter().map(|(stage, outcome)| match outcome {
        Outcome::Done(measure) => {
            let wall = measure.wall.map(|wall| format!("{wall:.3} s, ")).unwrap_or_default();
            let extra: Vec<String> =
                measure.extra.iter().map(|(name, value)| format!(", {name} {value:.2}")).collect();
            format!("{stage} {wall}cpu {:.3} s, {:.0} MiB{}", measure.cpu, measure.peak, extra.concat())
        }
        Outcome::TooSlow { limit, .. } => format!("{stage} > {limit:.0} s"),
        Outcome::Failed { why, .. } => format!("{stage} FAILED: {why}"),
        Outcome::GaveUp { why } => why.clone(),
        Outcome::NotApplicable { why } => format!("{stage} not applicable: {why}"),
    });
    words.collect::<Vec<_>>().join(" | ")
}

/// Minutes and seconds.
fn words(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

/// Progress goes where people look and results do not; nobody reading it is no reason to stop.
fn progress(text: &str) {
    let mut out = io::stderr();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
