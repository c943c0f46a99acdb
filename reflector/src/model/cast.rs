//! Who takes part in the histories, and with what: peers, groups with their policies, prefixes, attribute sets.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use bgp_core::policy::{Action, Edit, Match, Policy, PolicyId, PrefixMatch, PrefixTest, Rule, RuleList};
use bgp_core::rib::{PeerInfo, PeerKind, TableId};
use bgp_core::types::attr::Community;
use bgp_core::types::{
    Asn, AttrBuilder, AttrCode, AttrSet, ClusterId, Family, NextHop, Origin, PeerId, RouterId, V4Key,
};

use crate::*;

/// Three peers of each role; for each role two groups, which differ in policy.
const ROLES: [PeerRole; 3] = [PeerRole::Client, PeerRole::External, PeerRole::NonClient];
pub(crate) const GROUPS: usize = 2 * ROLES.len();
pub(crate) const PEERS: std::ops::RangeInclusive<u16> = 1..=9;

/// Sources beyond the members: a client and a non-client that never read.
pub(crate) const SOURCES: u64 = 12;
pub(crate) const PREFIXES: u64 = 20;
pub(crate) fn prefix(n: u64) -> V4Key {
    V4Key::new(0x0a00_0000 | (n as u32) << 8, 24).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "virtual time has to begin somewhere")]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}

pub(crate) fn key(group: usize) -> GroupKey {
    GroupKey {
        table: TableId::MAIN,
        family: Family::IPV4_UNICAST,
        role: ROLES[group / 2],
        export: PolicyId(2 + group as u16),
        next_hop: NextHopRule::Auto,
        local_next_hop: Some(NextHop::V4(Ipv4Addr::new(192, 0, 2, 1))),
        speaker: Speaker { asn: Asn(64512), router_id: RouterId(99), cluster_id: ClusterId(99) },
        loop_asn: None,
        wire: WireMode::default(),
    }
}

/// The first group of clients gets everything, the others not all prefixes, or not all attributes, and two
/// groups get them changed.
pub(crate) fn policy(group: usize) -> Arc<Policy> {
    let prefixes =
        |net: &str| Match::Prefix(vec![PrefixMatch { prefix: net.parse().unwrap(), test: PrefixTest::In }]);
    let (hidden, edits) = match group {
        0 => return Arc::new(Policy::accept()),
        1 => (prefixes("10.0.0.0/22"), Vec::new()),
        2 => (prefixes("10.0.4.0/22"), Vec::new()),
        3 => (Match::Communities(vec![Community(7).into()]), vec![Edit::Med(5)]),
        4 => (Match::Communities(vec![Community(7).into()]), Vec::new()),
        _ => (
            Match::Communities(vec![Community(9).into()]),
            vec![Edit::AddCommunities(vec![Community(3).into()])],
        ),
    };
    let reject = Rule { matches: vec![hidden], edits: Vec::new(), action: Action::Reject };
    let rules = vec![reject, Rule { edits, ..Rule::always(Action::Accept) }];
    Arc::new(Policy::new([Arc::new(RuleList { name: "test".into(), rules })]))
}

pub(crate) fn infos() -> Vec<(PeerId, PeerInfo)> {
    let info = |id: u16| {
        let (kind, client) = match id {
            0 => (PeerKind::Local, false),
            1..=3 | 10 => (PeerKind::Internal, true),
            4..=6 => (PeerKind::External, false),
            _ => (PeerKind::Internal, false),
        };
        let router_id = RouterId(1000 + u32::from(id));
        (PeerId(id), PeerInfo { kind, client, router_id, ..PeerInfo::local(Asn(64512), router_id) })
    };
    (0..SOURCES as u16).map(info).collect()
}

pub(crate) fn sets() -> Vec<AttrSet> {
    let next_hop = NextHop::V4(Ipv4Addr::new(198, 51, 100, 1));
    let mut b = AttrBuilder::new();
    b.origin(Origin::Igp).as_sequence(&[Asn(65001)]).next_hop(next_hop);
    let plain = b.build();
    let pref = b.local_pref(200).build();
    let hidden = b.communities([Community(7)]).build();
    let inside = b.communities([Community::NO_EXPORT]).build();
    // Does not fit in a message, so that it must be a withdrawal of what was there before.
    let huge = b.set_raw(AttrCode(200), 0xc0, &[7; 4100]).build();
    vec![plain, pref, hidden, inside, huge]
}
