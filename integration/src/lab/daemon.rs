//! Long-running processes in a host, with their logs.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::{SysconfVar, sysconf};

use super::error::Result;
use super::host::Host;
use super::init;
use super::wire::Spawn;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With an exit code.
    Exited(i32),
    /// By a signal.
    Killed(i32),
}

/// A process in a host, with its log: a handle, cheap to clone.
#[derive(Clone)]
pub struct Daemon(Arc<Inner>);

struct Inner {
    host: Host,
    name: String,
    argv: Vec<String>,
    env: Vec<(String, String)>,
    log: String,
    /// Process id inside the lab, of the latest start.
    pid: AtomicI32,
}

impl Host {
    /// Starts a long-running process; both its streams go to its log.
    ///
    /// # Errors
    /// When the program cannot be executed.
    pub fn spawn(&self, name: &str, argv: &[&str]) -> Result<Daemon> {
        self.spawn_with(name, argv, &[])
    }

    /// Starts a long-running process with additions to its environment.
    ///
    /// # Errors
    /// When the program cannot be executed.
    pub fn spawn_with(&self, name: &str, argv: &[&str], env: &[(&str, &str)]) -> Result<Daemon> {
        let owned = |text: &&str| (*text).to_owned();
        let daemon = Daemon(Arc::new(Inner {
            host: self.clone(),
            name: name.to_owned(),
            argv: argv.iter().map(owned).collect(),
            env: env.iter().map(|(name, value)| (owned(name), owned(value))).collect(),
            log: format!("{}-{}-{name}.log", self.shared().unique(), self.name()),
            pid: AtomicI32::new(0),
        }));
        daemon.start()?;
        self.shared().state().daemons.push(daemon.clone());
        Ok(daemon)
    }
}

impl Daemon {
    fn start(&self) -> Result {
        let inner = &self.0;
        let what = Spawn {
            argv: inner.argv.clone(),
            env: inner.env.clone(),
            stdout: inner.log.clone(),
            stderr: inner.log.clone(),
        };
        let pid = inner.host.shared().client.spawn(inner.host.name(), what)?;
        inner.pid.store(pid, Ordering::Relaxed);
        Ok(())
    }

    /// Name given at the start.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The host it runs in.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// Process id as processes of the lab see it.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.0.pid.load(Ordering::Relaxed)
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the lab is gone.
    pub fn end(&self) -> Result<Option<End>> {
        self.host().end_of(self.pid(), Duration::ZERO)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`super::LabError::Timeout`] if it goes on.
    pub fn wait(&self, timeout: Duration) -> Result<End> {
        let end = self.host().end_of(self.pid(), timeout)?;
        end.ok_or_else(|| self.host().timeout(&format!("{} to end", self.name()), timeout, self.log_tail(5)))
    }

    /// Sends a signal to it and the processes it started.
    ///
    /// # Errors
    /// When the lab is gone.
    pub fn signal(&self, signal: Signal) -> Result {
        self.host().shared().client.signal(self.host().name(), self.pid(), signal as i32)
    }

    /// Kills it with SIGKILL and waits until it is gone.
    ///
    /// # Errors
    /// When it does not go within five seconds.
    pub fn kill9(&self) -> Result {
        self.signal(Signal::SIGKILL)?;
        self.wait(Duration::from_secs(5)).map(drop)
    }

    /// Asks it to stop with SIGTERM and waits for its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn term(&self, timeout: Duration) -> Result<End> {
        self.signal(Signal::SIGTERM)?;
        self.wait(timeout)
    }

    /// Starts it again with the same command line, killing it first if it runs. The log goes on.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restart(&self) -> Result {
        if self.end()?.is_none() {
            self.kill9()?;
        }
        self.start()
    }

    /// Path of its log file as the test sees it.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.host().shared().client.outside(init::log_path(&self.0.log))
    }

    /// Everything it wrote, over all its starts; empty when the lab is gone.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(self.log_path())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The last lines it wrote.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<&str> = log.lines().collect();
        all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
    }

    /// Waits for a text in its log.
    ///
    /// # Errors
    /// [`super::LabError::Timeout`] with the end of the log.
    pub fn wait_log(&self, text: &str, timeout: Duration) -> Result<Duration> {
        let what = format!("{text:?} in the log of {}", self.name());
        let seen = || Ok(self.log().contains(text).then_some(()));
        self.host().poll(&what, timeout, seen).map(|((), took)| took)
    }

    /// Resident memory in octets.
    ///
    /// # Errors
    /// When it does not run.
    pub fn rss(&self) -> Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        kilobytes
            .map(|kilobytes| kilobytes * 1024)
            .ok_or_else(|| self.host().refused(format!("memory of {}", self.name()), "not running"))
    }

    /// Number of open file descriptors.
    ///
    /// # Errors
    /// When it does not run.
    pub fn open_files(&self) -> Result<usize> {
        let entries = fs::read_dir(self.proc_path("fd"));
        let entries =
            entries.map_err(|error| self.host().refused(format!("files of {}", self.name()), error))?;
        Ok(entries.count())
    }

    /// Processor time used so far, user and system.
    ///
    /// # Errors
    /// When it does not run.
    pub fn cpu(&self) -> Result<Duration> {
        let stat = self.proc("stat")?;
        // The name in parentheses may hold anything; fields 14 and 15 of the line count from 1.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100).unsigned_abs().max(1);
        Ok(Duration::from_millis((ticks(11) + ticks(12)) * 1000 / per_second))
    }

    fn proc_path(&self, file: &str) -> PathBuf {
        self.host().shared().client.outside(format!("/proc/{}/{file}", self.pid()))
    }

    fn proc(&self, file: &str) -> Result<String> {
        fs::read_to_string(self.proc_path(file))
            .map_err(|error| self.host().refused(format!("{file} of {}", self.name()), error))
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Killed(signal) => write!(f, "killed by signal {signal}"),
        }
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} (pid {})", self.name(), self.host().name(), self.pid())
    }
}
