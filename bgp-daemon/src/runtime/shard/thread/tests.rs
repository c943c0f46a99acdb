use std::future::pending;

use bgp_core::rib::{DecisionConfig, ShardConfig};
use bgp_core::types::{Asn, ClusterId, RouterId};
use fib_sync::kernel::{Kernel, KernelInput, OpBatch};
use fib_sync::{FibConfig, FibSync};
use tokio::sync::{Semaphore, watch};

use super::*;
use crate::runtime::testing::peer_settings;

/// Has nothing to tell.
struct SilentKernel;

impl Kernel for SilentKernel {
    fn submit(&mut self, _: OpBatch) {}

    fn dump(&mut self, _: Vec<u32>) {}

    async fn next(&mut self) -> KernelInput {
        pending().await
    }
}

/// The first of two shards, as its thread begins.
fn worker(rounds: &Arc<Rounds>) -> (Worker, ShardSender) {
    let shard = Shard::new(ShardConfig {
        asn: Asn(64512),
        router_id: RouterId(1),
        cluster_id: ClusterId(1),
        decision: DecisionConfig::default(),
        seed: 7,
    });
    let (fib, _) = FibSync::spawn_on(SilentKernel, FibConfig::default());
    let (sender, queue) = mpsc::channel(SHARD_QUEUE);
    let setup = Setup { id: ShardId(0), shard, rounds: Arc::clone(rounds), fib, program: false };
    (Worker::new(setup, queue), sender)
}

/// A batch of a peer; small unless it is a part of a round.
fn batch(peer: u16, round: Option<u64>) -> ShardMessage {
    let (_, settings) = watch::channel(peer_settings());
    let credit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let events = vec![SessionEvent::Routes(Vec::new())];
    let peer = PeerId(peer);
    ShardMessage::Ingest(IngestBatch { peer, events, small: round.is_none(), round, settings, credit })
}

/// After a row of them it is the turn of the others, but what those wait for takes its time.
#[tokio::test]
async fn small_changes_do_not_wait_behind_a_part_that_waits_for_another_shard() {
    // More than once if the test itself has to wait for a processor, longer than a shard waits for another.
    for _ in 0..100 {
        let rounds = Arc::new(Rounds::new(2));
        rounds.read(0..2);
        let (mut worker, _sender) = worker(&rounds);
        worker.inbox.put(batch(1, Some(1)));
        (0..100).for_each(|_| worker.inbox.put(batch(2, None)));
        assert!(worker.take_in());
        if worker.must_wait() {
            assert!(!worker.inbox.has_small(), "the part still waits, and nothing else does");
            assert!(worker.inbox.next_is_large());
            return;
        }
    }
    panic!("the part never had to wait");
}
