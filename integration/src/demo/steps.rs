//! The steps of the demonstration, each measured and checked.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::lab::{BGP, Container, Host, KernelRoute, Lab, Pinger, Result, RouteChange, millis, secs};

use super::network::{Network, Node, OUTSIDE, container_addresses, start_container};
use super::screen::Screen;

/// Runs every step; the text sums up what was measured.
pub(super) fn run(lab: &Lab, network: &mut Network, screen: &Screen) -> Result<String> {
    let mut summary = String::new();
    let mut sum = |text: &str| {
        screen.result(text);
        let _ = writeln!(summary, "  {text}");
    };
    screen.step(1, "Every container reaches every other one, and the host outside");
    sum(&everyone_reaches_everyone(network)?);
    screen.step(2, "A container starts on h1");
    sum(&container_starts(network)?);
    screen.step(3, "It dies: its namespace vanishes, nobody tells the agent");
    sum(&container_dies(network)?);
    screen.step(4, "Reflector rr1 is killed (SIGKILL) while containers ping each other");
    sum(&reflector_is_killed(network)?);
    screen.step(5, "The agent on h2 is killed (SIGKILL) and comes back");
    sum(&agent_is_killed(lab, network, screen)?);
    screen.step(6, "Somebody deletes a learned route on h3 by hand");
    sum(&route_is_deleted(network)?);
    Ok(summary)
}

fn everyone_reaches_everyone(network: &Network) -> Result<String> {
    let started = Instant::now();
    let mut pings = 0;
    for (from, to) in pairs(network) {
        from.ping(&to)?;
        pings += 1;
    }
    Ok(format!("{pings} pings, IPv4 and IPv6, all answered ({})", ms(started.elapsed())))
}

/// Every container with every address it should reach.
fn pairs(network: &Network) -> Vec<(Container, String)> {
    let mut pairs = Vec::new();
    for node in &network.nodes {
        for (index, container) in (1..).zip(&node.containers) {
            let own = container_addresses(node.number, index);
            let all = network.nodes.iter().flat_map(|other| {
                (1..=other.containers.len()).flat_map(|c| container_addresses(other.number, c))
            });
            let others = all.chain(OUTSIDE.map(String::from)).filter(|address| !own.contains(address));
            pairs.extend(others.map(|address| (container.clone(), address)));
        }
    }
    pairs
}

const NEW: usize = 3;

fn container_starts(network: &mut Network) -> Result<String> {
    let Some(first) = network.nodes.first_mut() else { return Ok(String::new()) };
    let started = Instant::now();
    let new = start_container(&first.host, first.number, NEW)?;
    let made = started.elapsed();
    first.containers.push(new);
    let addresses = container_addresses(first.number, NEW);
    for host in elsewhere(network) {
        for address in &addresses {
            host.wait_route(&whole(address), ours, secs(5))?;
        }
    }
    let routed = started.elapsed();
    for node in network.nodes.iter().skip(1) {
        for address in &addresses {
            for container in &node.containers {
                container.ping(address)?;
            }
        }
    }
    for address in &addresses {
        network.outside.ping(address)?;
    }
    Ok(format!(
        "container made in {}, route in every kernel {} later, everybody's ping answered",
        ms(made),
        ms(routed.saturating_sub(made))
    ))
}

fn container_dies(network: &mut Network) -> Result<String> {
    let Some(first) = network.nodes.first_mut() else { return Ok(String::new()) };
    let addresses = container_addresses(first.number, NEW);
    let Some(container) = first.containers.pop() else { return Ok(String::new()) };
    let veth = container.veth().clone();
    let started = Instant::now();
    container.die()?;
    // The kernel takes the interface away in its own time; what counts is how soon routes follow.
    first.host.poll("the veth to vanish", secs(5), || Ok((!veth.exists()?).then_some(())))?;
    let vanished = started.elapsed();
    for host in elsewhere(network) {
        for address in &addresses {
            host.wait_no_route(&whole(address), secs(5))?;
        }
    }
    let gone = started.elapsed();
    Ok(format!(
        "the kernel removed its interface after {}, every kernel was without its routes {} later",
        ms(vanished),
        ms(gone.saturating_sub(vanished))
    ))
}

fn reflector_is_killed(network: &Network) -> Result<String> {
    let pingers = ring(network)?;
    let Some(reflector) = network.reflectors.first() else { return Ok(String::new()) };
    std::thread::sleep(millis(300));
    reflector.kill9()?;
    std::thread::sleep(secs(3));
    let sent = without_loss(pingers)?;
    reflector.restart()?;
    network.wait_converged()?;
    Ok(format!("{sent} pings during 3 s, none lost; rr1 is back"))
}

