//! Single changes at a steady pace, and how long each takes to the last client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fanout::host;
use super::{client, expect, rewrite, universe};
use crate::bench::attrs::{AttrBook, Attrs};
use crate::bench::churn::{Change, Churn};
use crate::bench::floors::LATENCY;
use crate::bench::ledger::Ledger;
use crate::bench::player::{Failure, PeerSpec};
use crate::bench::run::{Live, Run};
use crate::bench::table::{self, Table};
use crate::bench::targets::{ASN, Export, Kind, Setup};
use crate::bench::wire;

/// Clients that join during the second stage.
const JOINERS: usize = 5;
/// The well-known community that keeps the full table at the reflector (RFC 1997), so that its
/// work shows and not the player's.
const NO_ADVERTISE: u32 = 0xffff_ff02;

/// Who is who among the peers.
struct Cast {
    clients: usize,
    base: usize,
    joiners: std::ops::Range<usize>,
    loader: usize,
}

/// Churn alone, while clients join, while a full table loads.
pub(super) fn play(run: &mut Run<'_>) -> Result<(), Failure> {
    let clients = run.sizes.churn.0;
    let first = clients + 1;
    let cast = Cast { clients, base: clients, joiners: first..first + JOINERS, loader: first + JOINERS };
    let peers: Vec<PeerSpec> = (0..=cast.loader).map(client).collect();
    let mut tables: Vec<Table> = (0..clients).map(|number| host(number, run.sizes.each, 0)).collect();
    tables.push(base(run.sizes.churn_base, cast.base));
    let mut ledger = Ledger::new(universe(&tables));
    let mut book = AttrBook::default();
    for (number, table) in tables.iter().enumerate() {
        expect(&mut ledger, &mut book, (number, client(number)), table, run.kind())?;
    }
    let setup = Setup { peers, export: Export::All };
    let mut live = run.begin(&setup, ledger, book, first)?;
    live.player.ledger.recount();
    for (number, table) in tables.iter().enumerate() {
        live.player.send(number, table.announcement())?;
    }
    Run::until_exact(&mut live, run.patience)?;

    stage(run, &mut live, &cast, ("alone", 1), |_, _, _| Ok(()))?;
    if run.kind() == Kind::Relay {
        return Ok(());
    }
    stage(run, &mut live, &cast, ("while clients join", 2), |live, cast, time| {
        for joiner in cast.joiners.clone() {
            live.player.run_for(time / 7)?;
            live.player.ledger.count_receiver(joiner, true);
            live.player.connect([joiner]);
        }
        Ok(())
    })?;
    live.player.connect([cast.loader]);
    let up = first + JOINERS + 1;
    live.player.run_until(run.patience, |player| player.established() == up)?;
    let mut table = table::full(run.sizes.table.0, run.sizes.table.1, ASN, client(cast.loader).next_hop());
    for (attrs, _) in &mut table.sets {
        attrs.path.remove(0);
        (attrs.med, attrs.local_pref) = (Some(0), Some(100));
        attrs.communities.push(NO_ADVERTISE);
    }
    let octets = table.announcement();
    stage(run, &mut live, &cast, ("while a full table loads", 3), move |live, cast, time| {
        live.player.run_for(time / 10)?;
        live.player.send(cast.loader, octets)
    })?;
    run.settle(&mut live)
}

/// One stretch of churn with something happening beside it.
fn stage(
    run: &mut Run<'_>,
    live: &mut Live,
    cast: &Cast,
    (name, version): (&'static str, u32),
    beside: impl FnOnce(&mut Live, &Cast, Duration) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (_, rate, seconds) = run.sizes.churn;
    let changes = changes(run, live, cast, (rate * seconds, version))?;
    let every = Duration::from_secs(1) / rate.max(1);
    let time = Duration::from_secs(u64::from(seconds));
    let mut told = None;
    run.measure(live, name, |live, mut patience| {
        patience.limit += time;
        live.player.churn = Some(Churn::new(changes, every, cast.base + 1, Instant::now()));
        beside(live, cast, time)?;
        live.player.run_until(patience, |player| player.churn.as_ref().is_none_or(Churn::is_seen))?;
        let Some(churn) = live.player.churn.take() else { return Ok(()) };
        for change in churn.changes() {
            let owner = u32::try_from(change.sender).unwrap_or(crate::bench::ledger::NOBODY);
            live.player.ledger.expect(change.index, change.set, owner);
        }
        live.player.ledger.recount();
        told = churn.percentiles();
        Run::until_exact(live, patience)
    })?;
    run.untimed();
    if let Some([median, high, most]) = told {
        run.note("p50 ms", median.as_secs_f64() * 1e3);
        run.note(LATENCY, high.as_secs_f64() * 1e3);
        run.note("max ms", most.as_secs_f64() * 1e3);
    }
    Ok(())
}

/// `count` changes, one prefix each, every client in turn, no two alike.
fn changes(
    run: &Run<'_>,
    live: &mut Live,
    cast: &Cast,
    (count, version): (u32, u32),
) -> Result<Vec<Change>, Failure> {
    let mut found = Vec::new();
    for number in 0..count {
        let turn = number as usize;
        let sender = turn % cast.clients;
        let peer = client(sender);
        let Some(prefix) =
            table::blocks(sender, run.sizes.each).get(turn / cast.clients % run.sizes.each).copied()
        else {
            continue;
        };
        let Some(index) = live.player.ledger.index(prefix.key()) else { continue };
        let attrs =
            Attrs::internal(peer.next_hop(), vec![ASN << 16 | version, 100 << 16 | (number & 0xffff)]);
        let set = live
            .player
            .book
            .expect(&attrs.rewritten(rewrite(run.kind(), peer)))
            .map_err(|fault| Failure::Malformed { peer: peer.addr, fault: fault.into() })?;
        let mut octets = Vec::new();
        wire::announce(&attrs.encode(), &[prefix], &mut octets);
        found.push(Change { sender, index, octets: Arc::from(octets), set });
    }
    Ok(found)
}

/// What the reflector holds besides: many routes of one more client.
fn base(count: usize, number: usize) -> Table {
    let mut table = Table::default();
    // A hundred routes to a set, as a busy host has.
    for (part, prefixes) in table::networks(40, count).chunks(100).enumerate() {
        let start = table.prefixes.len();
        table.prefixes.extend_from_slice(prefixes);
        let part = u32::try_from(part).unwrap_or(0);
        let attrs = Attrs::internal(client(number).next_hop(), vec![200 << 16 | (part & 0xffff)]);
        table.sets.push((attrs, start..table.prefixes.len()));
    }
    table
}
