//! Whose route it is (fact 6), and what a restart finds.

use std::sync::Arc;

use fib_sync::kernel::{Kernel, KernelInput, Netlink, OpBatch};
use fib_sync::plan::FibOp;
use fib_sync::route::{FibRoute, RouteKey, RouteKind};
use fib_sync::{FibConfig, FibError, FibSync, RouteStatus};

use crate::lab::{Fib, has_own, in_namespace, ip, own_routes, prefix, run_unshared, uplink, via};

const V4: &str = "10.1.0.0/24";
const V6: &str = "fd01::/64";

fn foreign(verb: &str) {
    ip(&format!("route {verb} {V4} via 192.0.2.9 metric 20 proto static"));
    ip(&format!("route {verb} {V6} via fd00::9 metric 20 proto static"));
}

fn foreign_is_there() -> bool {
    ip(&format!("-4 route show {V4} proto static")).contains("192.0.2.9")
        && ip(&format!("-6 route show {V6} proto static")).contains("fd00::9")
}

#[test]
fn a_foreign_route_at_the_key_is_not_taken_over() {
    in_namespace("ownership::a_foreign_route_at_the_key_is_not_taken_over", || async {
        uplink();
        foreign("add");
        let mut fib = Fib::start().await;
        fib.desire(&[(V4, via(&["192.0.2.2"])), (V6, via(&["fd00::2"]))]).await;
        let conflict = |f: &Fib, p| f.statuses.get(&prefix(p)) == Some(&RouteStatus::Conflict);
        fib.until("both conflicts", |f| conflict(f, V4) && conflict(f, V6)).await;
        fib.never("the foreign route was touched", |_| !foreign_is_there()).await;
        assert_eq!(fib.counters().await.conflicts, 2);
        foreign("del");
        fib.until("ours", |_| has_own(V4) && has_own(V6)).await;
        fib.until("the good news", |f| f.statuses.values().all(|s| *s == RouteStatus::Installed)).await;
    });
}

#[test]
fn a_route_taken_from_us_is_neither_taken_back_nor_deleted() {
    in_namespace("ownership::a_route_taken_from_us_is_neither_taken_back_nor_deleted", || async {
        uplink();
        let mut fib = Fib::start().await;
        fib.desire(&[(V4, via(&["192.0.2.2"])), (V6, via(&["fd00::2"]))]).await;
        fib.until("ours", |_| has_own(V4) && has_own(V6)).await;
        foreign("replace");
        assert!(!has_own(V4) && !has_own(V6), "the kernel does what fact 6 says");
        fib.until("both conflicts", |f| f.statuses.len() == 2).await;
        fib.desire(&[(V4, None), (V6, None)]).await;
        fib.never("the foreign route was touched", |_| !foreign_is_there()).await;
    });
}

/// Below the planner: even an operation that should never have been sent spares a foreign route.
#[test]
fn no_removal_or_creation_hits_a_foreign_route() {
    in_namespace("ownership::no_removal_or_creation_hits_a_foreign_route", || async {
        uplink();
        foreign("add");
        let mut kernel = Netlink::open(&FibConfig::default()).unwrap();
        let keys = [V4, V6].map(|p| RouteKey::new(254, prefix(p), 20));
        let create = |key| FibOp::Create(FibRoute { key, kind: Arc::new(RouteKind::Blackhole) });
        let mut ops: Vec<FibOp> = keys.map(FibOp::Delete).into();
        ops.extend(keys.map(create));
        kernel.submit(OpBatch { id: 7, ops });
        let results = loop {
            if let KernelInput::Results { batch: 7, results } = kernel.next().await {
                break results;
            }
        };
        assert_eq!(results, [Err(libc::ESRCH), Err(libc::ESRCH), Err(libc::EEXIST), Err(libc::EEXIST)]);
        assert!(foreign_is_there());
    });
}

/// The same key but for the metric, the table or the protocol is another route.
#[test]
fn routes_that_only_look_like_ours_are_left_alone() {
    in_namespace("ownership::routes_that_only_look_like_ours_are_left_alone", || async {
        uplink();
        let others = [
            "10.9.0.0/24 via 192.0.2.9 metric 21 proto 186",
            "10.9.0.0/24 via 192.0.2.9 metric 20 table 100 proto 186",
            "10.9.1.0/24 via 192.0.2.9 metric 20 proto 12",
            "fd09::/64 via fd00::9 metric 21 proto 186",
        ];
        for other in others {
            ip(&format!("route add {other}"));
        }
        let mut fib = Fib::start().await;
        assert_eq!(fib.adopted, Some(0));
        fib.handle.converged().await.unwrap();
        fib.handle.audit().await.unwrap();
        fib.never("a foreign route went", |_| own_routes().len() != 3).await;
        assert!(ip("route show proto 12").contains("10.9.1.0/24"));
    });
}

#[test]
fn a_restart_adopts_and_deletes_only_once_converged() {
    in_namespace("ownership::a_restart_adopts_and_deletes_only_once_converged", || async {
        uplink();
        let routes =
            [(V4, via(&["192.0.2.2"])), ("10.2.0.0/24", via(&["192.0.2.2"])), (V6, via(&["fd00::2"]))];
        let mut fib = Fib::start().await;
        fib.desire(&routes).await;
        fib.until("three routes", |_| own_routes().len() == 3).await;
        fib.handle.shutdown(true).await.unwrap();
        assert_eq!(own_routes().len(), 3);

        let mut fib = Fib::start().await;
        assert_eq!(fib.adopted, Some(3));
        fib.never("an adopted route went", |_| own_routes().len() != 3).await;
        fib.desire(&[(V4, via(&["192.0.2.2"])), (V6, via(&["fd00::2"]))]).await;
        fib.never("an adopted route went", |_| own_routes().len() != 3).await;
        assert_eq!(fib.counters().await.ops_ok, 0, "equal routes are not written again");
        fib.handle.converged().await.unwrap();
        fib.until("the unwanted one gone", |_| own_routes().len() == 2).await;
        fib.handle.shutdown(false).await.unwrap();
        assert!(own_routes().is_empty());
    });
}

#[test]
fn missing_permission_is_told_before_anything_is_promised() {
    run_unshared(&["--user"], "ownership::missing_permission_is_told_before_anything_is_promised", || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let refused = FibSync::spawn(FibConfig::default()).map(|_| ());
            assert!(matches!(refused, Err(FibError::NotPermitted { table: 254 })), "{refused:?}");
            let text = refused.unwrap_err().to_string();
            assert!(text.contains("\nhint: grant CAP_NET_ADMIN"), "{text}");
            let reading = FibConfig { program: false, ..Default::default() };
            assert!(FibSync::spawn(reading).is_ok(), "reading needs no permission");
        });
    });
}
