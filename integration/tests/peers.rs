//! The other implementations among themselves: that builders, readers and controls of each work, so
//! that a failure of an interoperation test is not theirs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test program")]

use integration::lab::{BIRD, Host, Lab, Result, secs, via};
use integration::peers::{Announcement, Neighbor, Peer, PeerRoute, Speaker};

const HUB: u32 = 65000;
const OTHER: u32 = 65001;

/// One session for each family with BIRD 2, routes both ways, replaced and withdrawn.
fn exchange(start: impl FnOnce(&Host, Speaker) -> Result<Box<dyn Peer>>) -> Result {
    Lab::run(|lab| {
        let [hub, other] = lab.hosts(["hub", "other"])?;
        let hub_has = &["192.0.2.1/24", "2001:db8::1/64"];
        lab.link(&hub, hub_has, &other, &["192.0.2.2/24", "2001:db8::2/64"])?;
        let speaker = Speaker::new(HUB, [192, 0, 2, 1])
            .neighbor(
                Neighbor::new("192.0.2.2", OTHER)?.local("192.0.2.1".parse().unwrap()).no_graceful_restart(),
            )
            .neighbor(
                Neighbor::new("2001:db8::2", OTHER)?
                    .local("2001:db8::1".parse().unwrap())
                    .no_graceful_restart(),
            )
            .network(Announcement::new("10.1.0.0/24")?.med(5).community(65000, 1))
            .network(Announcement::new("fd01::/64")?)
            .kernel();
        let mut hub_bird = hub.bird2(speaker)?;
        let speaker = Speaker::new(OTHER, [192, 0, 2, 2])
            .neighbor(
                Neighbor::new("192.0.2.1", HUB)?.local("192.0.2.2".parse().unwrap()).no_graceful_restart(),
            )
            .neighbor(
                Neighbor::new("2001:db8::1", HUB)?
                    .local("2001:db8::2".parse().unwrap())
                    .no_graceful_restart(),
            )
            .network(Announcement::new("10.2.0.0/24")?.community(65001, 7));
        let mut peer = start(&other, speaker)?;
        for neighbor in ["192.0.2.1", "2001:db8::1"] {
            peer.wait_established(neighbor, secs(30))?;
        }

        let learned = |route: &PeerRoute| {
            route.from == "192.0.2.1".parse().ok()
                && route.next_hop == "192.0.2.1".parse().ok()
                && route.as_path == [HUB]
                && route.med == Some(5)
                && route.communities == [(65000, 1)]
                && route.best
        };
        peer.wait_route("10.1.0.0/24", &learned, secs(10))?;
        let over_ipv6 = |route: &PeerRoute| route.next_hop == "2001:db8::1".parse().ok();
        peer.wait_route("fd01::/64", &over_ipv6, secs(10))?;

        let started =
            |route: &PeerRoute| route.from == "192.0.2.2".parse().ok() && route.communities == [(65001, 7)];
        hub_bird.wait_route("10.2.0.0/24", &started, secs(10))?;
        hub.wait_route("10.2.0.0/24", |route| route.protocol == BIRD && via("192.0.2.2")(route), secs(10))?;
        for (prefix, hop) in [("10.3.0.0/24", "192.0.2.2"), ("fd03::/64", "2001:db8::2")] {
            for med in [10, 20] {
                peer.announce(&Announcement::new(prefix)?.med(med).community(65001, 8))?;
                let wanted = |route: &PeerRoute| {
                    route.med == Some(med)
                        && route.as_path == [OTHER]
                        && route.next_hop == hop.parse().ok()
                        && route.communities == [(65001, 8)]
                };
                hub_bird.wait_route(prefix, &wanted, secs(10))?;
            }
            hub.wait_route(prefix, |route| route.protocol == BIRD, secs(10))?;
            peer.withdraw(prefix)?;
            hub_bird.wait_no_route(prefix, secs(10))?;
            hub.wait_no_route(prefix, secs(10))?;
        }

        hub_bird.announce(&Announcement::new("10.1.0.0/24")?.med(6))?;
        let replaced = |route: &PeerRoute| route.med == Some(6) && route.communities.is_empty();
        peer.wait_route("10.1.0.0/24", &replaced, secs(10))?;
        hub_bird.withdraw("10.1.0.0/24")?;
        peer.wait_no_route("10.1.0.0/24", secs(10))?;

        peer.kill9()?;
        hub.wait_no_route("10.2.0.0/24", secs(10))?;
        assert!(!hub_bird.is_established("192.0.2.2")?);
        peer.restart()?;
        peer.wait_established("192.0.2.1", secs(30)).map(drop)
    })
}

#[test]
fn bird_2_exchanges_routes() -> Result {
    exchange(|host, speaker| Ok(Box::new(host.bird2(speaker)?)))
}

#[test]
fn bird_1_exchanges_routes() -> Result {
    exchange(|host, speaker| Ok(Box::new(host.bird1(speaker)?)))
}

#[test]
fn frr_exchanges_routes() -> Result {
    exchange(|host, speaker| Ok(Box::new(host.frr(speaker.kernel())?)))
}

