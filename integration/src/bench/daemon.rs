//! The process under test: started, measured from outside, stopped.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// Processor time and memory of all processes of one daemon.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// User and system time of all threads since the start.
    pub cpu: Duration,
    /// Resident now, KiB.
    pub rss: u64,
    /// The most that was ever resident, KiB.
    pub peak: u64,
}

/// A running daemon; ended when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts `command` with its messages going to `log`.
    ///
    /// # Errors
    /// What prevents the file or the process.
    pub fn start(mut command: Command, log: &Path) -> io::Result<Self> {
        let out = File::create(log)?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        Ok(Self { child: command.spawn()?, log: log.to_owned() })
    }

    /// The process started.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(0)
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Its last words, for a message to people.
    pub fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill(Pid::from_raw(self.pid()), signal)?)
    }

    /// Resident now, MiB.
    pub fn resident(&self) -> f64 {
        mebibytes(self.usage().rss)
    }

    /// What it used so far, with its descendants.
    pub fn usage(&self) -> Usage {
        let mut sum = Usage::default();
        for pid in family(self.pid()) {
            if let Ok(clock) = clock_getcpuclockid(Pid::from_raw(pid)) {
                sum.cpu += clock.now().map(Duration::from).unwrap_or_default();
            }
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            sum.rss += kib(&status, "VmRSS:");
            sum.peak += kib(&status, "VmHWM:");
        }
        sum
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let family = family(self.pid());
        // Whoever is gone already needs no signal.
        let _ = self.signal(Signal::SIGTERM);
        let end = Instant::now() + Duration::from_millis(300);
        while Instant::now() < end && self.is_alive() {
            std::thread::sleep(Duration::from_millis(5));
        }
        for pid in family {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// A process and its descendants.
fn family(root: i32) -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name may hold anything, so fields count from its closing parenthesis.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut at = 0;
    while let Some(pid) = found.get(at).copied() {
        found.extend(children.get(&pid).into_iter().flatten());
        at += 1;
    }
    found
}

/// KiB as MiB.
#[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^53")]
pub(super) fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn kib(status: &str, field: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
