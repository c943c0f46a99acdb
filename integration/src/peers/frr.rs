//! FRR: `bgpd` alone, or with `zebra` and the kernel.

use std::fmt::Write;
use std::os::unix::fs::chown;

use ipnet::IpNet;
use nix::unistd::{User, geteuid};
use serde_json::Value;

use super::speaker::{communities, numbers};
use super::{Announcement, Neighbor, Peer, PeerRoute, Speaker, installed, json, wait_answer};
use crate::lab::{Daemon, Host, LabError, Result};

const VTY: &str = "/run/frr";
const ZEBRA: &str = "/run/frr/zserv.api";
/// Questions asked by one `vtysh`, well below the longest command line.
const QUESTIONS: usize = 200;

/// A running FRR.
#[derive(Debug)]
pub struct Frr {
    host: Host,
    speaker: Speaker,
    vtysh: String,
    daemons: Vec<Daemon>,
    /// Number of the next route map; every announcement gets a new one, for FRR delays changes to
    /// maps in use.
    next_map: usize,
}

impl Host {
    /// Starts FRR's `bgpd`, with `zebra` if the speaker programs the kernel. Without `zebra` it knows
    /// no links and refuses IPv6 routes that come with a link-local next hop.
    ///
    /// # Errors
    /// When it is not installed or refuses its configuration; `zebra` changes its user, so with the
    /// kernel also when the test does not run as root.
    pub fn frr(&self, speaker: Speaker) -> Result<Frr> {
        let (zebra, bgpd) = (installed(&["/usr/lib/frr/zebra"])?, installed(&["/usr/lib/frr/bgpd"])?);
        let vtysh = installed(&["/usr/bin/vtysh"])?;
        let mut frr = Frr { host: self.clone(), speaker, vtysh, daemons: Vec::new(), next_map: 0 };
        let configuration = frr.configuration()?;
        self.write_file("/run/frr/zebra.conf", &format!("hostname {}\n", self.name()))?;
        self.write_file("/run/frr/bgpd.conf", &configuration)?;
        let common = ["--vty_socket", VTY, "-P", "0", "--log", "stdout"];
        if frr.speaker.kernel {
            own_directory(self)?;
            let own = [&*zebra, "-f", "/run/frr/zebra.conf", "-i", "/run/frr/zebra.pid", "-z", ZEBRA];
            let daemon = self.spawn("zebra", &[&own[..], &common[..]].concat())?;
            wait_answer(
                self,
                &daemon,
                &[&frr.vtysh, "--vty_socket", VTY, "-d", "zebra", "-c", "show version"],
            )?;
            frr.daemons.push(daemon);
        }
        // -S: no change of user, which an ordinary user's lab has not got.
        let kernel: &[&str] = if frr.speaker.kernel { &["-S", "-z", ZEBRA] } else { &["-S", "-Z", "-n"] };
        let own = [&*bgpd, "-f", "/run/frr/bgpd.conf", "-i", "/run/frr/bgpd.pid"];
        let daemon = self.spawn("bgpd", &[&own[..], &common[..], kernel].concat())?;
        wait_answer(
            self,
            &daemon,
            &[&frr.vtysh, "--vty_socket", VTY, "-d", "bgpd", "-c", "show bgp summary"],
        )?;
        frr.daemons.push(daemon);
        Ok(frr)
    }
}

impl Frr {
    /// Runs commands in one `vtysh`.
    ///
    /// # Errors
    /// When it refuses one.
    pub fn vtysh(&self, commands: &[&str]) -> Result<String> {
        let mut argv = vec![self.vtysh.as_str(), "--vty_socket", VTY];
        argv.extend(commands.iter().flat_map(|command| ["-c", command]));
        let text = self.host.run(&argv)?;
        let refusal =
            text.lines().find(|line| line.starts_with("% ") && !line.contains("configuration file"));
        match refusal {
            Some(refusal) => Err(self.host.refused(format!("vtysh {commands:?}"), refusal)),
            None => Ok(text),
        }
    }

    fn configuration(&mut self) -> Result<String> {
        let mut text = String::new();
        self.write_configuration(&mut text)
            .map_err(|error| LabError::Topology(format!("writing an FRR configuration: {error}")))?;
        Ok(text)
    }

