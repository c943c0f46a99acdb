//! What reaches which shard, and what a session that waits keeps from others.

use std::time::Duration;

use bgp_core::rib;
use bgp_core::types::{AttrBuilder, NlriBlock, Origin, V4Key};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::runtime::shard::{Rounds, SHARD_QUEUE, session_credit};
use crate::runtime::supervisor::Event;
use crate::runtime::testing::peer_settings;

const V4: Family = Family::IPV4_UNICAST;

struct Bench {
    ingest: ShardIngest,
    queues: Vec<mpsc::Receiver<ShardMessage>>,
    shards: Shards,
    news: mpsc::Receiver<Event>,
    _settings: watch::Sender<PeerSettings>,
}

fn bench(shards: usize) -> Bench {
    let rounds = Arc::new(Rounds::new(shards));
    let (shards, queues): (Vec<_>, Vec<_>) = (0..shards).map(|_| mpsc::channel(SHARD_QUEUE)).unzip();
    let shards = Shards::new(shards, rounds);
    let (sender, reader) = watch::channel(peer_settings());
    let (mail, news) = mpsc::channel(8);
    let ingest = ShardIngest::new(PeerId(1), shards.clone(), reader, Mail::new(mail));
    Bench { ingest, queues, shards, news, _settings: sender }
}

/// Announces `count` prefixes, each in a block of its own.
fn update(first: u32, count: u32) -> SessionEvent {
    let keys = (first..first + count).map(|n| V4Key::new(0x0a00_0000 | n << 16, 24).unwrap());
    let attrs = AttrBuilder::new().origin(Origin::Igp).as_path(&[]).build();
    SessionEvent::Routes(vec![rib::Ingest::Announce(NlriBlock::from_keys(keys), attrs)])
}

fn told(queue: &mut mpsc::Receiver<ShardMessage>) -> Vec<IngestBatch> {
    let mut batches = Vec::new();
    while let Ok(message) = queue.try_recv() {
        match message {
            ShardMessage::Ingest(batch) => batches.push(batch),
            _ => panic!("sessions send batches only"),
        }
    }
    batches
}

fn prefixes(events: &[SessionEvent]) -> Vec<u32> {
    let blocks = events.iter().flat_map(|event| match event {
        SessionEvent::Routes(said) => said.iter().map(|one| one.nlri().clone()).collect(),
        _ => Vec::new(),
    });
    blocks.flat_map(|b| b.keys::<V4Key>().map(|(_, key)| key.addr()).collect::<Vec<_>>()).collect()
}

#[tokio::test]
async fn routes_go_to_their_owners_and_fates_to_everyone_in_order() {
    let mut bench = bench(3);
    bench.ingest.reserve().await.unwrap();
    let events =
        vec![update(0, 100), SessionEvent::MarkStale(V4), update(100, 100), SessionEvent::EndOfRib(V4)];
    bench.ingest.send(events);
    let division = Division::new(3);
    let mut all = Vec::new();
    for (owner, queue) in bench.queues.iter_mut().enumerate() {
        let batches = told(queue);
        let [batch] = batches.as_slice() else { panic!("one batch a shard, found {}", batches.len()) };
        let stale =
            batch.events.iter().position(|event| matches!(event, SessionEvent::MarkStale(_))).unwrap();
        let (before, after) = batch.events.split_at(stale);
        let early = |addr: &u32| *addr < 0x0a00_0000 | 100 << 16;
        assert!(prefixes(before).iter().all(early) && !prefixes(after).iter().any(early));
        assert!(matches!(batch.events.last(), Some(SessionEvent::EndOfRib(_))));
        let owned = prefixes(&batch.events);
        assert!(owned.iter().all(|addr| division.part_of(V4Key::new(*addr, 24).unwrap()) == owner));
        all.extend(owned);
    }
    all.sort_unstable();
    assert_eq!(all, (0..200).map(|n| 0x0a00_0000 | n << 16).collect::<Vec<u32>>());
    assert!(matches!(bench.news.try_recv(), Ok(Event::Session(PeerId(1), SessionNews::EndOfRib(_)))));
}

#[tokio::test]
async fn a_shard_without_a_route_in_the_batch_hears_nothing() {
    let mut bench = bench(16);
    bench.ingest.reserve().await.unwrap();
    bench.ingest.send(vec![update(7, 1)]);
    let told: Vec<usize> = bench.queues.iter_mut().map(|queue| told(queue).len()).collect();
    assert_eq!(told.iter().sum::<usize>(), 1);
    assert!(bench.shards.iter().all(|shard| shard.capacity() == SHARD_QUEUE), "room is given back");
}

