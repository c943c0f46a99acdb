//! BIRD 2, and BIRD 1.6 with its twin for IPv6.

use std::fmt::Write;
use std::net::IpAddr;

use ipnet::IpNet;

use super::bird_text::{read_routes, session_is_up};
use super::{Announcement, Neighbor, Peer, PeerRoute, Speaker, installed, wait_answer};
use crate::lab::{Daemon, Host, LabError, Result};

/// Where `install-peers.sh` unpacks BIRD 1.6.
const BIRD1: &str = "/opt/peregrine-peers/bird1";

/// A running BIRD: one process of version 2, or two of version 1.6.
#[derive(Debug)]
pub struct Bird {
    host: Host,
    speaker: Speaker,
    version: Version,
    parts: Vec<Part>,
    daemons: Vec<Daemon>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// One process.
#[derive(Clone, Debug)]
struct Part {
    name: &'static str,
    client: String,
    ipv4: bool,
    ipv6: bool,
}

impl Part {
    fn path(&self, kind: &str) -> String {
        format!("/run/{}/bird.{kind}", self.name)
    }

    fn carries(&self, address: IpAddr) -> bool {
        if address.is_ipv4() { self.ipv4 } else { self.ipv6 }
    }

    // Version 1.6 knows one family per process, and the session runs over the same.
    fn has(&self, neighbor: &Neighbor, version: Version) -> bool {
        version == Version::Two || self.carries(neighbor.address)
    }
}

impl Host {
    /// Starts BIRD 2.
    ///
    /// # Errors
    /// When it is not installed or refuses its configuration.
    pub fn bird2(&self, speaker: Speaker) -> Result<Bird> {
        let part = Part { name: "bird2", client: installed(&["/usr/sbin/birdc"])?, ipv4: true, ipv6: true };
        let program = installed(&["/usr/sbin/bird"])?;
        Bird::start(self, speaker, Version::Two, vec![(program, part)])
    }

    /// Starts BIRD 1.6: `bird` for the IPv4 neighbours and networks, `bird6` for the others.
    ///
    /// # Errors
    /// When it is not installed or refuses its configuration.
    pub fn bird1(&self, speaker: Speaker) -> Result<Bird> {
        let base = std::env::var("PEREGRINE_BIRD1").unwrap_or_else(|_| BIRD1.to_owned());
        let find = |name: &str| installed(&[&format!("{base}/usr/sbin/{name}")]);
        let four = Part { name: "bird", client: find("birdc")?, ipv4: true, ipv6: false };
        let six = Part { name: "bird6", client: find("birdc6")?, ipv4: false, ipv6: true };
        let parts = vec![(find("bird")?, four), (find("bird6")?, six)];
        Bird::start(self, speaker, Version::One, parts)
    }
}

impl Bird {
    fn start(host: &Host, speaker: Speaker, version: Version, parts: Vec<(String, Part)>) -> Result<Self> {
        let mut bird = Self { host: host.clone(), speaker, version, parts: Vec::new(), daemons: Vec::new() };
        for (program, part) in parts {
            host.write_file(&part.path("conf"), &bird.configuration(&part)?)?;
            let (conf, ctl, pid) = (part.path("conf"), part.path("ctl"), part.path("pid"));
            let foreground = if version == Version::Two { "-f" } else { "-d" };
            let argv = [program.as_str(), foreground, "-c", &conf, "-s", &ctl, "-P", &pid];
            let daemon = host.spawn(part.name, &argv)?;
            wait_answer(host, &daemon, &[&part.client, "-r", "-s", &ctl, "show", "status"])?;
            bird.parts.push(part);
            bird.daemons.push(daemon);
        }
        Ok(bird)
    }

    /// Runs a command of its control program on every process and joins the answers.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn birdc(&self, command: &[&str]) -> Result<String> {
        let answers = self.parts.iter().map(|part| self.ask(part, command)).collect::<Result<Vec<_>>>()?;
        Ok(answers.concat())
    }

    fn ask(&self, part: &Part, command: &[&str]) -> Result<String> {
        let socket = part.path("ctl");
        let mut argv = vec![part.client.as_str(), "-s", &socket];
        argv.extend(command);
        self.host.run(&argv)
    }

    fn configure(&self) -> Result {
        for part in &self.parts {
            self.host.write_file(&part.path("conf"), &self.configuration(part)?)?;
            let answer = self.ask(part, &["configure"])?;
            if !answer.contains("Reconfigur") {
                return Err(self.host.refused(format!("reconfiguring {}", part.name), answer));
            }
        }
        Ok(())
    }

    fn configuration(&self, part: &Part) -> Result<String> {
        let mut text = String::new();
        self.write_configuration(part, &mut text)
            .map_err(|error| LabError::Topology(format!("writing a BIRD configuration: {error}")))?;
        Ok(text)
    }

