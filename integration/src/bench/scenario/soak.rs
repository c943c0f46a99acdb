//! Minutes of random churn: exact whenever it pauses, and no larger at the end than at the beginning.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{SoakSize, client, external};
use crate::bench::attrs::AttrBook;
use crate::bench::ledger::Ledger;
use crate::bench::player::{Failure, Patience, PeerSpec, Reading};
use crate::bench::run::{Live, Run};
use crate::bench::soak::World;
use crate::bench::targets::{Export, Kind, Setup};

/// How often it pauses until everybody holds exactly what they must.
const PAUSES: u32 = 10;
/// How long a dropped session stays away.
const AWAY: Duration = Duration::from_millis(800);
/// The readers that are not eager for a while.
const READINGS: [Reading; 2] = [Reading::Slow(1024, Duration::from_millis(50)), Reading::Stuck];
/// How much more may be resident on average at the end than at the beginning: this factor, and so many MiB.
const GROWTH: (f64, f64) = (1.2, 8.0);

/// Everybody announces; then random changes for the time given.
pub(super) fn play(run: &mut Run<'_>) -> Result<(), Failure> {
    if run.kind() == Kind::Relay {
        return Err(Failure::NotApplicable("it does not choose".to_owned()));
    }
    let SoakSize { peers, prefixes, each, .. } = run.sizes.soak;
    let specs: Vec<PeerSpec> =
        (0..peers).map(|number| if number % 3 == 2 { external(number) } else { client(number) }).collect();
    let mut world = World::new(&specs, prefixes, each);
    let ledger = Ledger::new(world.universe());
    let setup = Setup { peers: specs, export: Export::All };
    let mut live = run.begin(&setup, ledger, AttrBook::default(), peers)?;
    run.measure(&mut live, "announce", |live, patience| {
        for number in 0..peers {
            live.player.send(number, world.fill(number))?;
        }
        exact(live, patience, &world)
    })?;
    let size = run.sizes.soak.clone();
    let mut soak =
        Soak { world, size, away: VecDeque::new(), lazy: None, memory: Vec::new(), done: 0, drops: 0 };
    run.measure(&mut live, "soak", |live, patience| soak.play(live, patience))?;
    run.untimed();
    let [first, last, most] = soak.memory();
    run.note("first MiB", first);
    run.note("last MiB", last);
    run.note("most MiB", most);
    run.note("UPDATEs", f64::from(soak.done));
    run.note("drops", f64::from(soak.drops));
    if last > first * GROWTH.0 + GROWTH.1 {
        return Err(Failure::Grew { first, last });
    }
    Ok(())
}

/// The churn under way.
struct Soak {
    world: World,
    size: SoakSize,
    /// Sessions dropped, and when they return.
    away: VecDeque<(Instant, usize)>,
    /// The peer that is not an eager reader now, and until when.
    lazy: Option<(Instant, usize)>,
    /// Resident, MiB, at even intervals.
    memory: Vec<f64>,
    done: u32,
    drops: u32,
}

impl Soak {
    fn play(&mut self, live: &mut Live, patience: Patience) -> Result<(), Failure> {
        let stretch = self.size.time / PAUSES;
        for _ in 0..PAUSES {
            self.churn(live, stretch)?;
            self.settle(live, patience)?;
        }
        Ok(())
    }

    /// Changes at the rate given; a session drops every second or so, a reader is lazy now and then.
    fn churn(&mut self, live: &mut Live, time: Duration) -> Result<(), Failure> {
        let began = Instant::now();
        let sampling = time / 20;
        let (mut sent, mut sampled) = (0_u128, 0);
        loop {
            let now = Instant::now();
            let elapsed = now - began;
            if elapsed >= time {
                return Ok(());
            }
            let due = elapsed.as_millis() * u128::from(self.size.rate) / 1000;
            while sent < due {
                sent += 1;
                self.one(live, now)?;
            }
            self.bring_back(live, now);
            if elapsed >= sampling * sampled {
                sampled += 1;
                self.memory.push(live.daemon.resident());
            }
            live.player.run_for(Duration::from_millis(5))?;
        }
    }

    /// One random event.
    fn one(&mut self, live: &mut Live, now: Instant) -> Result<(), Failure> {
        let peer = self.world.below(self.size.peers);
        if !live.player.is_up(peer) {
            return Ok(());
        }
        let rate = self.size.rate as usize;
        // About once a second, and once in three.
        if self.world.below(rate) == 0 {
            live.player.hang_up([peer]);
            live.player.set_reading(peer, Reading::Eager);
            self.world.clear(peer);
            self.away.push_back((now + AWAY, peer));
            self.drops += 1;
            return Ok(());
        }
        if self.lazy.is_none() && self.world.below(rate * 3) == 0 {
            let reading = READINGS.get(self.world.below(READINGS.len())).copied().unwrap_or(Reading::Stuck);
            live.player.set_reading(peer, reading);
            self.lazy = Some((now + AWAY * 4, peer));
        }
        self.done += 1;
        let octets = self.world.change(peer);
        live.player.send(peer, octets)
    }

    fn bring_back(&mut self, live: &mut Live, now: Instant) {
        while let Some(&(_, peer)) = self.away.front().filter(|(at, _)| *at <= now) {
            self.away.pop_front();
            live.player.announce_on_up(peer, self.world.fill(peer));
            live.player.connect([peer]);
        }
        if let Some((_, peer)) = self.lazy.filter(|(until, _)| *until <= now) {
            live.player.set_reading(peer, Reading::Eager);
            self.lazy = None;
        }
    }

    /// Everybody returns and reads, and holds exactly what they must.
    fn settle(&mut self, live: &mut Live, patience: Patience) -> Result<(), Failure> {
        let late = Instant::now() + AWAY * 10;
        self.bring_back(live, late);
        let all = self.size.peers;
        live.player.run_until(patience, |player| player.established() == all)?;
        exact(live, patience, &self.world)
    }

    /// Resident on average in the first and in the last tenth, and at most; MiB.
    fn memory(&self) -> [f64; 3] {
        let tenth = self.memory.len().div_ceil(10);
        let mean =
            |part: &[f64]| part.iter().sum::<f64>() / f64::from(u32::try_from(part.len()).unwrap_or(1));
        let (first, _) = self.memory.split_at(tenth);
        let (_, last) = self.memory.split_at(self.memory.len() - tenth);
        [mean(first), mean(last), self.memory.iter().copied().fold(0.0, f64::max)]
    }
}

fn exact(live: &mut Live, patience: Patience, world: &World) -> Result<(), Failure> {
    let player = &mut live.player;
    world
        .expect(&mut player.ledger, &mut player.book)
        .map_err(|fault| Failure::Malformed { peer: crate::bench::targets::ADDRESS, fault: fault.into() })?;
    Run::until_exact(live, patience)
}