#[tokio::test]
async fn waiting_in_vain_for_one_shard_keeps_no_room_of_another() {
    let mut bench = bench(2);
    for _ in 0..SHARD_QUEUE {
        bench.shards[1].try_send(ShardMessage::Stop).unwrap_or_else(|_| panic!("there is room"));
    }
    let waited = timeout(Duration::from_millis(20), bench.ingest.reserve()).await;
    assert!(waited.is_err(), "the second shard has no room");
    assert_eq!(bench.shards[0].capacity(), SHARD_QUEUE);
    assert!(bench.queues[1].recv().await.is_some());
    bench.ingest.reserve().await.unwrap();
    assert_eq!(bench.shards[0].capacity(), SHARD_QUEUE - 1);
    bench.ingest.release();
    assert_eq!(bench.shards[0].capacity(), SHARD_QUEUE);
}

#[tokio::test]
async fn one_session_has_a_few_batches_under_way_at_each_shard() {
    let mut bench = bench(2);
    for n in 0..session_credit(2) {
        bench.ingest.reserve().await.unwrap();
        bench.ingest.send(vec![update(n as u32 * 64, 64)]);
    }
    let more = timeout(Duration::from_millis(20), bench.ingest.reserve()).await;
    assert!(more.is_err());
    drop(told(&mut bench.queues[0]));
    let more = timeout(Duration::from_millis(20), bench.ingest.reserve()).await;
    assert!(more.is_err(), "the second shard has done nothing yet");
    drop(told(&mut bench.queues[1]));
    bench.ingest.reserve().await.unwrap();
}

#[tokio::test]
async fn one_shard_gets_what_was_read_as_it_is() {
    let mut bench = bench(1);
    bench.ingest.reserve().await.unwrap();
    let events = vec![update(0, 100), SessionEvent::FlushStale(V4)];
    let at = events.as_ptr();
    bench.ingest.send(events);
    let batches = told(&mut bench.queues[0]);
    assert_eq!(batches[0].events.as_ptr(), at);
    assert_eq!(prefixes(&batches[0].events).len(), 100);
}

#[test]
fn a_batch_is_few_routes_many_or_the_fate_of_the_session() {
    let none = || SessionEvent::Routes(Vec::new());
    for (events, load) in [
        (vec![none()], Load::FewRoutes),
        (vec![update(0, 16), none(), update(16, 16)], Load::FewRoutes),
        (vec![update(0, 16), update(16, 17)], Load::ManyRoutes),
        (vec![none(), SessionEvent::MarkStale(V4)], Load::Fate),
        (vec![update(0, 100), SessionEvent::EndOfRib(V4), update(100, 1)], Load::Fate),
    ] {
        assert_eq!(Load::of(&events), load);
    }
}

#[tokio::test]
async fn a_part_of_a_large_batch_is_not_small_and_end_of_rib_is_told_once() {
    let mut bench = bench(8);
    bench.ingest.reserve().await.unwrap();
    let ends = std::iter::repeat_n(SessionEvent::EndOfRib(V4), 100);
    bench.ingest.send([update(0, 40)].into_iter().chain(ends).collect());
    let batches: Vec<IngestBatch> = bench.queues.iter_mut().flat_map(told).collect();
    assert!(batches.iter().all(|batch| !batch.small));
    assert!(bench.news.recv().await.is_some());
    assert!(bench.news.try_recv().is_err());

    bench.ingest.reserve().await.unwrap();
    bench.ingest.send(vec![update(0, 20)]);
    let batches: Vec<IngestBatch> = bench.queues.iter_mut().flat_map(told).collect();
    assert!(batches.len() > 1 && batches.iter().all(|batch| batch.small));
}

#[tokio::test]
async fn parts_of_many_routes_have_a_round_and_nothing_else_has() {
    let mut bench = bench(2);
    let whole = |first| vec![update(first, 100)];
    let fates = vec![update(0, 100), SessionEvent::MarkStale(V4)];
    let mut underway = [None, None];
    for (events, round) in
        [(whole(0), Some(0)), (vec![update(0, 20)], None), (fates, None), (whole(100), Some(0))]
    {
        bench.ingest.reserve().await.unwrap();
        bench.ingest.send(events);
        let batches: Vec<IngestBatch> = bench.queues.iter_mut().flat_map(told).collect();
        assert_eq!(batches.iter().map(|batch| batch.round).collect::<Vec<_>>(), [round; 2]);
        underway = round.map_or(underway, |round| [Some(round); 2]);
        assert!(bench.shards.rounds().underway().eq(underway), "who has a part, and only who has, owes it");
    }
}
