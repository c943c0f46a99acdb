//! What the user of this crate decides once, and what can be changed while it runs.

use std::time::Duration;

use ipnet::IpNet;

use crate::error::FibError;
use crate::origin::IfPattern;
use crate::route::TABLE_MAIN;

/// Settings that hold for the life of the task.
#[derive(Clone, Debug)]
pub struct FibConfig {
    /// Table to program.
    pub table: u32,
    /// Protocol number that marks own routes (186 is registered for BGP, 12 for BIRD).
    pub protocol: u8,
    /// Kernel metric of own routes.
    pub metric: u32,
    /// Whether to write routes at all. Next hops are tracked and origins learned either way.
    pub program: bool,
    /// How often everything is compared with the kernel, beside what events say.
    pub audit_interval: Duration,
    /// Receive buffer to ask for on the socket that watches the kernel, in octets.
    pub watch_buffer: usize,
    /// What to originate.
    pub origins: OriginRules,
}

impl Default for FibConfig {
    fn default() -> Self {
        Self {
            table: TABLE_MAIN,
            protocol: 186,
            metric: 20,
            program: true,
            audit_interval: Duration::from_secs(60),
            watch_buffer: 8 << 20,
            origins: OriginRules::default(),
        }
    }
}

impl FibConfig {
    /// Refuses a protocol number under which foreign routes would pass for own ones.
    ///
    /// # Errors
    /// [`FibError::Protocol`].
    pub fn check(&self) -> Result<(), FibError> {
        // unspec, redirect, kernel, boot, static: whatever an operator types by hand is one of these.
        if self.protocol <= 4 {
            return Err(FibError::Protocol { protocol: self.protocol });
        }
        Ok(())
    }
}

/// Which prefixes this host originates; replaced as a whole on reload.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OriginRules {
    /// Interfaces whose host routes are containers: `veth*`, `cali*`.
    pub container_routes: Vec<IfPattern>,
    /// Interfaces whose connected prefixes are originated.
    pub connected: Vec<IfPattern>,
    /// Prefixes originated always, with a blackhole in the kernel under them.
    pub networks: Vec<IpNet>,
}
