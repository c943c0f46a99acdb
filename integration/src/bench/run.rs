//! One run of one scenario with one target: the daemon, the player, the measuring.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::attrs::AttrBook;
use super::daemon::{Daemon, Usage, mebibytes};
use super::ledger::Ledger;
use super::player::{Failure, Patience, Player};
use super::scenario::Sizes;
use super::targets::{ENDPOINT, Kind, Setup, Target};

/// What one stage cost.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Measure {
    /// Seconds from the first octet sent to the read of the last UPDATE, with which every receiver was exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall: Option<f64>,
    /// Processor seconds of the daemon, all its threads and processes.
    pub cpu: f64,
    /// The most memory resident since the start, MiB.
    pub peak: f64,
    /// Memory resident at the end, MiB; a second later where [`Run::settle`] was called.
    pub resident: f64,
    /// What only this stage has.
    #[serde(flatten)]
    pub extra: BTreeMap<&'static str, f64>,
}

/// How a stage ended.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Exact.
    Done(Measure),
    /// Not done in the time given.
    TooSlow {
        /// That time, seconds.
        limit: f64,
        /// In words, and the last ones of a daemon that died.
        why: String,
        /// What was missing at the first few receivers, lines of text for each.
        differences: Vec<String>,
    },
    /// Wrong, or broken off.
    Failed {
        /// Why, and the last words of a daemon that died.
        why: String,
        /// What was wrong at the first few receivers, lines of text for each.
        differences: Vec<String>,
    },
    /// Not tried, after it had failed with less.
    GaveUp {
        /// With what.
        why: String,
    },
    /// The target has no such thing.
    NotApplicable {
        /// Why.
        why: String,
    },
}

/// A run being made.
#[derive(Debug)]
pub struct Run<'a> {
    /// Who is measured.
    pub target: &'a Target,
    /// How large it all is.
    pub sizes: &'a Sizes,
    /// A directory of its own.
    pub dir: &'a Path,
    /// How long a stage may take.
    pub patience: Patience,
    /// Whether one UPDATE is thrown away at a receiver, to see the run fail.
    pub drop_one: bool,
    /// The stages so far.
    pub stages: Vec<(&'static str, Outcome)>,
}

/// A daemon and its peers.
#[derive(Debug)]
pub struct Live {
    /// The process under test.
    pub daemon: Daemon,
    /// Everybody it talks to.
    pub player: Player,
}

