//! Networks of hosts, links, bridges and containers inside user namespaces: real kernels'
//! routing tables, real daemons, no root, nothing left behind.
//!
//! ```no_run
//! use integration::lab::{Lab, Result, secs, via};
//!
//! fn main() -> Result {
//!     Lab::run(|lab| {
//!         let [a, b] = lab.hosts(["a", "b"])?;
//!         let lan = lab.bridge("lan")?;
//!         a.attach(&lan, &["192.0.2.1/24", "2001:db8::1/64"])?;
//!         b.attach(&lan, &["192.0.2.2/24", "2001:db8::2/64"])?;
//!         let config = std::fs::read_to_string("a.toml").unwrap_or_default();
//!         let agent = a.peregrine("agent", &config)?;
//!         b.peregrine("agent", "# …")?;
//!         let c1 = a.container("c1", &["10.60.1.2/32", "fd60::2/128"])?;
//!         let took = b.wait_route("10.60.1.2/32", via("192.0.2.1"), secs(5))?;
//!         println!("announced after {took:?}");
//!         b.ping("10.60.1.2")?;
//!         agent.kill9()?;
//!         b.ping("10.60.1.2")?;
//!         c1.die()
//!     })
//! }
//! ```
//!
//! How it works: [`init`] is the first process of a lab and holds every namespace; the test talks
//! to it over a socket and gets sockets that were opened inside the hosts, so netlink and ping
//! run in the test itself. When the test ends, however it ends, the kernel removes all of it.

mod client;
mod command;
mod container;
mod daemon;
mod error;
mod host;
pub mod init;
mod link;
mod netlink;
mod peregrine;
mod ping;
mod report;
mod route;
mod route_wire;
mod table;
mod tcp;
mod topology;
mod wait;
mod wire;

use std::time::Duration;

pub use command::Output;
pub use container::Container;
pub use daemon::{Daemon, End};
pub use error::{LabError, Result};
pub use host::Host;
pub use link::{Address, Link};
pub(crate) use link::{parse_address, parse_net};
pub use peregrine::{Peregrine, program as peregrine_program};
pub use ping::{PingReport, Pinger};
pub use route::{BGP, BIRD, BOOT, Hop, KernelRoute, MAIN, RouteKind, STATIC, any, via};
pub use topology::{Bridge, Lab};
pub use wait::{RouteChange, RouteWatch};

/// A whole number of seconds.
#[must_use]
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A whole number of milliseconds.
#[must_use]
pub const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
