//! ExaBGP: has no table and no kernel, but sends whatever it is told.

use std::fmt::Write;
use std::fs::File;
use std::io::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::{Announcement, Neighbor, Peer, PeerRoute, READY, Speaker, installed};
use crate::lab::{Daemon, Host, LabError, Result};

const CONFIGURATION: &str = "/run/exabgp/exabgp.conf";
const COMMANDS: &str = "/run/exabgp/commands";
const HEARD: &str = "/run/exabgp/heard";
/// Its API is a process of ours: what it prints are commands, what it reads are events.
const API: &str = "/run/exabgp/api.sh";
const API_SCRIPT: &str = "tail -n +1 -f /run/exabgp/commands &\nexec cat >> /run/exabgp/heard\n";

/// A running ExaBGP.
#[derive(Debug)]
pub struct ExaBgp {
    host: Host,
    daemons: Vec<Daemon>,
}

impl Host {
    /// Starts ExaBGP.
    ///
    /// # Errors
    /// When it is not installed or refuses its configuration.
    pub fn exabgp(&self, speaker: &Speaker) -> Result<ExaBgp> {
        let program = installed(&["/usr/sbin/exabgp", "/usr/bin/exabgp"])?;
        let mut text = format!("process api {{ run /bin/sh {API}; encoder json; }}\n");
        for neighbor in &speaker.neighbors {
            write_neighbor(speaker, neighbor, &mut text)
                .map_err(|error| LabError::Topology(format!("writing an ExaBGP configuration: {error}")))?;
        }
        text.push_str(&speaker.extra);
        self.write_file(CONFIGURATION, &text)?;
        self.write_file(API, API_SCRIPT)?;
        self.write_file(COMMANDS, "")?;
        self.write_file(HEARD, "")?;
        let env = [
            ("exabgp.daemon.user", "root"),
            ("exabgp.api.cli", "false"),
            // Listens on the default port for neighbours that dial.
            ("exabgp.tcp.bind", "0.0.0.0 ::"),
            ("exabgp.tcp.port", "179"),
        ];
        let daemon = self.spawn_with("exabgp", &[&program, CONFIGURATION], &env)?;
        daemon.wait_log("loaded new configuration successfully", READY)?;
        let mut exabgp = ExaBgp { host: self.clone(), daemons: vec![daemon] };
        speaker.networks.iter().try_for_each(|network| exabgp.announce(network))?;
        Ok(exabgp)
    }
}

fn write_neighbor(speaker: &Speaker, neighbor: &Neighbor, to: &mut String) -> std::fmt::Result {
    writeln!(to, "neighbor {} {{", neighbor.address)?;
    writeln!(to, "  router-id {};\n  local-as {};", speaker.router_id, speaker.asn)?;
    writeln!(to, "  peer-as {};", neighbor.asn)?;
    if let Some(local) = neighbor.local {
        writeln!(to, "  local-address {local};")?;
    }
    if neighbor.passive {
        writeln!(to, "  passive true;")?;
    }
    if let Some(password) = &neighbor.password {
        writeln!(to, "  md5-password \"{password}\";")?;
    }
    if let Some(seconds) = neighbor.graceful_restart.filter(|seconds| *seconds > 0) {
        writeln!(to, "  capability {{ graceful-restart {seconds}; }}")?;
    }
    let families = [("ipv4 unicast; ", neighbor.ipv4), ("ipv6 unicast; ", neighbor.ipv6)];
    let carried: String = families.iter().filter(|(_, on)| *on).map(|(family, _)| *family).collect();
    writeln!(to, "  family {{ {carried}}}")?;
    writeln!(to, "  api {{ processes [ api ]; neighbor-changes; receive {{ parsed; update; }} }}\n}}")
}

impl ExaBgp {
    /// Gives it a command of its API, such as `announce route … next-hop … attribute […]`.
    ///
    /// # Errors
    /// When the lab is gone.
    pub fn command(&self, command: &str) -> Result {
        let path = self.host.outside(COMMANDS)?;
        let written =
            File::options().append(true).open(path).and_then(|mut file| writeln!(file, "{command}"));
        written.map_err(|error| self.host.refused(format!("telling ExaBGP `{command}`"), error))
    }

