//! What can go wrong in a lab, told with the host, the command and what was seen.

use std::fmt;
use std::io;
use std::time::Duration;

/// Result of everything a lab does.
pub type Result<T = ()> = std::result::Result<T, LabError>;

/// Why a lab could not do what it was asked.
#[derive(thiserror::Error)]
pub enum LabError {
    /// The lab could not be built at all.
    #[error("starting a lab: {what}")]
    Start {
        /// What was attempted and what the system said; may hold a hint on its own line.
        what: String,
    },
    /// The lab's first process is gone.
    #[error("host {host}: {what}: the lab is gone")]
    Gone {
        /// Where it was attempted.
        host: String,
        /// What was attempted.
        what: String,
    },
    /// The system refused something.
    #[error("host {host}: {what}: {cause}")]
    Refused {
        /// Where it was attempted.
        host: String,
        /// What was attempted.
        what: String,
        /// What the system said.
        cause: String,
    },
    /// A command ended with something other than success.
    #[error("host {host}: `{command}`: {status}\n{output}")]
    Command {
        /// Where it ran.
        host: String,
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// What it wrote, both streams.
        output: String,
    },
    /// A program is not installed or not built.
    #[error("{program} is needed by this test and was not found\nhint: {hint}")]
    Missing {
        /// Program or file.
        program: String,
        /// How to get it.
        hint: String,
    },
    /// Something awaited did not happen.
    #[error("host {host}: waited {:.1} s for {what}{}\n{report}", waited.as_secs_f64(), last_seen(seen))]
    Timeout {
        /// Where it was awaited.
        host: String,
        /// What was awaited.
        what: String,
        /// How long.
        waited: Duration,
        /// What was there instead.
        seen: String,
        /// Topology, kernel tables, log tails.
        report: String,
    },
    /// A claim of a test did not hold.
    #[error("{what}\n{report}")]
    Claim {
        /// The claim and the facts against it.
        what: String,
        /// Topology, kernel tables, log tails.
        report: String,
    },
    /// A name was used twice, is too long, or does not exist.
    #[error("{0}")]
    Topology(String),
}

fn last_seen(seen: &str) -> String {
    if seen.is_empty() { String::new() } else { format!(", last seen: {seen}") }
}

// Tests return `Result` and the harness prints `Debug`: the text is what one wants to read there.
impl fmt::Debug for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl LabError {
    pub(crate) fn refused(host: &str, what: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self::Refused { host: host.to_owned(), what: what.into(), cause: cause.to_string() }
    }

    pub(crate) fn start(what: impl fmt::Display, cause: &io::Error) -> Self {
        Self::Start { what: format!("{what}: {cause}") }
    }
}
