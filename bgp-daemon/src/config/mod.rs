//! Configuration: a TOML file becomes a validated [`model::Config`], and two of those become the
//! commands that lead from one to the other.
//!
//! ```text
//! text ──raw──► keys with types and places ──build──► Config ──diff──► commands
//!        every fault is collected on the way: Report
//! ```

mod build;
pub mod diff;
pub mod effective;
pub mod host;
pub mod model;
mod raw;
pub mod reference;
pub mod report;
mod text;
mod unavailable;

use std::path::Path;

use toml::de::DeTable;

pub(crate) use host::host_addresses;
pub use host::{Host, HostAddress};
pub use report::Report;
pub use text::Source;

use build::Context;
use model::{Config, Mode};
use raw::{RawFile, Section};
use report::Sink;

/// Where the admin socket is unless the file says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/peregrine/peregrine.sock";

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What it does perhaps not do as meant; often empty.
    pub warnings: Report,
}

/// Reads and checks a file.
///
/// # Errors
/// A [`Report`] of every fault when the file cannot be read or used.
pub fn load(path: &Path, mode: Mode, host: &Host) -> Result<Loaded, Report> {
    let text = std::fs::read_to_string(path).map_err(|error| Report::unreadable(path, &error))?;
    parse(Source::new(path, text), mode, host, &|file| std::fs::read_to_string(file))
}

/// Checks a text; `read_secret` reads the files it names. Pure, given that.
///
/// # Errors
/// A [`Report`] of every fault when it cannot be used.
pub fn parse(
    source: Source,
    mode: Mode,
    host: &Host,
    read_secret: &dyn Fn(&Path) -> std::io::Result<String>,
) -> Result<Loaded, Report> {
    let mut sink = Sink::default();
    let config = read(&source.text, &Context { mode, host, read_secret }, &mut sink);
    match config {
        Some(config) => Ok(Loaded { config, warnings: Report::new(source, sink.diagnostics) }),
        // Warnings can wait until there is something that could be run.
        None => Err(Report::new(source, sink.into_errors())),
    }
}

fn read(text: &str, context: &Context<'_>, sink: &mut Sink) -> Option<Config> {
    let (document, faults) = DeTable::parse_recoverable(text);
    for fault in &faults {
        let message = fault.message().lines().next().unwrap_or("not TOML").to_owned();
        sink.error(fault.span(), message).hint("this is about TOML itself: https://toml.io");
    }
    // What a parser makes of the rest of a broken text would only mislead.
    if !faults.is_empty() {
        return None;
    }
    let raw = RawFile::read(document.get_ref(), 0..0, sink);
    build::build(&raw, context, sink)
}

#[cfg(test)]
mod tests;
