//! Established sessions that have nothing to say but that they live.

use std::time::Duration;

use super::client;
use crate::bench::attrs::AttrBook;
use crate::bench::ledger::Ledger;
use crate::bench::player::{Failure, PeerSpec};
use crate::bench::run::Run;
use crate::bench::targets::{Export, Kind, Setup};
use crate::bench::universe::Universe;

/// Watches the processor time of many idle sessions.
pub(super) fn play(run: &mut Run<'_>) -> Result<(), Failure> {
    if run.kind() == Kind::Relay {
        return Err(Failure::NotApplicable("it keeps nobody alive".to_owned()));
    }
    let (sessions, seconds) = run.sizes.idle;
    let peers: Vec<PeerSpec> = (0..sessions).map(client).collect();
    let ledger = Ledger::new(Universe::default());
    let mut live = run.begin(&Setup { peers, export: Export::All }, ledger, AttrBook::default(), sessions)?;
    live.player.run_for(Duration::from_secs(1))?;
    let window = Duration::from_secs(u64::from(seconds));
    run.measure(&mut live, "idle", |live, _| live.player.run_for(window))?;
    run.untimed();
    let used = run.stages.last().and_then(|(_, outcome)| match outcome {
        crate::bench::run::Outcome::Done(measure) => Some(measure.cpu),
        _ => None,
    });
    run.note("% of a core", used.unwrap_or(0.0) / window.as_secs_f64() * 100.0);
    Ok(())
}
