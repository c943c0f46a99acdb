//! The request loop. Every request is short, so one at a time is enough.

use std::collections::{BTreeSet, HashMap};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::super::wire::{Kind, Reply, Request, receive, send};
use super::procs::{Output, Procs};
use super::space::{self, Space};

/// How long the processes of a namespace get to be gone after SIGKILL.
const LAST_GASP: Duration = Duration::from_secs(5);

/// Serves until the test closes its end.
pub(super) fn run(control: &OwnedFd, keep: &[PathBuf]) -> Result<(), String> {
    let procs = Arc::new(Procs::default());
    let collector = Arc::clone(&procs);
    thread::Builder::new()
        .name("collector".to_owned())
        .spawn(move || collector.collect())
        .map_err(|error| format!("starting the collector: {error}"))?;
    let mut init = Init { spaces: HashMap::new(), procs, keep: keep.to_vec() };
    loop {
        let request = match receive::<Request>(control) {
            Ok(Some((request, _))) => request,
            // Not an orderly end: namespaces are torn down by the exit, faster than one by one.
            Ok(None) => std::process::exit(0),
            Err(error) => return Err(format!("receiving a request: {error}")),
        };
        let (reply, fd) = init.answer(request).unwrap_or_else(|what| (Reply::Failed(what), None));
        send(control, &reply, fd.as_ref().map(AsFd::as_fd)).map_err(|error| format!("replying: {error}"))?;
    }
}

struct Init {
    spaces: HashMap<String, Space>,
    procs: Arc<Procs>,
    keep: Vec<PathBuf>,
}

impl Init {
    fn answer(&mut self, request: Request) -> Result<(Reply, Option<OwnedFd>), String> {
        let done = |()| (Reply::Done, None);
        match request {
            Request::Create { name, kind } => self.create(name, kind).map(|reply| (reply, None)),
            Request::Destroy { name } => self.destroy(&name).map(done),
            Request::Namespace { name } => {
                self.space(&name)?.run(space::open_namespace).map(|fd| (Reply::Done, Some(fd)))
            }
            Request::Socket { name, kind } => {
                let fd = self.space(&name)?.run(move || space::open_socket(&kind))?;
                Ok((Reply::Done, Some(fd)))
            }
            Request::Spawn { name, what } => {
                let output = Output::create(&what).map_err(|error| error.to_string())?;
                let procs = Arc::clone(&self.procs);
                let start = move || procs.spawn(&what, output).map_err(|error| error.to_string());
                self.space(&name)?.run(start).map(|pid| (Reply::Started { pid }, None))
            }
            Request::Status { pid } => Ok((self.procs.status(pid), None)),
            Request::Signal { pid, signal } => self.procs.signal(pid, signal).map(done),
            Request::SetSysctl { name, key, value } => {
                self.space(&name)?.run(move || space::write_sysctl(&key, &value)).map(done)
            }
            Request::Sysctl { name, key } => {
                let value = self.space(&name)?.run(move || space::read_sysctl(&key))?;
                Ok((Reply::Value(value), None))
            }
        }
    }

    fn space(&self, name: &str) -> Result<&Space, String> {
        self.spaces.get(name).ok_or_else(|| "the namespace is gone".to_owned())
    }

    fn create(&mut self, name: String, kind: Kind) -> Result<Reply, String> {
        if self.spaces.contains_key(&name) {
            return Err(format!("the name {name} is taken"));
        }
        let (id, keep) = (name.clone(), self.keep.clone());
        // Children of a thread start with its namespaces: a container inherits its host's files.
        let space = match &kind {
            Kind::Container { of } => self.space(&of.clone())?.run(move || Space::create(id, kind, keep))?,
            Kind::Host | Kind::Switch => Space::create(id, kind, keep)?,
        };
        let path = space.path();
        self.spaces.insert(name, space);
        Ok(Reply::Created { path })
    }

    fn destroy(&mut self, name: &str) -> Result<(), String> {
        let Some(space) = self.spaces.remove(name) else { return Ok(()) };
        let deadline = Instant::now() + LAST_GASP;
        let mut killed = BTreeSet::new();
        loop {
            let alive = space.processes();
            // A dead process has left the namespace a moment before its end is known.
            if alive.is_empty() && killed.iter().all(|pid| !matches!(self.procs.status(*pid), Reply::Running))
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("processes {alive:?} did not end after SIGKILL"));
            }
            for pid in alive {
                self.procs.signal(pid, Signal::SIGKILL as i32)?;
                killed.insert(pid);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}
