//! Changes to routes: from a `set` as written to edits that can be made.

use std::net::IpAddr;

use bgp_core::policy::Edit;
use bgp_core::types::attr::AnyCommunity;
use bgp_core::types::{Asn, NextHop};
use toml::Spanned;

use super::super::raw::RawSet;
use super::super::report::Sink;
use super::local::valid_asn;

/// The edits in the order they are made: communities are removed before others are added.
pub(super) fn edits(raw: &RawSet, sink: &mut Sink) -> Option<Vec<Edit>> {
    let next_hop = raw.next_hop.as_ref().map(|written| next_hop(written, sink));
    let prepend = raw.prepend_as.as_ref().map(|written| prepend(written, sink));
    // Only now: every fault is told.
    let (next_hop, prepend) = (checked(next_hop)?, checked(prepend)?);
    let all = [
        raw.local_preference.as_ref().map(|value| Edit::LocalPref(*value.get_ref())),
        raw.med.as_ref().map(|value| Edit::Med(*value.get_ref())),
        next_hop.map(Edit::NextHop),
        prepend.filter(|asns| !asns.is_empty()).map(Edit::Prepend),
        communities(raw.remove_communities.as_ref()).map(Edit::RemoveCommunities),
        communities(raw.add_communities.as_ref()).map(Edit::AddCommunities),
    ];
    Some(all.into_iter().flatten().collect())
}

/// Of a key that may be left out: `None` only where what is written has a fault.
pub(super) fn checked<T>(written: Option<Option<T>>) -> Option<Option<T>> {
    match written {
        Some(value) => value.map(Some),
        None => Some(None),
    }
}

fn next_hop(written: &Spanned<IpAddr>, sink: &mut Sink) -> Option<NextHop> {
    let address = *written.get_ref();
    let link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    let reserved = matches!(address, IpAddr::V4(v4) if matches!(v4.octets(), [0 | 240..=255, ..]));
    let why = if address.is_unspecified() {
        "stands for none"
    } else if address.is_loopback() {
        "is every host's own"
    } else if address.is_multicast() {
        "is a multicast group"
    } else if reserved {
        "is reserved"
    } else if link_local {
        "means nothing beyond its link"
    } else {
        return Some(address.into());
    };
    sink.error(written.span(), format!("`next-hop`: no packet can be sent on to {address}: it {why}"))
        .hint("the address of a router, such as \"192.0.2.1\" or \"2001:db8::1\"");
    None
}

fn prepend(written: &Spanned<Vec<Spanned<u32>>>, sink: &mut Sink) -> Option<Vec<Asn>> {
    let asns = written.get_ref();
    if asns.len() > MAX_PREPEND {
        sink.error(
            written.span(),
            format!("`prepend-as` lists {} numbers, of at most {MAX_PREPEND}", asns.len()),
        )
        .hint("many routers refuse paths much longer than that");
        return None;
    }
    let valid: Vec<Option<Asn>> =
        asns.iter().map(|asn| valid_asn("prepend-as", asn.span(), *asn.get_ref(), sink)).collect();
    valid.into_iter().collect()
}

fn communities(written: Option<&Spanned<Vec<Spanned<AnyCommunity>>>>) -> Option<Vec<AnyCommunity>> {
    let listed: Vec<AnyCommunity> = written?.get_ref().iter().map(|item| *item.get_ref()).collect();
    (!listed.is_empty()).then_some(listed)
}

/// Longest list of numbers to prepend.
const MAX_PREPEND: usize = 32;
