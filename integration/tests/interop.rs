//! Peregrine with the other implementations: IPv4 and IPv6, announce, replace and withdraw both ways, the
//! kernel's routes checked on both sides.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program"
)]

use std::net::IpAddr;

use integration::lab::{BGP, BIRD, Host, KernelRoute, Lab, Peregrine, Result, secs, via};
use integration::peers::{Announcement, Neighbor, Peer, PeerRoute, Speaker};

const OURS: u32 = 64512;
const TOR: u32 = 65001;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// An agent that originates its containers and knows these neighbours, given as address and AS.
fn agent(router_id: &str, neighbors: &[(&str, &str)]) -> String {
    let mut config = format!("[node]\nasn = {OURS}\nrouter-id = \"{router_id}\"\nshards = 3\n");
    for (address, asn) in neighbors {
        let family = if address.contains(':') { "ipv6-unicast" } else { "ipv4-unicast" };
        config += &format!(
            "\n[[neighbor]]\naddress = \"{address}\"\nasn = {asn}\nfamilies = [\"{family}\"]\n\
             connect-retry-time = 1\nidle-hold-time = 1\nimport = [\"accept\"]\nexport = [\"accept\"]\n"
        );
    }
    config + "\n[originate]\ncontainer-routes = [\"veth*\"]\n"
}

fn speaker(asn: u32, last: u8, neighbors: &[(&str, u32)]) -> Result<Speaker> {
    let mut speaker = Speaker::new(asn, [192, 0, 2, last]);
    for (address, neighbor_asn) in neighbors {
        let local =
            if address.contains(':') { format!("2001:db8::{last}") } else { format!("192.0.2.{last}") };
        speaker = speaker.neighbor(Neighbor::new(address, *neighbor_asn)?.local(ip(&local)));
    }
    Ok(speaker)
}

/// What the peer announces comes and goes in our kernel, replaced in between.
fn learns(ours: &Host, peer: &mut dyn Peer, hops: [&str; 2], ibgp: bool) -> Result {
    for (prefix, hop) in [("10.3.0.0/24", hops[0]), ("fd03::/64", hops[1])] {
        for med in [10, 20] {
            peer.announce(&Announcement::new(prefix)?.med(med).community(65001, 8))?;
            ours.wait_route(prefix, |route| route.protocol == BGP && route.goes_via(ip(hop)), secs(10))?;
            ours.poll("the replaced route in the RIB", secs(5), || {
                let routes = ours.peregrine_cmd(&["routes", prefix])?;
                let route = routes["routes"][0].clone();
                let attributes = &route["attributes"];
                let same = attributes["med"] == med && attributes["communities"][0] == "65001:8";
                let path_is = attributes["as_path"].as_str().is_some_and(|path| path.is_empty() == ibgp);
                Ok((same && path_is && route["flags"]["best"] == true).then_some(()))
            })?;
        }
        peer.withdraw(prefix)?;
        ours.wait_no_route(prefix, secs(10))?;
    }
    Ok(())
}

/// What we announce comes and goes at the peer; `kernel` checks its kernel too.
fn teaches(
    ours: &Peregrine,
    peer: &dyn Peer,
    wanted: &dyn Fn(&PeerRoute, IpAddr) -> bool,
    kernel: Option<&dyn Fn(&KernelRoute) -> bool>,
    hops: [&str; 2],
) -> Result {
    for (prefix, hop) in [("10.4.0.0/24", hops[0]), ("fd04::/64", hops[1])] {
        assert_eq!(ours.host().peregrine_run(&["announce", prefix])?.stderr, "");
        peer.wait_route(prefix, &|route| wanted(route, ip(hop)), secs(10))?;
        if let Some(kernel) = kernel {
            peer.host().wait_route(prefix, |route| kernel(route) && route.goes_via(ip(hop)), secs(10))?;
        }
        assert_eq!(ours.host().peregrine_run(&["withdraw", prefix])?.stderr, "");
        peer.wait_no_route(prefix, secs(10))?;
        if kernel.is_some() {
            peer.host().wait_no_route(prefix, secs(10))?;
        }
    }
    Ok(())
}

/// A container appears at the peer and vanishes with its namespace.
fn container_comes_and_goes(host: &Host, peer: &dyn Peer) -> Result {
    let container = host.container("c1", &["10.60.1.2/32", "fd60:0:0:1::2/128"])?;
    for prefix in ["10.60.1.2/32", "fd60:0:0:1::2/128"] {
        peer.wait_route(prefix, &|route| route.best, secs(10))?;
    }
    container.die()?;
    for prefix in ["10.60.1.2/32", "fd60:0:0:1::2/128"] {
        peer.wait_no_route(prefix, secs(10))?;
    }
    Ok(())
}

