//! What operators wish: stops and resets, each told to the peer in its own words.

use std::borrow::Cow;
use std::time::Instant;

use bytes::Bytes;

use super::connection::Conn;
use super::io::{Reason, ResetReason, StopReason};
use super::machine::{Drive, Session};
use super::timers::{Slot, Timer};
use crate::types::Family;
use crate::wire::Notification;
use crate::wire::notification::{cease, code};

impl Session {
    pub(super) fn on_stop(&mut self, reason: &StopReason, now: Instant) {
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

    pub(super) fn on_reset(&mut self, reason: ResetReason, now: Instant) {
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

/// Cease with the limit as data (RFC 4486 §4).
fn too_many_prefixes(family: Family, limit: u32) -> Notification {
    let [a, b, c, d] = limit.to_be_bytes();
    let [high, low] = family.afi.to_be_bytes();
    let data = Bytes::copy_from_slice(&[high, low, family.safi, a, b, c, d]);
    Notification::new(code::CEASE, cease::MAX_PREFIXES, data)
}
