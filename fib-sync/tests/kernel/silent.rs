//! Routes that vanish without a word.

use crate::lab::{Fib, container, has_own, in_namespace, ip, ip_batch, uplink, veth, via};

/// Fact 1: the IPv4 routes of a deleted veth go without RTM_DELROUTE.
#[test]
fn deleting_a_veth_withdraws_its_container() {
    in_namespace("silent::deleting_a_veth_withdraws_its_container", || async {
        container("c-1", 2);
        let mut fib = Fib::start().await;
        fib.until("the container", |f| f.originates("10.65.1.2/32") && f.originates("fd65:1::2/128")).await;
        assert_eq!(fib.origins.len(), 2, "the gateway is no container: {:?}", fib.origins);
        container("c-2", 3);
        fib.until("another container", |f| f.originates("10.65.1.3/32") && f.originates("fd65:1::3/128"))
            .await;
        ip("link del c-1");
        let took =
            fib.until("its withdrawal", |f| !f.originates("10.65.1.2/32") && !f.originates("fd65:1::2/128"));
        println!("withdrawn {:?} after `ip link del` returned", took.await);
        fib.never("the other one was hit", |f| f.origins.len() != 2).await;
    });
}

/// Fact 1 for next hops and learned routes: they go and come back with the link.
#[test]
fn deleting_a_veth_makes_its_neighbours_unreachable() {
    in_namespace("silent::deleting_a_veth_makes_its_neighbours_unreachable", || async {
        uplink();
        let mut fib = Fib::start().await;
        fib.track(&["192.0.2.2", "fd00::2"]).await;
        fib.desire(&[("10.1.0.0/24", via(&["192.0.2.2"])), ("fd01::/64", via(&["fd00::2"]))]).await;
        fib.until("both routes", |_| has_own("10.1.0.0/24") && has_own("fd01::/64")).await;
        ip("link del veth0");
        fib.until("both unreachable", |f| !f.reachable("192.0.2.2") && !f.reachable("fd00::2")).await;
        uplink();
        fib.until("both routes again", |_| has_own("10.1.0.0/24") && has_own("fd01::/64")).await;
        fib.until("both reachable", |f| f.reachable("192.0.2.2") && f.reachable("fd00::2")).await;
    });
}

/// Fact 2: the host-scope route stays in the kernel, the IPv6 one goes and does not come back.
#[test]
fn a_link_going_down_withdraws_what_the_kernel_keeps() {
    in_namespace("silent::a_link_going_down_withdraws_what_the_kernel_keeps", || async {
        container("c-1", 2);
        let mut fib = Fib::start().await;
        fib.until("the container", |f| f.origins.len() == 2).await;
        ip("link set c-1 down");
        assert!(ip("-4 route show 10.65.1.2").contains("c-1"), "the kernel does what fact 2 says");
        fib.until("both withdrawn", |f| f.origins.is_empty()).await;
        ip("link set c-1 up");
        fib.until("IPv4 again", |f| f.originates("10.65.1.2/32")).await;
        fib.never("IPv6 came back although the kernel lost it", |f| f.originates("fd65:1::2/128")).await;
        ip("route add fd65:1::2 dev c-1 proto boot");
        fib.until("IPv6 again", |f| f.originates("fd65:1::2/128")).await;
    });
}

/// Fact 2: lost carrier, with everything still in the kernel.
#[test]
fn a_link_losing_carrier_withdraws() {
    in_namespace("silent::a_link_losing_carrier_withdraws", || async {
        container("c-1", 2);
        let mut fib = Fib::start().await;
        fib.until("the container", |f| f.origins.len() == 2).await;
        ip("link set pc-1 down");
        fib.until("both withdrawn", |f| f.origins.is_empty()).await;
        ip("link set pc-1 up");
        fib.until("IPv4 again", |f| f.originates("10.65.1.2/32")).await;
    });
}

