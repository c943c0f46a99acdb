//! What a message does in each state (RFC 4271 §8.2.2), errors included.

use std::borrow::Cow;
use std::mem;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::collision::{Verdict, resolve};
use super::connection::{Conn, Phase, Withheld};
use super::io::{ConnId, Output, Reason};
use super::machine::Session;
use super::negotiated::negotiate;
use super::timers::{Slot, Timer};
use crate::types::AttrBuilder;
use crate::wire::notification::code;
use crate::wire::update::{Update, decode_update};
use crate::wire::{
    MessageError, MessageKind, Notification, Open, RawMessage, RefreshKind, RouteRefresh, next_message,
};

/// How long the loser by identifiers waits for the preferred connection: many round trips, and well
/// below the least hold time, which the peer counts while our KEEPALIVE is withheld.
const COLLISION_WAIT: Duration = Duration::from_secs(1);

impl Session {
    /// Takes messages off what was read. What is left, less than one message, is kept for the next read in
    /// memory of its own, so that it does not hold on to all that was read before.
    pub(super) fn on_bytes(&mut self, id: ConnId, octets: &[u8], now: Instant) {
        let Some(conn) = self.conns.find(id).and_then(|slot| self.conns.cell(slot).as_mut()) else { return };
        let mut buf = mem::take(&mut conn.partial);
        buf.extend_from_slice(octets);
        self.stats.received_octets += octets.len() as u64;
        let mut scratch = AttrBuilder::default();
        // The session may drop the connection at any message, and the slot may change its tenant.
        while let Some(slot) = self.conns.find(id) {
            let max_len = self.conns.get(slot).map_or(0, Conn::max_len);
            match next_message(&mut buf, max_len) {
                Ok(Some(raw)) => self.on_message(slot, &raw, &mut scratch, now),
                Err(error) => self.fail_with(slot, &error, now),
                Ok(None) => {
                    if let (Some(conn), false) = (self.conns.cell(slot), buf.is_empty()) {
                        conn.partial = BytesMut::from(&buf[..]);
                    }
                    return;
                }
            }
        }
    }

    fn on_message(&mut self, slot: Slot, raw: &RawMessage, scratch: &mut AttrBuilder, now: Instant) {
        self.stats.received.count(raw.kind);
        let Some(conn) = self.conns.cell(slot) else { return };
        match (&mut conn.phase, raw.kind) {
            (Phase::Established { context, .. }, MessageKind::Update) => {
                let update = decode_update(&raw.body, context, scratch);
                self.on_update(slot, update, now);
            }
            (_, MessageKind::Notification) => self.on_notification(slot, &raw.body, now),
            (Phase::OpenSent, MessageKind::Open) => self.on_open(slot, &raw.body, now),
            (Phase::OpenConfirm { withheld: Some(withheld), .. }, MessageKind::Keepalive) => {
                withheld.confirmed = true;
            }
            (Phase::OpenConfirm { .. }, MessageKind::Keepalive) => self.establish(slot, now),
            (Phase::Established { .. }, MessageKind::Keepalive) => self.restart_hold(slot, now),
            (Phase::Established { .. }, MessageKind::RouteRefresh) => {
                self.restart_hold(slot, now);
                self.on_refresh(slot, &raw.body, now);
            }
            (phase, kind) => {
                // RFC 6608: one subcode a state, the message type as data.
                let subcode = match phase {
                    Phase::OpenSent => 1,
                    Phase::OpenConfirm { .. } => 2,
                    Phase::Established { .. } => 3,
                };
                let data = Bytes::copy_from_slice(&[kind as u8]);
                let notification = Notification::new(code::FSM, subcode, data);
                self.fail(slot, notification, format!("unexpected {kind:?}").into(), now);
            }
        }
        self.announce(now);
    }

