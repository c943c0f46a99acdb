//! What a route costs in the RIB: time and octets, for full tables of one, four and ten paths a prefix.
//!
//! `cargo bench -p bgp-core --bench rib`; with `-- NAME` one scenario alone, once, for a profiler.

#![expect(clippy::disallowed_methods, reason = "time is what a benchmark measures")]

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use bgp_core::policy::PolicyId;
use bgp_core::rib::{
    Change, ChangeContext, ChangeSink, DecisionConfig, Hold, Ingest, NextHopState, PeerInfo, PeerKind, Shard,
    ShardConfig,
};
use bgp_core::types::{
    Asn, AttrBuilder, ClusterId, NextHop, NlriBlock, NlriKey, Origin, PeerId, RouterId, V4Key,
};

/// Prefixes of a full table.
const PREFIXES: u32 = 1_000_000;
/// Attribute sets of a full table.
const SETS: u32 = 150_000;
/// Destinations that may be dirty before a flush, as the daemon has it.
const FLUSH: usize = 4096;
/// Updates in one batch.
const BATCH: usize = 64;

fn main() {
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    println!("{PREFIXES} prefixes, {SETS} attribute sets a peer, flush at {FLUSH} dirty destinations");
    println!("{:<28} {:>10} {:>10} {:>12}", "", "ns/route", "changes", "octets/path");
    for peers in [1, 4, 10] {
        if wanted(&format!("full-{peers}")) {
            full(peers);
        }
    }
    if wanted("down") {
        down();
    }
    // For a profiler: nothing but the first load of a table.
    if only.as_deref() == Some("load") {
        let tables = [table(1, 0)];
        for _ in 0..5 {
            let mut shard = shard(1);
            let mut sink = Count::default();
            let took = feed(&mut shard, &tables, &mut sink);
            report("insert, 1 peers", 1, took, &shard, &mut sink);
            std::mem::forget(shard);
        }
    }
}

/// Load, replace, repeat and withdraw tables of `peers` peers that all announce the same prefixes.
fn full(peers: u16) {
    let tables: Vec<Vec<Ingest>> = (1..=peers).map(|peer| table(peer, 0)).collect();
    let mut shard = shard(peers);
    let mut sink = Count::default();
    let took = feed(&mut shard, &tables, &mut sink);
    report(&format!("insert, {peers} peers"), peers, took, &shard, &mut sink);
    let memory = shard.memory();
    println!(
        "  destinations {} MB, paths {} MB, index {} MB, attributes {} MB of {} sets, pending {} MB",
        memory.destination_bytes >> 20,
        memory.path_bytes >> 20,
        memory.index_bytes >> 20,
        memory.attribute_bytes >> 20,
        memory.attribute_sets,
        memory.pending_bytes >> 20
    );
    let took = feed(&mut shard, &tables, &mut sink);
    report(&format!("repeat, {peers} peers"), peers, took, &shard, &mut sink);
    let others: Vec<Vec<Ingest>> = (1..=peers).map(|peer| table(peer, 1)).collect();
    let took = feed(&mut shard, &others, &mut sink);
    report(&format!("replace, {peers} peers"), peers, took, &shard, &mut sink);
    let gone = withdrawn(&others);
    let took = feed(&mut shard, &gone, &mut sink);
    report(&format!("withdraw, {peers} peers"), peers, took, &shard, &mut sink);
}

/// One of two full tables is lost with its session.
fn down() {
    let tables: Vec<Vec<Ingest>> = (1..=2).map(|peer| table(peer, 0)).collect();
    let mut shard = shard(2);
    let mut sink = Count::default();
    feed(&mut shard, &tables, &mut sink);
    sink.0 = 0;
    let start = Instant::now();
    shard.peer_down(PeerId(1), &[]);
    loop {
        let more = shard.step(FLUSH);
        shard.flush(&mut sink);
        if !more {
            break;
        }
    }
    report("session lost, 1 of 2 peers", 1, start.elapsed(), &shard, &mut sink);
}

