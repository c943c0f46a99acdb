//! Reading everything: links, addresses, then routes, so that routes meet links they can refer to.

use std::io;

use netlink_sys::Socket;
use tokio::sync::mpsc::Sender;
use tracing::debug;

use super::wire::{Writer, messages, num};
use super::{decode, encode, socket};
use crate::kernel::{Fact, KernelInput};

/// Reads everything and sends it in pieces, then the end. Blocks: for a thread of its own.
pub(super) fn run(tables: &[u32], inbox: &Sender<KernelInput>) {
    let outcome = Dump::open().and_then(|mut dump| dump.everything(tables, inbox));
    if let Err(error) = &outcome {
        debug!(%error, "dump did not complete");
    }
    // Nobody listens any more when the task has ended.
    let _ = inbox.blocking_send(KernelInput::DumpEnd(outcome));
}

struct Dump {
    socket: Socket,
    seq: u32,
    out: Writer,
    buf: Vec<u8>,
    interrupted: bool,
}

impl Dump {
    fn open() -> io::Result<Self> {
        let (socket, _) = socket::open().map_err(io::Error::other)?;
        // Without it the kernel ignores the table in the request. Kernels before 4.20 do not have it, and
        // there the check of each row's table decides alone.
        let _ = socket.set_netlink_get_strict_chk(true);
        Ok(Self {
            socket,
            seq: 0,
            out: Writer::default(),
            buf: Vec::with_capacity(RECEIVE),
            interrupted: false,
        })
    }

    fn everything(&mut self, tables: &[u32], inbox: &Sender<KernelInput>) -> io::Result<()> {
        self.ask(inbox, tables, encode::dump_links)?;
        for family in [num::AF_INET, num::AF_INET6] {
            self.ask(inbox, tables, |out, seq| encode::dump_addrs(out, seq, family))?;
        }
        for &table in tables {
            for family in [num::AF_INET, num::AF_INET6] {
                self.ask(inbox, &[table], |out, seq| encode::dump_routes(out, seq, family, table))?;
            }
        }
        if self.interrupted {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "the kernel calls the dump inconsistent"));
        }
        Ok(())
    }

    fn ask(
        &mut self,
        inbox: &Sender<KernelInput>,
        tables: &[u32],
        request: impl FnOnce(&mut Writer, u32),
    ) -> io::Result<()> {
        self.seq += 1;
        self.out.clear();
        request(&mut self.out, self.seq);
        self.socket.send(self.out.bytes(), 0)?;
        loop {
            match socket::receive(&self.socket, &mut self.buf, 0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                received => received?,
            }
            let (facts, done) = self.take(tables)?;
            if !facts.is_empty() && inbox.blocking_send(KernelInput::Rows(facts)).is_err() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if done {
                return Ok(());
            }
        }
    }

    fn take(&mut self, tables: &[u32]) -> io::Result<(Vec<Fact>, bool)> {
        let mut facts = Vec::new();
        for message in messages(&self.buf).filter(|message| message.seq == self.seq) {
            self.interrupted |= message.flags & num::F_DUMP_INTR != 0;
            match message.kind {
                num::NLMSG_DONE | num::NLMSG_ERROR => {
                    return match decode::errno(&message) {
                        // A table that does not exist is an empty one; a host without IPv6 has none of it.
                        0 | libc::ENOENT | libc::EOPNOTSUPP | libc::EAFNOSUPPORT => Ok((facts, true)),
                        errno => Err(io::Error::from_raw_os_error(errno)),
                    };
                }
                _ => facts.extend(decode::fact(&message).filter(|fact| belongs(fact, tables))),
            }
        }
        Ok((facts, false))
    }
}

fn belongs(fact: &Fact, tables: &[u32]) -> bool {
    match fact {
        Fact::Route { route, .. } => tables.contains(&route.key.table),
        Fact::Link(_) | Fact::Addr(_) => true,
        _ => false,
    }
}

/// The kernel fills up to this much per system call.
const RECEIVE: usize = 32 << 10;
