//! Attribute sets as the operator's interface shows them.

use std::net::{IpAddr, Ipv4Addr};

use bgp_core::types::{AsPath, AttrCode, AttrSet, Origin, SegmentKind};

use crate::admin::api::Attributes;

/// The attributes as text and numbers.
pub fn attributes(set: &AttrSet) -> Attributes {
    Attributes {
        origin: origin(set.origin()).to_owned(),
        as_path: as_path(set.as_path()),
        local_pref: set.local_pref(),
        med: set.med(),
        communities: set.communities().iter().map(|c| c.to_string()).collect(),
        large_communities: set.large_communities().map(|c| c.to_string()).collect(),
        extended_communities: set.ext_communities().map(|c| c.to_string()).collect(),
        originator_id: set.originator_id().map(Ipv4Addr::from),
        cluster_list: set.cluster_list().map(Ipv4Addr::from).collect(),
        atomic_aggregate: set.atomic_aggregate(),
        aggregator: set.aggregator().map(|a| format!("{} {}", a.asn, a.router)),
        unknown: set.iter().map(|attr| attr.code).filter(is_unknown).map(|code| code.0).collect(),
    }
}

/// The next hop; `None` for routes of this speaker.
pub(super) fn next_hop(set: &AttrSet) -> Option<IpAddr> {
    set.next_hop().map(|next_hop| next_hop.addr())
}

fn is_unknown(code: &AttrCode) -> bool {
    code.category().is_none()
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Igp => "igp",
        Origin::Egp => "egp",
        Origin::Incomplete => "incomplete",
    }
}

/// AS numbers apart by spaces, sets in braces.
fn as_path(path: AsPath<'_>) -> String {
    let segments = path.segments().map(|segment| {
        let numbers: Vec<String> = segment.asns().map(|asn| asn.to_string()).collect();
        let numbers = numbers.join(" ");
        match segment.kind() {
            SegmentKind::Sequence => numbers,
            SegmentKind::Set => format!("{{{numbers}}}"),
            SegmentKind::ConfedSequence => format!("({numbers})"),
            SegmentKind::ConfedSet => format!("[{numbers}]"),
        }
    });
    segments.collect::<Vec<_>>().join(" ")
}
