//! The processes of a lab: every one is a child or an orphan of PID 1, which collects them all.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use super::super::wire::{Reply, Spawn};
use super::mounts::LOGS;

/// Ends of processes by pid; `None` while running.
#[derive(Default)]
pub(super) struct Procs {
    ends: Mutex<HashMap<i32, Option<WaitStatus>>>,
    started: Condvar,
}

/// Output files of a process, opened where the lab's log directory is visible.
pub(super) struct Output {
    stdout: File,
    stderr: File,
}

impl Output {
    pub(super) fn create(what: &Spawn) -> io::Result<Self> {
        let open = |name: &str| {
            File::options().create(true).append(true).open(Path::new(LOGS).join(name)).map_err(|error| {
                io::Error::new(error.kind(), format!("opening the log file {name}: {error}"))
            })
        };
        let stdout = open(&what.stdout)?;
        let stderr = if what.stderr == what.stdout { stdout.try_clone()? } else { open(&what.stderr)? };
        Ok(Self { stdout, stderr })
    }
}

impl Procs {
    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Option<WaitStatus>>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process in the namespaces of the calling thread.
    pub(super) fn spawn(&self, what: &Spawn, output: Output) -> io::Result<i32> {
        let Some((program, args)) = what.argv.split_first() else {
            return Err(io::Error::other("empty command"));
        };
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .envs(environment())
            .envs(what.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.stdout)
            .stderr(output.stderr)
            .process_group(0);
        // Held so that a child that fails to execute is collected by the spawner, not by `collect`.
        let mut ends = self.lock();
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        ends.insert(pid, None);
        self.started.notify_all();
        Ok(pid)
    }

    pub(super) fn status(&self, pid: i32) -> Reply {
        match self.lock().get(&pid) {
            None => Reply::Failed(format!("no process {pid} was started here")),
            Some(None) => Reply::Running,
            Some(Some(WaitStatus::Exited(_, code))) => Reply::Exited { code: *code },
            Some(Some(WaitStatus::Signaled(_, signal, _))) => Reply::Killed { signal: *signal as i32 },
            Some(Some(other)) => Reply::Failed(format!("process {pid}: {other:?}")),
        }
    }

    /// Signals a process and its group. A process that has ended is no error.
    pub(super) fn signal(&self, pid: i32, signal: i32) -> Result<(), String> {
        let signal = Signal::try_from(signal).map_err(|error| format!("signal {signal}: {error}"))?;
        // Under the lock the pid cannot be collected and reused between the look and the kill.
        let ends = self.lock();
        if matches!(ends.get(&pid), Some(Some(_))) {
            return Ok(());
        }
        // Orphans need not lead a group.
        let sent = match kill(Pid::from_raw(-pid), signal) {
            Err(Errno::ESRCH) => kill(Pid::from_raw(pid), signal),
            other => other,
        };
        match sent {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(format!("signal {signal} to process {pid}: {error}")),
        }
    }

    /// Collects ended processes for ever, orphans included.
    pub(super) fn collect(self: &Arc<Self>) {
        loop {
            // Look first without collecting: `spawn` may be waiting for this very child.
            match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
                Ok(status) => {
                    let mut ends = self.lock();
                    let Some(pid) = status.pid() else { continue };
                    if let Ok(status) = waitpid(pid, Some(WaitPidFlag::WNOHANG))
                        && let Some(end) = ends.get_mut(&pid.as_raw())
                    {
                        *end = Some(status);
                    }
                }
                Err(Errno::ECHILD) => {
                    let ends = self.lock();
                    if ends.values().all(Option::is_some) {
                        drop(self.started.wait(ends).unwrap_or_else(PoisonError::into_inner));
                    }
                }
                Err(_) => {}
            }
        }
    }
}

/// What every process of a lab finds in its environment: the same on every machine.
fn environment() -> Vec<(String, String)> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut all = vec![
        ("PATH".to_owned(), format!("{path}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin")),
        ("HOME".to_owned(), "/run".to_owned()),
        ("TMPDIR".to_owned(), "/tmp".to_owned()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ("NO_COLOR".to_owned(), "1".to_owned()),
    ];
    for name in ["RUST_BACKTRACE", "RUST_LOG", "LD_LIBRARY_PATH"] {
        all.extend(std::env::var(name).map(|value| (name.to_owned(), value)));
    }
    all
}
