//! The thread that writes routes.
//!
//! A thread rather than a task: the kernel executes a batch inside `send`, for as long as it takes and
//! for as long as somebody else holds its lock.

use std::io;
use std::sync::mpsc::Receiver;
use std::thread;

use netlink_sys::Socket;
use tokio::sync::mpsc::Sender;

use super::wire::{Writer, messages, num};
use super::{decode, encode, socket};
use crate::error::FibError;
use crate::kernel::{KernelInput, OpBatch};
use crate::plan::FibOp;
use crate::route::RouteKey;

/// Executes batches until the queue closes.
pub(super) struct RouteWriter {
    socket: Socket,
    protocol: u8,
    seq: u32,
    out: Writer,
    buf: Vec<u8>,
}

impl RouteWriter {
    /// Opens its socket and returns the socket's port.
    pub(super) fn open(protocol: u8) -> Result<(Self, u32), FibError> {
        let (socket, port) = socket::open()?;
        // 256 refusals must fit.
        socket::enlarge(&socket, 1 << 20)?;
        socket.set_cap_ack(true).map_err(socket::failed("asking the kernel for short answers"))?;
        let writer =
            Self { socket, protocol, seq: 0, out: Writer::default(), buf: Vec::with_capacity(RECEIVE) };
        Ok((writer, port))
    }

    /// Whether the kernel lets us change `table`: it is asked to delete a route that cannot exist.
    ///
    /// # Errors
    /// [`FibError::NotPermitted`].
    pub(super) fn check_permission(&mut self, table: u32) -> Result<(), FibError> {
        let prefix = ipnet::IpNet::from(std::net::IpAddr::from([255; 4]));
        let impossible = FibOp::Delete(RouteKey::new(table, prefix, u32::MAX));
        match self.execute(&[impossible]).first() {
            Some(Err(libc::EPERM | libc::EACCES)) => Err(FibError::NotPermitted { table }),
            _ => Ok(()),
        }
    }

    /// Starts the thread. It ends when the sending side of `batches` is dropped and all are executed.
    pub(super) fn spawn(
        mut self,
        batches: Receiver<OpBatch>,
        inbox: Sender<KernelInput>,
    ) -> Result<(), FibError> {
        let run = move || {
            for batch in batches {
                let results = self.execute(&batch.ops);
                if inbox.blocking_send(KernelInput::Results { batch: batch.id, results }).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new()
            .name("fib-writer".to_owned())
            .stack_size(STACK)
            .spawn(run)
            .map(drop)
            .map_err(socket::failed("starting the thread that writes routes"))
    }

    /// Executes operations in order, with one system call for all and one answer for the last.
    fn execute(&mut self, ops: &[FibOp]) -> Vec<Result<(), i32>> {
        self.out.clear();
        let first = self.seq.wrapping_add(1);
        for (i, op) in ops.iter().enumerate() {
            self.seq = self.seq.wrapping_add(1);
            encode::operation(&mut self.out, op, self.protocol, self.seq, i + 1 == ops.len());
        }
        if let Err(error) = self.socket.send(self.out.bytes(), 0) {
            return vec![Err(error.raw_os_error().unwrap_or(libc::EIO)); ops.len()];
        }
        self.answers(first, ops.len())
    }

    /// Silence means success, but only if the answer to the last one arrived: else some were lost.
    fn answers(&mut self, first: u32, count: usize) -> Vec<Result<(), i32>> {
        let mut results: Vec<Result<(), i32>> = vec![Ok(()); count];
        let mut complete = false;
        // Everything was executed inside `send`, so every answer is already here.
        loop {
            match socket::receive(&self.socket, &mut self.buf, libc::MSG_DONTWAIT) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => continue,
                Err(_) => break,
            }
            for message in messages(&self.buf).filter(|message| message.kind == num::NLMSG_ERROR) {
                let at = message.seq.wrapping_sub(first) as usize;
                complete |= at + 1 == count;
                if let (Some(result), errno @ 1..) = (results.get_mut(at), decode::errno(&message)) {
                    *result = Err(errno);
                }
            }
        }
        if !complete {
            results.iter_mut().filter(|result| result.is_ok()).for_each(|result| *result = Err(libc::EINTR));
        }
        results
    }
}

/// Enough for one answer datagram; each answers one message.
const RECEIVE: usize = 8 << 10;
/// The thread only encodes and makes system calls.
const STACK: usize = 128 << 10;