    fn write_configuration(&mut self, to: &mut String) -> std::fmt::Result {
        let speaker = self.speaker.clone();
        writeln!(to, "hostname {}", self.host.name())?;
        writeln!(to, "router bgp {}", speaker.asn)?;
        writeln!(to, " bgp router-id {}", speaker.router_id)?;
        writeln!(to, " no bgp ebgp-requires-policy\n no bgp default ipv4-unicast")?;
        writeln!(to, " no bgp network import-check\n coalesce-time 0")?;
        if let Some(cluster) = speaker.cluster_id {
            writeln!(to, " bgp cluster-id {cluster}")?;
        }
        for neighbor in &speaker.neighbors {
            write_neighbor(neighbor, to)?;
        }
        for family in ["ipv4", "ipv6"] {
            writeln!(to, " address-family {family} unicast")?;
            for neighbor in &speaker.neighbors {
                let carried = if family == "ipv4" { neighbor.ipv4 } else { neighbor.ipv6 };
                let options = [
                    (true, "activate"),
                    (neighbor.client, "route-reflector-client"),
                    (neighbor.next_hop_self, "next-hop-self"),
                ];
                for (_, option) in options.iter().filter(|(on, _)| carried && *on) {
                    writeln!(to, "  neighbor {} {option}", neighbor.address)?;
                }
            }
            writeln!(to, " exit-address-family")?;
        }
        for network in &speaker.networks {
            for line in self.announcing(network) {
                writeln!(to, "{line}")?;
            }
        }
        writeln!(to, "{}", speaker.extra)
    }

    /// Lines that announce a network, for the file and for `vtysh` alike.
    fn announcing(&mut self, network: &Announcement) -> Vec<String> {
        self.next_map += 1;
        let map = format!("own-{}", self.next_map);
        let mut lines = vec![format!("route-map {map} permit 10")];
        lines.extend(network.med.map(|med| format!("set metric {med}")));
        if !network.communities.is_empty() {
            lines.push(format!("set community {}", network.communities_text()));
        }
        lines.push("exit".to_owned());
        lines.extend(self.in_family(network.prefix, &format!("network {} route-map {map}", network.prefix)));
        lines
    }

    fn in_family(&self, prefix: IpNet, line: &str) -> [String; 5] {
        [
            format!("router bgp {}", self.speaker.asn),
            format!("address-family {} unicast", family(prefix)),
            line.to_owned(),
            "exit-address-family".to_owned(),
            "exit".to_owned(),
        ]
    }

    fn configure(&self, lines: &[String]) -> Result {
        let mut commands = vec!["configure terminal"];
        commands.extend(lines.iter().map(String::as_str));
        self.vtysh(&commands).map(drop)
    }
}

/// Gives the directory of sockets to the user that `zebra` becomes.
fn own_directory(host: &Host) -> Result {
    let user = User::from_name("frr").ok().flatten().filter(|_| geteuid().is_root());
    let user = user.ok_or_else(|| LabError::Missing {
        program: "FRR's user frr".to_owned(),
        hint: "run this test as root: a lab of an ordinary user has one user only".to_owned(),
    })?;
    chown(host.outside(VTY)?, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
        .map_err(|error| host.refused("preparing FRR", error))
}

fn family(prefix: IpNet) -> &'static str {
    if prefix.addr().is_ipv4() { "ipv4" } else { "ipv6" }
}

fn write_neighbor(neighbor: &Neighbor, to: &mut String) -> std::fmt::Result {
    let peer = format!(" neighbor {}", neighbor.address);
    writeln!(to, "{peer} remote-as {}", neighbor.asn)?;
    writeln!(to, "{peer} timers connect 1\n{peer} advertisement-interval 0")?;
    if let Some(local) = neighbor.local {
        writeln!(to, "{peer} update-source {local}")?;
    }
    if neighbor.passive {
        writeln!(to, "{peer} passive")?;
    }
    if let Some(password) = &neighbor.password {
        writeln!(to, "{peer} password {password}")?;
    }
    match neighbor.graceful_restart {
        None => Ok(()),
        Some(0) => writeln!(to, "{peer} graceful-restart-disable"),
        Some(seconds) => {
            writeln!(to, " bgp graceful-restart restart-time {seconds}\n{peer} graceful-restart")
        }
    }
}

