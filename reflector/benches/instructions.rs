//! How many instructions the hot paths take: from an UPDATE read to messages packed for the next peer.
//!
//! `make instructions`. Time is noise on a busy machine; a count is the same in every run, so that it can
//! have a limit. Every case runs in a process of its own under callgrind, which counts inside of
//! [`measured`] only; the profiles stay for `callgrind_annotate`.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a benchmark")]

mod scene;

use std::env;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_core::policy::Policy;
use bgp_core::rib::{Change, ChangeContext, ChangeSink, Hold, Ingest, Shard};
use bgp_core::types::{AttrBuilder, Division, Family, NlriBlock, NlriKey, PeerId, PerFamily, Scatter, V4Key};
use bgp_core::wire::{
    Format, MAX_EXTENDED_LEN, PeerKind, UpdateContext, decode_update, encode_announce, next_message,
};
use bytes::{Bytes, BytesMut};
use reflector::{Encoder, Export, GroupId, LogLimits, Output, PeerRole, ShardId};

use scene::{FLUSH, external_attrs, full_table, key, shard};

/// One hot path.
struct Case {
    name: &'static str,
    unit: &'static str,
    /// Instructions a unit above which the run fails: a sixth more than when it was last looked at.
    limit: u64,
    /// Does the work and returns how many units it was.
    run: fn() -> usize,
}

const CASES: [Case; 11] = [
    Case { name: "decode-short", unit: "UPDATE of 7 prefixes", limit: 2320, run: || decode(7) / 7 },
    Case { name: "decode-long", unit: "route, 500 an UPDATE", limit: 70, run: || decode(500) },
    Case { name: "divide", unit: "route, to one of two shards", limit: 90, run: divide },
    Case { name: "import-new", unit: "route", limit: 1060, run: import_new },
    Case { name: "import-replace", unit: "route", limit: 940, run: import_replace },
    Case { name: "withdraw", unit: "route", limit: 610, run: withdraw },
    Case { name: "decide", unit: "destination of one path", limit: 350, run: || decide(1) },
    Case { name: "decide-ties", unit: "destination of four equal paths", limit: 2005, run: || decide(4) },
    Case { name: "decide-export", unit: "route to one group", limit: 900, run: || tell(Stage::Export) },
    Case { name: "pack", unit: "route to one group", limit: 270, run: || tell(Stage::Pack) },
    Case { name: "tell-withdrawn", unit: "route to one group", limit: 895, run: tell_withdrawn },
];

