//! Every form of route reaches the kernel and reads back as what was written.

use fib_sync::{DesiredRoute, NextHopRef, OriginRules, RouteStatus};

use crate::lab::{Fib, in_namespace, ip, own_routes, prefix, uplink, veth, via};

/// What reads back differently would be repaired at every audit.
async fn settles(fib: &mut Fib, routes: usize) {
    fib.until("the routes", |_| own_routes().len() == routes).await;
    let before = fib.counters().await;
    fib.handle.audit().await.unwrap();
    let after = fib.counters().await;
    assert_eq!((after.repairs_audit, after.ops_ok, after.drift), (0, before.ops_ok, 0), "{after:?}");
}

#[test]
fn several_next_hops_share_the_traffic() {
    in_namespace("forms::several_next_hops_share_the_traffic", || async {
        uplink();
        let mut fib = Fib::start().await;
        fib.desire(&[
            ("10.1.0.0/24", via(&["192.0.2.2", "192.0.2.3", "192.0.2.4"])),
            ("fd01::/64", via(&["fd00::2", "fd00::3"])),
        ])
        .await;
        settles(&mut fib, 2).await;
        let nexthops = |routes: &[String]| routes.join(" ").matches("nexthop").count();
        assert_eq!(nexthops(&own_routes()), 5);
        fib.desire(&[("10.1.0.0/24", via(&["192.0.2.2"])), ("fd01::/64", via(&["fd00::3", "fd00::4"]))])
            .await;
        fib.until("fewer", |_| nexthops(&own_routes()) == 2).await;
        settles(&mut fib, 2).await;
        fib.desire(&[("10.1.0.0/24", None), ("fd01::/64", None)]).await;
        settles(&mut fib, 0).await;
    });
}

#[test]
fn one_of_several_next_hops_dies_with_its_link() {
    in_namespace("forms::one_of_several_next_hops_dies_with_its_link", || async {
        uplink();
        veth("veth2", "veth3");
        ip("addr add 198.51.100.1/24 dev veth2");
        ip("addr add fd02::1/64 dev veth2 nodad");
        let mut fib = Fib::start().await;
        fib.desire(&[
            ("10.1.0.0/24", via(&["192.0.2.2", "198.51.100.2"])),
            ("fd01::/64", via(&["fd00::2", "fd02::2"])),
        ])
        .await;
        settles(&mut fib, 2).await;
        ip("link del veth2");
        fib.until("one next hop each", |_| {
            let routes = own_routes();
            routes.len() == 2 && routes.iter().all(|r| !r.contains("nexthop") && r.contains("veth0"))
        })
        .await;
        settles(&mut fib, 2).await;
    });
}

#[test]
fn ipv4_goes_through_an_ipv6_next_hop_and_not_the_reverse() {
    in_namespace("forms::ipv4_goes_through_an_ipv6_next_hop_and_not_the_reverse", || async {
        uplink();
        let ifindex: u32 = ip("-o link show veth0").split(':').next().unwrap().trim().parse().unwrap();
        let link_local = NextHopRef { addr: "fe80::7".parse().unwrap(), ifindex: Some(ifindex) };
        let through = DesiredRoute::Via { next_hops: vec![link_local], onlink: false };
        ip("addr add fe80::1/64 dev veth0 nodad");
        let mut fib = Fib::start().await;
        fib.desire(&[
            ("10.1.0.0/24", via(&["fd00::2"])),
            ("10.2.0.0/24", Some(through.clone())),
            ("10.3.0.0/24", via(&["fd00::2", "192.0.2.2"])),
            ("fd01::/64", Some(through)),
            ("fd02::/64", via(&["192.0.2.2"])),
        ])
        .await;
        settles(&mut fib, 4).await;
        assert!(own_routes().iter().filter(|r| r.contains("via inet6")).count() >= 3, "{:?}", own_routes());
        fib.until("the refusal", |f| {
            matches!(f.statuses.get(&prefix("fd02::/64")), Some(RouteStatus::Failed(_)))
        })
        .await;
    });
}

#[test]
fn onlink_reaches_a_gateway_that_no_route_covers() {
    in_namespace("forms::onlink_reaches_a_gateway_that_no_route_covers", || async {
        uplink();
        let ifindex: u32 = ip("-o link show veth0").split(':').next().unwrap().trim().parse().unwrap();
        let far = |addr: &str| {
            let next_hop = NextHopRef { addr: addr.parse().unwrap(), ifindex: Some(ifindex) };
            Some(DesiredRoute::Via { next_hops: vec![next_hop], onlink: true })
        };
        let mut fib = Fib::start().await;
        fib.desire(&[("10.1.0.0/24", far("203.0.113.1")), ("fd01::/64", far("fd77::1"))]).await;
        settles(&mut fib, 2).await;
        assert!(own_routes().iter().all(|route| route.contains("onlink")), "{:?}", own_routes());
    });
}

#[test]
fn own_networks_are_blackholes_and_come_and_go_with_the_rules() {
    in_namespace("forms::own_networks_are_blackholes_and_come_and_go_with_the_rules", || async {
        let rules = |networks: &[&str]| OriginRules {
            networks: networks.iter().map(|n| prefix(n)).collect(),
            ..OriginRules::default()
        };
        let mut fib = Fib::start_with(|config| config.origins = rules(&["10.60.3.64/26", "fd60::/64"])).await;
        settles(&mut fib, 2).await;
        assert!(own_routes().iter().all(|route| route.contains("blackhole")), "{:?}", own_routes());
        fib.until("both announced", |f| f.originates("10.60.3.64/26") && f.originates("fd60::/64")).await;
        fib.handle.reconfigure(rules(&["10.60.3.128/26"])).await.unwrap();
        fib.until("one announced", |f| f.origins.len() == 1 && f.originates("10.60.3.128/26")).await;
        settles(&mut fib, 1).await;
    });
}

#[test]
fn other_tables_and_metrics_are_written_and_read_back() {
    in_namespace("forms::other_tables_and_metrics_are_written_and_read_back", || async {
        uplink();
        let mut fib = Fib::start_with(|config| (config.table, config.metric) = (1000, 0)).await;
        fib.desire(&[("10.1.0.0/24", via(&["192.0.2.2"])), ("fd01::/64", via(&["fd00::2"]))]).await;
        settles(&mut fib, 2).await;
        assert!(own_routes().iter().all(|route| route.contains("table 1000")), "{:?}", own_routes());
        ip("route flush table 1000");
        settles(&mut fib, 2).await;
    });
}
