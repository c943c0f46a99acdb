use std::sync::Arc;
use std::time::Duration;

use bgp_core::policy::PolicyId;
use bgp_core::rib::TableId;
use bgp_core::types::{Asn, ClusterId, RouterId};
use reflector::delta::BatchKind;
use reflector::{NextHopRule, PeerRole, Speaker, WireMode};
use tokio::time::timeout;

use super::*;
use crate::runtime::shard::{Rounds, SHARD_QUEUE};

fn key() -> GroupKey {
    GroupKey {
        table: TableId::MAIN,
        family: Family::IPV4_UNICAST,
        role: PeerRole::Client,
        export: PolicyId::ACCEPT,
        next_hop: NextHopRule::Auto,
        local_next_hop: None,
        speaker: Speaker { asn: Asn(64512), router_id: RouterId(1), cluster_id: ClusterId(1) },
        loop_asn: None,
        wire: WireMode::default(),
    }
}

fn flush(flush: u64) -> DeltaBatch {
    DeltaBatch {
        group: GroupId(3),
        shard: ShardId(0),
        kind: BatchKind::Flush { flush },
        runs: Vec::new(),
        nlri: Vec::new(),
        routes: 0,
        round: 0,
        hurry: false,
        tombstones: false,
    }
}

/// A shard that found the queue full says nothing to the group until it hears of room, and nothing else may
/// wake the encoder for a long time. Whether a message or a batch wakes it first is left to chance, so the
/// story is told often enough.
#[tokio::test]
async fn shards_hear_of_room_as_soon_as_a_full_queue_is_taken() {
    let (shard, mut heard) = mpsc::channel(SHARD_QUEUE);
    let shards = Shards::new(vec![shard], Arc::new(Rounds::new(1)));
    let (messages, batches) = spawn(GroupId(3), &key(), shards);
    let mut flushes = (1..).map(flush);
    for _ in 0..64 {
        messages.try_send(EncoderMessage::ReadOn).unwrap();
        while batches.capacity() > 0 {
            batches.try_send(flushes.next().unwrap()).unwrap();
        }
        let told = timeout(Duration::from_secs(5), heard.recv()).await;
        assert!(matches!(told, Ok(Some(ShardMessage::Room(GroupId(3))))), "before anything else happens");
        assert_eq!(batches.capacity(), batches.max_capacity());
    }
}
