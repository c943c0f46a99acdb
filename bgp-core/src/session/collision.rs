//! Which of two connections with one peer survives (RFC 4271 §6.8), as pure functions.
//!
//! Two rules go beyond the letter of the RFC, both so that no connection can block another for ever:
//! a connection that never brings an OPEN gives way to a newer one of the same direction, and the
//! connection that loses by identifiers waits a little for the preferred one instead of being closed
//! in favour of a connection on which the peer may never speak.

use crate::types::{Asn, RouterId};

use super::io::Direction;
use super::timers::Slot;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Stage {
    /// Our OPEN is sent, nothing valid has come back.
    OpenSent,
    /// The peer's OPEN was accepted.
    OpenConfirm,
    /// Routes flow.
    Established,
}

/// Where a new connection goes when it is accepted or dialled, before any OPEN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Admission {
    /// Beside what is there.
    Join,
    /// Instead of the connection in the first or second slot, which never brought an OPEN.
    Replace(Slot),
    /// Not at all.
    Refuse,
}

/// Admits a new connection beside the existing ones.
pub(super) fn admit(existing: [Option<(Direction, Stage)>; 2], new: Direction) -> Admission {
    let slots = Slot::BOTH.into_iter().zip(existing);
    let silent = slots.filter(|(_, conn)| *conn == Some((new, Stage::OpenSent))).map(|(slot, _)| slot).next();
    match silent {
        Some(slot) => Admission::Replace(slot),
        None if existing.iter().any(Option::is_none) => Admission::Join,
        None => Admission::Refuse,
    }
}

/// Identifier and AS number of one side.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Identity {
    /// Compared first, as an unsigned number.
    pub(super) id: RouterId,
    /// Decides between equal identifiers (RFC 6286 §2.3).
    pub(super) asn: Asn,
}

/// The connection that was there when an OPEN arrived on another one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Other {
    pub(super) direction: Direction,
    pub(super) stage: Stage,
    /// The peer may have restarted without our noticing: graceful restart is in force on this
    /// connection, which makes a newer connection the proof of the restart (RFC 4724 §5).
    pub(super) restartable: bool,
}

/// What to do when an acceptable OPEN has arrived on a connection while another exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Close the other.
    KeepThis,
    /// Close the one the OPEN arrived on.
    KeepOther,
    /// The other is preferred but has not spoken, or is about to be proved dead: give it a moment before
    /// this one goes on in its place.
    Await,
}

/// Decides between the connection of direction `this`, on which an OPEN just arrived, and `other`.
pub(super) fn resolve(local: Identity, remote: Identity, this: Direction, other: Other) -> Verdict {
    if other.stage == Stage::Established {
        // A connection we dialled ourselves says nothing about a restart of the peer. One it dialled may
        // also be the late loser of a collision, which the peer is about to close: a moment will tell.
        let restarted = other.restartable && this == Direction::Incoming;
        return if restarted { Verdict::Await } else { Verdict::KeepOther };
    }
    if this == other.direction {
        // One side dialled twice; it has given up the connection it dialled first.
        return Verdict::KeepThis;
    }
    let preferred = if local > remote { Direction::Outgoing } else { Direction::Incoming };
    match other.stage {
        _ if this == preferred => Verdict::KeepThis,
        Stage::OpenSent => Verdict::Await,
        Stage::OpenConfirm | Stage::Established => Verdict::KeepOther,
    }
}

#[cfg(test)]
mod tests {
    use Direction::{Incoming, Outgoing};
    use Stage::{Established, OpenConfirm, OpenSent};

    use super::*;

    fn identity(id: u32, asn: u32) -> Identity {
        Identity { id: RouterId(id), asn: Asn(asn) }
    }

    fn other(direction: Direction, stage: Stage) -> Other {
        Other { direction, stage, restartable: false }
    }

