//! Somebody meddles with our routes, and they are right again at once.

use std::time::{Duration, Instant};

use crate::lab::{Fib, PATIENCE, has_own, in_namespace, ip, own_routes, uplink, via};

const V4: &str = "10.1.0.0/24";
const V6: &str = "fd01::/64";

async fn two_routes() -> Fib {
    uplink();
    let mut fib = Fib::start().await;
    fib.desire(&[(V4, via(&["192.0.2.2"])), (V6, via(&["fd00::2"]))]).await;
    fib.until("both routes", |_| has_own(V4) && has_own(V6)).await;
    fib
}

#[test]
fn a_route_deleted_by_hand_is_back_in_milliseconds() {
    in_namespace("repair::a_route_deleted_by_hand_is_back_in_milliseconds", || async {
        let mut fib = two_routes().await;
        for prefix in [V4, V6] {
            ip(&format!("route del {prefix} proto 186"));
            // Includes running `ip` to look.
            let took = fib.until("the route again", |_| has_own(prefix)).await;
            println!("{prefix} back after {took:?}");
            assert!(took < Duration::from_millis(500), "{took:?}");
        }
        let counters = fib.counters().await;
        assert_eq!(counters.repairs_event + counters.repairs_audit, 2, "{counters:?}");
    });
}

#[test]
fn a_flushed_table_comes_back() {
    in_namespace("repair::a_flushed_table_comes_back", || async {
        let mut fib = two_routes().await;
        let many: Vec<_> = (0..2000u32)
            .map(|n| (format!("10.{}.{}.0/24", 20 + n / 256, n % 256), via(&["192.0.2.2"])))
            .collect();
        let many: Vec<_> = many.iter().map(|(p, want)| (p.as_str(), want.clone())).collect();
        fib.desire(&many).await;
        fib.until("all routes", |_| own_routes().len() == 2002).await;
        ip("-4 route flush proto 186");
        ip("-6 route flush proto 186");
        fib.until("all routes again", |_| own_routes().len() == 2002).await;
    });
}

#[test]
fn a_route_changed_by_hand_is_put_right() {
    in_namespace("repair::a_route_changed_by_hand_is_put_right", || async {
        let mut fib = two_routes().await;
        ip(&format!("route replace {V4} via 192.0.2.77 metric 20 proto 186"));
        ip(&format!("route replace {V6} via fd00::77 metric 20 proto 186"));
        fib.until("the right gateways", |_| {
            let routes = own_routes().join("\n");
            routes.contains("via 192.0.2.2 ") && routes.contains("via fd00::2 ") && !routes.contains("77")
        })
        .await;
        assert_eq!(own_routes().len(), 2);
    });
}

#[test]
fn an_own_looking_route_nobody_desires_goes() {
    in_namespace("repair::an_own_looking_route_nobody_desires_goes", || async {
        let mut fib = two_routes().await;
        fib.handle.converged().await.unwrap();
        ip("route add 10.5.0.0/24 via 192.0.2.2 metric 20 proto 186");
        fib.until("it gone", |_| own_routes().len() == 2).await;
    });
}

#[test]
fn nobody_reading_events_stops_nothing() {
    in_namespace("repair::nobody_reading_events_stops_nothing", || async {
        let fib = two_routes().await;
        for n in 0..50 {
            ip(&format!("route add 10.65.1.{n} dev veth1 proto boot scope link"));
            ip(&format!("addr add 192.0.2.{}/24 dev veth0", 100 + n));
        }
        ip(&format!("route del {V4} proto 186"));
        // Asking goes through the same task.
        let start = Instant::now();
        loop {
            let counters = fib.counters().await;
            if counters.repairs_event + counters.repairs_audit > 0 && has_own(V4) {
                break;
            }
            assert!(start.elapsed() < PATIENCE, "{counters:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn tracking_and_origins_work_without_programming() {
    in_namespace("repair::tracking_and_origins_work_without_programming", || async {
        uplink();
        let mut fib = Fib::start_with(|config| config.program = false).await;
        fib.track(&["192.0.2.2", "192.0.2.1", "fd00::2", "127.0.0.2", "203.0.113.1"]).await;
        fib.until("answers", |f| f.next_hops.len() == 5).await;
        assert!(fib.reachable("192.0.2.2") && fib.reachable("fd00::2") && fib.reachable("127.0.0.2"));
        assert!(fib.next_hops[&"192.0.2.1".parse().unwrap()].own);
        assert!(!fib.reachable("203.0.113.1"));
        fib.desire(&[(V4, via(&["192.0.2.2"]))]).await;
        ip("route add default via 192.0.2.9 metric 7");
        fib.until("the default route", |f| f.reachable("203.0.113.1")).await;
        assert_eq!(fib.next_hops[&"203.0.113.1".parse().unwrap()].metric, 7);
        fib.never("a route was written", |_| !own_routes().is_empty()).await;
    });
}
