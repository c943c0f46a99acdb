//! What the demonstration runs on: hosts, reflectors, a ToR router and a host behind it.

use std::io::BufRead as _;

use crate::lab::{BGP, Container, Host, KernelRoute, Lab, Peregrine, Result, parse_address, parse_net, secs};

use super::screen::{Row, Screen};

/// The topology for people.
pub(super) const PICTURE: &str = "
  Peregrine: container routes from their host into every kernel

     outside  198.51.100.9            reflectors rr1, rr2: AS 64512, iBGP with h1, h2, h3
        |                             ToR router:          AS 65001, eBGP with h1, h2, h3
       tor ----------+----------+     no full mesh between the hosts
        |            |          |
   -----+-----+------+---+------+----- 192.0.2.0/24, 2001:db8::/64
        |     |          |      |
       h1    h2         h3   rr1 rr2
      /  \\   /  \\       /  \\
     c1  c2 c1  c2     c1  c2         containers 10.60.<host>.x and fd60:0:0:<host>::x
";

/// One container host.
pub(super) struct Node {
    /// The machine.
    pub(super) host: Host,
    /// Its agent.
    pub(super) agent: Peregrine,
    /// Its number, 1 to 3.
    pub(super) number: usize,
    /// Its containers.
    pub(super) containers: Vec<Container>,
}

/// Everything that runs.
pub(super) struct Network {
    /// The container hosts.
    pub(super) nodes: Vec<Node>,
    /// The route reflectors.
    pub(super) reflectors: Vec<Peregrine>,
    /// The ToR router.
    pub(super) tor: Peregrine,
    /// The host behind it.
    pub(super) outside: Host,
}

/// Address of a container, IPv4 and IPv6.
pub(super) fn container_addresses(node: usize, container: usize) -> [String; 2] {
    [format!("10.60.{node}.{}", container + 1), format!("fd60:0:0:{node}::{}", container + 1)]
}

/// Address of the host outside, IPv4 and IPv6.
pub(super) const OUTSIDE: [&str; 2] = ["198.51.100.9", "2001:db8:51::9"];

impl Network {
    /// Builds it and waits until every kernel has every route.
    pub(super) fn build(lab: &Lab, screen: &Screen) -> Result<Self> {
        let lan = lab.bridge("lan")?;
        let attach = |name: &str, last: &str| -> Result<Host> {
            let host = lab.host(name)?;
            host.attach(&lan, &[&format!("192.0.2.{last}/24"), &format!("2001:db8::{last}/64")])?;
            Ok(host)
        };
        let hosts = [attach("h1", "11")?, attach("h2", "12")?, attach("h3", "13")?];
        let reflectors = [(attach("rr1", "251")?, "192.0.2.251"), (attach("rr2", "252")?, "192.0.2.252")];
        let tor = attach("tor", "254")?;
        let outside = lab.host("outside")?;
        lab.link(
            &tor,
            &["198.51.100.1/24", "2001:db8:51::1/64"],
            &outside,
            &["198.51.100.9/24", "2001:db8:51::9/64"],
        )?;
        for (everywhere, gateway) in [("0.0.0.0/0", "198.51.100.1"), ("::/0", "2001:db8:51::1")] {
            outside.add_route(&KernelRoute::to(parse_net(everywhere)?).via(parse_address(gateway)?))?;
        }

        let reflectors = reflectors
            .iter()
            .map(|(host, address)| host.peregrine("reflector", &reflector_config(address)))
            .collect::<Result<Vec<_>>>()?;
        let tor = tor.peregrine("agent", TOR_CONFIG)?;
        let mut nodes = Vec::new();
        for (host, number) in hosts.into_iter().zip(1..) {
            let agent = host.peregrine("agent", &agent_config(number))?;
            let mut containers = Vec::new();
            for index in 1..=2 {
                containers.push(start_container(&host, number, index)?);
            }
            nodes.push(Node { host, agent, number, containers });
        }
        let network = Self { nodes, reflectors, tor, outside };
        screen.watch(network.rows());
        network.wait_converged()?;
        Ok(network)
    }