impl Peer for Frr {
    fn host(&self) -> &Host {
        &self.host
    }

    fn daemons(&self) -> &[Daemon] {
        &self.daemons
    }

    fn routes(&self) -> Result<Vec<PeerRoute>> {
        let mut questions = Vec::new();
        for family in ["ipv4", "ipv6"] {
            let command = format!("show bgp {family} unicast json");
            let table = json(&self.host, &[&self.vtysh, "--vty_socket", VTY, "-c", &command])?;
            let prefixes = table.get("routes").and_then(Value::as_object);
            let prefixes = prefixes.into_iter().flat_map(serde_json::Map::keys);
            // The table has no communities; the single route has.
            questions.extend(prefixes.map(|prefix| format!("show bgp {family} unicast {prefix} json")));
        }
        let mut routes = Vec::new();
        for some in questions.chunks(QUESTIONS) {
            let commands: Vec<_> = some.iter().map(String::as_str).collect();
            let text = self.vtysh(&commands)?;
            for answer in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
                let answer =
                    answer.map_err(|error| self.host.refused("JSON of vtysh", format!("{error}: {text}")))?;
                routes.extend(read_routes(&answer));
            }
        }
        Ok(routes)
    }

    fn announce(&mut self, what: &Announcement) -> Result {
        self.speaker.set_network(what);
        let lines = self.announcing(what);
        self.configure(&lines)
    }

    fn withdraw(&mut self, prefix: &str) -> Result {
        let gone: IpNet = prefix.parse().map_err(|_| LabError::Topology(format!("prefix {prefix:?}")))?;
        self.speaker.networks.retain(|own| own.prefix != gone.trunc());
        self.configure(&self.in_family(gone, &format!("no network {}", gone.trunc())))
    }

    fn is_established(&self, neighbor: &str) -> Result<bool> {
        let command = format!("show bgp neighbors {neighbor} json");
        let answer = json(&self.host, &[&self.vtysh, "--vty_socket", VTY, "-c", &command])?;
        let state = answer.get(neighbor).and_then(|peer| peer.get("bgpState"));
        Ok(state.and_then(Value::as_str) == Some("Established"))
    }
}

/// Reads the answer about one prefix: all its paths.
fn read_routes(answer: &Value) -> Vec<PeerRoute> {
    let prefix = answer.get("prefix").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let paths = answer.get("paths").and_then(Value::as_array);
    let (Some(prefix), Some(paths)) = (prefix, paths) else { return Vec::new() };
    let text =
        |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let number = |value: &Value, pointer: &str| {
        value.pointer(pointer).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok())
    };
    let read = |path: &Value| {
        let own = path.get("sourced").is_some();
        let hops = path.get("nexthops").and_then(Value::as_array);
        let global =
            hops.into_iter().flatten().find(|hop| text(hop, "/scope").as_deref() != Some("link-local"));
        let next_hop = global.and_then(|hop| text(hop, "/ip")?.parse().ok());
        let clusters = path.pointer("/clusterList/list").and_then(Value::as_array);
        PeerRoute {
            next_hop: next_hop.filter(|_| !own),
            from: text(path, "/peer/peerId").and_then(|peer| peer.parse().ok()).filter(|_| !own),
            as_path: numbers(&text(path, "/aspath/string").unwrap_or_default()),
            local_pref: number(path, "/locPrf"),
            med: number(path, "/metric"),
            communities: communities(&text(path, "/community/string").unwrap_or_default()),
            originator: text(path, "/originatorId").and_then(|id| id.parse().ok()),
            clusters: clusters.into_iter().flatten().filter_map(|id| id.as_str()?.parse().ok()).collect(),
            best: path.pointer("/bestpath/overall") == Some(&Value::Bool(true)),
            ..PeerRoute::bare(prefix)
        }
    };
    paths.iter().map(read).collect()
}