    fn on_open(&mut self, slot: Slot, body: &Bytes, now: Instant) {
        let open = match Open::decode(body) {
            Ok(open) => open,
            Err(error) => return self.fail_with(slot, &error, now),
        };
        let Some(conn) = self.conns.get(slot) else { return };
        let negotiated = match negotiate(&self.config, &open, conn.transport) {
            Ok(negotiated) => Box::new(negotiated),
            Err((notification, why)) => return self.fail(slot, notification, why.into(), now),
        };
        let verdict = self.conns.get(slot.other()).map(|other| {
            let (local, peer) = (negotiated.local_identity(), negotiated.peer_identity());
            resolve(local, peer, conn.transport.direction, other.as_other())
        });
        match verdict {
            Some(Verdict::KeepOther) => return self.supersede(slot, now),
            Some(Verdict::KeepThis) => self.supersede(slot.other(), now),
            Some(Verdict::Await) => self.timers.set(Timer::Collision, now + COLLISION_WAIT),
            None => {}
        }
        let withheld = (verdict == Some(Verdict::Await)).then(Withheld::default);
        if let Some(conn) = self.conns.cell(slot) {
            conn.phase = Phase::OpenConfirm { negotiated, withheld };
        }
        self.restart_hold(slot, now);
        if withheld.is_none() {
            self.confirm(slot, now);
        }
    }

    /// Accepts the peer's OPEN on the wire.
    ///
    /// Dialling ends here: the peer may be established by our KEEPALIVE, and a preferred connection of
    /// ours that came up after it would cost that session.
    fn confirm(&mut self, slot: Slot, now: Instant) {
        self.stop_dialling();
        self.restart_send_hold(slot, now);
        self.send_keepalive(slot, now);
    }

    /// The preferred connection did not speak in time.
    pub(super) fn on_collision_wait_over(&mut self, now: Instant) {
        if let Some(slot) = self.withheld_slot() {
            self.supersede(slot.other(), now);
            self.go_on(now);
        }
    }

    /// Lets a connection that waited for another go on, for it has no rival any more.
    pub(super) fn go_on(&mut self, now: Instant) {
        let Some(slot) = self.withheld_slot() else { return };
        self.timers.stop(Timer::Collision);
        let Some(Phase::OpenConfirm { withheld, .. }) = self.conns.cell(slot).as_mut().map(|c| &mut c.phase)
        else {
            return;
        };
        let confirmed = withheld.take().is_some_and(|withheld| withheld.confirmed);
        self.confirm(slot, now);
        if confirmed {
            self.establish(slot, now);
        }
    }

    fn withheld_slot(&self) -> Option<Slot> {
        self.conns.slot_where(|conn| matches!(conn.phase, Phase::OpenConfirm { withheld: Some(_), .. }))
    }

    fn on_notification(&mut self, slot: Slot, body: &Bytes, now: Instant) {
        // Never answered, not even when it makes no sense (RFC 4271 §6.4).
        let reason = match Notification::decode(body) {
            Ok(notification) => Reason::Received(notification),
            Err(_) => Reason::Unreadable,
        };
        self.end(slot, reason, now);
    }

    fn on_update(&mut self, slot: Slot, update: Result<Update, MessageError>, now: Instant) {
        let update = match update {
            Ok(update) => update,
            Err(error) => return self.fail_with(slot, &error, now),
        };
        self.restart_hold(slot, now);
        if let Some(family) = update.end_of_rib {
            self.on_end_of_rib(family);
            return;
        }
        if !update.faults.is_empty() {
            self.stats.faulty_updates += 1;
        }
        self.emit(Output::Update(update));
    }

    fn on_refresh(&mut self, slot: Slot, body: &Bytes, now: Instant) {
        let refresh = match RouteRefresh::decode(body) {
            Ok(refresh) => refresh,
            Err(error) => return self.fail_with(slot, &error, now),
        };
        let Some(negotiated) = self.conns.get(slot).and_then(Conn::negotiated) else { return };
        if negotiated.families.get(refresh.family) != Some(&true) {
            return;
        }
        let enhanced = negotiated.enhanced_refresh;
        match refresh.kind {
            RefreshKind::Request => self.emit(Output::RefreshRequested(refresh.family)),
            RefreshKind::Begin if enhanced => self.on_refresh_begin(refresh.family, now),
            RefreshKind::End if enhanced => self.on_refresh_end(refresh.family),
            RefreshKind::Begin | RefreshKind::End | RefreshKind::Unknown(_) => {}
        }
    }

    pub(super) fn fail_with(&mut self, slot: Slot, error: &MessageError, now: Instant) {
        self.fail(slot, error.notification(), error.to_string().into(), now);
    }

    /// Tells the peer what is wrong and ends the connection.
    pub(super) fn fail(
        &mut self,
        slot: Slot,
        notification: Notification,
        why: Cow<'static, str>,
        now: Instant,
    ) {
        self.end(slot, Reason::Sent { notification, why }, now);
    }
}
