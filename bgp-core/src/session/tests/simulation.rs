//! Two sessions over a link that delays, cuts and reorders, on virtual time: whatever happens, they end
//! established on one connection, the same at both ends, or say why not.

use std::collections::{BTreeMap, BinaryHeap};

use super::*;

/// A small generator of its own, so that a seed always means the same run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }

    fn delay(&mut self, max_ms: u64) -> Duration {
        Duration::from_micros(self.roll(max_ms * 1000) + 1)
    }
}

#[derive(Debug)]
enum Event {
    /// The dial of this side reaches the other, which may refuse it.
    Reach {
        from: usize,
        attempt: u32,
    },
    /// The side learns that its connection stands.
    Stands {
        side: usize,
        link: u32,
        attempt: Option<u32>,
    },
    Refused {
        side: usize,
        attempt: u32,
    },
    Deliver {
        side: usize,
        link: u32,
        octets: Vec<u8>,
    },
    /// The side learns that the connection is gone.
    Gone {
        side: usize,
        link: u32,
    },
    /// The network takes a connection away.
    Cut {
        link: u32,
    },
    /// The side loses its memory: every connection of it vanishes without a word.
    Crash {
        side: usize,
    },
    Clear {
        side: usize,
    },
}

struct Queued(Duration, u64, Event);

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.0, other.1).cmp(&(self.0, self.1))
    }
}

#[derive(Default)]
struct End {
    known: bool,
    /// What arrived before the side knew of the connection; TCP keeps it.
    waiting: Vec<u8>,
    gone: bool,
    closed: bool,
    /// When the last octets sent to this end arrive; TCP keeps their order.
    last: Duration,
}

struct Link {
    dialler: usize,
    ends: [End; 2],
}

struct World {
    start: Instant,
    now: Duration,
    dice: Dice,
    sides: [Session; 2],
    configs: [PeerConfig; 2],
    links: BTreeMap<u32, Link>,
    attempts: [u32; 2],
    up: [Option<ConnId>; 2],
    queue: BinaryHeap<Queued>,
    serial: u64,
    latency_ms: u64,
    refuse_percent: u64,
    established: u32,
}

