//! Which prefixes this host originates because of what its kernel holds.

mod pattern;
pub mod set;

use ipnet::IpNet;

pub use pattern::IfPattern;
pub use set::OriginSet;

/// Why a prefix is originated. When several rules name one prefix, the first of these is told.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum OriginReason {
    /// Named in the configuration.
    Network,
    /// A container's address, routed to the link.
    Container {
        /// The host's end of the container's link.
        ifindex: u32,
    },
    /// A prefix connected to the link.
    Connected {
        /// The link.
        ifindex: u32,
    },
}

/// A prefix to originate.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Origin {
    /// What to announce.
    pub prefix: IpNet,
    /// Why.
    pub reason: OriginReason,
}
