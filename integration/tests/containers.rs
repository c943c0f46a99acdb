//! Containers as CNI plugins make them, announced and withdrawn by a real agent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program"
)]

use std::time::Duration;

use integration::lab::{Host, Lab, Peregrine, Result, millis, secs, via};

/// Two hosts with a session of both families; the first one originates by `originate`.
fn pair(lab: &Lab, originate: &str) -> Result<(Host, Host, Peregrine, Peregrine)> {
    let [a, b] = lab.hosts(["a", "b"])?;
    lab.link(&a, &["192.0.2.1/24", "2001:db8::1/64"], &b, &["192.0.2.2/24", "2001:db8::2/64"])?;
    let config = |own: u8, other: u8, originate: &str| {
        format!(
            "[node]\nasn = 64512\nrouter-id = \"192.0.2.{own}\"\n\n[[neighbor]]\naddress = \"192.0.2.{other}\"\n\
             asn = \"internal\"\nconnect-retry-time = 1\n\n[originate]\n{originate}\n"
        )
    };
    let first = a.peregrine("agent", &config(1, 2, originate))?;
    let second = b.peregrine("agent", &config(2, 1, ""))?;
    established(&a)?;
    Ok((a, b, first, second))
}

fn established(host: &Host) -> Result<Duration> {
    let done = host.poll("established sessions", secs(20), || {
        let status = host.peregrine_cmd(&["status"])?;
        let peers = &status["peers"];
        Ok((peers["established"] == peers["configured"]).then_some(()))
    })?;
    Ok(done.1)
}

