//! The session itself: what drives it, its connections and the attempts to have one.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::collision::{Admission, Stage, admit};
use super::config::{Families, PeerConfig};
use super::connection::{Conn, Conns};
use super::io::{Direction, Input, Output, Reason, ResetReason, State, StopReason};
use super::negotiated::{Negotiated, Transport, offer};
use super::stats::Stats;
use super::timers::{Jitter, Slot, Timer, TimerTable};
use crate::wire::notification::{cease, code};
use crate::wire::open::Open;
use crate::wire::{MessageKind, Notification, RefreshKind, RouteRefresh};

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

/// A connection that brings no OPEN for this long is given up (RFC 4271 §8.2.2: "a large value").
const OPEN_WAIT: Duration = Duration::from_secs(240);
/// Least send hold time (RFC 9687 §3.1).
const SEND_HOLD: Duration = Duration::from_secs(480);
/// More room than this for outputs is given back when the queue is empty.
const KEPT_OUTPUTS: usize = 32;

static KEEPALIVE: [u8; 19] =
    [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 19, 4];

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

/// Having a connection.
impl Session {
    fn on_start(&mut self, now: Instant) {
        match self.drive {
            Drive::Stopped | Drive::Pausing { .. } => {
                self.pause = self.config.timers.idle_hold;
                self.timers.stop(Timer::IdleHold);
                self.try_now(now);
            }
            Drive::Waiting | Drive::Dialling => {}
        }
    }

    /// Dials if that is our part, and there is nothing better already.
    pub(super) fn try_now(&mut self, now: Instant) {
        self.drive = Drive::Waiting;
        self.timers.stop(Timer::ConnectRetry);
        if self.config.passive || self.conns.stage() >= Some(Stage::OpenConfirm) {
            return;
        }
        // The timer also bounds the attempt itself.
        self.retry_later(now);
        if !self.conns.has(Direction::Outgoing) {
            self.drive = Drive::Dialling;
            self.emit(Output::Connect);
        }
    }

    /// Arms the connect-retry timer.
    pub(super) fn retry_later(&mut self, now: Instant) {
        if !self.config.passive {
            let wait = self.jitter.apply(self.config.timers.connect_retry);
            self.timers.set(Timer::ConnectRetry, now + wait);
        }
    }

    fn on_retry(&mut self, now: Instant) {
        if self.drive != Drive::Stopped {
            self.try_now(now);
        }
    }

    /// Ends attempts and pauses alike.
    pub(super) fn stop_dialling(&mut self) {
        if self.drive == Drive::Dialling {
            self.emit(Output::CancelConnect);
        }
        if self.drive != Drive::Stopped {
            self.drive = Drive::Waiting;
        }
        self.timers.stop(Timer::ConnectRetry);
        self.timers.stop(Timer::IdleHold);
    }

    fn on_connected(&mut self, transport: Transport, now: Instant) {
        if transport.direction == Direction::Outgoing {
            if self.drive == Drive::Dialling {
                self.drive = Drive::Waiting;
            } else {
                // The attempt was cancelled while it succeeded.
                self.emit(Output::Close(transport.conn));
                return;
            }
        }
        if matches!(self.drive, Drive::Stopped | Drive::Pausing { refuse: true }) {
            self.refuse(transport, cease::REJECTED);
            return;
        }
        match admit(self.conns.for_admission(), transport.direction) {
            Admission::Join => {}
            Admission::Replace(slot) => self.supersede(slot, now),
            Admission::Refuse => {
                self.refuse(transport, cease::COLLISION);
                return;
            }
        }
        let Some(slot) = self.conns.free() else { return };
        *self.conns.cell(slot) = Some(Conn::new(transport));
        self.timers.set(Timer::Hold(slot), now + OPEN_WAIT);
        let open = offer(&self.config);
        self.send(slot, MessageKind::Open, |out| Open::encode(&open, out));
    }

    /// Turns away a connection that never became part of the session.
    fn refuse(&mut self, transport: Transport, subcode: u8) {
        self.stats.failed_connections += 1;
        self.stats.sent.count(MessageKind::Notification);
        let mut out = BytesMut::new();
        Notification::cease(subcode).encode(&mut out);
        self.emit(Output::Send(transport.conn, out.freeze()));
        self.emit(Output::Close(transport.conn));
    }
}

/// Operators' wishes.
impl Session {
    fn on_stop(&mut self, reason: &StopReason, now: Instant) {
        self.stop_dialling();
        self.drive = Drive::Stopped;
        let shutdown = |text: &str| match text {
            "" => Notification::cease(cease::SHUTDOWN),
            text => Notification::cease_with_text(cease::SHUTDOWN, text),
        };
        for slot in Slot::BOTH {
            let Some(conn) = self.conns.get(slot) else { continue };
            match reason {
                StopReason::GracefulRestart => {
                    let restart = conn.negotiated().and_then(|negotiated| negotiated.graceful_restart);
                    if restart.is_none() || !self.config.graceful_restart.asks() {
                        self.send_notification(slot, &shutdown(""));
                    }
                    self.end(slot, Reason::Restarting, now);
                }
                StopReason::Shutdown { message } => {
                    self.cease_hard(slot, shutdown(message), "shut down", now);
                }
                StopReason::Deconfigured => {
                    self.cease_hard(slot, Notification::cease(cease::DECONFIGURED), "removed", now);
                }
            }
        }
        if *reason != StopReason::GracefulRestart {
            self.flush_all_stale();
        }
    }

