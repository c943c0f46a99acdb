//! NLRI in packed and in wire form.
//!
//! A table is generic over [`NlriKey`]; a [`NlriBlock`] is a run of NLRI that was checked once and is
//! then iterated without further faults, so that it can travel to the tables as the octets received.

mod block;
mod division;
mod key;
mod scatter;
#[cfg(test)]
mod tests;

pub use block::{Nlri, NlriBlock, NlriFault, NlriIter};
pub use division::Division;
pub use key::{NlriKey, V4Key, V6Key};
pub use scatter::Scatter;
