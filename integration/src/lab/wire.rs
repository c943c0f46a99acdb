//! What a test and its lab's init say to each other: one JSON value per packet on a Unix
//! socket, with at most one open file beside it.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longest packet in octets; a command line with its environment stays far below.
const LONGEST: usize = 160 * 1024;

/// How a namespace is set up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Own network, host name and private `/run`, `/tmp`, `/var/tmp`; forwards packets.
    Host,
    /// Own network only, files of the named host; does not forward.
    Container {
        /// The host whose files it sees.
        of: String,
    },
    /// Own network only, holds the bridges.
    Switch,
}

/// A socket to open inside a namespace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum SocketKind {
    /// `NETLINK_ROUTE`, bound to the multicast groups in this mask.
    Route {
        /// Bit n-1 joins group n.
        groups: u32,
    },
    /// ICMP echo over IPv4.
    Ping4,
    /// ICMP echo over IPv6.
    Ping6,
    /// TCP over IPv4, unbound.
    Tcp4,
    /// TCP over IPv6, unbound.
    Tcp6,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Spawn {
    pub(crate) argv: Vec<String>,
    /// Added to the environment every process of a lab gets.
    pub(crate) env: Vec<(String, String)>,
    /// File for standard output, below the lab's log directory.
    pub(crate) stdout: String,
    /// File for standard error; the same name means the same file.
    pub(crate) stderr: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Makes a namespace with a thread that lives in it.
    Create { name: String, kind: Kind },
    /// Kills what runs in the namespace and lets it go.
    Destroy { name: String },
    /// The namespace itself, for moving links into it. Replies with an open file.
    Namespace { name: String },
    /// Replies with an open file.
    Socket { name: String, kind: SocketKind },
    /// Starts a process.
    Spawn { name: String, what: Spawn },
    /// How a process ended, if it has.
    Status { pid: i32 },
    /// Sends a signal to a process and its group.
    Signal { pid: i32, signal: i32 },
    /// Writes a sysctl by its path below `/proc/sys`.
    SetSysctl { name: String, key: String, value: String },
    /// Reads a sysctl by its path below `/proc/sys`.
    Sysctl { name: String, key: String },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Done,
    /// A namespace exists; `path` names it for processes in the lab.
    Created {
        path: String,
    },
    /// The process id as seen inside the lab.
    Started {
        pid: i32,
    },
    Running,
    Exited {
        code: i32,
    },
    Killed {
        signal: i32,
    },
    Value(String),
    /// What was attempted and what the system said.
    Failed(String),
}

/// Steps of a lab's start, sent by its first process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Hello {
    /// The user namespace exists and waits for its id map.
    Unshared,
    /// The init runs; its process id as its parent sees it.
    Init {
        pid: i32,
    },
    /// Mounts are in place; requests are served.
    Ready,
    Failed(String),
}

/// Sends one value, with `fd` if given.
pub(crate) fn send<T: Serialize>(socket: impl AsFd, value: &T, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let body = serde_json::to_vec(value)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds: Vec<_> = fd.into_iter().collect();
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("no room for a file descriptor"));
    }
    sendmsg(socket, &[IoSlice::new(&body)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives one value; `None` when the other side is gone.
pub(crate) fn receive<T: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<(T, Option<OwnedFd>)>> {
    let mut body = vec![0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = loop {
        let mut parts = [IoSliceMut::new(&mut body)];
        match recvmsg(&socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    if got.bytes == 0 {
        return Ok(None);
    }
    let fd = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let text = body.get(..got.bytes).unwrap_or_default();
    Ok(Some((serde_json::from_slice(text)?, fd)))
}
