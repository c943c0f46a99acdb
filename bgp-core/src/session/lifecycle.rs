//! How a connection becomes the session, how it ends, and what follows from its end.

use std::time::Instant;

use super::collision::Stage;
use super::connection::{Conn, Phase};
use super::io::{Down, Output, Reason};
use super::machine::{Drive, Session};
use super::timers::{Slot, Timer};
use crate::wire::Notification;
use crate::wire::notification::{cease, code};

/// What follows when the last connection has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Next {
    /// Dial again when the connect-retry timer says so: nothing went wrong with the session itself.
    Retry,
    /// Pause, longer each time.
    Pause {
        /// The peer is at fault: refuse its connections meanwhile.
        refuse: bool,
    },
}

impl Session {
    /// Both sides have accepted each other.
    pub(super) fn establish(&mut self, slot: Slot, now: Instant) {
        self.supersede(slot.other(), now);
        let Some(Conn { transport, phase, partial }) = self.conns.cell(slot).take() else { return };
        let Phase::OpenConfirm { negotiated, .. } = phase else { return };
        self.stop_dialling();
        self.timers.stop(Timer::Collision);
        self.stats.established += 1;
        self.stats.up_since = Some(now);
        self.emit(Output::Up(negotiated.clone()));
        let context = negotiated.update_context();
        self.settle_stale(&negotiated, now);
        let phase = Phase::Established { negotiated, context, since: now };
        *self.conns.cell(slot) = Some(Conn { transport, phase, partial });
        self.restart_hold(slot, now);
    }

    /// Ends a connection in favour of another.
    pub(super) fn supersede(&mut self, slot: Slot, now: Instant) {
        match self.conns.get(slot).map(Conn::stage) {
            // The peer has forgotten this connection already: there is nobody to tell (RFC 4724 §4.2).
            Some(Stage::Established) => self.end(slot, Reason::PeerRestarted, now),
            Some(_) => {
                let notification = Notification::cease(cease::COLLISION);
                self.fail(slot, notification, "another connection is kept".into(), now);
            }
            None => {}
        }
    }

    /// Ends a connection and does what its end asks for.
    pub(super) fn end(&mut self, slot: Slot, reason: Reason, now: Instant) {
        if let Reason::Sent { notification, .. } = &reason {
            self.send_notification(slot, notification);
        }
        let Some(conn) = self.conns.cell(slot).take() else { return };
        self.timers.stop_connection(slot);
        if reason != Reason::Lost {
            self.emit(Output::Close(conn.id()));
        }
        let next = next(&reason, conn.stage());
        let id = conn.id();
        if !is_collision(&reason) {
            self.stats.last_error = Some((reason.clone(), now));
        }
        if let Phase::Established { negotiated, since, .. } = conn.phase {
            if now.saturating_duration_since(since) >= self.config.timers.idle_hold_max {
                self.pause = self.config.timers.idle_hold;
            }
            self.stats.flaps += 1;
            self.stats.up_since = None;
            let retain = self.retain(&reason, &negotiated, now);
            self.emit(Output::Down(Down { conn: id, reason, retain }));
        } else {
            self.stats.failed_connections += 1;
            self.emit(Output::Failed { conn: id, reason });
        }
        if self.conns.is_empty() {
            self.timers.stop(Timer::Collision);
            self.follow(next, now);
        } else {
            self.go_on(now);
        }
    }

    fn follow(&mut self, next: Next, now: Instant) {
        match (self.drive, next) {
            // An attempt under way stays; a pause under way is not cut short.
            (Drive::Stopped | Drive::Dialling, Next::Retry) | (Drive::Stopped, _) => {}
            (Drive::Pausing { .. }, Next::Retry) if self.timers.is_running(Timer::IdleHold) => {}
            (_, Next::Retry) => {
                self.drive = Drive::Waiting;
                self.retry_later(now);
            }
            (_, Next::Pause { refuse }) => {
                self.stop_dialling();
                self.drive = Drive::Pausing { refuse };
                let wait = self.jitter.apply(self.pause);
                self.timers.set(Timer::IdleHold, now + wait);
                self.pause =
                    (self.pause * 2).min(self.config.timers.idle_hold_max.max(self.config.timers.idle_hold));
            }
        }
    }
}

fn next(reason: &Reason, stage: Stage) -> Next {
    match reason {
        _ if is_collision(reason) => Next::Retry,
        Reason::Lost if stage < Stage::Established => Next::Retry,
        Reason::PeerRestarted | Reason::Restarting => Next::Retry,
        Reason::Sent { notification, .. } => {
            Next::Pause { refuse: !matches!(notification.code, code::HOLD_TIMER | code::CEASE) }
        }
        Reason::Lost | Reason::SendHold | Reason::Received(_) | Reason::Unreadable => {
            Next::Pause { refuse: false }
        }
    }
}

fn is_collision(reason: &Reason) -> bool {
    let (Reason::Sent { notification, .. } | Reason::Received(notification)) = reason else { return false };
    (notification.code, notification.subcode) == (code::CEASE, cease::COLLISION)
}
