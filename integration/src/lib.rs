//! Labs in namespaces, the demo, interoperation tests and benchmarks.
//!
//! [`lab`] builds hosts, links, bridges and containers without root and runs real daemons in them.
//! [`peers`] runs the other BGP implementations there. [`mod@bench`] measures against them.

pub mod bench;
pub mod demo;
pub mod lab;
pub mod peers;