/// Fact 2: gateway routes of others and our own go silently with the link, and ours return with it.
#[test]
fn a_link_going_down_and_up_restores_own_routes() {
    in_namespace("silent::a_link_going_down_and_up_restores_own_routes", || async {
        uplink();
        ip("route add 203.0.113.0/24 via 192.0.2.9");
        let mut fib = Fib::start().await;
        fib.track(&["203.0.113.5", "fd00::2"]).await;
        fib.desire(&[
            ("10.1.0.0/24", via(&["192.0.2.2"])),
            ("10.2.0.0/24", via(&["203.0.113.5"])),
            ("fd01::/64", via(&["fd00::2"])),
        ])
        .await;
        fib.until("three routes", |_| ["10.1.0.0/24", "10.2.0.0/24", "fd01::/64"].iter().all(|p| has_own(p)))
            .await;
        ip("link set veth0 down");
        fib.until("unreachable", |f| !f.reachable("203.0.113.5") && !f.reachable("fd00::2")).await;
        ip("link set veth0 up");
        ip("addr replace fd00::1/64 dev veth0 nodad");
        fib.until("the routes again", |_| has_own("10.1.0.0/24") && has_own("fd01::/64")).await;
        fib.until("IPv6 reachable", |f| f.reachable("fd00::2")).await;
        fib.never("a route that went silently was believed", |f| {
            f.reachable("203.0.113.5") || has_own("10.2.0.0/24")
        })
        .await;
    });
}

/// Fact 2, at speed: down and up between two looks.
#[test]
fn a_flapping_link_leaves_no_route_behind() {
    in_namespace("silent::a_flapping_link_leaves_no_route_behind", || async {
        uplink();
        let mut fib = Fib::start().await;
        fib.desire(&[("10.1.0.0/24", via(&["192.0.2.2"]))]).await;
        fib.until("the route", |_| has_own("10.1.0.0/24")).await;
        for _ in 0..20 {
            ip_batch("link set veth0 down\nlink set veth0 up\n");
        }
        assert!(!has_own("10.1.0.0/24"), "the kernel does what fact 2 says");
        fib.until("the route again", |_| has_own("10.1.0.0/24")).await;
    });
}

/// Fact 3: only the next-hop group tells.
#[test]
fn deleting_a_nexthop_object_takes_its_routes() {
    in_namespace("silent::deleting_a_nexthop_object_takes_its_routes", || async {
        uplink();
        ip("nexthop add id 10 via 192.0.2.9 dev veth0");
        ip("nexthop add id 11 via fd00::9 dev veth0");
        ip("nexthop add id 20 group 10");
        ip("route add 203.0.113.0/24 nhid 10");
        ip("route add 198.51.100.0/24 nhid 20");
        ip("route add fd99::/64 nhid 11");
        let mut fib = Fib::start().await;
        fib.track(&["203.0.113.5", "198.51.100.5", "fd99::5"]).await;
        fib.desire(&[("10.1.0.0/24", via(&["203.0.113.5"])), ("fd01::/64", via(&["fd99::5"]))]).await;
        fib.until("all reachable", |f| {
            f.reachable("203.0.113.5") && f.reachable("198.51.100.5") && f.reachable("fd99::5")
        })
        .await;
        fib.until("both routes", |_| has_own("10.1.0.0/24") && has_own("fd01::/64")).await;
        ip("nexthop del id 10");
        ip("nexthop del id 11");
        fib.until("none reachable", |f| {
            !f.reachable("203.0.113.5") && !f.reachable("198.51.100.5") && !f.reachable("fd99::5")
        })
        .await;
        fib.until("both routes gone", |_| !has_own("10.1.0.0/24") && !has_own("fd01::/64")).await;
    });
}

