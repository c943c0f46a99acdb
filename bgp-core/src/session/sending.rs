//! Messages of the session itself, and the timers that go with them.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::collision::Stage;
use super::connection::Conn;
use super::io::Output;
use super::machine::Session;
use super::timers::{Slot, Timer};
use crate::wire::{MessageKind, Notification, RefreshKind, RouteRefresh};

/// Least send hold time (RFC 9687 §3.1).
const SEND_HOLD: Duration = Duration::from_secs(480);

static KEEPALIVE: [u8; 19] =
    [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 19, 4];

impl Session {
    pub(super) fn send_notification(&mut self, slot: Slot, notification: &Notification) {
        self.send(slot, MessageKind::Notification, |out| notification.encode(out));
    }

    pub(super) fn send(&mut self, slot: Slot, kind: MessageKind, encode: impl FnOnce(&mut BytesMut)) {
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

    pub(super) fn send_refresh(&mut self, refresh: RouteRefresh) {
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
