//! The real kernel: one socket that watches, one thread that writes, one short-lived thread that dumps.
//!
//! ```text
//!  watch socket ──────────► events ─┐
//!  fib-writer ──► results ─┐        ├─► next()
//!  dump ──► rows, end ─────┴─ inbox ┘
//! ```
//!
//! The watch socket never waits for the others: it is read before a result or the end of a dump is handed
//! out, which gives the order that [`Kernel`] promises.

mod decode;
mod dump;
mod encode;
mod socket;
mod wire;
mod writer;

use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{AsyncSocket, AsyncSocketExt, TokioSocket};
use tokio::sync::mpsc;

use super::{BATCHES_IN_FLIGHT, Fact, Kernel, KernelInput, OpBatch};
use crate::config::FibConfig;
use crate::error::FibError;
use wire::messages;
use writer::RouteWriter;

/// The kernel of the network namespace in which it was opened.
pub struct Netlink {
    watch: TokioSocket,
    tables: Vec<u32>,
    /// Port whose notifications are our own echoes.
    writer_port: u32,
    batches: Option<SyncSender<OpBatch>>,
    to_inbox: mpsc::Sender<KernelInput>,
    inbox: mpsc::Receiver<KernelInput>,
    /// To be handed out after the events that were found first.
    held: Option<KernelInput>,
    buf: Vec<u8>,
}

impl Netlink {
    /// Opens everything. Needs a tokio runtime with I/O around it.
    ///
    /// # Errors
    /// [`FibError::NotPermitted`] when routes are to be written and the kernel will not let us, and
    /// [`FibError::Socket`].
    pub fn open(config: &FibConfig) -> Result<Self, FibError> {
        let (to_inbox, inbox) = mpsc::channel(INBOX);
        let mut watch = TokioSocket::new(NETLINK_ROUTE)
            .map_err(socket::failed("opening a socket to watch the kernel"))?;
        let socket = watch.socket_mut();
        socket.bind_auto().map_err(socket::failed("binding a netlink socket"))?;
        socket::enlarge(socket, config.watch_buffer)?;
        let (mut batches, mut writer_port) = (None, 0);
        if config.program {
            let (mut writer, port) = RouteWriter::open(config.protocol)?;
            writer.check_permission(config.table)?;
            socket::drop_echoes(socket, port).map_err(socket::failed("filtering a netlink socket"))?;
            let (queue, work) = sync_channel(BATCHES_IN_FLIGHT);
            writer.spawn(work, to_inbox.clone())?;
            (batches, writer_port) = (Some(queue), port);
        }
        for group in GROUPS {
            socket.add_membership(group).map_err(socket::failed("joining a netlink group"))?;
        }
        Ok(Self {
            watch,
            tables: Vec::new(),
            writer_port,
            batches,
            to_inbox,
            inbox,
            held: None,
            buf: Vec::with_capacity(DATAGRAM),
        })
    }

    /// Reads the watch socket until it is empty.
    fn drain(&mut self, facts: &mut Vec<Fact>) -> io::Result<()> {
        while facts.len() < DRAIN_LIMIT {
            match socket::receive(self.watch.socket_ref(), &mut self.buf, 0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                received => self.took(received, facts)?,
            }
        }
        Ok(())
    }

    /// Takes in the datagram in the buffer, or the error that came instead.
    fn took(&self, received: io::Result<()>, facts: &mut Vec<Fact>) -> io::Result<()> {
        match received {
            Ok(()) => self.collect(facts),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => facts.push(Fact::Overrun),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn collect(&self, facts: &mut Vec<Fact>) {
        for message in messages(&self.buf) {
            if self.writer_port != 0 && message.pid == self.writer_port {
                continue;
            }
            match decode::fact(&message) {
                Some(Fact::Route { route, .. } | Fact::RouteGone(route))
                    if !self.tables.contains(&route.key.table) => {}
                Some(fact) => facts.push(fact),
                None => {}
            }
        }
    }

    /// Events that happened before `input` first, then `input`.
    fn after_events(&mut self, input: KernelInput) -> KernelInput {
        let mut facts = Vec::new();
        match self.drain(&mut facts) {
            Ok(()) if facts.is_empty() => input,
            Ok(()) => {
                self.held = Some(input);
                KernelInput::Events(facts)
            }
            Err(error) => KernelInput::Broken(error),
        }
    }
}

impl Kernel for Netlink {
    fn submit(&mut self, batch: OpBatch) {
        let Some(queue) = &self.batches else { return };
        if let Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) = queue.try_send(batch) {
            // More in flight than allowed, or the thread is gone: nothing was done.
            let results = vec![Err(libc::EAGAIN); batch.ops.len()];
            self.held = Some(KernelInput::Results { batch: batch.id, results });
        }
    }

    fn dump(&mut self, tables: Vec<u32>) {
        self.tables.clone_from(&tables);
        let inbox = self.to_inbox.clone();
        tokio::task::spawn_blocking(move || dump::run(&tables, &inbox));
    }

    async fn next(&mut self) -> KernelInput {
        if let Some(held) = self.held.take() {
            return held;
        }
        loop {
            self.buf.clear();
            tokio::select! {
                received = self.watch.recv(&mut self.buf) => {
                    let mut facts = Vec::new();
                    match self.took(received, &mut facts).and_then(|()| self.drain(&mut facts)) {
                        Ok(()) if facts.is_empty() => {}
                        Ok(()) => return KernelInput::Events(facts),
                        Err(error) => return KernelInput::Broken(error),
                    }
                }
                Some(input) = self.inbox.recv() => {
                    return match input {
                        KernelInput::Rows(_) => input,
                        _ => self.after_events(input),
                    };
                }
            }
        }
    }
}

/// Links, addresses, routes, next-hop objects (`RTNLGRP_*`).
const GROUPS: [u32; 6] = [1, 5, 9, 7, 11, 32];
/// One notification; the largest known carries a few hundred next hops.
const DATAGRAM: usize = 32 << 10;
/// Rows of a dump wait here in pieces of 32 KiB.
const INBOX: usize = 8;
/// More events than this in one go are handed out in parts, so that a flood does not fill memory.
const DRAIN_LIMIT: usize = 16_384;
