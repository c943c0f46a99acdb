//! The test's side of a lab: starts its init and asks it for things.

use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{getegid, geteuid};

use super::error::{LabError, Result};
use super::wire::{Hello, Kind, Reply, Request, SocketKind, Spawn, receive, send};

/// Connection to the init of one lab. Closing it ends the lab.
pub(crate) struct Client {
    control: Mutex<Option<OwnedFd>>,
    keeper: Mutex<Option<JoinHandle<()>>>,
    pid: i32,
}

impl Client {
    /// Starts a lab's init and waits until it serves requests.
    pub(crate) fn start() -> Result<Self> {
        let program = init_program()?;
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
                .map_err(|error| LabError::start("creating a socket pair", &error.into()))?;
        let mut command = Command::new(&program);
        command.arg("outer").args(kept_visible(&program)).stdin(Stdio::from(theirs));
        let (started, outcome) = channel();
        // Its parent-death signal names the thread that started it, so that thread must live on.
        let keeper = thread::Builder::new().name("lab-keeper".to_owned()).spawn(move || {
            match command.spawn() {
                Ok(mut child) => {
                    drop(command);
                    let _ = started.send(Ok(child.id()));
                    // An error means it was collected already: nothing is left either way.
                    let _ = child.wait();
                }
                Err(error) => {
                    let _ = started.send(Err(LabError::start(program.display(), &error)));
                }
            }
        });
        let keeper = keeper.map_err(|error| LabError::start("starting a thread", &error))?;
        let outer = outcome.recv().map_err(|_| LabError::Start { what: "its keeper ended".to_owned() })??;

        let mut client = Self { control: Mutex::new(Some(ours)), keeper: Mutex::new(Some(keeper)), pid: 0 };
        client.expect_hello(|hello| matches!(hello, Hello::Unshared).then_some(()))?;
        write_id_maps(outer)?;
        client.with_control("starting", |control| send(control, &true, None))?;
        // Two processes tell these, in either order.
        let mut ready = false;
        while client.pid == 0 || !ready {
            match client.expect_hello(|hello| Some(hello.clone()))? {
                Hello::Init { pid } => client.pid = pid,
                _ => ready = true,
            }
        }
        Ok(client)
    }

    /// Process id of the lab's init outside the lab.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Path outside for a path that the lab's init sees.
    pub(crate) fn outside(&self, inside: impl AsRef<Path>) -> PathBuf {
        let inside = inside.as_ref();
        Path::new(&format!("/proc/{}/root", self.pid)).join(inside.strip_prefix("/").unwrap_or(inside))
    }

    pub(crate) fn create(&self, name: &str, kind: Kind) -> Result<String> {
        match self.call(name, "creating it", &Request::Create { name: name.to_owned(), kind })?.0 {
            Reply::Created { path } => Ok(path),
            other => Err(unexpected(name, &other)),
        }
    }

    pub(crate) fn destroy(&self, name: &str) -> Result {
        self.call(name, "destroying it", &Request::Destroy { name: name.to_owned() }).map(drop)
    }

    pub(crate) fn namespace(&self, name: &str) -> Result<OwnedFd> {
        let request = Request::Namespace { name: name.to_owned() };
        let (reply, fd) = self.call(name, "opening its namespace", &request)?;
        fd.ok_or_else(|| unexpected(name, &reply))
    }

    pub(crate) fn socket(&self, name: &str, kind: SocketKind) -> Result<OwnedFd> {
        let what = format!("opening {kind:?}");
        let (reply, fd) = self.call(name, &what, &Request::Socket { name: name.to_owned(), kind })?;
        fd.ok_or_else(|| unexpected(name, &reply))
    }

    pub(crate) fn spawn(&self, name: &str, what: Spawn) -> Result<i32> {
        let doing = format!("starting `{}`", what.argv.join(" "));
        match self.call(name, &doing, &Request::Spawn { name: name.to_owned(), what })?.0 {
            Reply::Started { pid } => Ok(pid),
            other => Err(unexpected(name, &other)),
        }
    }

    /// `Running`, `Exited` or `Killed`.
    pub(crate) fn status(&self, host: &str, pid: i32) -> Result<Reply> {
        Ok(self.call(host, "asking for a process", &Request::Status { pid })?.0)
    }

    pub(crate) fn signal(&self, host: &str, pid: i32, signal: i32) -> Result {
        self.call(host, "signalling a process", &Request::Signal { pid, signal }).map(drop)
    }

    pub(crate) fn set_sysctl(&self, name: &str, key: &str, value: &str) -> Result {
        let request =
            Request::SetSysctl { name: name.to_owned(), key: key.to_owned(), value: value.to_owned() };
        self.call(name, "sysctl", &request).map(drop)
    }

