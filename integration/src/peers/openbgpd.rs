//! OpenBGPD, without the kernel.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use ipnet::IpNet;
use nix::unistd::geteuid;
use serde_json::Value;

use super::speaker::{communities, numbers};
use super::{Announcement, Neighbor, Peer, PeerRoute, Speaker, installed, json, wait_answer};
use crate::lab::{Daemon, Host, LabError, Result};

const CONFIGURATION: &str = "/run/openbgpd.conf";

/// A running OpenBGPD.
#[derive(Debug)]
pub struct OpenBgpd {
    host: Host,
    client: String,
    daemons: Vec<Daemon>,
}

impl Host {
    /// Starts OpenBGPD.
    ///
    /// # Errors
    /// When it is not installed or refuses its configuration, when the speaker programs the kernel
    /// (it cannot on Linux), and when the test does not run as root: OpenBGPD changes its user.
    pub fn openbgpd(&self, speaker: &Speaker) -> Result<OpenBgpd> {
        if !geteuid().is_root() {
            return Err(LabError::Missing {
                program: "a user of OpenBGPD's own".to_owned(),
                hint: "run this test as root: a lab of an ordinary user has one user only".to_owned(),
            });
        }
        if speaker.kernel {
            return Err(self.refused("OpenBGPD", "cannot program the kernel"));
        }
        let (program, client) = (installed(&["/usr/sbin/bgpd"])?, installed(&["/usr/sbin/bgpctl"])?);
        let mut text = String::new();
        write_configuration(speaker, &mut text)
            .map_err(|error| LabError::Topology(format!("writing an OpenBGPD configuration: {error}")))?;
        self.write_file(CONFIGURATION, &text)?;
        // It refuses a configuration that others can read, and chroots into an existing directory.
        fs::set_permissions(self.outside(CONFIGURATION)?, fs::Permissions::from_mode(0o600))
            .and_then(|()| fs::create_dir_all(self.outside("/run/openbgpd").unwrap_or_default()))
            .map_err(|error| self.refused("preparing OpenBGPD", error))?;
        let daemon = self.spawn("openbgpd", &[&program, "-d", "-f", CONFIGURATION])?;
        wait_answer(self, &daemon, &[&client, "show"])?;
        let mut openbgpd = OpenBgpd { host: self.clone(), client, daemons: vec![daemon] };
        speaker.networks.iter().try_for_each(|network| openbgpd.announce(network))?;
        Ok(openbgpd)
    }
}

impl OpenBgpd {
    /// Runs a command of its control program.
    ///
    /// # Errors
    /// When it refuses.
    pub fn bgpctl(&self, command: &[&str]) -> Result<String> {
        let mut argv = vec![self.client.as_str()];
        argv.extend(command);
        self.host.run(&argv)
    }
}

fn write_configuration(speaker: &Speaker, to: &mut String) -> std::fmt::Result {
    writeln!(to, "AS {}\nrouter-id {}\nfib-update no\nconnect-retry 1", speaker.asn, speaker.router_id)?;
    for neighbor in &speaker.neighbors {
        write_neighbor(speaker, neighbor, to)?;
    }
    writeln!(to, "allow from any\nallow to any\n{}", speaker.extra)
}

fn write_neighbor(speaker: &Speaker, neighbor: &Neighbor, to: &mut String) -> std::fmt::Result {
    writeln!(to, "neighbor {} {{\n  remote-as {}", neighbor.address, neighbor.asn)?;
    for (family, carried) in [("IPv4", neighbor.ipv4), ("IPv6", neighbor.ipv6)] {
        writeln!(to, "  announce {family} {}", if carried { "unicast" } else { "none" })?;
    }
    if let Some(local) = neighbor.local {
        writeln!(to, "  local-address {local}")?;
    }
    if neighbor.client {
        writeln!(to, "  route-reflector {}", speaker.cluster_id.unwrap_or(speaker.router_id))?;
    }
    if neighbor.graceful_restart == Some(0) {
        writeln!(to, "  announce restart no")?;
    }
    if neighbor.passive {
        writeln!(to, "  passive")?;
    }
    if neighbor.next_hop_self {
        writeln!(to, "  set nexthop self")?;
    }
    if let Some(password) = &neighbor.password {
        writeln!(to, "  tcp md5sig password \"{password}\"")?;
    }
    writeln!(to, "}}")
}

impl Peer for OpenBgpd {
    fn host(&self) -> &Host {
        &self.host
    }

    fn daemons(&self) -> &[Daemon] {
        &self.daemons
    }

    fn routes(&self) -> Result<Vec<PeerRoute>> {
        let table = json(&self.host, &[&self.client, "-j", "show", "rib", "detail"])?;
        let rib = table.get("rib").and_then(Value::as_array);
        Ok(rib.into_iter().flatten().filter_map(read_route).collect())
    }

    fn announce(&mut self, what: &Announcement) -> Result {
        let prefix = what.prefix.to_string();
        let med = what.med.map(|med| med.to_string());
        let communities: Vec<_> =
            what.communities.iter().map(|(high, low)| format!("{high}:{low}")).collect();
        let mut command = vec!["network", "add", prefix.as_str()];
        if let Some(med) = &med {
            command.extend(["med", med]);
        }
        for community in &communities {
            command.extend(["community", community]);
        }
        self.bgpctl(&command).map(drop)
    }

    fn withdraw(&mut self, prefix: &str) -> Result {
        let net: IpNet = prefix.parse().map_err(|_| LabError::Topology(format!("prefix {prefix:?}")))?;
        self.bgpctl(&["network", "delete", &net.trunc().to_string()]).map(drop)
    }

    fn is_established(&self, neighbor: &str) -> Result<bool> {
        let answer = json(&self.host, &[&self.client, "-j", "show", "neighbor"])?;
        let all = answer.get("neighbors").and_then(Value::as_array);
        Ok(all.into_iter().flatten().any(|one| {
            let has = |name: &str, text: &str| one.get(name).and_then(Value::as_str) == Some(text);
            has("remote_addr", neighbor) && has("state", "Established")
        }))
    }

    // Its networks live in its memory only.
    fn restart(&self) -> Result {
        let [daemon] = self.daemons.as_slice() else { return Ok(()) };
        daemon.restart()?;
        wait_answer(&self.host, daemon, &[&self.client, "show"])
    }
}

fn read_route(route: &Value) -> Option<PeerRoute> {
    let text = |name: &str| route.get(name).and_then(Value::as_str);
    let number = |name: &str| route.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let from =
        route.pointer("/neighbor/remote_addr").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let list = |name: &str| {
        let all = route.get(name).and_then(Value::as_array);
        all.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>()
    };
    Some(PeerRoute {
        next_hop: text("exit_nexthop").and_then(|hop| hop.parse().ok()).filter(|_| from.is_some()),
        from,
        as_path: numbers(text("aspath").unwrap_or_default()),
        local_pref: number("localpref"),
        med: number("metric"),
        communities: communities(&list("communities").join(" ")),
        originator: text("originator_id").and_then(|id| id.parse().ok()),
        clusters: list("cluster_list").iter().filter_map(|id| id.parse().ok()).collect(),
        best: route.get("best") == Some(&Value::Bool(true)),
        ..PeerRoute::bare(text("prefix")?.parse().ok()?)
    })
}