    fn write_configuration(&self, part: &Part, to: &mut String) -> std::fmt::Result {
        writeln!(to, "log stderr all;\nrouter id {};", self.speaker.router_id)?;
        writeln!(to, "protocol device {{ scan time 1; }}")?;
        match self.version {
            Version::Two => writeln!(to, "protocol direct {{ ipv4; ipv6; }}")?,
            Version::One => writeln!(to, "protocol direct {{ }}")?,
        }
        let filter = "where source = RTS_BGP";
        if self.speaker.kernel {
            match self.version {
                Version::One => {
                    writeln!(to, "protocol kernel {{ scan time 2; import none; export {filter}; }}")?;
                }
                Version::Two => {
                    for family in ["ipv4", "ipv6"] {
                        let channel = format!("{family} {{ import none; export {filter}; }};");
                        writeln!(to, "protocol kernel {{ scan time 2; {channel} }}")?;
                    }
                }
            }
        }
        self.write_networks(part, to)?;
        for (number, neighbor) in self.speaker.neighbors.iter().enumerate() {
            if part.has(neighbor, self.version) {
                self.write_neighbor(number, neighbor, to)?;
            }
        }
        writeln!(to, "{}", self.speaker.extra)
    }

    fn write_networks(&self, part: &Part, to: &mut String) -> std::fmt::Result {
        let own =
            |ipv4: bool| self.speaker.networks.iter().filter(move |own| own.prefix.addr().is_ipv4() == ipv4);
        for (ipv4, family, mine) in [(true, "ipv4", part.ipv4), (false, "ipv6", part.ipv6)] {
            if !mine {
                continue;
            }
            let channel = if self.version == Version::Two { format!("{family};") } else { String::new() };
            writeln!(to, "protocol static own{family} {{ {channel}")?;
            for network in own(ipv4) {
                writeln!(to, "  route {} blackhole;", network.prefix)?;
            }
            // A MED goes to external peers only if the export filter sets it.
            writeln!(to, "}}\nfilter export{family} {{\n  if source = RTS_BGP then accept;")?;
            writeln!(to, "  if source != RTS_STATIC then reject;")?;
            for network in own(ipv4) {
                write!(to, "  if net = {} then {{", network.prefix)?;
                if let Some(med) = network.med {
                    write!(to, " bgp_med = {med};")?;
                }
                for (high, low) in &network.communities {
                    write!(to, " bgp_community.add(({high},{low}));")?;
                }
                writeln!(to, " }}")?;
            }
            writeln!(to, "  accept;\n}}")?;
        }
        Ok(())
    }

    fn write_neighbor(&self, number: usize, neighbor: &Neighbor, to: &mut String) -> std::fmt::Result {
        writeln!(to, "protocol bgp n{number} {{")?;
        match neighbor.local {
            Some(local) => writeln!(to, "  local {local} as {};", self.speaker.asn)?,
            None => writeln!(to, "  local as {};", self.speaker.asn)?,
        }
        writeln!(to, "  neighbor {} as {};", neighbor.address, neighbor.asn)?;
        writeln!(to, "  connect delay time 1; connect retry time 2; error wait time 1, 2;")?;
        if neighbor.client {
            writeln!(to, "  rr client;")?;
        }
        if let (Some(cluster), true) = (self.speaker.cluster_id, neighbor.asn == self.speaker.asn) {
            writeln!(to, "  rr cluster id {cluster};")?;
        }
        if neighbor.passive {
            writeln!(to, "  passive;")?;
        }
        if let Some(password) = &neighbor.password {
            writeln!(to, "  password \"{password}\";")?;
        }
        match neighbor.graceful_restart {
            None => {}
            Some(0) => writeln!(to, "  graceful restart off;")?,
            Some(seconds) => writeln!(to, "  graceful restart on; graceful restart time {seconds};")?,
        }
        let next_hop = if neighbor.next_hop_self { " next hop self;" } else { "" };
        let body = |family: &str| format!("import all; export filter export{family};{next_hop}");
        let own_family = if neighbor.address.is_ipv4() { "ipv4" } else { "ipv6" };
        match self.version {
            Version::One => writeln!(to, "  {}", body(own_family))?,
            Version::Two => {
                for (family, carried) in [("ipv4", neighbor.ipv4), ("ipv6", neighbor.ipv6)] {
                    if carried {
                        writeln!(to, "  {family} {{ {} }};", body(family))?;
                    }
                }
            }
        }
        writeln!(to, "}}")
    }

    fn number_of(&self, address: IpAddr) -> Option<usize> {
        self.speaker.neighbors.iter().position(|neighbor| neighbor.address == address)
    }
}

impl Peer for Bird {
    fn host(&self) -> &Host {
        &self.host
    }

    fn daemons(&self) -> &[Daemon] {
        &self.daemons
    }

    fn routes(&self) -> Result<Vec<PeerRoute>> {
        let text = self.birdc(&["show", "route", "all"])?;
        Ok(read_routes(&text, |protocol| {
            let number: usize = protocol.strip_prefix('n')?.parse().ok()?;
            Some(self.speaker.neighbors.get(number)?.address)
        }))
    }

    fn announce(&mut self, what: &Announcement) -> Result {
        self.speaker.set_network(what);
        self.configure()
    }

    fn withdraw(&mut self, prefix: &str) -> Result {
        let gone: IpNet = prefix.parse().map_err(|_| LabError::Topology(format!("prefix {prefix:?}")))?;
        self.speaker.networks.retain(|own| own.prefix != gone.trunc());
        self.configure()
    }

    fn is_established(&self, neighbor: &str) -> Result<bool> {
        let address: IpAddr =
            neighbor.parse().map_err(|_| LabError::Topology(format!("neighbour {neighbor:?}")))?;
        let number = self.number_of(address);
        let number = number.ok_or_else(|| self.host.refused(neighbor, "not configured as a neighbour"))?;
        Ok(session_is_up(&self.birdc(&["show", "protocols"])?, &format!("n{number}")))
    }
}
