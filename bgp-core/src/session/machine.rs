//! The session itself: its parts, and which part each input and deadline goes to.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::collision::Stage;
use super::config::{Families, PeerConfig};
use super::connection::Conns;
use super::io::{Input, Output, Reason, State};
use super::negotiated::{Negotiated, Transport};
use super::stats::Stats;
use super::timers::{Jitter, Slot, Timer, TimerTable};
use crate::wire::notification::code;
use crate::wire::{Notification, RefreshKind, RouteRefresh};

/// The state machine of one peer; see the [module](super).
#[derive(Debug)]
pub struct Session {
    pub(super) config: PeerConfig,
    pub(super) drive: Drive,
    pub(super) conns: Conns,
    pub(super) timers: TimerTable,
    pub(super) jitter: Jitter,
    /// The next pause after a failure.
    pub(super) pause: Duration,
    /// Families whose routes are stale at the tables' owner, since a loss or since a refresh began.
    pub(super) stale: Families,
    /// Families of which the peer is sending a refresh (RFC 7313).
    pub(super) refreshing: Families,
    pub(super) stats: Stats,
    outputs: VecDeque<Output>,
    announced: State,
}

/// What is being done to get a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Drive {
    /// Nothing, until told to start.
    Stopped,
    /// Nothing yet: the last attempt went wrong.
    Pausing {
        /// The peer is at fault, so its connections are refused too.
        refuse: bool,
    },
    /// Accepting, and dialling when the connect-retry timer says so.
    Waiting,
    /// Dialling.
    Dialling,
}

/// More room than this for outputs is given back when the queue is empty.
const KEPT_OUTPUTS: usize = 32;

impl Session {
    /// A stopped session; `seed` decides the jitter and nothing else.
    pub fn new(config: PeerConfig, seed: u64) -> Self {
        Self {
            pause: config.timers.idle_hold,
            config,
            drive: Drive::Stopped,
            conns: Conns::default(),
            timers: TimerTable::default(),
            jitter: Jitter::new(seed),
            stale: Families::default(),
            refreshing: Families::default(),
            stats: Stats::default(),
            outputs: VecDeque::new(),
            announced: State::Idle,
        }
    }

    /// Takes in what happened at `now`, which never goes back.
    ///
    /// Inputs about connections the session has closed, or never knew, are ignored.
    pub fn handle_input(&mut self, input: Input<'_>, now: Instant) {
        self.stats.since.get_or_insert(now);
        match input {
            Input::Bytes(conn, octets) => self.on_bytes(conn, &octets, now),
            Input::Sent(conn) => self.with(conn, |session, slot| session.restart_send_hold(slot, now)),
            Input::UnreadBytesWaiting(conn) => {
                self.with(conn, |session, slot| session.restart_hold(slot, now));
            }
            Input::Closed(conn) => self.with(conn, |session, slot| session.end(slot, Reason::Lost, now)),
            Input::Connected { conn, direction, local, remote } => {
                self.on_connected(Transport { conn, direction, local, remote }, now);
            }
            Input::ConnectFailed => {
                if self.drive == Drive::Dialling {
                    self.drive = Drive::Waiting;
                }
            }
            Input::Start => self.on_start(now),
            Input::Stop(reason) => self.on_stop(&reason, now),
            Input::Reset(reason) => self.on_reset(reason, now),
            Input::RefreshRequest(family) => {
                self.send_refresh(RouteRefresh { family, kind: RefreshKind::Request });
            }
            Input::RefreshMark { family, end } => {
                let kind = if end { RefreshKind::End } else { RefreshKind::Begin };
                self.send_refresh(RouteRefresh { family, kind });
            }
            Input::Reconfigure(timers) => {
                self.config.timers = timers;
                self.pause = timers.idle_hold;
            }
            Input::Replace(config) => {
                self.pause = config.timers.idle_hold;
                self.config = *config;
            }
            Input::Restart(flags) => self.config.restart = flags,
        }
        self.announce(now);
    }

    /// Acts on every deadline that has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::IdleHold | Timer::ConnectRetry => self.on_retry(now),
                Timer::Collision => self.on_collision_wait_over(now),
                Timer::Restart | Timer::StalePath => self.flush_all_stale(),
                Timer::Hold(slot) => {
                    let expired = Notification::new(code::HOLD_TIMER, 0, Bytes::new());
                    self.fail(slot, expired, "nothing heard from the peer".into(), now);
                }
                Timer::Keepalive(slot) => self.send_keepalive(slot, now),
                Timer::SendHold(slot) => self.end(slot, Reason::SendHold, now),
            }
        }
        self.announce(now);
    }

    /// The next thing to do, in order; `None` when there is nothing more for now.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() && self.outputs.capacity() > KEPT_OUTPUTS {
            self.outputs = VecDeque::new();
        }
        output
    }

    /// When [`Session::handle_timeout`] is due; it may be called earlier.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The state of the most advanced connection, or of the attempts to have one.
    pub fn state(&self) -> State {
        match (self.conns.stage(), self.drive) {
            (Some(Stage::Established), _) => State::Established,
            (Some(Stage::OpenConfirm), _) => State::OpenConfirm,
            (Some(Stage::OpenSent), _) => State::OpenSent,
            (None, Drive::Dialling) => State::Connect,
            (None, Drive::Waiting) => State::Active,
            (None, Drive::Stopped | Drive::Pausing { .. }) => State::Idle,
        }
    }

    /// What was agreed on; `None` unless established.
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.conns.established()
    }

    /// Families of which stale routes are kept for the peer.
    pub fn stale(&self) -> Families {
        self.stale
    }

    /// Whether the session is kept down on purpose.
    pub fn is_stopped(&self) -> bool {
        self.drive == Drive::Stopped
    }

    /// Counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The configuration in force.
    pub fn config(&self) -> &PeerConfig {
        &self.config
    }

    fn with(&mut self, conn: super::ConnId, act: impl FnOnce(&mut Self, Slot)) {
        if let Some(slot) = self.conns.find(conn) {
            act(self, slot);
        }
    }

    pub(super) fn emit(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Tells a change of state.
    pub(super) fn announce(&mut self, now: Instant) {
        let state = self.state();
        if state != self.announced {
            let from = std::mem::replace(&mut self.announced, state);
            self.stats.since = Some(now);
            self.emit(Output::Transition { from, to: state });
        }
    }
}