impl World {
    fn new(seed: u64, configs: [PeerConfig; 2]) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let latency_ms = [1, 20, 300, 2500][dice.roll(4) as usize];
        let refuse_percent = [0, 20, 60][dice.roll(3) as usize];
        let sides = [Session::new(configs[0].clone(), seed), Session::new(configs[1].clone(), !seed)];
        Self {
            start: some_instant(),
            now: Duration::ZERO,
            dice,
            sides,
            configs,
            links: BTreeMap::new(),
            attempts: [0, 0],
            up: [None, None],
            queue: BinaryHeap::new(),
            serial: 0,
            latency_ms,
            refuse_percent,
            established: 0,
        }
    }

    fn at(&mut self, at: Duration, event: Event) {
        self.serial += 1;
        self.queue.push(Queued(at, self.serial, event));
    }

    fn later(&mut self, event: Event) {
        let at = self.now + self.dice.delay(self.latency_ms);
        self.at(at, event);
    }

    fn input(&mut self, side: usize, input: Input<'_>) {
        self.sides[side].handle_input(input, self.start + self.now);
        self.obey(side);
    }

    fn obey(&mut self, side: usize) {
        while let Some(output) = self.sides[side].poll_output() {
            match output {
                Output::Send(ConnId(link), octets) => {
                    let max = self.latency_ms;
                    let delay = self.dice.delay(max);
                    let Some(wire) = self.links.get_mut(&link) else { continue };
                    assert!(!wire.ends[side].closed, "sent on a closed connection");
                    let end = &mut wire.ends[1 - side];
                    end.last = end.last.max(self.now + delay);
                    let at = end.last;
                    self.at(at, Event::Deliver { side: 1 - side, link, octets: octets.to_vec() });
                    self.sides[side].handle_input(Input::Sent(ConnId(link)), self.start + self.now);
                }
                Output::Connect => {
                    self.attempts[side] += 1;
                    let attempt = self.attempts[side];
                    self.later(Event::Reach { from: side, attempt });
                }
                Output::CancelConnect => self.attempts[side] += 1,
                Output::Close(ConnId(link)) => self.close(side, link),
                Output::Up(negotiated) => {
                    assert_eq!(self.up[side], None, "established twice");
                    self.up[side] = Some(negotiated.conn());
                    self.established += 1;
                }
                Output::Down(down) => {
                    assert_eq!(self.up[side].take(), Some(down.conn), "lost what was not there");
                }
                _ => {}
            }
        }
    }

    /// This end is closed; the other learns it after what was sent before.
    fn close(&mut self, side: usize, link: u32) {
        let Some(wire) = self.links.get_mut(&link) else { return };
        wire.ends[side].closed = true;
        let at = wire.ends[1 - side].last.max(self.now) + Duration::from_micros(1);
        wire.ends[1 - side].last = at;
        self.at(at, Event::Gone { side: 1 - side, link });
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Reach { from, attempt } => {
                if self.dice.chance(self.refuse_percent) {
                    return self.later(Event::Refused { side: from, attempt });
                }
                self.serial += 1;
                let link = self.serial as u32;
                self.links.insert(link, Link { dialler: from, ends: <[End; 2]>::default() });
                self.later(Event::Stands { side: 1 - from, link, attempt: None });
                self.later(Event::Stands { side: from, link, attempt: Some(attempt) });
            }
            Event::Refused { side, attempt } => {
                if attempt == self.attempts[side] {
                    self.input(side, Input::ConnectFailed);
                }
            }
            Event::Stands { side, link, attempt } => {
                let wire = self.links.get_mut(&link).unwrap();
                if attempt.is_some_and(|attempt| attempt != self.attempts[side]) {
                    return self.close(side, link);
                }
                if wire.ends[side].closed {
                    return;
                }
                wire.ends[side].known = true;
                let direction = if wire.dialler == side { Direction::Outgoing } else { Direction::Incoming };
                let (waiting, gone) = (std::mem::take(&mut wire.ends[side].waiting), wire.ends[side].gone);
                let local = "192.0.2.1:179".parse().unwrap();
                let remote = "192.0.2.2:179".parse().unwrap();
                self.input(side, Input::Connected { conn: ConnId(link), direction, local, remote });
                self.deliver(side, link, &waiting);
                if gone {
                    self.lose(side, link);
                }
            }
            Event::Deliver { side, link, octets } => {
                let end = &mut self.links.get_mut(&link).unwrap().ends[side];
                if end.known {
                    self.deliver(side, link, &octets);
                } else {
                    end.waiting.extend(octets);
                }
            }
            Event::Gone { side, link } => {
                let end = &mut self.links.get_mut(&link).unwrap().ends[side];
                end.gone = true;
                if end.known {
                    self.lose(side, link);
                }
            }
            Event::Cut { link } => {
                for side in [0, 1] {
                    self.later(Event::Gone { side, link });
                }
            }
            Event::Crash { side } => {
                self.sides[side] = Session::new(self.configs[side].clone(), self.serial);
                self.up[side] = None;
                self.attempts[side] += 1;
                for link in self.links.keys().copied().collect::<Vec<_>>() {
                    let crashed = &mut self.links.get_mut(&link).unwrap().ends[side];
                    let was_closed = std::mem::replace(&mut crashed.closed, true);
                    // The kernel may die with the process, and then nobody is told.
                    if !was_closed && self.dice.chance(50) {
                        self.later(Event::Gone { side: 1 - side, link });
                    }
                }
                self.input(side, Input::Start);
            }
            Event::Clear { side } => self.input(side, Input::Reset(ResetReason::Administrative)),
        }
    }

    fn deliver(&mut self, side: usize, link: u32, octets: &[u8]) {
        let cut = self.dice.roll(octets.len() as u64 + 1) as usize;
        for part in [&octets[..cut], &octets[cut..]] {
            if !self.links[&link].ends[side].closed {
                self.input(side, Input::bytes(ConnId(link), part));
            }
        }
    }

    fn lose(&mut self, side: usize, link: u32) {
        let end = &mut self.links.get_mut(&link).unwrap().ends[side];
        if !std::mem::replace(&mut end.closed, true) {
            self.input(side, Input::Closed(ConnId(link)));
        }
    }

    fn run(&mut self, until: Duration) {
        loop {
            let timer = |side: &Session| side.poll_timeout().map(|at| at - self.start);
            let timers = [timer(&self.sides[0]), timer(&self.sides[1])];
            let next = timers.iter().copied().flatten().chain(self.queue.peek().map(|queued| queued.0)).min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            if let Some(side) = timers.iter().position(|at| at.is_some_and(|at| at <= self.now)) {
                self.sides[side].handle_timeout(self.start + self.now);
                self.obey(side);
            } else if let Some(Queued(_, _, event)) = self.queue.pop() {
                self.happen(event);
            }
            for session in &self.sides {
                assert!(session.conns.iter().filter(|c| c.stage() == Stage::Established).count() <= 1);
            }
        }
        self.now = until;
    }

    /// Trouble for two minutes, then peace.
    fn trouble(&mut self) {
        let end = secs(120);
        while self.now < end {
            let step = self.dice.delay(15_000);
            self.run(self.now + step);
            let side = self.dice.roll(2) as usize;
            match self.dice.roll(10) {
                0 => self.happen(Event::Crash { side }),
                1 => self.happen(Event::Clear { side }),
                2..=6 => {
                    let count = self.links.len() as u64;
                    if count > 0 {
                        let nth = self.dice.roll(count) as usize;
                        let link = *self.links.keys().nth(nth).unwrap();
                        self.happen(Event::Cut { link });
                    }
                }
                _ => {}
            }
        }
        self.refuse_percent = 0;
        self.latency_ms = self.latency_ms.min(300);
    }
}