impl Run<'_> {
    /// Which target this is.
    pub fn kind(&self) -> Kind {
        self.target.kind
    }

    /// Starts the daemon and connects the peers numbered below `first`; the others wait.
    ///
    /// Coming up is not measured but has a limit, because some take minutes over thousands of neighbours.
    ///
    /// # Errors
    /// What prevents the daemon from starting, or the sessions from coming up.
    pub fn begin(
        &self,
        setup: &Setup,
        mut ledger: Ledger,
        book: AttrBook,
        first: usize,
    ) -> Result<Live, Failure> {
        let mut daemon = self.target.start(setup, self.dir)?;
        for number in first..setup.peers.len() {
            ledger.count_receiver(number, false);
        }
        let mut player = Player::new(ENDPOINT, &setup.peers, ledger, book, self.sizes.backlog)?;
        for number in first..setup.peers.len() {
            player.ledger.count_receiver(number, false);
        }
        player.connect(0..first);
        let limit = self.patience.limit.max(Duration::from_secs(30));
        let patience = Patience { limit, quiet: limit };
        // While coming up, a session may be refused and dialed again.
        player.tolerate_losses(true);
        let up = player.run_until(patience, |player| player.established() == first || !daemon.is_alive());
        player.tolerate_losses(false);
        if !daemon.is_alive() || up.is_err() {
            let why =
                format!("{} of {first} sessions came up: {}", player.established(), daemon.last_words());
            if daemon.is_alive() && player.established() < first {
                return Err(Failure::TooSlow { limit, differences: vec![why] });
            }
            return Err(Failure::Io { what: "starting".to_owned(), source: std::io::Error::other(why) });
        }
        // What comes with new sessions, End-of-RIB and first keepalives, is not the measured work.
        player.run_for(Duration::from_millis(200))?;
        Ok(Live { daemon, player })
    }

    /// Measures `act`, which returns when everybody holds what they must.
    ///
    /// # Errors
    /// What `act` ends with; it is noted as the outcome of the stage.
    pub fn measure(
        &mut self,
        live: &mut Live,
        stage: &'static str,
        act: impl FnOnce(&mut Live, Patience) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if std::mem::take(&mut self.drop_one) {
            live.player.drop_one_update();
        }
        live.player.ledger.recount();
        let before = live.daemon.usage();
        let started = Instant::now();
        let outcome = act(live, self.patience);
        // What the player takes to look at what came is not the speaker's time.
        let wall = live.player.heard().saturating_duration_since(started);
        let after = live.daemon.usage();
        match outcome {
            Ok(()) => {
                let wall = Some(wall.as_secs_f64());
                self.stages.push((stage, Outcome::Done(Measure { wall, ..Measure::between(before, after) })));
                Ok(())
            }
            Err(failure) => {
                let died =
                    (!live.daemon.is_alive()).then(|| format!("\nit died: {}", live.daemon.last_words()));
                self.stages.push((stage, Outcome::of(&failure, died.as_deref().unwrap_or_default())));
                Err(failure)
            }
        }
    }

    /// Waits a second and notes the memory resident then as that of the last stage.
    ///
    /// # Errors
    /// A session lost meanwhile.
    pub fn settle(&mut self, live: &mut Live) -> Result<(), Failure> {
        live.player.run_for(Duration::from_secs(1))?;
        let usage = live.daemon.usage();
        if let Some((_, Outcome::Done(measure))) = self.stages.last_mut() {
            measure.resident = mebibytes(usage.rss);
        }
        Ok(())
    }

    /// The wall of the last stage, seconds.
    pub fn wall(&self) -> Option<f64> {
        match self.stages.last() {
            Some((_, Outcome::Done(measure))) => measure.wall,
            _ => None,
        }
    }

    /// Adds a figure to the last stage.
    pub fn note(&mut self, name: &'static str, value: f64) {
        if let Some((_, Outcome::Done(measure))) = self.stages.last_mut() {
            measure.extra.insert(name, value);
        }
    }

    /// The last stage had pauses: its wall is `wall`.
    pub fn took(&mut self, wall: Duration) {
        if let Some((_, Outcome::Done(measure))) = self.stages.last_mut() {
            measure.wall = Some(wall.as_secs_f64());
        }
    }

    /// The last stage took a time given to it, which says nothing.
    pub fn untimed(&mut self) {
        if let Some((_, Outcome::Done(measure))) = self.stages.last_mut() {
            measure.wall = None;
        }
    }

    /// Plays until everybody holds exactly what they must.
    ///
    /// # Errors
    /// See [`Player::run_until`].
    pub fn until_exact(live: &mut Live, patience: Patience) -> Result<(), Failure> {
        live.player.run_until(patience, |player| player.is_exact()).map(|_| ())
    }
}

impl Measure {
    fn between(before: Usage, after: Usage) -> Self {
        Self {
            wall: None,
            cpu: after.cpu.saturating_sub(before.cpu).as_secs_f64(),
            peak: mebibytes(after.peak),
            resident: mebibytes(after.rss),
            extra: BTreeMap::new(),
        }
    }
}

impl Outcome {
    /// What a failure means for the table; `more` is added to its text.
    pub fn of(failure: &Failure, more: &str) -> Self {
        let why = format!("{failure}{more}");
        let differences = failure.differences().to_vec();
        match failure {
            Failure::TooSlow { limit, .. } => Self::TooSlow { limit: limit.as_secs_f64(), why, differences },
            Failure::NotApplicable(_) => Self::NotApplicable { why },
            _ => Self::Failed { why, differences },
        }
    }
}
