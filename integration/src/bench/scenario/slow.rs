//! What a client that reads slowly, and one that does not read at all, do to the others.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::{Sizes, SlowSize, client, expect, universe};
use crate::bench::attrs::{AttrBook, Attrs};
use crate::bench::floors::BESIDE;
use crate::bench::ledger::Ledger;
use crate::bench::player::{Failure, Patience, PeerSpec, Reading};
use crate::bench::run::{Live, Run};
use crate::bench::table::{self, Table};
use crate::bench::targets::{ASN, Export, Kind, Setup};

/// How the slow client reads: 20 KB a second.
const SLOW: Reading = Reading::Slow(1024, Duration::from_millis(50));

/// Everything changes some times without the two, then more often with them; then the two read again.
pub(super) fn play(run: &mut Run<'_>) -> Result<(), Failure> {
    let SlowSize { others, rounds: (without, with), .. } = run.sizes.slow;
    let (slow, stuck) = (others, others + 1);
    let peers: Vec<PeerSpec> = (0..others + 2).map(client).collect();
    let ledger = Ledger::new(universe(&tables(run.sizes, 0)));
    let mut live = run.begin(&Setup { peers, export: Export::All }, ledger, AttrBook::default(), others)?;
    let (kind, sizes) = (run.kind(), run.sizes);
    let changes = |live: &mut Live, patience: Patience, versions: Range<u32>| {
        let end = Instant::now() + patience.limit;
        let mut took = Duration::ZERO;
        for version in versions {
            // The limit is that of all rounds together.
            let left = Patience { limit: end.saturating_duration_since(Instant::now()), ..patience };
            let changed = change(live, left, kind, &tables(sizes, version));
            took += changed.map_err(|failure| match failure {
                Failure::TooSlow { differences, .. } => {
                    Failure::TooSlow { limit: patience.limit, differences }
                }
                other => other,
            })?;
        }
        Ok(took)
    };
    // The first announcement fills tables and is not like the changes after it.
    changes(&mut live, run.patience, 0..1)?;
    let mut took = Duration::ZERO;
    run.measure(&mut live, "without", |live, patience| {
        took = changes(live, patience, 1..1 + without)?;
        Ok(())
    })?;
    run.took(took);
    let alone = run.wall();
    live.player.tolerate_losses(true);
    live.player.set_reading(slow, SLOW);
    live.player.set_reading(stuck, Reading::Stuck);
    live.player.connect([slow, stuck]);
    live.player.run_until(run.patience, |player| player.established() == others + 2)?;
    let before = run.target.resyncs(run.dir);
    run.measure(&mut live, "with", |live, patience| {
        took = changes(live, patience, 1 + without..1 + without + with)?;
        Ok(())
    })?;
    run.took(took);
    if let (Some(alone), Some(together)) = (alone, run.wall()) {
        let rounds = f64::from(with) / f64::from(without);
        run.note(BESIDE, together / alone / rounds);
    }
    run.note("sessions lost", lost(&live));
    for number in [slow, stuck] {
        live.player.set_reading(number, Reading::Eager);
        live.player.ledger.count_receiver(number, true);
    }
    run.measure(&mut live, "the two catch up", Run::until_exact)?;
    run.note("sessions lost", lost(&live));
    if let (Some(before), Some(after)) = (before, run.target.resyncs(run.dir)) {
        run.note("resyncs", after - before);
    }
    Ok(())
}

/// All hosts announce all their prefixes with new attributes; returns how long it took until all others had them.
fn change(live: &mut Live, patience: Patience, kind: Kind, tables: &[Table]) -> Result<Duration, Failure> {
    let player = &mut live.player;
    for (number, table) in tables.iter().enumerate() {
        expect(&mut player.ledger, &mut player.book, (number, client(number)), table, kind)?;
    }
    player.ledger.recount();
    let octets: Vec<_> = tables.iter().map(Table::announcement).collect();
    let started = Instant::now();
    for (number, octets) in octets.into_iter().enumerate() {
        player.send(number, octets)?;
    }
    Run::until_exact(live, patience)?;
    Ok(live.player.heard().saturating_duration_since(started))
}

/// The prefixes of all hosts with attributes of that version.
fn tables(sizes: &Sizes, version: u32) -> Vec<Table> {
    let many = (0..sizes.slow.communities).map(|community| 300 << 16 | community);
    let communities: Vec<u32> = std::iter::once(ASN << 16 | (version & 0xffff)).chain(many).collect();
    let table = |number| {
        let attrs = Attrs::internal(client(number).next_hop(), communities.clone());
        Table::uniform(attrs, table::blocks(number, sizes.each))
    };
    (0..sizes.slow.others).map(table).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn lost(live: &Live) -> f64 {
    live.player.losses() as f64
}
