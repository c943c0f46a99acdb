//! A route reflector and its clients.

use super::{client, expect, universe};
use crate::bench::attrs::{AttrBook, Attrs};
use crate::bench::ledger::Ledger;
use crate::bench::player::{Failure, PeerSpec};
use crate::bench::run::Run;
use crate::bench::table::{self, Table};
use crate::bench::targets::{ASN, Export, Kind, Setup};

/// All announce at once; one more joins; all drop and come back.
pub(super) fn play(run: &mut Run<'_>, clients: usize) -> Result<(), Failure> {
    let joiner = clients;
    let peers: Vec<PeerSpec> = (0..=clients).map(client).collect();
    let tables: Vec<Table> = (0..clients).map(|number| host(number, run.sizes.each, 1)).collect();
    let mut ledger = Ledger::new(universe(&tables));
    let mut book = AttrBook::default();
    for (number, table) in tables.iter().enumerate() {
        expect(&mut ledger, &mut book, (number, client(number)), table, run.kind())?;
    }
    let mut live = run.begin(&Setup { peers, export: Export::All }, ledger, book, clients)?;
    run.measure(&mut live, "announce", |live, patience| {
        for (number, table) in tables.iter().enumerate() {
            live.player.send(number, table.announcement())?;
        }
        Run::until_exact(live, patience)
    })?;
    if run.kind() == Kind::Relay {
        return Ok(());
    }
    live.player.ledger.count_receiver(joiner, true);
    run.measure(&mut live, "one joins", |live, patience| {
        live.player.connect([joiner]);
        Run::until_exact(live, patience)
    })?;
    for (number, table) in tables.iter().enumerate() {
        live.player.announce_on_up(number, table.announcement());
    }
    // A speaker may be slow to see one side of a session end and refuse the new one at first.
    live.player.tolerate_losses(true);
    run.measure(&mut live, "all drop and return", |live, patience| {
        live.player.hang_up(0..=joiner);
        live.player.connect(0..=joiner);
        Run::until_exact(live, patience)
    })
}

/// The prefixes of one host; `version` changes their attributes.
pub(super) fn host(number: usize, each: usize, version: u32) -> Table {
    let attrs = Attrs::internal(client(number).next_hop(), vec![ASN << 16 | (version & 0xffff)]);
    Table::uniform(attrs, table::blocks(number, each))
}