#[test]
fn bird_2_as_a_top_of_rack_router() -> Result {
    Lab::run(|lab| {
        let [host, tor] = lab.hosts(["host", "tor"])?;
        lab.link(&host, &["192.0.2.1/24", "2001:db8::1/64"], &tor, &["192.0.2.2/24", "2001:db8::2/64"])?;
        let ours = host
            .peregrine("agent", &agent("192.0.2.1", &[("192.0.2.2", "65001"), ("2001:db8::2", "65001")]))?;
        let mut bird = tor.bird2(speaker(TOR, 2, &[("192.0.2.1", OURS), ("2001:db8::1", OURS)])?.kernel())?;
        bird.wait_established("192.0.2.1", secs(30))?;
        bird.wait_established("2001:db8::1", secs(30))?;
        learns(&host, &mut bird, ["192.0.2.2", "2001:db8::2"], false)?;
        let wanted = |route: &PeerRoute, hop| route.as_path == [OURS] && route.next_hop == Some(hop);
        let kernel = |route: &KernelRoute| route.protocol == BIRD;
        teaches(&ours, &bird, &wanted, Some(&kernel), ["192.0.2.1", "2001:db8::1"])?;
        container_comes_and_goes(&host, &bird)?;

        // It is killed without graceful restart being asked for by us: what it taught goes and comes back.
        bird.announce(&Announcement::new("10.3.0.0/24")?)?;
        host.wait_route("10.3.0.0/24", via("192.0.2.2"), secs(10))?;
        bird.kill9()?;
        bird.restart()?;
        bird.wait_established("192.0.2.1", secs(30)).map(drop)
    })
}

#[test]
fn bird_1_as_a_host_of_the_same_mesh() -> Result {
    Lab::run(|lab| {
        let [a, b, old] = lab.hosts(["a", "b", "old"])?;
        let lan = lab.bridge("lan")?;
        a.attach(&lan, &["192.0.2.1/24", "2001:db8::1/64"])?;
        b.attach(&lan, &["192.0.2.2/24", "2001:db8::2/64"])?;
        old.attach(&lan, &["192.0.2.3/24", "2001:db8::3/64"])?;
        let mesh = |others: [&str; 2]| {
            let all = others.map(|n| [format!("192.0.2.{n}"), format!("2001:db8::{n}")]).concat();
            let all: Vec<(&str, &str)> =
                all.iter().map(|address| (address.as_str(), "\"internal\"")).collect();
            agent(
                &format!("192.0.2.{}", 6 - others.map(|n| n.parse::<u8>().unwrap()).iter().sum::<u8>()),
                &all,
            )
        };
        let first = a.peregrine("agent", &mesh(["2", "3"]))?;
        b.peregrine("agent", &mesh(["1", "3"]))?;
        let all = [("192.0.2.1", OURS), ("192.0.2.2", OURS), ("2001:db8::1", OURS), ("2001:db8::2", OURS)];
        let mut bird = old.bird1(speaker(OURS, 3, &all)?.kernel())?;
        for (address, _) in all {
            bird.wait_established(address, secs(30))?;
        }
        learns(&a, &mut bird, ["192.0.2.3", "2001:db8::3"], true)?;
        let wanted = |route: &PeerRoute, hop| route.as_path.is_empty() && route.next_hop == Some(hop);
        let kernel = |route: &KernelRoute| route.protocol == BIRD;
        teaches(&first, &bird, &wanted, Some(&kernel), ["192.0.2.1", "2001:db8::1"])?;
        container_comes_and_goes(&b, &bird)?;
        // In a mesh nobody passes on what another internal peer said (RFC 4271 §9.2).
        let told = a.peregrine_cmd(&["routes", "--advertised", "192.0.2.2"])?;
        bird.announce(&Announcement::new("10.3.0.0/24")?)?;
        b.wait_route("10.3.0.0/24", via("192.0.2.3"), secs(10))?;
        assert_eq!(a.peregrine_cmd(&["routes", "--advertised", "192.0.2.2"])?, told);
        Ok(())
    })
}