#[test]
fn gobgp_exchanges_routes() -> Result {
    exchange(|host, speaker| Ok(Box::new(host.gobgp(&speaker)?)))
}

#[test]
fn openbgpd_exchanges_routes() -> Result {
    exchange(|host, speaker| Ok(Box::new(host.openbgpd(&speaker)?)))
}

#[test]
fn exabgp_exchanges_routes() -> Result {
    exchange(|host, speaker| Ok(Box::new(host.exabgp(&speaker)?)))
}

#[test]
fn frr_programs_the_kernel_and_pings_follow() -> Result {
    Lab::run(|lab| {
        let [a, b] = lab.hosts(["a", "b"])?;
        let lan = lab.bridge("lan")?;
        a.attach(&lan, &["192.0.2.1/24", "2001:db8::1/64"])?;
        b.attach(&lan, &["192.0.2.2/24", "2001:db8::2/64"])?;
        let c1 = a.container("c1", &["10.60.1.2/32", "fd60::1:2/128"])?;
        let c2 = b.container("c2", &["10.60.2.2/32", "fd60::2:2/128"])?;
        let speaker = |own: u32, id: [u8; 4], peers: [&str; 2], networks: [&str; 2]| {
            let [v4, v6] = peers;
            let mut speaker = Speaker::new(own, id)
                .neighbor(Neighbor::new(v4, HUB + OTHER - own)?)
                .neighbor(Neighbor::new(v6, HUB + OTHER - own)?)
                .kernel();
            for network in networks {
                speaker = speaker.network(Announcement::new(network)?);
            }
            Result::Ok(speaker)
        };
        let frr = a.frr(speaker(
            HUB,
            [192, 0, 2, 1],
            ["192.0.2.2", "2001:db8::2"],
            ["10.60.1.2/32", "fd60::1:2/128"],
        )?)?;
        b.bird1(speaker(
            OTHER,
            [192, 0, 2, 2],
            ["192.0.2.1", "2001:db8::1"],
            ["10.60.2.2/32", "fd60::2:2/128"],
        )?)?;
        frr.wait_established("192.0.2.2", secs(30))?;
        frr.wait_established("2001:db8::2", secs(30))?;
        a.wait_route("10.60.2.2/32", via("192.0.2.2"), secs(10))?;
        // FRR prefers the link-local next hop of a neighbour on its link.
        a.wait_route("fd60::2:2/128", |route| route.goes_through("lan"), secs(10))?;
        b.wait_route("10.60.1.2/32", via("192.0.2.1"), secs(10))?;
        b.wait_route("fd60::1:2/128", |route| route.goes_through("lan"), secs(10))?;
        c1.ping("10.60.2.2")?;
        c2.ping("10.60.1.2")?;
        c1.ping("fd60::2:2")?;
        c2.ping("fd60::1:2").map(drop)
    })
}

#[test]
fn reflectors_tell_originator_and_cluster() -> Result {
    type Start = fn(&Host, Speaker) -> Result<Box<dyn Peer>>;
    let starters: [(&str, Start); 4] = [
        ("bird2", |host, speaker| Ok(Box::new(host.bird2(speaker)?))),
        ("frr", |host, speaker| Ok(Box::new(host.frr(speaker)?))),
        ("gobgp", |host, speaker| Ok(Box::new(host.gobgp(&speaker)?))),
        ("openbgpd", |host, speaker| Ok(Box::new(host.openbgpd(&speaker)?))),
    ];
    for (name, start) in starters {
        Lab::run(|lab| {
            let [rr, a, b] = lab.hosts(["rr", "a", "b"])?;
            let lan = lab.bridge("lan")?;
            for (host, address) in [(&rr, "192.0.2.9/24"), (&a, "192.0.2.1/24"), (&b, "192.0.2.2/24")] {
                host.attach(&lan, &[address])?;
            }
            let client = |address: &str| Neighbor::new(address, HUB).map(Neighbor::client);
            let speaker = Speaker::new(HUB, [192, 0, 2, 9])
                .cluster_id([192, 0, 2, 250])
                .neighbor(client("192.0.2.1")?)
                .neighbor(client("192.0.2.2")?);
            let reflector = start(&rr, speaker)?;
            let member = |id: u8| {
                Result::Ok(Speaker::new(HUB, [192, 0, 2, id]).neighbor(Neighbor::new("192.0.2.9", HUB)?))
            };
            let own = Announcement::new("10.1.0.0/24")?;
            a.bird2(member(1)?.network(own))?;
            let at_b = b.frr(member(2)?.kernel())?;
            reflector.wait_established("192.0.2.2", secs(30))?;
            let reflected = |route: &PeerRoute| {
                route.originator == "192.0.2.1".parse().ok()
                    && route.clusters == ["192.0.2.250".parse::<std::net::Ipv4Addr>().unwrap()]
                    && route.next_hop == "192.0.2.1".parse().ok()
                    && route.local_pref == Some(100)
            };
            at_b.wait_route("10.1.0.0/24", &reflected, secs(20))?;
            b.wait_route("10.1.0.0/24", via("192.0.2.1"), secs(10)).map(drop)
        })
        .inspect_err(|_| eprintln!("with {name} as the reflector"))?;
    }
    Ok(())
}