    /// Everything it told of its neighbours, in order: its JSON messages.
    ///
    /// # Errors
    /// When the lab is gone.
    pub fn heard(&self) -> Result<Vec<Value>> {
        let text = self.host.read_file(HEARD)?;
        // The last line may be half written, and `done` acknowledges commands.
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }
}

impl Peer for ExaBgp {
    fn host(&self) -> &Host {
        &self.host
    }

    fn daemons(&self) -> &[Daemon] {
        &self.daemons
    }

    /// What its neighbours announced and did not withdraw; its own announcements are not among it.
    fn routes(&self) -> Result<Vec<PeerRoute>> {
        let mut routes: Vec<PeerRoute> = Vec::new();
        for message in self.heard()? {
            let Some(from) = peer(&message) else { continue };
            if state(&message) == Some("down") {
                routes.retain(|route| route.from != Some(from));
            }
            let Some(update) = message.pointer("/neighbor/message/update") else { continue };
            let gone = update.get("withdraw").and_then(Value::as_object).into_iter().flatten();
            let gone = gone.flat_map(|(_, list)| prefixes(list)).collect::<Vec<_>>();
            let new = read_announced(from, update);
            routes.retain(|route| {
                let replaced = new.iter().any(|new| new.prefix == route.prefix);
                route.from != Some(from) || !(replaced || gone.contains(&route.prefix))
            });
            routes.extend(new);
        }
        Ok(routes)
    }

    fn announce(&mut self, what: &Announcement) -> Result {
        let mut command = format!("announce route {} next-hop self", what.prefix);
        if let Some(med) = what.med {
            command += &format!(" med {med}");
        }
        if !what.communities.is_empty() {
            command += &format!(" community [{}]", what.communities_text());
        }
        self.command(&command)
    }

    fn withdraw(&mut self, prefix: &str) -> Result {
        self.command(&format!("withdraw route {prefix} next-hop self"))
    }

    fn is_established(&self, neighbor: &str) -> Result<bool> {
        let wanted: Option<IpAddr> = neighbor.parse().ok();
        let heard = self.heard()?;
        let states = heard.iter().filter(|message| peer(message) == wanted).filter_map(state);
        Ok(states.rev().find(|state| ["up", "down"].contains(state)) == Some("up"))
    }
}

fn peer(message: &Value) -> Option<IpAddr> {
    message.pointer("/neighbor/address/peer")?.as_str()?.parse().ok()
}

fn state(message: &Value) -> Option<&str> {
    message.pointer("/neighbor/state")?.as_str()
}

fn prefixes(list: &Value) -> Vec<IpNet> {
    let prefix = |entry: &Value| entry.get("nlri").unwrap_or(entry).as_str()?.parse().ok();
    list.as_array().into_iter().flatten().filter_map(prefix).collect()
}

fn read_announced(from: IpAddr, update: &Value) -> Vec<PeerRoute> {
    let attribute = |name: &str| update.pointer(&format!("/attribute/{name}"));
    let number = |name: &str| attribute(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let list = |name: &str| attribute(name).and_then(Value::as_array).into_iter().flatten();
    let small = |value: &Value| u16::try_from(value.as_u64()?).ok();
    let community = |pair: &Value| Some((small(pair.get(0)?)?, small(pair.get(1)?)?));
    let model = PeerRoute {
        from: Some(from),
        as_path: list("as-path").filter_map(|asn| u32::try_from(asn.as_u64()?).ok()).collect(),
        local_pref: number("local-preference"),
        med: number("med"),
        communities: list("community").filter_map(community).collect(),
        originator: attribute("originator-id").and_then(|id| id.as_str()?.parse().ok()),
        clusters: list("cluster-list").filter_map(|id| id.as_str()?.parse().ok()).collect(),
        best: true,
        ..PeerRoute::bare(IpNet::from(from))
    };
    let families = update.get("announce").and_then(Value::as_object).into_iter().flatten();
    let hops = families.filter_map(|(_, hops)| hops.as_object()).flatten();
    let mut routes = Vec::new();
    for (hop, list) in hops {
        let next_hop = hop.parse().ok();
        routes.extend(prefixes(list).into_iter().map(|prefix| PeerRoute {
            prefix,
            next_hop,
            ..model.clone()
        }));
    }
    routes
}
