//! Why a run ends early, and how long it is waited for.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::bench::parse::Fault;

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Out of time.
    #[error("not done after {:.0} s", .limit.as_secs_f64())]
    TooSlow {
        /// The time it had.
        limit: Duration,
        /// What was missing, receiver by receiver.
        differences: Vec<String>,
    },
    /// The speaker fell silent without having told everybody everything.
    #[error("not exact: nothing came for {:.0} s", .quiet.as_secs_f64())]
    Inexact {
        /// How long nothing came.
        quiet: Duration,
        /// What was missing or wrong, receiver by receiver.
        differences: Vec<String>,
    },
    /// A session ended that had to stay.
    #[error("the session of {peer} ended: {why}")]
    Lost {
        /// The player's side of it.
        peer: Ipv4Addr,
        /// What ended it.
        why: String,
    },
    /// The speaker sent what no speaker may send.
    #[error("{peer} was sent nonsense: {fault}")]
    Malformed {
        /// The player's side of the session.
        peer: Ipv4Addr,
        /// What was wrong.
        fault: Fault,
    },
    /// More memory after the same work over and over.
    #[error("memory grew from {first:.0} to {last:.0} MiB")]
    Grew {
        /// Resident at the beginning, MiB.
        first: f64,
        /// And at the end.
        last: f64,
    },
    /// The target cannot do what the scenario asks.
    #[error("{0}")]
    NotApplicable(String),
    /// A process or file of the benchmark itself failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What went wrong.
        source: io::Error,
    },
}

impl Failure {
    /// What was missing or wrong, receiver by receiver; lines of their own, for people.
    pub fn differences(&self) -> &[String] {
        match self {
            Self::TooSlow { differences, .. } | Self::Inexact { differences, .. } => differences,
            _ => &[],
        }
    }
}

/// How long a run may take, and how long it may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// In all.
    pub limit: Duration,
    /// Without an UPDATE.
    pub quiet: Duration,
}