    pub(crate) fn sysctl(&self, name: &str, key: &str) -> Result<String> {
        let request = Request::Sysctl { name: name.to_owned(), key: key.to_owned() };
        match self.call(name, "sysctl", &request)?.0 {
            Reply::Value(value) => Ok(value),
            other => Err(unexpected(name, &other)),
        }
    }

    fn call(&self, host: &str, what: &str, request: &Request) -> Result<(Reply, Option<OwnedFd>)> {
        let gone = || LabError::Gone { host: host.to_owned(), what: what.to_owned() };
        let exchange = self.with_control(what, |control| {
            send(control, request, None)?;
            receive::<Reply>(control)
        })?;
        match exchange.ok_or_else(gone)? {
            (Reply::Failed(cause), _) => Err(LabError::refused(host, what, cause)),
            reply => Ok(reply),
        }
    }

    fn with_control<T>(&self, what: &str, action: impl FnOnce(&OwnedFd) -> std::io::Result<T>) -> Result<T> {
        let gone = || LabError::Gone { host: "lab".to_owned(), what: what.to_owned() };
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let control = control.as_ref().ok_or_else(gone)?;
        action(control).map_err(|error| LabError::refused("lab", what, error))
    }

    fn expect_hello<T>(&self, pick: impl FnOnce(&Hello) -> Option<T>) -> Result<T> {
        let lost = || LabError::Start { what: "its first process ended without a word".to_owned() };
        let (hello, _) =
            self.with_control("starting", |control| receive::<Hello>(control))?.ok_or_else(lost)?;
        if let Hello::Failed(what) = hello {
            return Err(LabError::Start { what });
        }
        pick(&hello).ok_or_else(|| LabError::Start { what: format!("it said {hello:?} out of turn") })
    }
}

impl Client {
    /// Ends the lab and waits until its last process is gone.
    pub(crate) fn close(&self) {
        drop(self.control.lock().unwrap_or_else(PoisonError::into_inner).take());
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            // It fails only if it panicked, and then there is nothing to wait for.
            let _ = keeper.join();
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}

fn unexpected(host: &str, reply: &Reply) -> LabError {
    LabError::refused(host, "talking to the lab's init", format!("unexpected reply {reply:?}"))
}

/// The program that labs start with.
pub(crate) fn init_program() -> Result<PathBuf> {
    find_program("lab-init", "PEREGRINE_LAB_INIT", "cargo build -p integration")
}

/// A program built beside this one, or named by an environment variable.
pub(crate) fn find_program(name: &str, variable: &str, hint: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(PathBuf::from(path));
    }
    let here = std::env::current_exe().map_err(|error| LabError::start("finding this program", &error))?;
    // Test programs lie one directory deeper than the others.
    here.ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| LabError::Missing {
            program: name.to_owned(),
            hint: format!("run `{hint}`, or set {variable} to its path"),
        })
}

/// Directories that hosts must see although they get their own `/tmp` and `/run`.
fn kept_visible(init: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = init.parent().map(Path::to_path_buf).into_iter().collect();
    all.extend(std::env::current_dir());
    let peregrine = std::env::var_os("PEREGRINE_BIN").map(PathBuf::from);
    all.extend(peregrine.as_deref().and_then(Path::parent).map(Path::to_path_buf));
    // The whole of a private directory would cover it again.
    all.retain(|path| !["/", "/tmp", "/run", "/var/tmp"].iter().any(|covered| path == Path::new(covered)));
    all.sort();
    all.dedup();
    all
}

/// Root maps every id it has, so that daemons can change user; anybody else maps themself to root.
fn write_id_maps(pid: u32) -> Result {
    let write = |file: &str, text: &str| {
        let path = format!("/proc/{pid}/{file}");
        fs::File::options()
            .write(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| LabError::start(format_args!("writing {path}"), &error))
    };
    if geteuid().is_root() {
        write("uid_map", &whole_map("/proc/self/uid_map")?)?;
        return write("gid_map", &whole_map("/proc/self/gid_map")?);
    }
    write("setgroups", "deny")?;
    write("uid_map", &format!("0 {} 1", geteuid()))?;
    write("gid_map", &format!("0 {} 1", getegid()))
}

/// The identity map of every id this process has.
fn whole_map(file: &str) -> Result<String> {
    let text = fs::read_to_string(file).map_err(|error| LabError::start(file, &error))?;
    let line = |line: &str| {
        let mut fields = line.split_whitespace();
        let (first, count) = (fields.next()?.to_owned(), fields.nth(1)?.to_owned());
        Some(format!("{first} {first} {count}\n"))
    };
    Ok(text.lines().filter_map(line).collect())
}