/// Updates of one peer as a full table arrives: a set, then the prefixes that share it.
fn table(peer: u16, version: u32) -> Vec<Ingest> {
    let mut builder = AttrBuilder::new();
    let per_set = PREFIXES / SETS + 1;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut keys = Vec::with_capacity(PREFIXES as usize);
    let mut seen = HashSet::new();
    while keys.len() < PREFIXES as usize {
        let draw = next();
        let len = if draw & 3 == 0 { 16 + (draw >> 2 & 7) as u8 } else { 24 };
        keys.extend(
            V4Key::new((draw >> 32) as u32, len).filter(|key| !key.is_martian() && seen.insert(*key)),
        );
    }
    let mut updates = Vec::new();
    for (n, keys) in keys.chunks(per_set as usize).enumerate() {
        let n = n as u32;
        builder.clear();
        let path = [64000 + u32::from(peer), 3000 + n % 50, 10_000 + n % 3000, 100_000 + n, version + 1];
        builder
            .origin(Origin::Igp)
            .as_sequence(&path.map(Asn))
            .next_hop(NextHop::V4(Ipv4Addr::new(192, 0, 2, peer as u8)))
            .med(n % 7);
        updates.push(Ingest::Announce(NlriBlock::from_keys(keys.iter().copied()), builder.build()));
    }
    updates
}

/// The updates of all peers, taking turns of some 512 routes as one batch carries.
fn feed(shard: &mut Shard, tables: &[Vec<Ingest>], sink: &mut Count) -> Duration {
    let owned = |table: &Vec<Ingest>| table.chunks(BATCH).map(<[Ingest]>::to_vec).collect::<Vec<_>>();
    let mut batches: Vec<_> = tables.iter().map(owned).collect();
    let start = Instant::now();
    for round in 0..batches.first().map_or(0, Vec::len) {
        for (batches, peer) in batches.iter_mut().zip(1..) {
            if let Some(batch) = batches.get_mut(round) {
                shard.ingest(PeerId(peer), batch);
            }
        }
        if shard.dirty() >= FLUSH {
            shard.flush(sink);
        }
    }
    shard.flush(sink);
    start.elapsed()
}

/// The same routes withdrawn.
fn withdrawn(tables: &[Vec<Ingest>]) -> Vec<Vec<Ingest>> {
    let withdraw = |update: &Ingest| Ingest::Withdraw(update.nlri().clone());
    tables.iter().map(|table| table.iter().map(withdraw).collect()).collect()
}

fn shard(peers: u16) -> Shard {
    let mut shard = Shard::new(ShardConfig {
        asn: Asn(65000),
        router_id: RouterId(1),
        cluster_id: ClusterId(1),
        decision: DecisionConfig::default(),
        seed: 7,
    });
    for peer in 1..=peers {
        let addr = Ipv4Addr::new(192, 0, 2, peer as u8);
        let info = PeerInfo {
            kind: PeerKind::External,
            client: false,
            asn: Asn(64000 + u32::from(peer)),
            local_asn: Asn(65000),
            router_id: addr.into(),
            addr: addr.into(),
            scope: 0,
            import: PolicyId::ACCEPT,
            allow_own_asn: 0,
            enforce_first_as: true,
        };
        shard.peer_up(PeerId(peer), info);
        // Next hops are known before the load, as the interfaces are.
        let warm =
            AttrBuilder::new().as_sequence(&[Asn(64000 + u32::from(peer))]).next_hop(addr_hop(addr)).build();
        shard.announce(PeerId(peer), &NlriBlock::from_keys(V4Key::new(0, 0)), &warm);
        let wanted = shard.take_wanted_next_hops().add;
        let states: Vec<_> =
            wanted.into_iter().map(|addr| (addr, NextHopState::Reachable { metric: 0 })).collect();
        shard.set_next_hops(&states);
    }
    shard
}

fn addr_hop(addr: Ipv4Addr) -> NextHop {
    NextHop::V4(addr)
}

fn report(name: &str, peers: u16, took: Duration, shard: &Shard, sink: &mut Count) {
    let routes = f64::from(PREFIXES) * f64::from(peers);
    let memory = shard.memory();
    let octets = (memory.total() - memory.attribute_bytes) as f64 / routes;
    println!(
        "{name:<28} {:>10.1} {:>10} {octets:>12.1}",
        took.as_nanos() as f64 / routes,
        std::mem::take(&mut sink.0)
    );
}

/// Counts changes; remembers nothing.
#[derive(Default)]
struct Count(usize);

impl ChangeSink for Count {
    fn change<K: NlriKey>(&mut self, _: &Change<'_, K>, _: &mut ChangeContext<'_>) -> Hold {
        self.0 += 1;
        Hold::No
    }
}
