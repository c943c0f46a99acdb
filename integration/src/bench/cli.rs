//! The command line: what to run, how large, how often.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use super::campaign::Campaign;
use super::floors;
use super::machine;
use super::player::Patience;
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
    /// Minutes of the soak (default: 10)
    #[arg(long)]
    minutes: Option<f64>,
    /// Seconds a stage may take
    #[arg(long, default_value_t = 40)]
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
        let mut sizes = match (self.size, self.quick) {
            (Some(Size::Tiny), _) => Sizes::tiny(),
            (Some(Size::Quick), _) | (None, true) => Sizes::quick(),
            _ => Sizes::full(),
        };
        if let Some(minutes) = self.minutes {
            sizes.soak.time = Duration::try_from_secs_f64(minutes * 60.0).map_err(io::Error::other)?;
        }
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
        let campaign = Campaign {
            sizes,
            targets,
            scenarios,
            runs,
            patience: Patience { limit, quiet: Duration::from_secs(quiet).min(limit) },
            drop_one: self.drop_one,
            out: self.out.clone(),
        };
        let report = campaign.run()?;
        write!(io::stdout(), "\n{}{}", floors::summary(&report), report.text(3))?;
        if self.write {
            report.write_page(&PathBuf::from("docs/src/performance.md"))?;
        }
        let judged: Vec<Kind> = campaign
            .targets
            .iter()
            .map(|target| target.kind)
            .filter(|kind| !self.target.is_empty() || !kind.is_rival())
            .collect();
        Ok(report.is_sound(&judged))
    }

    fn scenarios(&self, sizes: &Sizes) -> io::Result<Vec<Scenario>> {
        let mut all = Scenario::all(sizes);
        if self.scenario.is_empty() {
            return Ok(all);
        }
        all.push(Scenario::Soak);
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
