//! The lab as a whole: what there is and how it is connected.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netlink_packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoKind, LinkAttribute, LinkInfo, LinkMessage,
};

use super::client::Client;
use super::daemon::Daemon;
use super::error::{LabError, Result};
use super::host::Host;
use super::link::{self, Link};
use super::wire::Kind;

/// The namespace that holds the bridges of a lab.
const SWITCH: &str = "switch";

/// A network of namespaces. Dropping it ends everything in it.
pub struct Lab {
    shared: Arc<Shared>,
    switch: Host,
}

/// A layer 2 segment that any number of hosts can attach to.
#[derive(Clone)]
pub struct Bridge {
    pub(crate) name: String,
    pub(crate) switch: Host,
}

/// What every handle of a lab refers to.
pub(crate) struct Shared {
    pub(crate) client: Client,
    state: Mutex<State>,
    counter: AtomicU64,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) hosts: Vec<Host>,
    pub(crate) daemons: Vec<Daemon>,
    /// One line for each connection, for reports.
    pub(crate) wires: Vec<String>,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number never given before in this lab.
    pub(crate) fn unique(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }
}

impl Lab {
    /// Starts an empty lab.
    ///
    /// # Errors
    /// When user namespaces are forbidden or `lab-init` is not built; the message says what to do.
    pub fn new() -> Result<Self> {
        let shared = Arc::new(Shared {
            client: Client::start()?,
            state: Mutex::default(),
            counter: AtomicU64::new(0),
        });
        let switch = Host::create(&shared, SWITCH, Kind::Switch)?;
        Ok(Self { shared, switch })
    }

    /// Runs a test in a new lab; if it fails, prints topology, kernel tables and log tails.
    ///
    /// # Errors
    /// Those of `test`.
    pub fn run(test: impl FnOnce(&Self) -> Result) -> Result {
        let lab = Self::new()?;
        test(&lab).inspect_err(|error| {
            // Some errors carry the report already, taken when it happened.
            if !matches!(error, LabError::Timeout { .. } | LabError::Claim { .. }) {
                eprintln!("{}", lab.report());
            }
        })
    }

    /// Makes a host: its own network, `/run`, `/tmp` and host name; it forwards packets.
    ///
    /// # Errors
    /// When the name is taken, longer than 12 octets, or the system refuses.
    pub fn host(&self, name: &str) -> Result<Host> {
        link::check_name(name, 12)?;
        let host = Host::create(&self.shared, name, Kind::Host)?;
        self.shared.state().hosts.push(host.clone());
        Ok(host)
    }

    /// Makes several hosts.
    ///
    /// # Errors
    /// As [`Lab::host`].
    pub fn hosts<const N: usize>(&self, names: [&str; N]) -> Result<[Host; N]> {
        let all = names.iter().map(|name| self.host(name)).collect::<Result<Vec<_>>>()?;
        all.try_into().map_err(|_| LabError::Topology("as many hosts as names".to_owned()))
    }

    /// Makes a bridge. Hosts join it with [`Host::attach`].
    ///
    /// # Errors
    /// When the name is taken, longer than 12 octets, or the system refuses.
    pub fn bridge(&self, name: &str) -> Result<Bridge> {
        link::check_name(name, 12)?;
        let mut message = LinkMessage::default();
        let data = vec![
            InfoBridge::ForwardDelay(0),
            InfoBridge::StpState(BridgeStpState::Disabled),
            // Snooping loses neighbour discovery until queriers have been heard.
            InfoBridge::MulticastSnooping(false),
        ];
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Bridge),
            LinkInfo::Data(InfoData::Bridge(data)),
        ]));
        self.switch.new_link(message, &format!("creating bridge {name}"))?;
        self.switch.link(name).up()?;
        self.shared.state().wires.push(format!("bridge {name}"));
        Ok(Bridge { name: name.to_owned(), switch: self.switch.clone() })
    }

    /// Connects two hosts with a cable. On each side the link is called like the other host.
    ///
    /// # Errors
    /// When such a link exists or the system refuses.
    pub fn link(&self, a: &Host, a_has: &[&str], b: &Host, b_has: &[&str]) -> Result<(Link, Link)> {
        let (at_a, at_b) = (a.link(b.name()), b.link(a.name()));
        link::create_veth(&at_a, &at_b)?;
        self.shared.state().wires.push(format!("{} -- {}", a.name(), b.name()));
        for (link, addresses) in [(&at_a, a_has), (&at_b, b_has)] {
            link.add_addresses(addresses)?;
            link.up()?;
        }
        at_a.settle()?;
        at_b.settle()?;
        Ok((at_a, at_b))
    }

    /// Topology, kernel tables and log tails of everything in the lab.
    #[must_use]
    pub fn report(&self) -> String {
        super::report::whole(&self.shared)
    }

    /// Beginning of a command line that runs the rest of it in `host`, from any terminal of the same
    /// user.
    ///
    /// # Errors
    /// When `lab-init` is not there any more.
    pub fn enter_command(&self, host: &Host) -> Result<String> {
        let program = super::client::init_program()?;
        Ok(format!("{} enter {} {}", program.display(), self.init_pid(), host.name()))
    }

    /// Process id of the lab's first process, which holds all namespaces.
    #[must_use]
    pub fn init_pid(&self) -> i32 {
        self.shared.client.pid()
    }

    /// An error for a claim of a test that did not hold, with the report of the lab.
    #[must_use]
    pub fn claim(&self, what: impl Into<String>) -> LabError {
        LabError::Claim { what: what.into(), report: self.report() }
    }

    /// Fails with a report unless `holds`.
    ///
    /// # Errors
    /// [`LabError::Claim`] naming `what`.
    pub fn ensure(&self, holds: bool, what: impl FnOnce() -> String) -> Result {
        if holds { Ok(()) } else { Err(self.claim(what())) }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.report());
        }
        // Handles of hosts refer to the lab and the lab to them.
        *self.shared.state() = State::default();
        self.shared.client.close();
    }
}