fn main() -> ExitCode {
    let wanted = env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    let inside = wanted.and_then(|name| CASES.iter().find(|case| case.name == name));
    if let Some(case) = inside {
        println!("{}", (case.run)());
        return ExitCode::SUCCESS;
    }
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    let cases: Result<Vec<_>, _> = CASES.iter().map(|case| Ok((case, count(case, &out)?))).collect();
    match cases {
        Ok(counts) => report(&counts, &out),
        Err(reason) => {
            let reason: String = reason;
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn report(counts: &[(&Case, u64)], out: &Path) -> ExitCode {
    println!("| path | instructions | a | limit |\n|---|--:|---|--:|");
    for (Case { name, unit, limit, .. }, count) in counts {
        println!("| {name} | {count} | {unit} | {limit} |");
    }
    println!("\nprofiles for callgrind_annotate: {}", out.display());
    let over: Vec<_> = counts.iter().filter(|(case, count)| *count > case.limit).collect();
    for (case, count) in &over {
        eprintln!("error: {}: {count} instructions, limit {}", case.name, case.limit);
    }
    if over.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Instructions of a unit of this case, counted by callgrind in a process of its own.
fn count(case: &Case, out: &Path) -> Result<u64, String> {
    fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let profile = out.join(case.name).with_extension("out");
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*measured*"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .args([program.as_os_str(), case.name.as_ref()])
        .output()
        .map_err(|error| format!("valgrind: {error}\nhint: `make test-deps` installs it"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let units = said.trim().parse::<u64>().ok().filter(|units| *units > 0);
    let profile = fs::read_to_string(&profile).unwrap_or_default();
    let total = profile.lines().find_map(|line| line.strip_prefix("totals:")?.trim().parse::<u64>().ok());
    match (units, total) {
        (Some(units), Some(total)) if total > 0 => Ok(total / units),
        _ => Err(format!("{}: {}", case.name, String::from_utf8_lossy(&output.stderr))),
    }
}

/// What is counted.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Attribute sets of the table, each with 6 or 7 prefixes.
const SETS: u32 = 10_000;
/// UPDATEs in one batch.
const BATCH: usize = 64;
/// The peer the table comes from.
const SENDER: PeerId = PeerId(2);

/// Reads UPDATEs of `count` prefixes; returns how many routes that were.
fn decode(count: u32) -> usize {
    let families = PerFamily { ipv4: true, ipv6: true };
    let add_path = PerFamily { ipv4: false, ipv6: false };
    let ctx = UpdateContext {
        four_octet_as: true,
        peer: PeerKind::External,
        families,
        add_path,
        extended_next_hop: false,
    };
    let format =
        Format { max_len: MAX_EXTENDED_LEN, four_octet_as: true, extended_next_hop: false, add_path };
    let bodies: Vec<Bytes> = (0..100).map(|n| body(&format, count, n)).collect();
    let mut scratch = AttrBuilder::new();
    measured(|| {
        bodies
            .iter()
            .map(|body| {
                let update = decode_update(black_box(body), &ctx, &mut scratch).unwrap();
                update
                    .announced
                    .iter()
                    .map(|route| route.nlri.keys::<V4Key>().map(black_box).count())
                    .sum::<usize>()
            })
            .sum()
    })
}

fn body(format: &Format, count: u32, n: u32) -> Bytes {
    let run = NlriBlock::from_keys((0..count).filter_map(|k| V4Key::new(0x0100_0000 + (k << 8), 24)));
    let mut out = BytesMut::new();
    encode_announce(&mut out, format, &external_attrs(2, n), Family::IPV4_UNICAST, run.octets()).unwrap();
    next_message(&mut out, MAX_EXTENDED_LEN).unwrap().unwrap().body
}

/// UPDATEs of a full table from `peer`; those of another `version` differ in every attribute set.
fn announced(peer: PeerId, version: u32) -> Vec<Ingest> {
    let table = full_table(peer, SETS);
    let set = |n: usize| external_attrs(peer.0, version * SETS + n as u32);
    table.into_iter().enumerate().map(|(n, (_, block, _))| Ingest::Announce(block, set(n))).collect()
}

fn withdrawn() -> Vec<Ingest> {
    announced(SENDER, 0).iter().map(|update| Ingest::Withdraw(update.nlri().clone())).collect()
}

/// Hands UPDATEs over as sessions do, and decides when a shard would; returns how many routes there were.
fn feed(
    updates: &[Ingest],
    mut ingest: impl FnMut(&mut Shard, &mut Vec<Ingest>),
    shard: &mut Shard,
    mut flush: impl FnMut(&mut Shard),
) -> usize {
    for batch in updates.chunks(BATCH) {
        ingest(shard, &mut batch.to_vec());
        if shard.dirty() >= FLUSH {
            flush(shard);
        }
    }
    flush(shard);
    updates.iter().map(|update| update.nlri().len()).sum()
}

/// Divides what sessions hand over among the owners of the prefixes.
fn divide() -> usize {
    let mut scatter = Scatter::new(Division::new(2));
    let updates = announced(SENDER, 0);
    for batch in updates.chunks(BATCH) {
        let batch = batch.to_vec();
        let mut piles = [Vec::with_capacity(BATCH), Vec::with_capacity(BATCH)];
        measured(|| {
            for said in batch {
                said.scatter(&mut scatter, |owner, part| piles.get_mut(owner).unwrap().push(part));
            }
            scatter.rest();
        });
        black_box(piles);
    }
    updates.iter().map(|update| update.nlri().len()).sum()
}

/// Loads `before` without counting, then counts taking in `updates`.
fn import(before: &[Ingest], updates: &[Ingest]) -> usize {
    let mut shard = shard(PeerRole::External, 2);
    let unseen = |shard: &mut Shard| {
        shard.flush(&mut Nobody);
    };
    feed(before, |shard, batch| shard.ingest(SENDER, batch), &mut shard, unseen);
    feed(updates, |shard, batch| measured(|| shard.ingest(SENDER, batch)), &mut shard, unseen)
}

fn import_new() -> usize {
    import(&[], &announced(SENDER, 0))
}

fn import_replace() -> usize {
    import(&announced(SENDER, 0), &announced(SENDER, 1))
}

fn withdraw() -> usize {
    import(&announced(SENDER, 0), &withdrawn())
}

/// Counts deciding destinations that `peers` peers announced alike; returns how many there were.
fn decide(peers: u16) -> usize {
    let mut shard = shard(PeerRole::External, peers);
    shard.flush(&mut Nobody);
    let tables: Vec<_> = (1..=peers).map(|peer| announced(PeerId(peer), 0)).collect();
    let rounds = SETS as usize / BATCH;
    for round in 0..rounds {
        for (table, peer) in tables.iter().zip(1..) {
            shard.ingest(PeerId(peer), &mut table.chunks(BATCH).nth(round).unwrap().to_vec());
        }
        measured(|| shard.flush(&mut Nobody));
    }
    let routes = tables.first().unwrap().iter().take(rounds * BATCH);
    routes.map(|update| update.nlri().len()).sum()
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Stage {
    Export,
    Pack,
}

/// From what a shard decides to the log of one group with one member, which reads nothing.
struct Line {
    export: Export,
    encoder: Encoder,
    now: Instant,
    counted: Option<Stage>,
}

impl Line {
    fn new(shard: &mut Shard) -> Self {
        let key = key(PeerRole::External);
        let mut export = Export::new(ShardId(0));
        export.add_group(GroupId(0), key.clone(), Arc::new(Policy::accept()));
        let encoder = Encoder::new(GroupId(0), &key, 1, LogLimits::default());
        let mut line = Self { export, encoder, now: Instant::now(), counted: None };
        let mut member = line.encoder.join(PeerId(1), line.now);
        while !member.is_synced() {
            line.now += Duration::from_secs(3);
            line.turn(shard);
            while let Some(output) = line.encoder.poll_output() {
                match output {
                    Output::Shard(request) => line.export.request(request),
                    Output::Grant { grant, .. } => member.granted(grant),
                    Output::Refused { .. } => {}
                }
            }
            let _ = member.write_with(1 << 20, &mut Vec::new(), |slices| {
                Ok(slices.iter().map(|slice| slice.len()).sum())
            });
        }
        line
    }

    /// Flush, export, encode.
    fn turn(&mut self, shard: &mut Shard) {
        let mut batches = Vec::new();
        self.stage(Stage::Export, |line| {
            shard.flush(&mut line.export);
            line.export.finish(shard, &mut batches);
        });
        self.stage(Stage::Pack, |line| {
            batches.into_iter().for_each(|batch| line.encoder.push(batch));
            line.encoder.process(line.now);
        });
    }

    fn stage(&mut self, stage: Stage, work: impl FnOnce(&mut Self)) {
        if self.counted == Some(stage) { measured(|| work(self)) } else { work(self) }
    }
}

fn tell(stage: Stage) -> usize {
    let mut shard = shard(PeerRole::External, 2);
    let mut line = Line::new(&mut shard);
    line.counted = Some(stage);
    let ingest = |shard: &mut Shard, batch: &mut Vec<Ingest>| shard.ingest(SENDER, batch);
    feed(&announced(SENDER, 0), ingest, &mut shard, |shard| line.turn(shard))
}

fn tell_withdrawn() -> usize {
    let mut shard = shard(PeerRole::External, 2);
    let mut line = Line::new(&mut shard);
    let ingest = |shard: &mut Shard, batch: &mut Vec<Ingest>| shard.ingest(SENDER, batch);
    feed(&announced(SENDER, 0), ingest, &mut shard, |shard| line.turn(shard));
    line.counted = Some(Stage::Export);
    feed(&withdrawn(), ingest, &mut shard, |shard| line.turn(shard))
}

/// Hears and forgets.
struct Nobody;

impl ChangeSink for Nobody {
    fn change<K: NlriKey>(&mut self, change: &Change<'_, K>, _: &mut ChangeContext<'_>) -> Hold {
        black_box(change.best_changed);
        Hold::No
    }
}
