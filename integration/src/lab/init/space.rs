//! One namespace of a lab, held by a thread that lives in it.
//!
//! Namespaces belong to threads: whatever this thread opens or starts is in the host, no
//! `setns` before every action and nothing unsafe between fork and exec.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, socket};
use nix::unistd::{gettid, sethostname};

use super::super::wire::{Kind, SocketKind};
use super::mounts;

type Job = Box<dyn FnOnce() + Send>;

/// Far below the usual two MiB: a lab may hold a thousand containers.
const STACK: usize = 256 * 1024;

/// Handle of a namespace; dropping it lets the namespace go once nothing runs in it.
pub(super) struct Space {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Thread id, which names the namespace in `/proc`.
    tid: i32,
    /// Inode of the network namespace.
    inode: u64,
}

impl Space {
    /// Makes the namespaces of `kind` and a thread in them. Called on the thread whose other
    /// namespaces it shall share.
    pub(super) fn create(name: String, kind: Kind, keep: Vec<PathBuf>) -> Result<Self, String> {
        let (jobs, inbox) = channel::<Job>();
        let (ready, outcome) = channel();
        let thread = thread::Builder::new()
            .name(name.clone())
            .stack_size(STACK)
            .spawn(move || {
                let made = enter(&name, &kind, &keep);
                let worked = made.is_ok();
                if ready.send(made).is_ok() && worked {
                    work(&inbox);
                }
            })
            .map_err(|error| format!("starting a thread: {error}"))?;
        let (tid, inode) = outcome.recv().map_err(|_| "the thread of the host ended".to_owned())??;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), tid, inode })
    }

    /// Runs `job` inside and waits for its result.
    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let gone = || "the namespace is gone".to_owned();
        let (answer, result) = channel();
        let job: Job = Box::new(move || {
            // The asker waits for it, unless the lab is ending.
            let _ = answer.send(job());
        });
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        result.recv().map_err(|_| gone())?
    }

    /// Path of the network namespace for processes of the lab.
    pub(super) fn path(&self) -> String {
        format!("/proc/1/task/{}/ns/net", self.tid)
    }

    /// Processes of the lab that live in this network namespace, by pid.
    pub(super) fn processes(&self) -> Vec<i32> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| *pid != 1)
            .filter(|pid| {
                fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|meta| meta.ino() == self.inode)
            })
            .collect()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // It only fails if a job panicked, and then the thread is gone as wanted.
            let _ = thread.join();
        }
    }
}

fn work(inbox: &Receiver<Job>) {
    for job in inbox {
        job();
    }
}

fn enter(name: &str, kind: &Kind, keep: &[PathBuf]) -> Result<(i32, u64), String> {
    let kinds = match kind {
        Kind::Host => CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS,
        Kind::Container { .. } => CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS,
        Kind::Switch => CloneFlags::CLONE_NEWNET,
    };
    unshare(kinds).map_err(|error| format!("creating namespaces: {error}"))?;
    if !matches!(kind, Kind::Switch) {
        sethostname(name).map_err(|error| format!("setting the host name: {error}"))?;
    }
    if matches!(kind, Kind::Host) {
        mounts::host(name, keep)?;
    }
    let forward = if matches!(kind, Kind::Host) { "1" } else { "0" };
    let sysctls = [
        ("net/ipv4/ip_forward", forward),
        ("net/ipv6/conf/all/forwarding", forward),
        ("net/ipv6/conf/default/forwarding", forward),
        // Duplicate address detection takes a second or two that no test wants to wait.
        ("net/ipv6/conf/all/accept_dad", "0"),
        ("net/ipv6/conf/default/accept_dad", "0"),
        ("net/ipv6/conf/default/accept_ra", "0"),
        ("net/ipv6/conf/all/disable_ipv6", "0"),
        ("net/ipv4/conf/all/rp_filter", "0"),
        ("net/ipv4/conf/default/rp_filter", "0"),
        ("net/ipv4/ping_group_range", "0 0"),
    ];
    for (key, value) in sysctls {
        write_sysctl(key, value)?;
    }
    let inode =
        fs::metadata("/proc/thread-self/ns/net").map_err(|error| format!("own namespace: {error}"))?;
    Ok((gettid().as_raw(), inode.ino()))
}

/// Writes a sysctl in the network namespace of the calling thread.
pub(super) fn write_sysctl(key: &str, value: &str) -> Result<(), String> {
    fs::write(format!("/proc/sys/{key}"), value).map_err(|error| format!("setting {key} = {value}: {error}"))
}

/// Reads a sysctl in the network namespace of the calling thread.
pub(super) fn read_sysctl(key: &str) -> Result<String, String> {
    let text = fs::read_to_string(format!("/proc/sys/{key}"));
    text.map(|value| value.trim().to_owned()).map_err(|error| format!("reading {key}: {error}"))
}

/// Opens the network namespace of the calling thread.
pub(super) fn open_namespace() -> Result<OwnedFd, String> {
    File::open("/proc/thread-self/ns/net").map(OwnedFd::from).map_err(|error| format!("opening it: {error}"))
}

/// Opens a socket in the network namespace of the calling thread.
pub(super) fn open_socket(kind: &SocketKind) -> Result<OwnedFd, String> {
    let (family, style, protocol) = match kind {
        SocketKind::Route { .. } => (AddressFamily::Netlink, SockType::Raw, Some(SockProtocol::NetlinkRoute)),
        SocketKind::Ping4 => (AddressFamily::Inet, SockType::Datagram, Some(SockProtocol::Icmp)),
        SocketKind::Ping6 => (AddressFamily::Inet6, SockType::Datagram, Some(SockProtocol::IcmpV6)),
        SocketKind::Tcp4 => (AddressFamily::Inet, SockType::Stream, None),
        SocketKind::Tcp6 => (AddressFamily::Inet6, SockType::Stream, None),
    };
    let opened = socket(family, style, SockFlag::SOCK_CLOEXEC, protocol)
        .map_err(|error| format!("opening {kind:?}: {error}"))?;
    if let SocketKind::Route { groups } = kind {
        bind(opened.as_raw_fd(), &NetlinkAddr::new(0, *groups))
            .map_err(|error| format!("binding {kind:?}: {error}"))?;
    }
    Ok(opened)
}