    /// Waits until every kernel has a route to every container of the others, and to the outside.
    pub(super) fn wait_converged(&self) -> Result {
        let prefixes = |node: &Node| -> Vec<String> {
            let all = (1..=node.containers.len()).flat_map(|c| container_addresses(node.number, c));
            all.map(|address| if address.contains(':') { address + "/128" } else { address + "/32" })
                .collect()
        };
        for node in &self.nodes {
            let others = self.nodes.iter().filter(|other| other.number != node.number);
            for prefix in others.flat_map(prefixes).chain(OUTSIDE_PREFIXES.map(String::from)) {
                node.host.wait_route(&prefix, |route| route.protocol == BGP, secs(20))?;
            }
            for prefix in prefixes(node) {
                self.tor.host().wait_route(&prefix, |route| route.protocol == BGP, secs(20))?;
            }
        }
        Ok(())
    }

    fn rows(&self) -> Vec<Row> {
        let row =
            |daemon: &Peregrine, role| Row { host: daemon.host().clone(), role, daemon: daemon.clone() };
        let hosts = self.nodes.iter().map(|node| row(&node.agent, "agent"));
        let reflectors = self.reflectors.iter().map(|daemon| row(daemon, "reflector"));
        hosts.chain(reflectors).chain([row(&self.tor, "ToR router")]).collect()
    }

    /// Says how to enter the network and waits for Enter.
    pub(super) fn look_around(&self, lab: &Lab) {
        let Some(program) = crate::lab::peregrine_program().ok() else { return };
        let program = program.display();
        println!("\nThe network stays until you press Enter. In another terminal:");
        for node in &self.nodes {
            let Ok(enter) = lab.enter_command(&node.host) else { continue };
            println!("\n  # {}", node.host.name());
            println!("  {enter} {program} status");
            println!("  {enter} {program} routes");
            println!("  {enter} sh        # then: ip route, ping {}", OUTSIDE[0]);
        }
        let mut line = String::new();
        // Without a terminal there is nobody to press it, and the network ends at once.
        let _ = std::io::stdin().lock().read_line(&mut line);
    }
}

const OUTSIDE_PREFIXES: [&str; 2] = ["198.51.100.0/24", "2001:db8:51::/64"];

/// Starts a container with its IPv4 and IPv6 address.
pub(super) fn start_container(host: &Host, node: usize, container: usize) -> Result<Container> {
    let [v4, v6] = container_addresses(node, container);
    host.container(&format!("c{container}"), &[&format!("{v4}/32"), &format!("{v6}/128")])
}

fn agent_config(number: usize) -> String {
    format!(
        r#"
[node]
name = "h{number}"
asn = 64512
router-id = "192.0.2.1{number}"

[[neighbor]]
name = "rr1"
address = "192.0.2.251"
asn = "internal"
connect-retry-time = 1

[[neighbor]]
name = "rr2"
address = "192.0.2.252"
asn = "internal"
connect-retry-time = 1

[[neighbor]]
name = "tor"
address = "192.0.2.254"
asn = 65001
connect-retry-time = 1
import = ["accept"]
export = ["own-routes"]

[[policy]]
name = "own-routes"
rules = [{{ match = {{ source = "local" }}, action = "accept" }}]

[originate]
container-routes = ["veth*"]
"#
    )
}

fn reflector_config(address: &str) -> String {
    let clients = ["192.0.2.11", "192.0.2.12", "192.0.2.13"].map(|client| {
        format!("[[neighbor]]\naddress = \"{client}\"\nasn = \"internal\"\nconnect-retry-time = 1\n")
    });
    format!("[node]\nasn = 64512\nrouter-id = \"{address}\"\n\n{}", clients.join("\n"))
}

const TOR_CONFIG: &str = r#"
[node]
asn = 65001
router-id = "192.0.2.254"

[[neighbor]]
name = "h1"
address = "192.0.2.11"
asn = 64512
connect-retry-time = 1
import = ["accept"]
export = ["own-routes"]

[[neighbor]]
name = "h2"
address = "192.0.2.12"
asn = 64512
connect-retry-time = 1
import = ["accept"]
export = ["own-routes"]

[[neighbor]]
name = "h3"
address = "192.0.2.13"
asn = 64512
connect-retry-time = 1
import = ["accept"]
export = ["own-routes"]

[[policy]]
name = "own-routes"
rules = [{ match = { source = "local" }, action = "accept" }]

[originate]
connected = ["outside"]
"#;
