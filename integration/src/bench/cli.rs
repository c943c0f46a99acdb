//! The command line, and the order of the runs.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

use super::machine;
use super::player::Patience;
use super::report::{Report, Sample};
use super::run::{Outcome, Run};
use super::scenario::{Scenario, Sizes};
use super::targets::{self, Kind, Target, relay};

/// Speed and memory of Peregrine and its rivals on this machine, checked for exactness.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Small sizes, and only Peregrine, BIRD 2 and the relay: under a minute
    #[arg(long)]
    quick: bool,
    /// How large the scenarios are (default: full, or quick with --quick)
    #[arg(long, value_enum)]
    size: Option<Size>,
    /// Only these scenarios, by name or its beginning; `list` shows them
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// Only these targets; each must then be found and be exact
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// Runs of each scenario and target (default: 3, or 1 with --quick)
    #[arg(long)]
    runs: Option<usize>,
    /// Seconds a stage may take
    #[arg(long, default_value_t = 60)]
    limit: u64,
    /// Write the table to docs/src/performance.md
    #[arg(long)]
    write: bool,
    /// Directory for the results as JSON
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// Throw away one UPDATE at a receiver: every run must fail
    #[arg(long)]
    drop_one: bool,
    /// Be the relay instead
    #[arg(long, hide = true)]
    relay: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Size {
    Full,
    Quick,
    #[value(hide = true)]
    Tiny,
}

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.act() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: running the benchmark: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    fn act(&self) -> io::Result<bool> {
        debug_assert_eq!(relay::ARGUMENT, "--relay");
        if self.relay {
            relay::run()?;
            return Ok(true);
        }
        let quick = self.quick || matches!(self.size, Some(Size::Quick | Size::Tiny));
        let sizes = match (self.size, self.quick) {
            (Some(Size::Tiny), _) => Sizes::tiny(),
            (Some(Size::Quick), _) | (None, true) => Sizes::quick(),
            _ => Sizes::full(),
        };
        let scenarios = self.scenarios(&sizes)?;
        if scenarios.is_empty() {
            return Ok(true);
        }
        let targets = self.targets()?;
        machine::enter()?;
        let runs = self.runs.unwrap_or(if quick { 1 } else { 3 });
        let limit = Duration::from_secs(self.limit);
        let quiet = match self.size {
            // BIRD at times waits three seconds for something to wake it.
            Some(Size::Tiny) => 4,
            _ if quick => 5,
            _ => 20,
        };
        let patience = Patience { limit, quiet: Duration::from_secs(quiet).min(limit) };
        let mut report = Report::new(&sizes, &targets, runs);
        let started = Instant::now();
        let total = scenarios.len() * runs * targets.len();
        let mut done = 0;
        for &scenario in &scenarios {
            for round in 1..=runs {
                for target in &targets {
                    done += 1;
                    if report.gave_up(scenario, target.kind) {
                        continue;
                    }
                    progress(&format!(
                        "[{done}/{total}] {}, {}, run {round}: ",
                        scenario.name(),
                        target.kind.title()
                    ));
                    let stages = self.one(target, &sizes, patience, scenario)?;
                    progress(&format!("{}\n", summary(&stages)));
                    report.add(Sample { scenario, target: target.kind, stages });
                }
            }
            report.save(&self.out)?;
        }
        progress(&format!(
            "done in {:.0} s; results in {}\n",
            started.elapsed().as_secs_f64(),
            self.out.display()
        ));
        let text = report.text();
        io::stdout().write_all(text.as_bytes())?;
        if self.write {
            report.write_page(&PathBuf::from("docs/src/performance.md"))?;
        }
        let judged: Vec<Kind> = if self.target.is_empty() {
            targets.iter().map(|target| target.kind).filter(|kind| !kind.is_rival()).collect()
        } else {
            targets.iter().map(|target| target.kind).collect()
        };
        Ok(report.is_sound(&judged))
    }

    fn one(
        &self,
        target: &Target,
        sizes: &Sizes,
        patience: Patience,
        scenario: Scenario,
    ) -> io::Result<Vec<(&'static str, Outcome)>> {
        let dir = tempfile::Builder::new().prefix("bench").tempdir()?;
        let mut run =
            Run { target, sizes, dir: dir.path(), patience, drop_one: self.drop_one, stages: Vec::new() };
        let ended = scenario.play(&mut run);
        let noted = run.stages.iter().any(|(_, outcome)| !matches!(outcome, Outcome::Done(_)));
        if let Err(failure) = ended
            && !noted
        {
            run.stages.push(("all", Outcome::of(&failure, "")));
        }
        Ok(run.stages)
    }

    fn scenarios(&self, sizes: &Sizes) -> io::Result<Vec<Scenario>> {
        let all = Scenario::all(sizes);
        if self.scenario.is_empty() {
            return Ok(all);
        }
        if self.scenario.iter().any(|name| name == "list") {
            for scenario in &all {
                writeln!(io::stdout(), "{:12} {}", scenario.name(), scenario.title(sizes))?;
            }
            return Ok(Vec::new());
        }
        let mut found: Vec<Scenario> = Vec::new();
        for name in &self.scenario {
            let exact = all.iter().any(|scenario| scenario.name() == *name);
            let fits = |scenario: &&Scenario| {
                if exact { scenario.name() == *name } else { scenario.name().starts_with(name.as_str()) }
            };
            let before = found.len();
            found.extend(all.iter().filter(fits));
            if found.len() == before {
                return Err(io::Error::other(format!("no scenario is called {name}: try --scenario list")));
            }
        }
        Ok(found)
    }

    fn targets(&self) -> io::Result<Vec<Target>> {
        if !self.target.is_empty() {
            let find = |name: &String| {
                let kind = targets::ALL.into_iter().find(|kind| kind.name() == name);
                let target = kind.and_then(Kind::find);
                target.ok_or_else(|| io::Error::other(format!("no target {name} on this machine")))
            };
            return self.target.iter().map(find).collect();
        }
        let small = self.quick;
        let wanted = targets::ALL
            .into_iter()
            .filter(|kind| !small || matches!(kind, Kind::Peregrine | Kind::Bird | Kind::Relay));
        let found: Vec<Target> = wanted.filter_map(Kind::find).collect();
        if !found.iter().any(|target| target.kind == Kind::Peregrine) {
            return Err(io::Error::other(
                "no peregrine beside this program: `make build` first, or set PEREGRINE",
            ));
        }
        Ok(found)
    }
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
        Outcome::Failed { why } => format!("{stage} FAILED: {why}"),
        Outcome::NotApplicable { why } => format!("{stage} not applicable: {why}"),
    });
    words.collect::<Vec<_>>().join(" | ")
}

/// Progress goes where people look and results do not; nobody reading it is no reason to stop.
fn progress(text: &str) {
    let mut out = io::stderr();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
