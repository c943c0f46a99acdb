//! What is measured: each scenario plays one story with one target and reports its stages.

mod churn;
mod fanout;
mod full_table;
mod idle;
mod mesh;
mod slow;
mod soak;

use std::net::Ipv4Addr;
use std::time::Duration;

use super::attrs::{AttrBook, Rewrite};
use super::ledger::Ledger;
use super::player::{Failure, PeerSpec};
use super::run::Run;
use super::table::Table;
use super::targets::{ADDRESS, ASN, Kind};
use super::universe::Universe;

/// How large everything is.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Prefixes and attribute sets of the full table.
    pub table: (usize, usize),
    /// Senders and distinct prefixes each.
    pub mesh: (usize, usize),
    /// Senders and prefixes all of them announce.
    pub same: (usize, usize),
    /// Clients of the reflector, one scenario each.
    pub fanout: Vec<usize>,
    /// Prefixes of a client.
    pub each: usize,
    /// A slow and a stuck client among others.
    pub slow: SlowSize,
    /// Clients under churn, changes a second, seconds.
    pub churn: (usize, u32, u32),
    /// Routes the churn happens beside.
    pub churn_base: usize,
    /// Idle sessions and the seconds they are watched.
    pub idle: (usize, u32),
    /// Random churn.
    pub soak: SoakSize,
    /// Octets the player may have read and not looked at.
    pub backlog: usize,
}

/// How large the scenario of the slow and the stuck client is.
#[derive(Clone, Debug)]
pub struct SlowSize {
    /// Clients beside the two.
    pub others: usize,
    /// How often everything changes without the two, and with them.
    pub rounds: (u32, u32),
    /// Communities of every route: what makes the changes outgrow a log that waits for the two.
    pub communities: u32,
}

/// How large the random churn is.
#[derive(Clone, Debug)]
pub struct SoakSize {
    /// Peers, every third of another AS.
    pub peers: usize,
    /// Distinct prefixes.
    pub prefixes: usize,
    /// Prefixes a peer may announce.
    pub each: usize,
    /// UPDATEs a second.
    pub rate: u32,
    /// How long.
    pub time: Duration,
}

impl Sizes {
    /// What the published table is made of.
    pub fn full() -> Self {
        Self {
            table: (1_000_000, 150_000),
            mesh: (30, 20_000),
            same: (10, 100_000),
            fanout: vec![100, 500, 1000, 2000],
            each: 20,
            slow: SlowSize { others: 498, rounds: (10, 34), communities: 600 },
            churn: (200, 200, 8),
            churn_base: 20_000,
            idle: (1000, 30),
            soak: SoakSize {
                peers: 300,
                prefixes: 10_000,
                each: 100,
                rate: 500,
                time: Duration::from_secs(600),
            },
            backlog: 384 << 20,
        }
    }

    /// For daily use: under a minute with three targets.
    pub fn quick() -> Self {
        Self {
            table: (200_000, 30_000),
            mesh: (10, 4_000),
            same: (5, 20_000),
            fanout: vec![100, 200],
            each: 20,
            slow: SlowSize { others: 98, rounds: (3, 9), communities: 5 },
            churn: (50, 100, 1),
            churn_base: 2_000,
            idle: (200, 2),
            soak: SoakSize { time: Duration::from_secs(20), ..Self::full().soak },
            backlog: 64 << 20,
        }
    }

    /// For the tests of the benchmark itself.
    pub fn tiny() -> Self {
        Self {
            table: (10_000, 1_500),
            mesh: (4, 500),
            same: (3, 1_000),
            fanout: vec![20],
            each: 5,
            slow: SlowSize { others: 18, rounds: (2, 2), communities: 3 },
            churn: (10, 100, 1),
            churn_base: 200,
            idle: (20, 1),
            soak: SoakSize { peers: 20, prefixes: 400, each: 40, rate: 200, time: Duration::from_secs(2) },
            backlog: 4 << 20,
        }
    }
}

/// One story.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scenario {
    /// A full table in and out, withdrawn, and lost with its session.
    FullTable,
    /// A change of export policy over a full table.
    Policy,
    /// Many senders with prefixes of their own, everyone told everything.
    Mesh,
    /// Many senders with the same prefixes.
    Same,
    /// That many clients of a reflector: announcing at once, one more joining, all dropping and coming back.
    Fanout(usize),
    /// A slow and a stuck client beside many others.
    Slow,
    /// A steady churn: alone, while clients join, while a full table loads.
    Churn,
    /// Sessions with nothing to say.
    Idle,
    /// Minutes of random churn, sessions that drop and return, slow readers: only when asked for.
    Soak,
}

impl Scenario {
    /// Those of the table, at those sizes.
    pub fn all(sizes: &Sizes) -> Vec<Self> {
        let mut found = vec![Self::FullTable, Self::Policy, Self::Mesh, Self::Same];
        found.extend(sizes.fanout.iter().map(|&clients| Self::Fanout(clients)));
        found.extend([Self::Slow, Self::Churn, Self::Idle]);
        found
    }

