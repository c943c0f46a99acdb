//! What an idle session costs.

use super::*;

/// Resident octets of this process.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn a_task_is_small() {
    type Task = super::super::task::Task<FakeIngest, FakeEgress>;
    let size = size_of::<Task>();
    assert!(size < 4096, "{size}");
    println!("task state: {size} octets");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_sessions_cost_kilobytes() {
    let (warm, pairs) = (20, 250);
    let mut routers = Vec::new();
    for _ in 0..warm {
        routers.extend(established(plans()).await);
    }
    let before = resident();
    for _ in 0..pairs {
        routers.extend(established(plans()).await);
    }
    let each = (resident() - before) / (2 * pairs);
    println!("an idle established session: {each} octets resident");
    // Unoptimised, and with a listener, channels and a fake group each.
    assert!(each < 24 << 10, "{each}");
}