    #[test]
    fn the_connection_of_the_higher_identifier_survives() {
        // RFC 4271 §6.8, both views of every pair of connections.
        let (low, high) = (identity(1, 10), identity(2, 10));
        for (local, remote, this, stage, want) in [
            (low, high, Incoming, OpenSent, Verdict::KeepThis),
            (low, high, Incoming, OpenConfirm, Verdict::KeepThis),
            (low, high, Outgoing, OpenSent, Verdict::Await),
            (low, high, Outgoing, OpenConfirm, Verdict::KeepOther),
            (high, low, Outgoing, OpenSent, Verdict::KeepThis),
            (high, low, Outgoing, OpenConfirm, Verdict::KeepThis),
            (high, low, Incoming, OpenSent, Verdict::Await),
            (high, low, Incoming, OpenConfirm, Verdict::KeepOther),
        ] {
            let found = resolve(local, remote, this, other(this.reverse(), stage));
            assert_eq!(found, want, "{local:?} {remote:?} {this:?} {stage:?}");
        }
    }

    #[test]
    fn both_ends_keep_the_same_connection() {
        // RFC 4271 §6.8: what one end keeps, the other must keep.
        for (a, b) in [(identity(1, 10), identity(2, 10)), (identity(5, 10), identity(5, 20))] {
            let at_a = resolve(a, b, Outgoing, other(Incoming, OpenConfirm));
            let at_b = resolve(b, a, Incoming, other(Outgoing, OpenConfirm));
            assert_eq!(at_a, at_b);
        }
    }

    #[test]
    fn equal_identifiers_are_decided_by_as_number() {
        // RFC 6286 §2.3.
        let (small, large) = (identity(9, 10), identity(9, 20));
        assert_eq!(resolve(large, small, Outgoing, other(Incoming, OpenConfirm)), Verdict::KeepThis);
        assert_eq!(resolve(small, large, Outgoing, other(Incoming, OpenConfirm)), Verdict::KeepOther);
    }

    #[test]
    fn an_established_connection_stays() {
        // RFC 4271 §6.8, last paragraph, whatever identifiers and directions say.
        for (local, remote) in [(1, 2), (2, 1)] {
            for (this, existing) in
                [(Incoming, Incoming), (Incoming, Outgoing), (Outgoing, Incoming), (Outgoing, Outgoing)]
            {
                let verdict = resolve(
                    identity(local, 1),
                    identity(remote, 1),
                    this,
                    Other { direction: existing, stage: Established, restartable: false },
                );
                assert_eq!(verdict, Verdict::KeepOther);
            }
        }
    }

    #[test]
    fn a_restarted_peer_replaces_its_established_connection() {
        // RFC 4724 §5: only a connection that the peer opened proves a restart.
        let established = |direction| Other { direction, stage: Established, restartable: true };
        for existing in [Incoming, Outgoing] {
            let verdict = resolve(identity(2, 1), identity(1, 1), Incoming, established(existing));
            assert_eq!(verdict, Verdict::Await);
            let verdict = resolve(identity(2, 1), identity(1, 1), Outgoing, established(existing));
            assert_eq!(verdict, Verdict::KeepOther);
        }
    }

    #[test]
    fn the_newer_of_two_connections_of_one_side_survives() {
        for (local, remote) in [(1, 2), (2, 1)] {
            let verdict =
                resolve(identity(local, 1), identity(remote, 1), Incoming, other(Incoming, OpenConfirm));
            assert_eq!(verdict, Verdict::KeepThis);
        }
    }

    #[test]
    fn a_silent_connection_gives_way_to_a_newer_one() {
        assert_eq!(admit([Some((Incoming, OpenSent)), None], Incoming), Admission::Replace(Slot::A));
        let full = [Some((Outgoing, OpenConfirm)), Some((Incoming, OpenSent))];
        assert_eq!(admit(full, Incoming), Admission::Replace(Slot::B));
    }

    #[test]
    fn connections_of_both_directions_stand_side_by_side() {
        assert_eq!(admit([None, None], Incoming), Admission::Join);
        assert_eq!(admit([Some((Outgoing, OpenSent)), None], Incoming), Admission::Join);
        assert_eq!(admit([Some((Incoming, Established)), None], Incoming), Admission::Join);
        let full = [Some((Outgoing, OpenConfirm)), Some((Incoming, OpenConfirm))];
        assert_eq!(admit(full, Incoming), Admission::Refuse);
    }
}
