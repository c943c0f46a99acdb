//! Which peers may hear a route, by where it came from and by its well-known communities.
//!
//! RFC 4271 §9.2, RFC 4456 §6 and RFC 1997 in one place. Pure: roles and attributes in, verdict out.
//! Policy and split horizon happen elsewhere.

use bgp_core::types::AttrSet;
use bgp_core::types::attr::Community;

/// What a peer is to this speaker.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PeerRole {
    /// This speaker itself, the source of originated routes; never a listener.
    Local,
    /// A peer in another AS.
    External,
    /// An internal peer this speaker reflects for (RFC 4456).
    Client,
    /// An internal peer of the full mesh.
    NonClient,
}

impl PeerRole {
    /// Whether the peer is in our AS.
    pub fn is_internal(self) -> bool {
        matches!(self, Self::Client | Self::NonClient)
    }
}

/// Whether a best route learned from a peer of role `from` may be told to one of role `to`.
pub fn may_advertise(from: PeerRole, to: PeerRole) -> bool {
    use PeerRole::{Client, External, Local, NonClient};
    match (from, to) {
        (_, Local) => false,
        (Local | External | Client, _) | (NonClient, Client | External) => true,
        // Non-clients are fully meshed: they already heard it.
        (NonClient, NonClient) => false,
    }
}

/// Whether telling it is reflection, internal to internal, which leaves the traces of RFC 4456 §8.
pub fn is_reflection(from: PeerRole, to: PeerRole) -> bool {
    from.is_internal() && to.is_internal()
}

/// Whether the well-known communities let the route go to a peer of role `to` (RFC 1997).
pub fn communities_allow(attrs: &AttrSet, to: PeerRole) -> bool {
    attrs.communities().iter().all(|community| match community {
        Community::NO_ADVERTISE => false,
        Community::NO_EXPORT | Community::NO_EXPORT_SUBCONFED => to.is_internal(),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use bgp_core::types::AttrBuilder;

    use super::PeerRole::{Client, External, Local, NonClient};
    use super::*;

    #[test]
    fn who_hears_what_is_the_table_of_rfc_4456() {
        // RFC 4456 §6, RFC 4271 §9.2.1: rows are sources, columns Local, External, Client, NonClient.
        let table = [
            (Local, [false, true, true, true]),
            (External, [false, true, true, true]),
            (Client, [false, true, true, true]),
            (NonClient, [false, true, true, false]),
        ];
        for (from, row) in table {
            let told = [Local, External, Client, NonClient].map(|to| may_advertise(from, to));
            assert_eq!(told, row, "{from:?}");
        }
    }

    #[test]
    fn well_known_communities_are_honoured() {
        // RFC 1997
        let cases = [
            (Community::NO_ADVERTISE, [false, false, false]),
            (Community::NO_EXPORT, [false, true, true]),
            (Community::NO_EXPORT_SUBCONFED, [false, true, true]),
            (Community(65000 << 16 | 1), [true, true, true]),
        ];
        for (community, told) in cases {
            let attrs = AttrBuilder::new().communities([Community(5), community]).build();
            assert_eq!([External, Client, NonClient].map(|to| communities_allow(&attrs, to)), told);
        }
    }
}
