//! Routes in both directions, pressure, and the end.

use std::time::Instant;

use bgp_core::session::{Reason, StopReason};
use bgp_core::types::V4Key;
use bgp_core::wire::notification::cease;

use super::*;

/// Reads routes until `count` have come; they must be the ones of [`update`] in order.
async fn collect(router: &mut Router, count: u32) -> usize {
    let mut next = 0;
    let mut batches = 0;
    soon(async {
        while next < count {
            let batch = router.batches.recv().await.expect("the task runs");
            router.room.add_permits(1);
            batches += 1;
            for event in batch {
                let SessionEvent::Routes(said) = event else { continue };
                for one in said {
                    for (_, key) in one.nlri().keys::<V4Key>() {
                        assert_eq!(key, V4Key::new(next << 8, 24).unwrap());
                        next += 1;
                    }
                }
            }
        }
    })
    .await;
    assert_eq!(next, count);
    batches
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tasks_that_dial_each_other_establish_one_session() {
    let [a, b] = established(plans()).await;
    let (a, b) = (a.report().await, b.report().await);
    assert_eq!((a.state, b.state), (State::Established, State::Established));
    let (a, b) = (a.negotiated.unwrap().transport, b.negotiated.unwrap().transport);
    assert_eq!((a.local, a.remote), (b.remote, b.local));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_run_over_ipv6() {
    let here = IpAddr::from(std::net::Ipv6Addr::LOCALHOST);
    for reach in [Reach::Connected, Reach::TtlSecurity(1), Reach::Multihop(64)] {
        established(plans_at([here, here]).map(|plan| Plan { reach, ..plan })).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc5082_only_near_peers_are_heard() {
    established(plans().map(|plan| Plan { reach: Reach::TtlSecurity(1), ..plan })).await;

    let [a, b] = plans();
    let b = Plan { reach: Reach::TtlSecurity(1), ..b };
    let routers = [a.run(), b.run()];
    for router in &routers {
        router.tell(Input::Start).await;
    }
    // The other side sends with TTL 1, as if from far away.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let received = routers[1].report().await.stats.received;
    assert_eq!((received.opens, received.total()), (0, 0));
    assert!(routers[0].report().await.state < State::Established);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_arrive_in_order_and_many_to_a_batch() {
    let [a, mut b] = established(plans()).await;
    let (count, per_update) = (300_000, 50);
    for first in (0..count).step_by(per_update as usize) {
        a.frames.push(update(first, per_update));
    }
    let batches = collect(&mut b, count).await;
    assert!(batches < 1500, "{batches} batches for {count} routes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_table_stops_the_peer_and_not_its_session() {
    let [a, mut b] = plans();
    let hold = |plan: Plan| {
        let timers = Timers {
            hold: HoldTime::new(3).unwrap(),
            keepalive: Duration::from_secs(1),
            ..plan.config.timers
        };
        Plan { config: PeerConfig { timers, ..plan.config.clone() }, ..plan }
    };
    // Room for Up and what little comes with it.
    b.room = 2;
    let [a, mut b] = established([hold(a), hold(b)]).await;
    let count = 2_000_000;
    for first in (0..count).step_by(500) {
        a.frames.push(update(first, 500));
    }
    // Longer than the hold time: b reads nothing, a cannot write, and both know that the other lives.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(a.frames.len() > 1000, "the socket is full: {}", a.frames.len());
    assert_eq!(b.report().await.state, State::Established);
    assert_eq!(b.report().await.stats.flaps, 0);
    b.room.add_permits(4);
    collect(&mut b, count).await;
    let (a, b) = (a.report().await.stats, b.report().await.stats);
    assert_eq!((a.flaps, b.flaps), (0, 0));
    // Messages that the full socket cut in two are counted once, like all others.
    assert_eq!((a.sent.updates, b.received.updates), (4000, 4000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refresh_reaches_the_groups_of_the_peer() {
    let [a, mut b] = established(plans()).await;
    a.tell(Input::RefreshRequest(Family::IPV6_UNICAST)).await;
    assert_eq!(soon(b.refreshed.recv()).await, Some(Family::IPV6_UNICAST));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_says_farewell_and_ends_after_its_last_batch() {
    let [mut a, mut b] = established(plans()).await;
    let stop = Input::Stop(StopReason::Shutdown { message: "maintenance".into() });
    a.handle.commands.send(Command::Finish(stop)).await.unwrap();
    assert!(matches!(a.down().await.reason, Reason::Sent { .. }));
    let Reason::Received(told) = b.down().await.reason else { panic!("b was told") };
    assert_eq!(told.inner().unwrap().shutdown_text().as_deref(), Some("maintenance"));
    let begun = Instant::now();
    soon(a.handle.task).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "b closes as soon as it was told");
    assert!(a.batches.recv().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_task_ends_too() {
    let [a, mut b] = established(plans()).await;
    a.directory.send_replace(Arc::default());
    drop(a.handle.commands);
    let Reason::Received(told) = b.down().await.reason else { panic!("b was told") };
    assert_eq!(told.inner().unwrap().subcode, cease::DECONFIGURED);
    soon(a.handle.task).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graceful_restart_keeps_routes_and_comes_back() {
    let [a, mut b] = established(plans()).await;
    a.tell(Input::Stop(StopReason::GracefulRestart)).await;
    let down = b.down().await;
    assert_eq!((down.reason, down.retain), (Reason::Lost, PerFamily { ipv4: true, ipv6: true }));
    a.tell(Input::Start).await;
    b.up().await;
}
