//! GoBGP, without the kernel.

use std::fmt::Write;
use std::net::Ipv4Addr;

use ipnet::IpNet;
use serde_json::Value;

use super::{Announcement, Neighbor, Peer, PeerRoute, Speaker, installed, json, wait_answer};
use crate::lab::{Daemon, Host, LabError, Result};

const CONFIGURATION: &str = "/run/gobgp/gobgpd.toml";
const PORT: &str = "50051";
/// Its number for an established session.
const ESTABLISHED: u64 = 6;

/// A running GoBGP.
#[derive(Debug)]
pub struct GoBgp {
    host: Host,
    client: String,
    daemons: Vec<Daemon>,
}

impl Host {
    /// Starts GoBGP.
    ///
    /// # Errors
    /// When it is not installed, refuses its configuration, or cannot do what is asked: it has no
    /// kernel here and no `next-hop-self`.
    pub fn gobgp(&self, speaker: &Speaker) -> Result<GoBgp> {
        if speaker.kernel || speaker.neighbors.iter().any(|neighbor| neighbor.next_hop_self) {
            return Err(self.refused("GoBGP", "neither programs the kernel nor sets itself as next hop"));
        }
        let (program, client) = (installed(&["/usr/bin/gobgpd"])?, installed(&["/usr/bin/gobgp"])?);
        let mut text = String::new();
        write_configuration(speaker, &mut text)
            .map_err(|error| LabError::Topology(format!("writing a GoBGP configuration: {error}")))?;
        self.write_file(CONFIGURATION, &text)?;
        let api = format!("127.0.0.1:{PORT}");
        let argv = [
            &*program,
            "-t",
            "toml",
            "-f",
            CONFIGURATION,
            "-l",
            "info",
            "--pprof-disable",
            "--api-hosts",
            &api,
        ];
        let daemon = self.spawn("gobgpd", &argv)?;
        wait_answer(self, &daemon, &[&client, "-p", PORT, "global"])?;
        let mut gobgp = GoBgp { host: self.clone(), client, daemons: vec![daemon] };
        speaker.networks.iter().try_for_each(|network| gobgp.announce(network))?;
        Ok(gobgp)
    }
}

impl GoBgp {
    /// Runs a command of its control program.
    ///
    /// # Errors
    /// When it refuses.
    pub fn gobgp(&self, command: &[&str]) -> Result<String> {
        let mut argv = vec![self.client.as_str(), "-p", PORT];
        argv.extend(command);
        self.host.run(&argv)
    }
}

fn write_configuration(speaker: &Speaker, to: &mut String) -> std::fmt::Result {
    writeln!(to, "[global.config]\nas = {}\nrouter-id = \"{}\"", speaker.asn, speaker.router_id)?;
    for neighbor in &speaker.neighbors {
        write_neighbor(speaker, neighbor, to)?;
    }
    writeln!(to, "{}", speaker.extra)
}

fn write_neighbor(speaker: &Speaker, neighbor: &Neighbor, to: &mut String) -> std::fmt::Result {
    writeln!(to, "[[neighbors]]\n[neighbors.config]")?;
    writeln!(to, "neighbor-address = \"{}\"\npeer-as = {}", neighbor.address, neighbor.asn)?;
    if let Some(password) = &neighbor.password {
        writeln!(to, "auth-password = \"{password}\"")?;
    }
    writeln!(to, "[neighbors.timers.config]\nconnect-retry = 1\nidle-hold-time-after-reset = 1")?;
    writeln!(to, "[neighbors.transport.config]\npassive-mode = {}", neighbor.passive)?;
    if let Some(local) = neighbor.local {
        writeln!(to, "local-address = \"{local}\"")?;
    }
    if neighbor.client {
        let cluster = speaker.cluster_id.unwrap_or(speaker.router_id);
        writeln!(to, "[neighbors.route-reflector.config]\nroute-reflector-client = true")?;
        writeln!(to, "route-reflector-cluster-id = \"{cluster}\"")?;
    }
    let graceful = neighbor.graceful_restart.filter(|seconds| *seconds > 0);
    if let Some(seconds) = graceful {
        writeln!(to, "[neighbors.graceful-restart.config]\nenabled = true\nrestart-time = {seconds}")?;
    }
    for (family, carried) in [("ipv4-unicast", neighbor.ipv4), ("ipv6-unicast", neighbor.ipv6)] {
        if carried {
            writeln!(
                to,
                "[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"{family}\""
            )?;
            if graceful.is_some() {
                writeln!(to, "[neighbors.afi-safis.mp-graceful-restart.config]\nenabled = true")?;
            }
        }
    }
    Ok(())
}

