//! What telling costs: from a change in the table to octets taken by every member, on one thread.
//!
//! `cargo bench -p reflector --bench fanout`; with `-- NAME` one scenario alone, for a profiler.

#![expect(clippy::disallowed_methods, reason = "time is what a benchmark measures")]

mod scene;

use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_core::policy::Policy;
use bgp_core::rib::Shard;
use bgp_core::types::{AttrSet, NlriBlock, PeerId};
use reflector::{Encoder, Export, GroupId, LogLimits, Member, Output, PeerRole, ShardId, WriteState};

use scene::{FLUSH, attrs, full_table, key, prefixes, shard};

fn main() {
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    println!(
        "{:<34} {:>8} {:>8} {:>8} {:>10} {:>9} {:>9} {:>9}",
        "ns per route; octets", "rib", "export", "encode", "read/told", "messages", "log peak", "adj-out"
    );
    for members in [100, 500, 1000, 2000] {
        if wanted(&format!("reflect-{members}")) {
            reflect(members);
        }
    }
    if wanted("full") {
        full();
    }
    if wanted("churn") {
        churn();
    }
}

/// Every client announces 20 prefixes at once and is told those of all others.
fn reflect(members: u16) {
    let mut bench = Bench::new(PeerRole::Client, members);
    let updates: Vec<_> =
        (1..=members).map(|peer| (PeerId(peer), prefixes(peer, 20), attrs(peer, 0))).collect();
    bench.feed(&updates);
    let routes = usize::from(members) * 20;
    bench.report(&format!("{members} clients x 20 prefixes"), routes, routes * usize::from(members - 1));
    assert_eq!(bench.read_octets.iter().filter(|octets| **octets == 0).count(), 0);
    let gone: Vec<_> = updates.iter().map(|(peer, block, _)| (*peer, block.clone(), None)).collect();
    bench.feed_with(&gone);
    bench.report("  withdrawn", routes, routes * usize::from(members));
    bench.feed(&updates);
    bench.clear();
    let begin = Instant::now();
    bench.join(PeerId(members + 1));
    bench.turn();
    bench.report("  one more joins", routes, routes);
    println!("  joined after {:?}", begin.elapsed());
}

/// A million prefixes with 150,000 attribute sets, to one external peer.
fn full() {
    let mut bench = Bench::new(PeerRole::External, 1);
    let source = PeerId(2);
    let updates = full_table(source, 150_000);
    let routes: usize = updates.iter().map(|(_, block, _)| block.len()).sum();
    bench.feed(&updates);
    bench.report("full table to one", routes, routes);
    bench.clear();
    bench.join(PeerId(3));
    bench.turn();
    bench.report("  one more joins", routes, routes);
    let gone: Vec<_> = updates.iter().map(|(peer, block, _)| (*peer, block.clone(), None)).collect();
    bench.feed_with(&gone);
    bench.report("  withdrawn", routes, routes * 2);
}

/// One route at a time to 200 clients.
fn churn() {
    let mut bench = Bench::new(PeerRole::Client, 200);
    let sets = [attrs(1, 1), attrs(1, 2)];
    let block = prefixes(1, 1);
    bench.clear();
    let begin = Instant::now();
    for attrs in sets.iter().cycle().take(10_000) {
        bench.shard.announce(PeerId(1), &block, attrs);
        bench.turn();
    }
    let took = begin.elapsed();
    bench.report("one route at a time, 200 clients", 10_000, 10_000 * 199);
    println!("  from change to last client {:?}", took / 10_000);
}

struct Bench {
    shard: Shard,
    export: Export,
    encoder: Encoder,
    members: Vec<Member>,
    read_octets: Vec<u64>,
    now: Instant,
    rib: Duration,
    exported: Duration,
    encoded: Duration,
    read: Duration,
    log_peak: usize,
    messages: u64,
}

