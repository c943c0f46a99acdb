//! Established sessions that have nothing to say but that they live.

use std::time::Duration;

use super::fanout::host;
use super::{client, expect, universe};
use crate::bench::attrs::AttrBook;
use crate::bench::floors::USED;
use crate::bench::ledger::Ledger;
use crate::bench::player::{Failure, PeerSpec};
use crate::bench::run::{Outcome, Run};
use crate::bench::targets::{Export, Kind, Setup};

/// Watches the processor time of many idle sessions; then one of them has something to say.
pub(super) fn play(run: &mut Run<'_>) -> Result<(), Failure> {
    if run.kind() == Kind::Relay {
        return Err(Failure::NotApplicable("it keeps nobody alive".to_owned()));
    }
    let (sessions, seconds) = run.sizes.idle;
    let peers: Vec<PeerSpec> = (0..sessions).map(client).collect();
    let table = host(0, 1, 0);
    let ledger = Ledger::new(universe([&table]));
    let mut live = run.begin(&Setup { peers, export: Export::All }, ledger, AttrBook::default(), sessions)?;
    live.player.run_for(Duration::from_secs(1))?;
    let window = Duration::from_secs(u64::from(seconds));
    run.measure(&mut live, "idle", |live, _| live.player.run_for(window))?;
    run.untimed();
    let used = run.stages.last().and_then(|(_, outcome)| match outcome {
        Outcome::Done(measure) => Some(measure.cpu),
        _ => None,
    });
    run.note(USED, used.unwrap_or(0.0) / window.as_secs_f64() * 100.0);
    // Sessions that cost nothing because they are dead would not pass this on.
    let kind = run.kind();
    let player = &mut live.player;
    expect(&mut player.ledger, &mut player.book, (0, client(0)), &table, kind)?;
    player.ledger.recount();
    player.send(0, table.announcement())?;
    Run::until_exact(&mut live, run.patience)
}
