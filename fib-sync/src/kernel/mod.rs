//! The kernel as this crate sees it: a stream of facts in, batches of operations out.
//!
//! The vocabulary here is plain data, so that everything above can run against a fake.

pub mod netlink;
pub mod seen;

use std::future::Future;
use std::io;

use crate::plan::FibOp;
pub use netlink::Netlink;
pub use seen::{Fact, Link, SeenAddr, SeenHop, SeenKind, SeenRoute};

/// A kernel to read and write.
///
/// Facts come in the order in which they happened, and a fact that happened before an operation was
/// executed, or before a dump read it, is delivered before that operation's result or that dump's end.
pub trait Kernel: Send + 'static {
    /// Hands a batch over. At most [`BATCHES_IN_FLIGHT`] may be unanswered.
    fn submit(&mut self, batch: OpBatch);

    /// Starts reading links, addresses and routes of `tables`. At most one dump at a time.
    fn dump(&mut self, tables: Vec<u32>);

    /// Waits for something to be told. Dropping the future loses nothing.
    fn next(&mut self) -> impl Future<Output = KernelInput> + Send;
}

/// What a kernel tells.
#[derive(Debug)]
pub enum KernelInput {
    /// Things that happened.
    Events(Vec<Fact>),
    /// Part of a dump.
    Rows(Vec<Fact>),
    /// The dump has ended; with an error, or when the kernel said that the dump was inconsistent, what
    /// was not in it may exist nevertheless.
    DumpEnd(io::Result<()>),
    /// What became of a batch.
    Results {
        /// The batch's number.
        batch: u64,
        /// One per operation, in order: nothing, or a positive `errno(3)`.
        results: Vec<Result<(), i32>>,
    },
    /// The socket failed for good.
    Broken(io::Error),
}

/// Operations to be executed in order.
#[derive(Clone, Debug)]
pub struct OpBatch {
    /// Number to answer with.
    pub id: u64,
    /// At most [`BATCH_OPS`].
    pub ops: Vec<FibOp>,
}

/// Enough to amortise a system call and few enough that its answers fit any receive buffer.
pub const BATCH_OPS: usize = 256;
/// The writer has the next batch at hand while results travel back; more only adds latency to changes of mind.
pub const BATCHES_IN_FLIGHT: usize = 4;