fn family(prefix: IpNet) -> &'static str {
    if prefix.addr().is_ipv4() { "ipv4" } else { "ipv6" }
}

impl Peer for GoBgp {
    fn host(&self) -> &Host {
        &self.host
    }

    fn daemons(&self) -> &[Daemon] {
        &self.daemons
    }

    fn routes(&self) -> Result<Vec<PeerRoute>> {
        let mut routes = Vec::new();
        for family in ["ipv4", "ipv6"] {
            let table = json(&self.host, &[&self.client, "-p", PORT, "-j", "global", "rib", "-a", family])?;
            for (prefix, paths) in table.as_object().into_iter().flatten() {
                let Ok(prefix) = prefix.parse() else { continue };
                routes.extend(paths.as_array().into_iter().flatten().map(|path| read_path(prefix, path)));
            }
        }
        Ok(routes)
    }

    fn announce(&mut self, what: &Announcement) -> Result {
        let prefix = what.prefix.to_string();
        let med = what.med.map(|med| med.to_string());
        let communities = what.communities_text().replace(' ', ",");
        let mut command = vec!["global", "rib", "add", &prefix];
        if let Some(med) = &med {
            command.extend(["med", med]);
        }
        if !communities.is_empty() {
            command.extend(["community", &communities]);
        }
        command.extend(["-a", family(what.prefix)]);
        self.gobgp(&command).map(drop)
    }

    fn withdraw(&mut self, prefix: &str) -> Result {
        let net: IpNet = prefix.parse().map_err(|_| LabError::Topology(format!("prefix {prefix:?}")))?;
        self.gobgp(&["global", "rib", "del", &net.trunc().to_string(), "-a", family(net)]).map(drop)
    }

    fn is_established(&self, neighbor: &str) -> Result<bool> {
        let answer = json(&self.host, &[&self.client, "-p", PORT, "-j", "neighbor", neighbor])?;
        Ok(answer.pointer("/state/session_state").and_then(Value::as_u64) == Some(ESTABLISHED))
    }

    // Its networks live in its memory only.
    fn restart(&self) -> Result {
        let [daemon] = self.daemons.as_slice() else { return Ok(()) };
        daemon.restart()?;
        wait_answer(&self.host, daemon, &[&self.client, "-p", PORT, "global"])
    }
}

fn read_path(prefix: IpNet, path: &Value) -> PeerRoute {
    let mut route = PeerRoute {
        from: path.get("neighbor-ip").and_then(Value::as_str).and_then(|text| text.parse().ok()),
        best: path.get("best") == Some(&Value::Bool(true)),
        ..PeerRoute::bare(prefix)
    };
    let own = route.from.is_none();
    for attribute in path.get("attrs").and_then(Value::as_array).into_iter().flatten() {
        let number =
            |name: &str| attribute.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        let text = |name: &str| attribute.get(name).and_then(Value::as_str);
        let list = |name: &str| attribute.get(name).and_then(Value::as_array).into_iter().flatten();
        match attribute.get("type").and_then(Value::as_u64) {
            Some(2) => {
                let numbers =
                    list("as_paths").filter_map(|segment| segment.get("asns")?.as_array()).flatten();
                route.as_path = numbers.filter_map(|asn| u32::try_from(asn.as_u64()?).ok()).collect();
            }
            Some(3 | 14) if !own => route.next_hop = text("nexthop").and_then(|hop| hop.parse().ok()),
            Some(4) => route.med = number("metric"),
            Some(5) => route.local_pref = number("value"),
            Some(8) => {
                let values = list("communities").filter_map(Value::as_u64);
                let halves = |value: u64| (((value >> 16) & 0xffff) as u16, (value & 0xffff) as u16);
                route.communities = values.map(halves).collect();
            }
            Some(9) => route.originator = text("value").and_then(|id| id.parse().ok()),
            Some(10) => {
                route.clusters =
                    list("value").filter_map(|id| id.as_str()?.parse::<Ipv4Addr>().ok()).collect();
            }
            _ => {}
        }
    }
    route
}
