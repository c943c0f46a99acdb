//! The link to the network goes and comes, with and without its addresses.

use integration::lab::{BGP, Lab, Result, millis, secs};

use crate::mesh::{established, forgets, knows, prefixes, start};
use crate::pair;

/// As `keep_addr_on_down` of servers that are set up for it; without it the kernel forgets the address.
const KEEP: &str = "net.ipv6.conf.lan.keep_addr_on_down";

#[test]
fn routes_of_both_families_are_back_with_the_uplink() -> Result {
    Lab::run(|lab| {
        let ([a, b], _agents) = pair(lab)?;
        start(&a, 1, 2)?;
        knows(&b, 1, 2)?;
        a.set_sysctl(KEEP, "1")?;
        let before = a.routes_of(BGP)?;
        for _ in 0..3 {
            a.link("lan").down()?;
            forgets(&a, 2, 2, secs(5))?;
            a.link("lan").up()?;
            knows(&a, 2, 2)?;
            assert_eq!(a.routes_of(BGP)?, before);
        }
        b.ping("10.60.1.2")?;
        b.ping("fd60:0:0:1::2").map(drop)
    })
}

#[test]
fn addresses_taken_away_and_given_back_bring_the_routes_back() -> Result {
    Lab::run(|lab| {
        let ([a, b], _agents) = pair(lab)?;
        start(&a, 1, 2)?;
        knows(&b, 1, 2)?;
        let lan = a.link("lan");
        lan.remove_address("2001:db8::1/64")?;
        a.wait_no_route(&prefixes(2, 2)[1], secs(5))?;
        lan.add_address("2001:db8::1/64")?;
        knows(&a, 2, 2)?;
        // With the last IPv4 address the kernel drops IPv4 routes without a word (fact 4).
        lan.remove_address("192.0.2.1/24")?;
        a.wait_no_route(&prefixes(2, 2)[0], secs(5))?;
        lan.add_address("192.0.2.1/24")?;
        knows(&a, 2, 2)?;
        knows(&b, 1, 2)?;
        established(&a, 1)?;
        a.ping("10.60.2.2")?;
        a.ping("fd60:0:0:2::2").map(drop)
    })
}

#[test]
fn an_address_that_comes_after_the_session_serves_as_next_hop() -> Result {
    Lab::run(|lab| {
        let ([a, b], [agent, _]) = pair(lab)?;
        a.link("lan").remove_address("2001:db8::1/64")?;
        agent.restart()?;
        established(&a, 1)?;
        start(&a, 1, 2)?;
        let [v4, v6] = prefixes(1, 2);
        b.wait_route(&v4, |route| route.protocol == BGP, secs(10))?;
        std::thread::sleep(millis(300));
        assert!(b.routes_to(&v6)?.is_empty(), "an IPv6 route needs an IPv6 next hop");
        a.link("lan").add_address("2001:db8::1/64")?;
        knows(&b, 1, 2)?;
        // Renumbered: the routes follow.
        a.link("lan").add_address("2001:db8::11/64")?;
        a.link("lan").remove_address("2001:db8::1/64")?;
        b.wait_route(&v6, integration::lab::via("2001:db8::11"), secs(10)).map(drop)
    })
}
