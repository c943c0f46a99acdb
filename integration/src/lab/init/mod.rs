//! The first process of a lab: makes its namespaces, starts its processes, and takes
//! everything with it when it ends.
//!
//! ```text
//! test ──socket──► outer ──fork──► inner (PID 1 of the lab)
//!                  user ns         one thread per host, living in the host's namespaces
//! ```
//!
//! A user namespace needs a process with one thread and a pid namespace starts with a child,
//! hence the two steps. The kernel kills a pid namespace when its PID 1 ends, and PID 1 ends when
//! the test's end of the socket closes or its parent dies: a test that is killed leaves nothing.

mod enter;
mod mounts;
mod procs;
mod serve;
mod space;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use super::wire::{Hello, receive, send};

/// Runs the lab's init with the arguments the library gave it, or `enter`: the body of the
/// `lab-init` program.
#[must_use]
pub fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let step = args.next().unwrap_or_default();
    let args: Vec<String> = args.collect();
    if step == "enter" {
        return enter::run(&args).unwrap_or_else(|what| {
            eprintln!("error: {what}");
            ExitCode::from(2)
        });
    }
    let keep: Vec<PathBuf> = args.iter().map(PathBuf::from).collect();
    let Ok(control) = io::stdin().as_fd().try_clone_to_owned() else {
        eprintln!("error: lab-init: no control socket on standard input");
        return ExitCode::from(2);
    };
    let ended = match step.as_str() {
        "outer" => outer(&control, &keep),
        "inner" => inner(&control, &keep),
        _ => {
            eprintln!(
                "error: lab-init is started by the lab library\nhint: by hand: lab-init enter PID HOST COMMAND"
            );
            return ExitCode::from(2);
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            // The test may be gone already; then nobody is left to tell.
            let _ = send(&control, &Hello::Failed(what), None);
            ExitCode::FAILURE
        }
    }
}

/// Where the lab keeps a file that `host` sees as `inside`; `None` for files it shares with the machine.
pub(crate) fn private_path(host: &str, inside: &Path) -> Option<PathBuf> {
    mounts::PRIVATE.iter().find_map(|(name, target, _)| {
        let rest = inside.strip_prefix(target).ok()?;
        Some(Path::new(mounts::HOSTS).join(host).join(name).join(rest))
    })
}

/// Where the lab keeps the output of its processes.
pub(crate) fn log_path(name: &str) -> PathBuf {
    Path::new(mounts::LOGS).join(name)
}

fn outer(control: &OwnedFd, keep: &[PathBuf]) -> Result<(), String> {
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| {
        format!(
            "creating a user namespace: {error}\nhint: labs need user namespaces: check `sysctl \
             user.max_user_namespaces kernel.unprivileged_userns_clone \
             kernel.apparmor_restrict_unprivileged_userns`"
        )
    })?;
    // Changing credentials clears it, so only now.
    set_pdeathsig(Signal::SIGKILL).map_err(|error| format!("asking to die with the test: {error}"))?;
    let told = send(control, &Hello::Unshared, None).and_then(|()| receive::<bool>(control));
    if !matches!(told, Ok(Some((true, _)))) {
        return Err("the test did not write the id map".to_owned());
    }
    let kinds = CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    unshare(kinds).map_err(|error| format!("creating namespaces: {error}"))?;
    let mut child = Command::new("/proc/self/exe")
        .arg("inner")
        .args(keep)
        .spawn()
        .map_err(|error| format!("starting the lab's PID 1: {error}"))?;
    let pid = i32::try_from(child.id()).map_err(|error| error.to_string())?;
    send(control, &Hello::Init { pid }, None).map_err(|error| format!("telling the pid: {error}"))?;
    child.wait().map_err(|error| format!("waiting for the lab's PID 1: {error}"))?;
    Ok(())
}

fn inner(control: &OwnedFd, keep: &[PathBuf]) -> Result<(), String> {
    set_pdeathsig(Signal::SIGKILL).map_err(|error| format!("asking to die with the parent: {error}"))?;
    mounts::lab(keep)?;
    send(control, &Hello::Ready, None).map_err(|error| format!("saying ready: {error}"))?;
    serve::run(control, keep)
}
