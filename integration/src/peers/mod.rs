//! The other BGP implementations, run in a lab as the peers of interoperation tests, and the real
//! CNI plugins.
//!
//! One [`Speaker`] describes what a peer shall do; each implementation turns it into its own
//! configuration and reports its routes as [`PeerRoute`]s. `integration/install-peers.sh` installs
//! them all on Debian 12.

mod bird;
mod bird_text;
mod cni;
mod exabgp;
mod frr;
mod gobgp;
mod openbgpd;
mod speaker;

use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

pub use bird::Bird;
pub use cni::{Cni, CniContainer};
pub use exabgp::ExaBgp;
pub use frr::Frr;
pub use gobgp::GoBgp;
pub use openbgpd::OpenBgpd;
pub use speaker::{Announcement, Neighbor, PeerRoute, Speaker};

use crate::lab::{Daemon, Host, LabError, Result};

/// How long a daemon may take to serve its control socket.
const READY: Duration = Duration::from_secs(10);

/// A running implementation.
pub trait Peer {
    /// The host it runs in.
    fn host(&self) -> &Host;

    /// Its processes, in the order they were started.
    fn daemons(&self) -> &[Daemon];

    /// The routes in its BGP table or tables: learned and own ones, best or not.
    ///
    /// # Errors
    /// When it does not answer, or not as expected.
    fn routes(&self) -> Result<Vec<PeerRoute>>;

    /// Announces a network, in place of an earlier announcement of the same prefix.
    ///
    /// # Errors
    /// When it refuses.
    fn announce(&mut self, what: &Announcement) -> Result;

    /// Withdraws a network.
    ///
    /// # Errors
    /// When it refuses.
    fn withdraw(&mut self, prefix: &str) -> Result;

    /// Whether the session with this neighbour is established.
    ///
    /// # Errors
    /// When it does not answer.
    fn is_established(&self, neighbor: &str) -> Result<bool>;

    /// Waits for the session with a neighbour.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with the report of the lab.
    fn wait_established(&self, neighbor: &str, timeout: Duration) -> Result<Duration> {
        let what = format!("an established session with {neighbor}");
        let look = || Ok(self.is_established(neighbor)?.then_some(()));
        self.host().poll(&what, timeout, look).map(|((), took)| took)
    }

    /// Waits for a route to exactly `prefix` that satisfies `wanted`.
    ///
    /// # Errors
    /// [`LabError::Timeout`] naming the routes to the prefix that were there instead.
    fn wait_route(
        &self,
        prefix: &str,
        wanted: &dyn Fn(&PeerRoute) -> bool,
        timeout: Duration,
    ) -> Result<Duration> {
        let what = format!("a BGP route to {prefix} as described");
        self.wait_routes(&what, prefix, &|routes| routes.iter().any(wanted), timeout)
    }

    /// Waits until there is no route to exactly `prefix`.
    ///
    /// # Errors
    /// [`LabError::Timeout`] naming the routes that stayed.
    fn wait_no_route(&self, prefix: &str, timeout: Duration) -> Result<Duration> {
        self.wait_routes(&format!("no BGP route to {prefix}"), prefix, &<[_]>::is_empty, timeout)
    }

    /// Waits until the routes to exactly `prefix` satisfy `holds`.
    ///
    /// # Errors
    /// [`LabError::Timeout`] naming the routes that were there instead.
    fn wait_routes(
        &self,
        what: &str,
        prefix: &str,
        holds: &dyn Fn(&[PeerRoute]) -> bool,
        timeout: Duration,
    ) -> Result<Duration> {
        let wanted: IpNet = prefix.parse().map_err(|_| LabError::Topology(format!("prefix {prefix:?}")))?;
        let look = || {
            let mut routes = self.routes()?;
            routes.retain(|route| route.prefix == wanted.trunc());
            if holds(&routes) {
                return Ok(Some(()));
            }
            Err(self.host().refused(format!("BGP routes to {prefix}"), format!("{routes:#?}")))
        };
        self.host().poll(what, timeout, look).map(|((), took)| took)
    }

    /// Kills all its processes with SIGKILL.
    ///
    /// # Errors
    /// When one does not go.
    fn kill9(&self) -> Result {
        self.daemons().iter().try_for_each(Daemon::kill9)
    }

    /// Starts all its processes again.
    ///
    /// # Errors
    /// When one cannot be started.
    fn restart(&self) -> Result {
        self.daemons().iter().try_for_each(Daemon::restart)
    }
}

/// A program of another implementation.
fn installed(paths: &[&str]) -> Result<String> {
    let found = paths.iter().find(|path| Path::new(path).is_file());
    found.map(|path| (*path).to_owned()).ok_or_else(|| LabError::Missing {
        program: paths.join(" or "),
        hint: "run `sh integration/install-peers.sh` as root (Debian 12)".to_owned(),
    })
}

/// Runs a command that writes JSON.
fn json(host: &Host, argv: &[&str]) -> Result<Value> {
    let text = host.run(argv)?;
    serde_json::from_str(&text)
        .map_err(|error| host.refused(format!("JSON of `{}`", argv.join(" ")), format!("{error}: {text}")))
}

/// Waits until `command` succeeds, as a sign that a daemon serves its control socket.
fn wait_answer(host: &Host, daemon: &Daemon, command: &[&str]) -> Result {
    let what = format!("`{}` to work", command.join(" "));
    let ended = host.poll(&what, READY, || match daemon.end()? {
        Some(end) => Ok(Some(Some(end))),
        None => host.run(command).map(|_| Some(None)),
    })?;
    match ended.0 {
        None => Ok(()),
        Some(end) => Err(host.timeout(&what, ended.1, format!("{} ended: {end}", daemon.name()))),
    }
}