impl Bench {
    fn new(role: PeerRole, members: u16) -> Self {
        let key = key(role);
        let mut export = Export::new(ShardId(0));
        export.add_group(GroupId(0), key.clone(), Arc::new(Policy::accept()));
        let mut bench = Self {
            shard: shard(role, members + 2),
            export,
            encoder: Encoder::new(GroupId(0), &key, 1, LogLimits::default()),
            members: Vec::new(),
            read_octets: Vec::new(),
            now: Instant::now(),
            rib: Duration::ZERO,
            exported: Duration::ZERO,
            encoded: Duration::ZERO,
            read: Duration::ZERO,
            log_peak: 0,
            messages: 0,
        };
        for peer in 1..=members {
            bench.enter(PeerId(peer));
        }
        bench.settle();
        bench.clear();
        bench
    }

    fn enter(&mut self, peer: PeerId) {
        let member = self.encoder.join(peer, self.now);
        self.members.push(member);
        self.read_octets.push(0);
    }

    fn join(&mut self, peer: PeerId) {
        self.enter(peer);
        self.settle();
    }

    fn settle(&mut self) {
        while !self.members.iter().all(Member::is_synced) {
            self.now += Duration::from_secs(3);
            self.turn();
        }
    }

    fn feed(&mut self, updates: &[(PeerId, NlriBlock, AttrSet)]) {
        let updates: Vec<_> =
            updates.iter().map(|(peer, block, attrs)| (*peer, block.clone(), Some(attrs.clone()))).collect();
        self.feed_with(&updates);
    }

    /// As the daemon's shard thread does under load.
    fn feed_with(&mut self, updates: &[(PeerId, NlriBlock, Option<AttrSet>)]) {
        self.clear();
        let mut updates = updates.iter();
        loop {
            let begin = Instant::now();
            while self.shard.dirty() < FLUSH
                && let Some((peer, block, attrs)) = updates.next()
            {
                match attrs {
                    Some(attrs) => self.shard.announce(*peer, block, attrs),
                    None => self.shard.withdraw(*peer, block),
                }
            }
            self.rib += begin.elapsed();
            if self.shard.dirty() == 0 {
                break;
            }
            self.turn();
        }
        self.turn();
    }

    /// Flush, export, encode, and let everyone read.
    fn turn(&mut self) {
        let begin = Instant::now();
        self.shard.flush(&mut self.export);
        let mut batches = Vec::new();
        self.export.finish(&mut self.shard, &mut batches);
        self.exported += begin.elapsed();
        let begin = Instant::now();
        batches.into_iter().for_each(|batch| self.encoder.push(batch));
        self.encoder.process(self.now);
        self.encoded += begin.elapsed();
        self.log_peak = self.log_peak.max(self.encoder.figures().log_bytes);
        while let Some(output) = self.encoder.poll_output() {
            match output {
                Output::Shard(request) => self.export.request(request),
                Output::Grant { peer, grant } => {
                    if let Some(member) = self.members.iter_mut().find(|member| member.peer() == peer) {
                        member.granted(grant);
                    }
                }
                Output::Refused { .. } => {}
            }
        }
        let begin = Instant::now();
        let mut rest = Vec::new();
        for (member, octets) in self.members.iter_mut().zip(&mut self.read_octets) {
            loop {
                let took = |slices: &[IoSlice<'_>]| Ok(slices.iter().map(|slice| slice.len()).sum());
                let Ok(written) = member.write_with(256 << 10, &mut rest, took) else { break };
                *octets += written.bytes as u64;
                if written.state != WriteState::Budget {
                    break;
                }
            }
        }
        self.read += begin.elapsed();
    }

    fn clear(&mut self) {
        (self.rib, self.exported, self.encoded, self.read) =
            (Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO);
        self.log_peak = 0;
        self.messages = self.encoder.figures().messages;
    }

    fn report(&self, name: &str, routes: usize, told: usize) {
        let each = |time: Duration, n: usize| time.as_nanos() as f64 / n as f64;
        println!(
            "{name:<34} {:>8.1} {:>8.1} {:>8.1} {:>10.3} {:>9} {:>9} {:>9}",
            each(self.rib, routes),
            each(self.exported, routes),
            each(self.encoded, routes),
            each(self.read, told),
            self.encoder.figures().messages - self.messages,
            self.log_peak,
            self.export.figures().map(|figures| figures.bytes).sum::<usize>()
        );
    }
}
