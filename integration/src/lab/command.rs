//! Commands in a host, run to their end.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::daemon::End;
use super::error::{LabError, Result};
use super::host::Host;
use super::init;
use super::wire::{Reply, Spawn};

/// Longest a command may take before it is killed.
const LONGEST: Duration = Duration::from_secs(30);

/// What a command wrote and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// How it ended.
    pub end: End,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Host {
    /// Runs a command to its end and returns what it wrote to standard output.
    ///
    /// # Errors
    /// [`LabError::Command`] unless it exits with 0 within half a minute.
    pub fn run(&self, argv: &[&str]) -> Result<String> {
        self.run_with(argv, &[])
    }

    /// Runs a command with additions to its environment.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub fn run_with(&self, argv: &[&str], env: &[(&str, &str)]) -> Result<String> {
        let output = self.try_run_with(argv, env)?;
        if output.end == End::Exited(0) {
            return Ok(output.stdout);
        }
        Err(self.failed(argv, &output.end.to_string(), &format!("{}{}", output.stdout, output.stderr)))
    }

    /// Runs a command to its end, however it ends.
    ///
    /// # Errors
    /// When it cannot be executed or does not end within half a minute.
    pub fn try_run(&self, argv: &[&str]) -> Result<Output> {
        self.try_run_with(argv, &[])
    }

    /// Runs a command with additions to its environment, however it ends.
    ///
    /// # Errors
    /// As [`Host::try_run`].
    pub fn try_run_with(&self, argv: &[&str], env: &[(&str, &str)]) -> Result<Output> {
        let owned = |text: &&str| (*text).to_owned();
        let client = &self.shared().client;
        let number = self.shared().unique();
        let (stdout, stderr) = (format!("{number}.out"), format!("{number}.err"));
        let what = Spawn {
            argv: argv.iter().map(owned).collect(),
            env: env.iter().map(|(name, value)| (owned(name), owned(value))).collect(),
            stdout: stdout.clone(),
            stderr: stderr.clone(),
        };
        let pid = client.spawn(self.name(), what)?;
        let end = self.end_of(pid, LONGEST)?;
        let take = |name: &str| {
            let path = client.outside(init::log_path(name));
            let bytes = fs::read(&path).unwrap_or_default();
            // What stays behind disappears with the lab.
            let _ = fs::remove_file(path);
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (stdout, stderr) = (take(&stdout), take(&stderr));
        let Some(end) = end else {
            client.signal(self.name(), pid, Signal::SIGKILL as i32)?;
            let status = format!("killed, did not end within {} s", LONGEST.as_secs());
            return Err(self.failed(argv, &status, &format!("{stdout}{stderr}")));
        };
        Ok(Output { end, stdout, stderr })
    }

    fn failed(&self, argv: &[&str], status: &str, output: &str) -> LabError {
        LabError::Command {
            host: self.name().to_owned(),
            command: argv.join(" "),
            status: status.to_owned(),
            output: output.to_owned(),
        }
    }

    pub(crate) fn end_of(&self, pid: i32, timeout: Duration) -> Result<Option<End>> {
        let deadline = Instant::now() + timeout;
        let mut pause = Duration::from_micros(200);
        loop {
            match self.shared().client.status(self.name(), pid)? {
                Reply::Exited { code } => return Ok(Some(End::Exited(code))),
                Reply::Killed { signal } => return Ok(Some(End::Killed(signal))),
                _ if Instant::now() >= deadline => return Ok(None),
                _ => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }
}
