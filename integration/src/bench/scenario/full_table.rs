//! A full table from one AS to another.

use super::{expect, external, universe};
use crate::bench::attrs::{AttrBook, NONE};
use crate::bench::ledger::{Ledger, NOBODY};
use crate::bench::player::Failure;
use crate::bench::run::{Live, Run};
use crate::bench::table::{self, Table};
use crate::bench::targets::{Export, Kind, Setup, TAG};

const SENDER: usize = 0;

/// Loads the table, withdraws it, loads it again and ends the sender's session.
pub(super) fn load_withdraw_drop(run: &mut Run<'_>) -> Result<(), Failure> {
    let (table, mut live, _) = begin(run)?;
    let announcement = table.announcement();
    let withdrawal = table.withdrawal();
    run.measure(&mut live, "load", |live, patience| {
        live.player.send(SENDER, announcement.clone())?;
        Run::until_exact(live, patience)
    })?;
    run.settle(&mut live)?;
    live.player.ledger.expect_nothing();
    run.measure(&mut live, "withdraw", |live, patience| {
        live.player.send(SENDER, withdrawal)?;
        Run::until_exact(live, patience)
    })?;
    run.settle(&mut live)?;
    if run.kind() == Kind::Relay {
        return Ok(());
    }
    let player = &mut live.player;
    expect(&mut player.ledger, &mut player.book, (SENDER, external(SENDER)), &table, run.kind())?;
    player.ledger.recount();
    player.send(SENDER, announcement)?;
    Run::until_exact(&mut live, run.patience)?;
    live.player.ledger.expect_nothing();
    run.measure(&mut live, "session drop", |live, patience| {
        live.player.hang_up([SENDER]);
        Run::until_exact(live, patience)
    })?;
    run.settle(&mut live)
}

/// Loads the table and makes the speaker stop exporting its longest prefixes, then export everything with a
/// community more.
pub(super) fn policy_change(run: &mut Run<'_>) -> Result<(), Failure> {
    if matches!(run.kind(), Kind::Relay | Kind::Gobgp) {
        return Err(Failure::NotApplicable("no reload of an export policy".to_owned()));
    }
    let (mut table, mut live, setup) = begin(run)?;
    live.player.send(SENDER, table.announcement())?;
    Run::until_exact(&mut live, run.patience)?;
    let (target, dir) = (run.target, run.dir);
    for prefix in table.prefixes.iter().filter(|prefix| prefix.len > 23) {
        if let Some(index) = live.player.ledger.index(prefix.key()) {
            live.player.ledger.expect(index, NONE, NOBODY);
        }
    }
    let short = Setup { export: Export::Short, ..setup.clone() };
    run.measure(&mut live, "filter", |live, patience| {
        target.reload(&live.daemon, &short, dir)?;
        Run::until_exact(live, patience)
    })?;
    run.settle(&mut live)?;
    for (attrs, _) in &mut table.sets {
        attrs.communities.push(u32::from(TAG.0) << 16 | u32::from(TAG.1));
    }
    let player = &mut live.player;
    expect(&mut player.ledger, &mut player.book, (SENDER, external(SENDER)), &table, run.kind())?;
    let setup = Setup { export: Export::Tagged, ..setup };
    run.measure(&mut live, "tag", |live, patience| {
        target.reload(&live.daemon, &setup, dir)?;
        Run::until_exact(live, patience)
    })?;
    run.settle(&mut live)
}

fn begin(run: &Run<'_>) -> Result<(Table, Live, Setup), Failure> {
    let setup = Setup { peers: vec![external(SENDER), external(1)], export: Export::All };
    let sender = external(SENDER);
    let (prefixes, sets) = run.sizes.table;
    let table = table::full(prefixes, sets, sender.asn, sender.next_hop());
    let mut ledger = Ledger::new(universe([&table]));
    let mut book = AttrBook::default();
    expect(&mut ledger, &mut book, (SENDER, sender), &table, run.kind())?;
    let live = run.begin(&setup, ledger, book, setup.peers.len())?;
    Ok((table, live, setup))
}