/// Fact 4: the last IPv4 address takes the link's IPv4 routes along.
#[test]
fn removing_the_last_address_takes_the_routes() {
    in_namespace("silent::removing_the_last_address_takes_the_routes", || async {
        uplink();
        container("c-1", 2);
        ip("route add 203.0.113.0/24 via 192.0.2.9");
        let mut fib = Fib::start().await;
        fib.track(&["203.0.113.5", "fd00::2"]).await;
        fib.desire(&[("10.1.0.0/24", via(&["203.0.113.5"])), ("fd01::/64", via(&["fd00::2"]))]).await;
        fib.until("both routes", |_| has_own("10.1.0.0/24") && has_own("fd01::/64")).await;
        fib.until("the container", |f| f.origins.len() == 2).await;
        ip("addr del 192.0.2.1/24 dev veth0");
        fib.until("IPv4 unreachable", |f| !f.reachable("203.0.113.5")).await;
        fib.until("the route gone", |_| !has_own("10.1.0.0/24")).await;
        assert!(fib.reachable("fd00::2"));
        ip("addr del fd00::1/64 dev veth0");
        fib.until("IPv6 unreachable", |f| !f.reachable("fd00::2")).await;
        ip("addr del 10.65.0.1/32 dev c-1");
        assert!(!ip("-4 route show 10.65.1.2").contains("c-1"), "the kernel does what fact 4 says");
        fib.until("IPv4 of the container withdrawn", |f| !f.originates("10.65.1.2/32")).await;
        assert!(fib.originates("fd65:1::2/128"));
    });
}

/// Fact 4 for own routes: the address comes back, and nobody told that they went.
#[test]
fn an_address_replaced_restores_own_routes() {
    in_namespace("silent::an_address_replaced_restores_own_routes", || async {
        uplink();
        let mut fib = Fib::start().await;
        fib.desire(&[("10.1.0.0/24", via(&["192.0.2.2"]))]).await;
        fib.until("the route", |_| has_own("10.1.0.0/24")).await;
        ip_batch("addr del 192.0.2.1/24 dev veth0\naddr add 192.0.2.1/24 dev veth0\n");
        assert!(!has_own("10.1.0.0/24"), "the kernel does what fact 4 says");
        fib.until("the route again", |_| has_own("10.1.0.0/24")).await;
    });
}

/// Fact 5: a burst larger than the buffer while the task cannot read.
#[test]
fn an_overrun_leads_to_a_full_comparison() {
    in_namespace("silent::an_overrun_leads_to_a_full_comparison", || async {
        veth("c-1", "pc-1");
        ip("addr add 10.65.0.1/32 dev c-1");
        let mut fib = Fib::start_with(|config| config.watch_buffer = 4096).await;
        let (mut adds, mut dels) = (String::new(), String::new());
        for n in 0..1000 {
            let (high, low) = (n / 250, n % 250);
            adds += &format!("route add 10.70.{high}.{low}/32 dev c-1 proto boot scope link\n");
            adds += &format!("route add fd70::{n:x}/128 dev c-1 proto boot\n");
            dels += &format!("route del 10.70.{high}.{low}/32 dev c-1\n");
        }
        // This thread runs the task as well: while `ip` works, nobody reads.
        ip_batch(&adds);
        fib.until("all of them", |f| f.origins.len() == 2000).await;
        let counters = fib.counters().await;
        assert!(counters.resyncs_overrun > 0, "{counters:?}");
        ip_batch(&dels);
        fib.until("IPv6 alone", |f| f.origins.len() == 1000).await;
    });
}

/// A bridge port that leaves tells of a link going away, in another family: nothing is gone.
#[test]
fn a_port_leaving_its_bridge_is_not_a_dead_link() {
    in_namespace("silent::a_port_leaving_its_bridge_is_not_a_dead_link", || async {
        container("c-1", 2);
        ip("link add br0 type bridge");
        ip("link set br0 up");
        ip("addr add 10.66.1.1/26 dev br0");
        veth("port", "pport");
        ip("link set port master br0");
        let mut fib = Fib::start().await;
        fib.until("all origins", |f| f.origins.len() == 3 && f.originates("10.66.1.0/26")).await;
        ip("link set c-1 master br0");
        ip("link set c-1 nomaster");
        fib.never("the container was withdrawn", |f| !f.originates("10.65.1.2/32")).await;
        ip("link set port nomaster");
        fib.until("the bridge without carrier withdrawn", |f| !f.originates("10.66.1.0/26")).await;
    });
}
