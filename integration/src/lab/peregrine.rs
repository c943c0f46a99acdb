//! Our own daemon in a host.

use std::ops::Deref;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::client::find_program;
use super::command::Output;
use super::daemon::{Daemon, End};
use super::error::Result;
use super::host::Host;

/// Where the daemon's API socket is, unless its configuration says otherwise. `/run` is private
/// to a host, so every host can use the default.
const SOCKET: &str = "/run/peregrine/peregrine.sock";
/// How long the daemon may take to answer after its start.
const READY: Duration = Duration::from_secs(10);

/// A running `peregrine` with its configuration.
#[derive(Clone, Debug)]
pub struct Peregrine {
    daemon: Daemon,
    config: String,
}

impl Deref for Peregrine {
    type Target = Daemon;

    fn deref(&self) -> &Daemon {
        &self.daemon
    }
}

/// Path of the `peregrine` program under test.
///
/// # Errors
/// [`super::LabError::Missing`] with the command that builds it.
pub fn program() -> Result<PathBuf> {
    find_program("peregrine", "PEREGRINE_BIN", "cargo build -p bgp-daemon")
}

impl Host {
    /// Starts `peregrine agent` or `peregrine reflector` with this configuration and waits until it
    /// serves its API.
    ///
    /// # Errors
    /// When it is not built, or is not ready within ten seconds; the report shows its log.
    pub fn peregrine(&self, role: &str, config: &str) -> Result<Peregrine> {
        let peregrine = self.peregrine_unready(role, config)?;
        peregrine.wait_ready()?;
        Ok(peregrine)
    }

    /// As [`Host::peregrine`], without waiting: for configurations that are refused.
    ///
    /// # Errors
    /// When it is not built.
    pub fn peregrine_unready(&self, role: &str, config: &str) -> Result<Peregrine> {
        let path = format!("/run/peregrine/{role}.toml");
        self.write_file(&path, config)?;
        let program = program()?;
        let argv = [&*program.to_string_lossy(), role, "--config", path.as_str()];
        let daemon = self.spawn(&format!("peregrine {role}"), &argv)?;
        Ok(Peregrine { daemon, config: path })
    }

    /// Runs a `peregrine` command in the host, however it ends.
    ///
    /// # Errors
    /// When it is not built or does not end.
    pub fn peregrine_run(&self, args: &[&str]) -> Result<Output> {
        let program = program()?;
        let program = program.to_string_lossy();
        let argv: Vec<&str> = std::iter::once(&*program).chain(args.iter().copied()).collect();
        self.try_run(&argv)
    }

    /// Runs a `peregrine` command that must succeed and returns its JSON; `-o json` is added.
    ///
    /// # Errors
    /// When it fails or writes something else than JSON.
    pub fn peregrine_cmd(&self, args: &[&str]) -> Result<Value> {
        let program = program()?;
        let program = program.to_string_lossy();
        let mut argv: Vec<&str> = std::iter::once(&*program).chain(args.iter().copied()).collect();
        argv.extend(["-o", "json"]);
        let text = self.run(&argv)?;
        serde_json::from_str(&text)
            .map_err(|error| self.refused(format!("JSON of `peregrine {}`", args.join(" ")), error))
    }
}

impl Peregrine {
    /// Waits until its API socket accepts connections.
    ///
    /// # Errors
    /// When it has ended or does not answer within ten seconds.
    pub fn wait_ready(&self) -> Result<Duration> {
        let path = self.host().outside(SOCKET)?;
        let what = format!("{} to be ready", self.name());
        let (ended, took) = self.host().poll(&what, READY, || {
            if let Some(end) = self.end()? {
                return Ok(Some(Some(end)));
            }
            Ok(UnixStream::connect(&path).ok().map(|_| None))
        })?;
        match ended {
            None => Ok(took),
            Some(end) => Err(self.host().timeout(&what, took, format!("it ended: {end}"))),
        }
    }

    /// Replaces its configuration and sends SIGHUP.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn reload(&self, config: &str) -> Result {
        self.host().write_file(&self.config, config)?;
        self.signal(Signal::SIGHUP)
    }

    /// Starts it again and waits until it is ready.
    ///
    /// # Errors
    /// As [`Host::peregrine`].
    pub fn restart(&self) -> Result<Duration> {
        self.daemon.restart()?;
        self.wait_ready()
    }

    /// Stops it in an orderly way.
    ///
    /// # Errors
    /// When it does not end within ten seconds.
    pub fn stop(&self) -> Result<End> {
        self.term(READY)
    }

    /// Runs a command that must succeed and returns its JSON.
    ///
    /// # Errors
    /// As [`Host::peregrine_cmd`].
    pub fn cmd(&self, args: &[&str]) -> Result<Value> {
        self.host().peregrine_cmd(args)
    }
}