    /// Its name on the command line.
    pub fn name(self) -> String {
        match self {
            Self::FullTable => "full-table".to_owned(),
            Self::Policy => "policy".to_owned(),
            Self::Mesh => "mesh".to_owned(),
            Self::Same => "same".to_owned(),
            Self::Fanout(clients) => format!("fanout-{clients}"),
            Self::Slow => "slow".to_owned(),
            Self::Churn => "churn".to_owned(),
            Self::Idle => "idle".to_owned(),
            Self::Soak => "soak".to_owned(),
        }
    }

    /// What happens in it, in one sentence.
    pub fn title(self, sizes: &Sizes) -> String {
        let Sizes { table, mesh, same, each, slow, churn, churn_base, idle, soak, .. } = sizes;
        match self {
            Self::FullTable => {
                format!(
                    "A full table, {} prefixes in {} attribute sets, eBGP in and eBGP out",
                    table.0, table.1
                )
            }
            Self::Policy => {
                format!(
                    "An export policy that changes over {} routes: without /24, then all with a community more",
                    table.0
                )
            }
            Self::Mesh => {
                format!("{} eBGP senders with {} prefixes each, everyone told everything", mesh.0, mesh.1)
            }
            Self::Same => {
                format!("{} eBGP senders of the same {} prefixes, everyone told the best", same.0, same.1)
            }
            Self::Fanout(clients) => format!("A reflector with {clients} clients of {each} prefixes"),
            Self::Slow => format!(
                "A reflector with {} clients of {each} prefixes with {} communities, all changing {} times without and {} times with a slow and a stuck client",
                slow.others, slow.communities, slow.rounds.0, slow.rounds.1
            ),
            Self::Churn => format!(
                "A reflector with {} clients and {} routes: {} changes a second for {} s, and when the last client has each",
                churn.0,
                churn.0 * each + churn_base,
                churn.1,
                churn.2
            ),
            Self::Idle => format!("{} established sessions without routes, watched for {} s", idle.0, idle.1),
            Self::Soak => format!(
                "{} peers, {} UPDATEs a second at random for {:.0} s, sessions that drop and return, slow readers",
                soak.peers,
                soak.rate,
                soak.time.as_secs_f64()
            ),
        }
    }

    /// Plays it; the run keeps what was measured, also before a failure.
    ///
    /// # Errors
    /// What ended it early.
    pub fn play(self, run: &mut Run<'_>) -> Result<(), Failure> {
        match self {
            Self::FullTable => full_table::load_withdraw_drop(run),
            Self::Policy => full_table::policy_change(run),
            Self::Mesh => mesh::distinct(run),
            Self::Same => mesh::same(run),
            Self::Fanout(clients) => fanout::play(run, clients),
            Self::Slow => slow::play(run),
            Self::Churn => churn::play(run),
            Self::Idle => idle::play(run),
            Self::Soak => soak::play(run),
        }
    }
}

/// The `number`th peer, in an AS of its own.
fn external(number: usize) -> PeerSpec {
    PeerSpec { addr: address(number), asn: 65001 + u32::try_from(number).unwrap_or(0) }
}

/// The `number`th peer, a client of the reflector.
fn client(number: usize) -> PeerSpec {
    PeerSpec { addr: address(number), asn: ASN }
}

fn address(number: usize) -> Ipv4Addr {
    // Two hundred to a /24: none is the first or last address of one.
    let number = u32::try_from(number).unwrap_or(0);
    Ipv4Addr::from(0x0a01_0000 + (number / 200) * 256 + number % 200 + 10)
}

/// What a set of a sender must look like at the receivers.
fn rewrite(kind: Kind, sender: PeerSpec) -> Rewrite {
    match (kind, sender.asn) {
        (Kind::Relay, _) => Rewrite::Nothing,
        (_, ASN) => Rewrite::Reflected { originator: sender.addr, cluster: ADDRESS },
        _ => Rewrite::External { asn: ASN, next_hop: ADDRESS },
    }
}

/// From the next recount on, everyone but `owner` must hold the table as `kind` passes it on.
fn expect(
    ledger: &mut Ledger,
    book: &mut AttrBook,
    (owner, sender): (usize, PeerSpec),
    table: &Table,
    kind: Kind,
) -> Result<(), Failure> {
    let owner = u32::try_from(owner).unwrap_or(super::ledger::NOBODY);
    for (attrs, prefixes) in table.iter() {
        let set = book
            .expect(&attrs.rewritten(rewrite(kind, sender)))
            .map_err(|fault| Failure::Malformed { peer: sender.addr, fault: fault.into() })?;
        for prefix in prefixes {
            if let Some(index) = ledger.index(prefix.key()) {
                ledger.expect(index, set, owner);
            }
        }
    }
    Ok(())
}

/// A universe of everything in some tables.
fn universe<'a>(tables: impl IntoIterator<Item = &'a Table>) -> Universe {
    Universe::new(tables.into_iter().flat_map(|table| table.prefixes.iter().copied()))
}