fn agent_is_killed(lab: &Lab, network: &Network, screen: &Screen) -> Result<String> {
    let [first, second, ..] = network.nodes.as_slice() else { return Ok(String::new()) };
    let pingers = ring(network)?;
    let own: Vec<KernelRoute> = second.host.routes_of(BGP)?;
    let watch = first.host.watch_routes()?;
    let watch_own = second.host.watch_routes()?;
    std::thread::sleep(millis(300));
    second.agent.kill9()?;
    std::thread::sleep(secs(2));
    let kept = second.host.routes_of(BGP)?.len();
    screen.result(&format!("2 s later: {kept} of its {} kernel routes are there, pings go on", own.len()));
    let restarted = Instant::now();
    second.agent.restart()?;
    wait_established(second)?;
    std::thread::sleep(secs(2));
    let sent = without_loss(pingers)?;
    let flaps = second.containers.len() * 2;
    let addresses = (1..=second.containers.len()).flat_map(|c| container_addresses(second.number, c));
    let mut changes = watch_own.changes();
    changes.retain(|change| change.route.protocol == BGP);
    for address in addresses {
        changes.extend(watch.changes_to(&whole(&address))?);
    }
    let same = second.host.routes_of(BGP)? == own;
    if !changes.is_empty() || !same {
        changes.sort_by_key(|change| change.at);
        let after = |change: &RouteChange| change.at.saturating_duration_since(restarted).as_secs_f64();
        let list: String = changes
            .iter()
            .map(|change| format!("\n  {:.4} s after the restart: {change}", after(change)))
            .collect();
        return Err(lab.claim(format!("changes to routes that should have stayed: {}{list}", changes.len())));
    }
    Ok(format!(
        "{sent} pings, none lost; {flaps} routes to its containers on h1 and its own {} never changed",
        own.len()
    ))
}

fn route_is_deleted(network: &Network) -> Result<String> {
    let [first, .., third] = network.nodes.as_slice() else { return Ok(String::new()) };
    let mut times = Vec::new();
    for address in container_addresses(first.number, 1) {
        let prefix = whole(&address);
        for route in third.host.routes_to(&prefix)? {
            let watch = third.host.watch_routes()?;
            third.host.delete_route(&route)?;
            third.host.wait_route(&prefix, ours, secs(5))?;
            third
                .host
                .poll("the kernel to tell of it", secs(1), || {
                    let changes = watch.changes_to(&prefix)?;
                    let gone = changes.iter().find(|change| !change.added).map(|change| change.at);
                    let back = changes.iter().find(|change| change.added).map(|change| change.at);
                    Ok(gone.zip(back))
                })
                .map(|((gone, back), _)| times.push(back.saturating_duration_since(gone)))?;
        }
    }
    let times: Vec<String> = times.into_iter().map(ms).collect();
    Ok(format!("it was back after {}", times.join(" (IPv4) and ")) + " (IPv6)")
}

/// Each host's first container pings the next host's, and the host outside.
fn ring(network: &Network) -> Result<Vec<Pinger>> {
    let mut pingers = Vec::new();
    for (node, next) in network.nodes.iter().zip(network.nodes.iter().cycle().skip(1)) {
        let Some(container) = node.containers.first() else { continue };
        for address in container_addresses(next.number, 1).iter().map(String::as_str).chain(OUTSIDE) {
            pingers.push(container.pinger(address, millis(20))?);
        }
    }
    Ok(pingers)
}

fn without_loss(pingers: Vec<Pinger>) -> Result<usize> {
    let counts = pingers.into_iter().map(Pinger::stop_without_loss).collect::<Result<Vec<_>>>()?;
    Ok(counts.iter().map(|count| count.sent).sum())
}

fn wait_established(node: &Node) -> Result {
    node.host.poll("all sessions to be established", secs(20), || {
        let status = node.agent.cmd(&["status"])?;
        let peers = status.get("peers").cloned().unwrap_or_default();
        Ok((peers.get("established") == peers.get("configured")).then_some(()))
    })?;
    Ok(())
}

/// Every router's machine that is not the first host.
fn elsewhere(network: &Network) -> impl Iterator<Item = &Host> {
    network.nodes.iter().skip(1).map(|node| &node.host).chain([network.tor.host()])
}

fn ours(route: &KernelRoute) -> bool {
    route.protocol == BGP
}

fn whole(address: &str) -> String {
    if address.contains(':') { format!("{address}/128") } else { format!("{address}/32") }
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
