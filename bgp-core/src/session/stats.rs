//! Counters of one session, for metrics and `show`.

use std::time::Instant;

use crate::wire::MessageKind;

use super::io::Reason;

/// Messages by type.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MessageCounts {
    /// OPEN.
    pub opens: u64,
    /// UPDATE. The session does not see the ones sent: the driver counts them.
    pub updates: u64,
    /// NOTIFICATION.
    pub notifications: u64,
    /// KEEPALIVE.
    pub keepalives: u64,
    /// ROUTE-REFRESH.
    pub refreshes: u64,
}

impl MessageCounts {
    pub(super) fn count(&mut self, kind: MessageKind) {
        let counter = match kind {
            MessageKind::Open => &mut self.opens,
            MessageKind::Update => &mut self.updates,
            MessageKind::Notification => &mut self.notifications,
            MessageKind::Keepalive => &mut self.keepalives,
            MessageKind::RouteRefresh => &mut self.refreshes,
        };
        *counter += 1;
    }

    /// All types together.
    pub fn total(&self) -> u64 {
        self.opens + self.updates + self.notifications + self.keepalives + self.refreshes
    }
}

/// What happened in a session since it was made.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Messages from the peer, on whatever connection.
    pub received: MessageCounts,
    /// Messages to the peer.
    pub sent: MessageCounts,
    /// Octets from the peer.
    pub received_octets: u64,
    /// UPDATEs with faults that did not end the session (RFC 7606).
    pub faulty_updates: u64,
    /// Established sessions so far.
    pub established: u64,
    /// Of these, how many were lost.
    pub flaps: u64,
    /// Connections refused or dropped before they were established.
    pub failed_connections: u64,
    /// Why a session or connection last ended, and when.
    pub last_error: Option<(Reason, Instant)>,
    /// When the present state was entered; `None` before the first input.
    pub since: Option<Instant>,
    /// When the present session was established.
    pub up_since: Option<Instant>,
}