use super::super::collision::Stage;

fn pair(seed: u64) -> [PeerConfig; 2] {
    let restart = |bit: u64| match seed >> bit & 3 {
        0 => GracefulRestart::Off,
        1 => GracefulRestart::HelperOnly,
        _ => GracefulRestart::Full { restart_time: 120 },
    };
    let a = PeerConfig { graceful_restart: restart(3), passive: seed % 5 == 3, ..config() };
    let b = PeerConfig {
        local_asn: Asn(65002),
        local_id: RouterId(if seed & 1 == 0 { 0x0a00_0002 } else { 0x0900_0002 }),
        graceful_restart: restart(5),
        passive: seed % 5 == 4,
        ..config()
    };
    [a, b]
}

#[test]
fn two_sessions_always_end_established_on_one_connection() {
    let mut established = 0;
    for seed in 1..=600 {
        let mut world = World::new(seed, pair(seed));
        for side in [0, 1] {
            world.input(side, Input::Start);
        }
        world.trouble();
        // Longest chain: hold timer of a half-open connection, then the longest pause.
        world.run(secs(120 + 90 + 4 * 30 + 60));
        let states = [world.sides[0].state(), world.sides[1].state()];
        assert_eq!(states, [State::Established; 2], "seed {seed}");
        assert!(world.up[0].is_some() && world.up[0] == world.up[1], "seed {seed}: {:?}", world.up);
        for session in &world.sides {
            assert_eq!(session.conns.iter().count(), 1, "seed {seed}");
        }
        // And it stays that way.
        let before = world.established;
        world.run(secs(3600));
        assert_eq!(world.established, before, "seed {seed}");
        established += before;
    }
    assert!(established > 2 * 600, "trouble made hardly any: {established}");
}

#[test]
fn simultaneous_dialling_settles_without_a_single_lost_session() {
    // RFC 4271 §6.8: a collision must not cost an established session.
    for seed in 1..=400 {
        let [mut a, mut b] = pair(seed);
        (a.passive, b.passive) = (false, false);
        let mut world = World::new(seed, [a, b]);
        world.refuse_percent = 0;
        world.latency_ms = world.latency_ms.min(300);
        for side in [0, 1] {
            world.input(side, Input::Start);
        }
        world.run(secs(10));
        assert_eq!(
            world.established,
            2,
            "seed {seed}: {:?}",
            world.sides.map(|side| side.stats().last_error.clone())
        );
        assert!(world.up[0].is_some() && world.up[0] == world.up[1], "seed {seed}");
    }
}

#[test]
fn sessions_that_cannot_agree_say_why() {
    for seed in 1..=50 {
        let [a, b] = pair(seed);
        let a = PeerConfig { peer_asn: PeerAsn::Exactly(Asn(64999)), passive: false, ..a };
        let mut world = World::new(seed, [a, b]);
        for side in [0, 1] {
            world.input(side, Input::Start);
        }
        world.run(secs(300));
        assert_eq!(world.established, 0);
        let error = |side: usize| world.sides[side].stats().last_error.clone().map(|(reason, _)| reason);
        let code = |reason| match reason {
            Some(Reason::Sent { notification, .. }) => Some((notification.code, notification.subcode)),
            _ => None,
        };
        assert_eq!(code(error(0)), Some((2, 2)), "seed {seed}");
        assert!(error(1).is_some(), "seed {seed}");
    }
}
