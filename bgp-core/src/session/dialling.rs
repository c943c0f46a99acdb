//! Having a connection: when to dial, and what becomes of a connection that stands.

use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::collision::{Admission, Stage, admit};
use super::connection::Conn;
use super::io::{Direction, Output};
use super::machine::{Drive, Session};
use super::negotiated::{Transport, offer};
use super::timers::Timer;
use crate::wire::notification::cease;
use crate::wire::{MessageKind, Notification};

/// A connection that brings no OPEN for this long is given up (RFC 4271 §8.2.2: "a large value").
const OPEN_WAIT: Duration = Duration::from_secs(240);

impl Session {
    pub(super) fn on_start(&mut self, now: Instant) {
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

    pub(super) fn on_retry(&mut self, now: Instant) {
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

    pub(super) fn on_connected(&mut self, transport: Transport, now: Instant) {
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
        self.send(slot, MessageKind::Open, |out| open.encode(out));
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
