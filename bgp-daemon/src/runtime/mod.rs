//! The runtime: tasks and threads that move bytes and time between sockets, the kernel and the pure
//! crates.

pub mod addresses;
pub mod allocator;
pub mod backend;
pub mod deadline;
pub mod deferral;
pub mod egress;
pub mod encoder;
pub mod groups;
pub mod ingest;
pub mod listener;
pub mod local;
pub mod mail;
pub mod peering;
pub mod policies;
pub mod read;
pub mod session_task;
pub mod shard;
pub mod socket;
pub mod supervisor;
#[cfg(test)]
mod testing;