    fn on_reset(&mut self, reason: ResetReason, now: Instant) {
        if self.drive == Drive::Stopped {
            return;
        }
        let (notification, why) = match reason {
            ResetReason::Administrative => (Notification::cease(cease::RESET), "cleared"),
            ResetReason::ConfigurationChange => {
                (Notification::cease(cease::CONFIG_CHANGE), "configuration changed")
            }
            ResetReason::OutOfResources => (Notification::cease(cease::OUT_OF_RESOURCES), "out of resources"),
            ResetReason::MaxPrefixes { family, limit, .. } => {
                (too_many_prefixes(family, limit), "too many prefixes")
            }
        };
        for slot in Slot::BOTH {
            match reason {
                ResetReason::MaxPrefixes { .. } => self.cease_hard(slot, notification.clone(), why, now),
                _ => self.cease(slot, notification.clone(), why, now),
            }
        }
        self.stop_dialling();
        match reason {
            ResetReason::MaxPrefixes { restart_after: Some(pause), .. } => {
                self.drive = Drive::Pausing { refuse: true };
                self.timers.set(Timer::IdleHold, now + pause);
            }
            ResetReason::MaxPrefixes { restart_after: None, .. } => self.drive = Drive::Stopped,
            _ => self.try_now(now),
        }
    }

    fn cease(&mut self, slot: Slot, notification: Notification, why: &'static str, now: Instant) {
        self.fail(slot, notification, Cow::Borrowed(why), now);
    }

    /// As a hard reset where the peer would otherwise keep our routes (RFC 8538 §3).
    fn cease_hard(&mut self, slot: Slot, notification: Notification, why: &'static str, now: Instant) {
        let restart = self.conns.get(slot).and_then(Conn::negotiated).and_then(|n| n.graceful_restart);
        let hard = restart.is_some_and(|restart| restart.notification);
        let notification = if hard { notification.into_hard_reset() } else { notification };
        self.cease(slot, notification, why, now);
    }
}

/// Sending.
impl Session {
    pub(super) fn send_notification(&mut self, slot: Slot, notification: &Notification) {
        self.send(slot, MessageKind::Notification, |out| notification.encode(out));
    }

    fn send(&mut self, slot: Slot, kind: MessageKind, encode: impl FnOnce(&mut BytesMut)) {
        let Some(conn) = self.conns.get(slot).map(Conn::id) else { return };
        let mut out = BytesMut::new();
        encode(&mut out);
        self.stats.sent.count(kind);
        self.emit(Output::Send(conn, out.freeze()));
    }

    /// Sends a KEEPALIVE and sets the time of the next.
    pub(super) fn send_keepalive(&mut self, slot: Slot, now: Instant) {
        let Some(conn) = self.conns.get(slot) else { return };
        let (id, period) = (conn.id(), conn.negotiated().map_or(Duration::ZERO, |n| n.keepalive));
        self.stats.sent.count(MessageKind::Keepalive);
        self.emit(Output::Send(id, Bytes::from_static(&KEEPALIVE)));
        if !period.is_zero() {
            let wait = self.jitter.apply(period);
            self.timers.set(Timer::Keepalive(slot), now + wait);
        }
    }

    fn send_refresh(&mut self, refresh: RouteRefresh) {
        let Some(slot) = self.conns.slot_where(|conn| conn.stage() == Stage::Established) else { return };
        let Some(negotiated) = self.conns.get(slot).and_then(Conn::negotiated) else { return };
        let can = match refresh.kind {
            RefreshKind::Request => negotiated.route_refresh,
            _ => negotiated.enhanced_refresh,
        };
        if can && negotiated.families.get(refresh.family) == Some(&true) {
            self.send(slot, MessageKind::RouteRefresh, |out| refresh.encode(out));
        }
    }

    /// Starts the hold timer anew, with the negotiated time where there is one.
    pub(super) fn restart_hold(&mut self, slot: Slot, now: Instant) {
        let Some(conn) = self.conns.get(slot) else { return };
        match conn.negotiated().map(|negotiated| negotiated.hold_time.secs()) {
            Some(0) => self.timers.stop(Timer::Hold(slot)),
            Some(secs) => self.timers.set(Timer::Hold(slot), now + Duration::from_secs(secs.into())),
            None => {}
        }
    }

    /// Runs only where KEEPALIVEs are sent, for else silence means nothing.
    pub(super) fn restart_send_hold(&mut self, slot: Slot, now: Instant) {
        let Some(negotiated) = self.conns.get(slot).and_then(Conn::negotiated) else { return };
        let hold = Duration::from_secs(negotiated.hold_time.secs().into());
        if !hold.is_zero() {
            self.timers.set(Timer::SendHold(slot), now + SEND_HOLD.max(hold * 2));
        }
    }
}

/// Cease with the limit as data (RFC 4486 §4).
fn too_many_prefixes(family: crate::types::Family, limit: u32) -> Notification {
    let [a, b, c, d] = limit.to_be_bytes();
    let [high, low] = family.afi.to_be_bytes();
    let data = Bytes::copy_from_slice(&[high, low, family.safi, a, b, c, d]);
    Notification::new(code::CEASE, cease::MAX_PREFIXES, data)
}