#[test]
fn frr_as_a_client_of_our_reflector() -> Result {
    Lab::run(|lab| {
        let [rr, host, frr] = lab.hosts(["rr", "host", "frr"])?;
        let lan = lab.bridge("lan")?;
        rr.attach(&lan, &["192.0.2.1/24", "2001:db8::1/64"])?;
        host.attach(&lan, &["192.0.2.2/24", "2001:db8::2/64"])?;
        frr.attach(&lan, &["192.0.2.3/24", "2001:db8::3/64"])?;
        let clients = ["192.0.2.2", "192.0.2.3", "2001:db8::2", "2001:db8::3"].map(|c| (c, "\"internal\""));
        rr.peregrine("reflector", &agent("192.0.2.1", &clients).replace("container-routes", "connected"))?;
        let ours = host.peregrine(
            "agent",
            &agent("192.0.2.2", &[("192.0.2.1", "\"internal\""), ("2001:db8::1", "\"internal\"")]),
        )?;
        let mut peer = frr.frr(speaker(OURS, 3, &[("192.0.2.1", OURS), ("2001:db8::1", OURS)])?.kernel())?;
        peer.wait_established("192.0.2.1", secs(30))?;
        peer.wait_established("2001:db8::1", secs(30))?;
        learns(&host, &mut peer, ["192.0.2.3", "2001:db8::3"], true)?;
        let wanted = |route: &PeerRoute, hop| route.as_path.is_empty() && route.next_hop == Some(hop);
        teaches(&ours, &peer, &wanted, Some(&|_: &KernelRoute| true), ["192.0.2.2", "2001:db8::2"])?;
        container_comes_and_goes(&host, &peer)?;

        // RFC 4456 §8: what was reflected carries where it came from and through whom.
        peer.announce(&Announcement::new("10.3.0.0/24")?)?;
        host.wait_route("10.3.0.0/24", via("192.0.2.3"), secs(10))?;
        let routes = host.peregrine_cmd(&["routes", "10.3.0.0/24"])?;
        let attributes = &routes["routes"][0]["attributes"];
        assert_eq!(attributes["originator_id"], "192.0.2.3");
        assert_eq!(attributes["cluster_list"][0], "192.0.2.1");
        Ok(())
    })
}

#[test]
fn gobgp_as_the_reflector_above_us() -> Result {
    Lab::run(|lab| {
        let [rr, a, b] = lab.hosts(["rr", "a", "b"])?;
        let lan = lab.bridge("lan")?;
        rr.attach(&lan, &["192.0.2.1/24", "2001:db8::1/64"])?;
        a.attach(&lan, &["192.0.2.2/24", "2001:db8::2/64"])?;
        b.attach(&lan, &["192.0.2.3/24", "2001:db8::3/64"])?;
        let mut reflector = Speaker::new(OURS, [192, 0, 2, 1]);
        for client in ["192.0.2.2", "192.0.2.3", "2001:db8::2", "2001:db8::3"] {
            let local = if client.contains(':') { "2001:db8::1" } else { "192.0.2.1" };
            reflector = reflector.neighbor(Neighbor::new(client, OURS)?.local(ip(local)).client());
        }
        let mut peer = rr.gobgp(&reflector)?;
        let up = [("192.0.2.1", "\"internal\""), ("2001:db8::1", "\"internal\"")];
        let ours = a.peregrine("agent", &agent("192.0.2.2", &up))?;
        b.peregrine("agent", &agent("192.0.2.3", &up))?;
        for client in ["192.0.2.2", "192.0.2.3", "2001:db8::2", "2001:db8::3"] {
            peer.wait_established(client, secs(30))?;
        }
        learns(&a, &mut peer, ["192.0.2.1", "2001:db8::1"], true)?;
        let wanted = |route: &PeerRoute, hop| route.next_hop == Some(hop);
        teaches(&ours, &peer, &wanted, None, ["192.0.2.2", "2001:db8::2"])?;

        let c1 = a.container("c1", &["10.60.1.2/32", "fd60:0:0:1::2/128"])?;
        let c2 = b.container("c2", &["10.60.2.2/32", "fd60:0:0:2::2/128"])?;
        b.wait_route("10.60.1.2/32", via("192.0.2.2"), secs(10))?;
        b.wait_route("fd60:0:0:1::2/128", via("2001:db8::2"), secs(10))?;
        a.wait_route("10.60.2.2/32", via("192.0.2.3"), secs(10))?;
        c2.ping("10.60.1.2")?;
        c2.ping("fd60:0:0:1::2")?;
        c1.die()?;
        b.wait_no_route("10.60.1.2/32", secs(10))?;
        b.wait_no_route("fd60:0:0:1::2/128", secs(10)).map(drop)
    })
}