/// What the second host has heard, as prefixes.
fn heard(host: &Host) -> Result<Vec<String>> {
    let routes = host.peregrine_cmd(&["routes"])?;
    let prefixes = routes["routes"].as_array().unwrap().iter();
    Ok(prefixes.map(|route| route["prefix"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn ptp_containers_are_announced_with_their_route_and_their_gateway_never() -> Result {
    Lab::run(|lab| {
        let (a, b, ..) = pair(lab, "container-routes = [\"veth*\"]")?;
        let network = a.cni_ptp("net", &["10.65.1.0/24", "fd65:1::/64"])?;
        let c1 = network.add("c1")?;
        let c2 = network.add("c2")?;
        for (prefix, hop) in [
            ("10.65.1.2/32", "192.0.2.1"),
            ("fd65:1::2/128", "2001:db8::1"),
            ("10.65.1.3/32", "192.0.2.1"),
            ("fd65:1::3/128", "2001:db8::1"),
        ] {
            b.wait_route(prefix, via(hop), secs(5))?;
        }
        let mut all = heard(&b)?;
        all.sort();
        assert_eq!(all, ["10.65.1.2/32", "10.65.1.3/32", "fd65:1::2/128", "fd65:1::3/128"]);

        // The veth is deleted: the kernel says nothing of the IPv4 route.
        c1.delete_veth()?;
        b.wait_no_route("10.65.1.2/32", secs(5))?;
        b.wait_no_route("fd65:1::2/128", secs(5))?;
        // The namespace dies without CNI DEL.
        c2.die()?;
        b.wait_no_route("10.65.1.3/32", secs(5))?;
        b.wait_no_route("fd65:1::3/128", secs(5))?;
        Ok(())
    })
}

#[test]
fn a_container_behind_a_link_that_is_down_is_withdrawn_and_comes_back() -> Result {
    Lab::run(|lab| {
        let (a, b, ..) = pair(lab, "container-routes = [\"veth*\"]")?;
        let network = a.cni_ptp("net", &["10.65.1.0/24", "fd65:1::/64"])?;
        let c1 = network.add("c1")?;
        b.wait_route("10.65.1.2/32", via("192.0.2.1"), secs(5))?;
        b.wait_route("fd65:1::2/128", via("2001:db8::1"), secs(5))?;
        // The host-scope IPv4 route stays in the kernel, the IPv6 one is deleted.
        c1.veth().down()?;
        b.wait_no_route("10.65.1.2/32", secs(5))?;
        b.wait_no_route("fd65:1::2/128", secs(5))?;
        assert_eq!(a.routes_to("10.65.1.2/32")?.len(), 1);
        c1.veth().up()?;
        b.wait_route("10.65.1.2/32", via("192.0.2.1"), secs(5))?;
        // Nobody restored the IPv6 route: it is not announced until somebody does.
        assert!(a.routes_to("fd65:1::2/128")?.is_empty());
        let back = c1.host_route("fd65:1::2".parse().unwrap());
        a.add_route(&back)?;
        b.wait_route("fd65:1::2/128", via("2001:db8::1"), secs(5)).map(drop)
    })
}

#[test]
fn bridge_networks_are_announced_as_connected_prefixes() -> Result {
    Lab::run(|lab| {
        let (a, b, ..) = pair(lab, "connected = [\"cni0\"]")?;
        let network = a.cni_bridge("net", "cni0", &["10.66.1.0/26", "fd66:1::/64"])?;
        let c1 = network.add("c1")?;
        b.wait_route("10.66.1.0/26", via("192.0.2.1"), secs(5))?;
        b.wait_route("fd66:1::/64", via("2001:db8::1"), secs(5))?;
        b.ping("10.66.1.2")?;
        let mut all = heard(&b)?;
        all.sort();
        assert_eq!(all, ["10.66.1.0/26", "fd66:1::/64"]);
        network.del(&c1)?;
        a.link("cni0").down()?;
        b.wait_no_route("10.66.1.0/26", secs(5))?;
        b.wait_no_route("fd66:1::/64", secs(5)).map(drop)
    })
}

#[test]
fn configured_networks_are_announced_over_a_blackhole() -> Result {
    Lab::run(|lab| {
        let (a, b, first, _) =
            pair(lab, "networks = [\"10.60.3.64/26\", \"fd60:3::/64\"]\ncontainer-routes = [\"veth*\"]")?;
        b.wait_route("10.60.3.64/26", via("192.0.2.1"), secs(5))?;
        b.wait_route("fd60:3::/64", via("2001:db8::1"), secs(5))?;
        for prefix in ["10.60.3.64/26", "fd60:3::/64"] {
            let routes = a.routes_to(prefix)?;
            assert!(routes.len() == 1 && routes[0].protocol == 186, "{routes:?}");
        }
        // A container inside it is more specific than the blackhole.
        let c1 = a.container("c1", &["10.60.3.70/32"])?;
        b.ping("10.60.3.70")?;
        c1.die()?;
        first.stop()?;
        // `keep-on-exit` is the default.
        assert_eq!(a.routes_to("10.60.3.64/26")?.len(), 1);
        Ok(())
    })
}

/// Containers of one round, started and stopped on one host of three.
const CONTAINERS: usize = 1000;
const ROUNDS: usize = 10;

#[test]
fn a_thousand_containers_come_and_go_without_a_trace() -> Result {
    Lab::run(|lab| {
        let [a, b, c] = lab.hosts(["a", "b", "c"])?;
        let lan = lab.bridge("lan")?;
        let mut agents = Vec::new();
        for (host, own) in [(&a, 1), (&b, 2), (&c, 3)] {
            host.attach(&lan, &[&format!("192.0.2.{own}/24"), &format!("2001:db8::{own}/64")])?;
            let others = [1, 2, 3].into_iter().filter(|other| *other != own).map(|other| {
                format!("[[neighbor]]\naddress = \"192.0.2.{other}\"\nasn = \"internal\"\nconnect-retry-time = 1\n")
            });
            let others: String = others.collect();
            let config = format!(
                "[node]\nasn = 64512\nrouter-id = \"192.0.2.{own}\"\nshards = {own}\n{others}\n[originate]\ncontainer-routes = [\"veth*\"]\n"
            );
            agents.push(host.peregrine("agent", &config)?);
        }
        established(&a)?;
        let ours = |host: &Host| host.routes_of(186).map(|routes| routes.len());
        let settled = |host: &Host, wanted: usize| {
            host.poll("the kernel's routes to be right", secs(60), || {
                Ok((ours(host)? == wanted).then_some(()))
            })
        };
        let mut usage = Vec::new();
        for round in 0..ROUNDS {
            let mut containers = Vec::new();
            for n in 0..CONTAINERS {
                let (high, low) = (n / 200, n % 200 + 2);
                let v4 = format!("10.61.{high}.{low}/32");
                let v6 = format!("fd61:0:0:{high:x}::{low:x}/128");
                containers.push(a.container(&format!("c{n}"), &[&v4, &v6])?);
            }
            settled(&b, 2 * CONTAINERS)?;
            settled(&c, 2 * CONTAINERS)?;
            b.ping("10.61.0.2")?;
            for container in containers {
                container.die()?;
            }
            settled(&b, 0)?;
            settled(&c, 0)?;
            // What is free goes back to the system half a second later.
            std::thread::sleep(millis(1500));
            let now: Vec<(u64, usize)> =
                agents.iter().map(|agent| Ok((agent.rss()?, agent.open_files()?))).collect::<Result<_>>()?;
            println!("round {round}: (bytes resident, open files) of the three agents: {now:?}");
            usage.push(now);
        }
        // A figure moves by a megabyte with what the allocator happens to hold; what leaks adds up.
        let (early, late) = usage.split_at(ROUNDS / 2);
        for agent in 0..agents.len() {
            let most = early.iter().map(|round| round[agent].0).max().unwrap();
            let least = late.iter().map(|round| round[agent].0).min().unwrap();
            assert!(least <= most + (1 << 19), "agent {agent}: at most {most}, later at least {least} bytes");
            let files = usage.iter().map(|round| round[agent].1);
            assert_eq!(files.clone().min(), files.max(), "agent {agent}: open files");
        }
        Ok(())
    })
}
