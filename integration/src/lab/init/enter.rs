//! A way into a running lab for a person who wants to look around, without `nsenter` or root.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use nix::sched::{CloneFlags, setns};

/// Runs a command in a host of the lab whose init is `pid` and ends as it does.
pub(super) fn run(args: &[String]) -> Result<ExitCode, String> {
    let [pid, host, program, args @ ..] = args else {
        return Err("usage: lab-init enter PID HOST COMMAND [ARGUMENT…]".to_owned());
    };
    let init = PathBuf::from(format!("/proc/{pid}"));
    let thread = thread_of(&init, host)?;
    let init_kinds = [("user", CloneFlags::CLONE_NEWUSER), ("pid", CloneFlags::CLONE_NEWPID)];
    let host_kinds = [
        ("net", CloneFlags::CLONE_NEWNET),
        ("uts", CloneFlags::CLONE_NEWUTS),
        ("mnt", CloneFlags::CLONE_NEWNS),
    ];
    let open = |of: &PathBuf, (name, kind): (&str, CloneFlags)| {
        let path = of.join("ns").join(name);
        let file = File::open(&path).map_err(|error| format!("opening {}: {error}", path.display()))?;
        Ok((name.to_owned(), file, kind))
    };
    // All are opened first: with the mount namespace, `/proc` changes.
    let namespaces = init_kinds
        .into_iter()
        .map(|kind| open(&init, kind))
        .chain(host_kinds.into_iter().map(|kind| open(&thread, kind)))
        .collect::<Result<Vec<_>, String>>()?;
    for (name, file, kind) in namespaces {
        setns(file, kind).map_err(|error| format!("entering the {name} namespace: {error}"))?;
    }
    // Only a child is in the pid namespace.
    let status = Command::new(program).args(args).status();
    let status = status.map_err(|error| format!("running {program}: {error}"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The thread that lives in the host; it is named after it.
fn thread_of(init: &std::path::Path, host: &str) -> Result<PathBuf, String> {
    let tasks = fs::read_dir(init.join("task"))
        .map_err(|error| format!("no lab with the init {}: {error}", init.display()))?;
    let mut names = Vec::new();
    for task in tasks.flatten() {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        // The kernel keeps 15 octets of a name.
        if name.trim_end() == host.get(..15).unwrap_or(host) {
            return Ok(task.path());
        }
        names.push(name.trim_end().to_owned());
    }
    names.retain(|name| !["lab-init", "collector", "switch"].contains(&name.as_str()));
    names.sort();
    Err(format!("no host {host} in the lab\nhint: it has {}", names.join(", ")))
}
