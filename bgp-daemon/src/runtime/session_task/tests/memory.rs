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

#[test]
fn a_future_is_small() {
    fn size<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }
    let size = size(super::super::guard::run::<FakeIngest, FakeEgress>);
    println!("future of a task: {size} octets");
    assert!(size < 8192, "{size}");
}

/// In a process of its own, because other tests need memory too.
#[test]
fn idle_sessions_cost_kilobytes() {
    let test = "runtime::session_task::tests::memory::idle_sessions_alone";
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    let status = alone.args(["--exact", test, "--ignored", "--nocapture"]).status().unwrap();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the test above"]
async fn idle_sessions_alone() {
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
    // Unoptimised, and with a listener, queues and a fake group each.
    assert!(each < 14 << 10, "{each}");
}
