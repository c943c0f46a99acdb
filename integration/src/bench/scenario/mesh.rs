//! Many external peers, all of them senders and receivers.

use super::{expect, external, universe};
use crate::bench::attrs::{AttrBook, Attrs};
use crate::bench::ledger::Ledger;
use crate::bench::player::{Failure, PeerSpec};
use crate::bench::run::Run;
use crate::bench::table::{self, Table};
use crate::bench::targets::{Export, Kind, Setup};

/// Every sender has prefixes of its own and is told those of all others.
pub(super) fn distinct(run: &mut Run<'_>) -> Result<(), Failure> {
    let (senders, each) = run.sizes.mesh;
    let peers: Vec<PeerSpec> = (0..senders).map(external).collect();
    let whole = table::full(senders * each, senders * each * 3 / 20, 0, any_hop(&peers));
    let mut tables = vec![Table::default(); senders];
    for (number, (attrs, prefixes)) in whole.iter().enumerate() {
        let sender = number % senders;
        if let (Some(table), Some(peer)) = (tables.get_mut(sender), peers.get(sender)) {
            add(table, from(attrs, *peer, &[]), prefixes);
        }
    }
    let mut ledger = Ledger::new(universe(&tables));
    let mut book = AttrBook::default();
    for (number, table) in tables.iter().enumerate() {
        expect(&mut ledger, &mut book, (number, external(number)), table, run.kind())?;
    }
    announce(run, peers, ledger, book, &tables)
}

/// Every sender has the same prefixes; for each of them one sender has the shortest path, another one each time.
pub(super) fn same(run: &mut Run<'_>) -> Result<(), Failure> {
    if run.kind() == Kind::Relay {
        return Err(Failure::NotApplicable("it does not choose".to_owned()));
    }
    let (senders, each) = run.sizes.same;
    let peers: Vec<PeerSpec> = (0..senders).map(external).collect();
    let whole = table::full(each, each * 3 / 20, 0, any_hop(&peers));
    let mut tables = vec![Table::default(); senders];
    let mut best = vec![Table::default(); senders];
    for (number, (attrs, prefixes)) in whole.iter().enumerate() {
        for (sender, (table, peer)) in tables.iter_mut().zip(&peers).enumerate() {
            if sender == number % senders {
                let attrs = from(attrs, *peer, &[]);
                add(table, attrs.clone(), prefixes);
                if let Some(best) = best.get_mut(sender) {
                    add(best, attrs, prefixes);
                }
            } else {
                add(table, from(attrs, *peer, &[4000]), prefixes);
            }
        }
    }
    let mut ledger = Ledger::new(universe([&whole]));
    let mut book = AttrBook::default();
    for (number, table) in best.iter().enumerate() {
        expect(&mut ledger, &mut book, (number, external(number)), table, run.kind())?;
    }
    announce(run, peers, ledger, book, &tables)
}

fn announce(
    run: &mut Run<'_>,
    peers: Vec<PeerSpec>,
    ledger: Ledger,
    book: AttrBook,
    tables: &[Table],
) -> Result<(), Failure> {
    let setup = Setup { peers, export: Export::All };
    let mut live = run.begin(&setup, ledger, book, setup.peers.len())?;
    let octets: Vec<_> = tables.iter().map(Table::announcement).collect();
    run.measure(&mut live, "load", |live, patience| {
        for (number, octets) in octets.into_iter().enumerate() {
            live.player.send(number, octets)?;
        }
        Run::until_exact(live, patience)
    })?;
    run.settle(&mut live)
}

/// The set as that peer announces it, with `detour` behind its own AS number.
fn from(attrs: &Attrs, peer: PeerSpec, detour: &[u32]) -> Attrs {
    let mut out = Attrs { next_hop: peer.next_hop(), ..attrs.clone() };
    // The path begins with the sender of the whole table, which is nobody.
    out.path.splice(..1, [&[peer.asn], detour].concat());
    out
}

fn add(table: &mut Table, attrs: Attrs, prefixes: &[crate::bench::wire::Prefix]) {
    let start = table.prefixes.len();
    table.prefixes.extend_from_slice(prefixes);
    table.sets.push((attrs, start..table.prefixes.len()));
}

fn any_hop(peers: &[PeerSpec]) -> std::net::Ipv4Addr {
    peers.first().map_or(std::net::Ipv4Addr::UNSPECIFIED, |peer| peer.next_hop())
}
