//! What a client that reads slowly, and one that does not read at all, do to the others.

use std::time::{Duration, Instant};

use super::fanout::host;
use super::{client, expect, universe};
use crate::bench::attrs::AttrBook;
use crate::bench::ledger::Ledger;
use crate::bench::player::{Failure, Patience, PeerSpec, Reading};
use crate::bench::run::{Live, Run};
use crate::bench::table::Table;
use crate::bench::targets::{Export, Kind, Setup};

/// How the slow client reads: 20 KB a second.
const SLOW: Reading = Reading::Slow(1024, Duration::from_millis(50));

/// Everything changes some times without the two, then as often with them; then the two read again.
pub(super) fn play(run: &mut Run<'_>) -> Result<(), Failure> {
    let (others, rounds) = run.sizes.slow;
    let (slow, stuck) = (others, others + 1);
    let peers: Vec<PeerSpec> = (0..others + 2).map(client).collect();
    let tables: Vec<Table> = (0..others).map(|number| host(number, run.sizes.each, 0)).collect();
    let ledger = Ledger::new(universe(&tables));
    let mut live = run.begin(&Setup { peers, export: Export::All }, ledger, AttrBook::default(), others)?;
    let (kind, each) = (run.kind(), run.sizes.each);
    let rounds = u32::try_from(rounds).unwrap_or(1);
    let changes = |live: &mut Live, patience: Patience, versions: std::ops::Range<u32>| {
        let end = Instant::now() + patience.limit;
        for version in versions {
            // The limit is that of all rounds together.
            let patience = Patience { limit: end.saturating_duration_since(Instant::now()), ..patience };
            change(live, patience, kind, (others, each, version))?;
        }
        Ok(())
    };
    // The first announcement fills tables and is not like the changes after it.
    changes(&mut live, run.patience, 0..1)?;
    run.measure(&mut live, "without", |live, patience| changes(live, patience, 1..1 + rounds))?;
    live.player.tolerate_losses(true);
    live.player.set_reading(slow, SLOW);
    live.player.set_reading(stuck, Reading::Stuck);
    live.player.connect([slow, stuck]);
    live.player.run_until(run.patience, |player| player.established() == others + 2)?;
    run.measure(&mut live, "with", |live, patience| changes(live, patience, 1 + rounds..1 + 2 * rounds))?;
    run.note("sessions lost", lost(&live));
    for number in [slow, stuck] {
        live.player.set_reading(number, Reading::Eager);
        live.player.ledger.count_receiver(number, true);
    }
    run.measure(&mut live, "the two catch up", Run::until_exact)?;
    run.note("sessions lost", lost(&live));
    Ok(())
}

/// All hosts announce all their prefixes with new attributes.
fn change(
    live: &mut Live,
    patience: Patience,
    kind: Kind,
    (hosts, each, version): (usize, usize, u32),
) -> Result<(), Failure> {
    let tables: Vec<Table> = (0..hosts).map(|number| host(number, each, version)).collect();
    let player = &mut live.player;
    for (number, table) in tables.iter().enumerate() {
        expect(&mut player.ledger, &mut player.book, (number, client(number)), table, kind)?;
    }
    player.ledger.recount();
    for (number, table) in tables.iter().enumerate() {
        player.send(number, table.announcement())?;
    }
    Run::until_exact(live, patience)
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn lost(live: &Live) -> f64 {
    live.player.losses() as f64
}
