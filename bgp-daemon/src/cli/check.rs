//! `check`, and the start of a daemon up to the point where the runtime takes over.

use std::path::PathBuf;

use super::args::{CheckArgs, CheckFormat, DaemonArgs, ModeArg};
use super::{Exit, Failure, output};
use crate::config::model::Mode;
use crate::config::{self, Host, Loaded, effective};
use crate::log::{self, LogControl};

/// What the runtime starts from.
#[derive(Debug)]
pub struct Start {
    /// Where the configuration is, absolute, to be read again on reload.
    pub path: PathBuf,
    /// Which daemon this is.
    pub mode: Mode,
    /// The machine, as it was when the configuration was read.
    pub host: Host,
    /// The configuration; its warnings have been logged.
    pub loaded: Loaded,
    /// Changes what is logged.
    pub log: LogControl,
}

pub(super) fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let mode = match args.mode {
        ModeArg::Agent => Mode::Agent,
        ModeArg::Reflector => Mode::Reflector,
    };
    let Loaded { config, warnings } =
        config::load(&args.config, mode, &host()?).map_err(|report| Failure::report(Exit::Usage, &report))?;
    eprint!("{warnings}");
    let text = match args.output {
        CheckFormat::Toml => effective::to_toml(&config),
        CheckFormat::Json => {
            let json = serde_json::to_string_pretty(&effective::to_json(&config));
            format!("{}\n", json.map_err(|error| output::json_failure(&error))?)
        }
    };
    output::write(text.as_bytes())
}

pub(super) fn start(args: &DaemonArgs, mode: Mode) -> Result<Start, Failure> {
    let host = host()?;
    let loaded =
        config::load(&args.config, mode, &host).map_err(|report| Failure::report(Exit::Unusable, &report))?;
    let log = log::init(loaded.config.log);
    for warning in loaded.warnings.lines() {
        tracing::warn!("{warning}");
    }
    // Not resolved through links: a link that is turned to another file is how some deploy a new one.
    let path = std::path::absolute(&args.config).unwrap_or_else(|_| args.config.clone());
    Ok(Start { path, mode, host, loaded, log })
}

pub(super) fn host() -> Result<Host, Failure> {
    Host::here().map_err(|error| {
        Failure::new(Exit::Failed, format!("cannot list the interfaces of this host: {error}"))
    })
}
