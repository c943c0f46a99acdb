//! The attribute set: shared, immutable, canonical.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::{AsPath, AttrCode, Communities, ExtCommunity, LargeCommunity, Origin, flags};
use crate::types::{Asn, ClusterId, NextHop, RouterId};

/// A normalised attribute set; see the module for its form. Cloning shares.
///
/// Only [`super::AttrBuilder`] makes one, from values that were checked before.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct AttrSet(pub(super) Arc<[u8]>);

/// One attribute as stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RawAttr<'a> {
    /// Type code.
    pub code: AttrCode,
    /// Optional, Transitive and Partial bits.
    pub flags: u8,
    /// The value, without header.
    pub value: &'a [u8],
    /// The whole attribute with header, ready to send.
    pub wire: &'a [u8],
}

/// The value of AGGREGATOR (RFC 4271 §5.1.7, RFC 6793).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Aggregator {
    /// Who aggregated.
    pub asn: Asn,
    /// On which router.
    pub router: Ipv4Addr,
}

impl AttrSet {
    /// The canonical octets.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The attributes in ascending order of their codes.
    pub fn iter(&self) -> RawAttrs<'_> {
        RawAttrs(&self.0)
    }

    /// One attribute, by a walk over a handful of headers.
    pub fn raw(&self, code: AttrCode) -> Option<RawAttr<'_>> {
        self.iter().take_while(|attr| attr.code <= code).find(|attr| attr.code == code)
    }

    fn value(&self, code: AttrCode) -> Option<&[u8]> {
        self.raw(code).map(|attr| attr.value)
    }

    fn number(&self, code: AttrCode) -> Option<u32> {
        Some(u32::from_be_bytes(self.value(code)?.try_into().ok()?))
    }

    /// ORIGIN; `Incomplete` where absent, which cannot come from the wire.
    pub fn origin(&self) -> Origin {
        let octet = self.value(AttrCode::ORIGIN).and_then(|value| value.first().copied());
        octet.and_then(Origin::from_octet).unwrap_or(Origin::Incomplete)
    }

    /// AS_PATH; empty where absent.
    pub fn as_path(&self) -> AsPath<'_> {
        self.value(AttrCode::AS_PATH).map_or(AsPath::EMPTY, AsPath::trusted)
    }

    /// The next hop; `None` only for local routes that have none yet.
    pub fn next_hop(&self) -> Option<NextHop> {
        NextHop::from_octets(self.value(AttrCode::NEXT_HOP)?)
    }

    /// MULTI_EXIT_DISC.
    pub fn med(&self) -> Option<u32> {
        self.number(AttrCode::MED)
    }

    /// LOCAL_PREF.
    pub fn local_pref(&self) -> Option<u32> {
        self.number(AttrCode::LOCAL_PREF)
    }

    /// Whether ATOMIC_AGGREGATE is present.
    pub fn atomic_aggregate(&self) -> bool {
        self.raw(AttrCode::ATOMIC_AGGREGATE).is_some()
    }

    /// AGGREGATOR.
    pub fn aggregator(&self) -> Option<Aggregator> {
        let (asn, router) = self.value(AttrCode::AGGREGATOR)?.split_first_chunk::<4>()?;
        let router = <[u8; 4]>::try_from(router).ok()?;
        Some(Aggregator { asn: Asn(u32::from_be_bytes(*asn)), router: router.into() })
    }

    /// COMMUNITIES; empty where absent.
    pub fn communities(&self) -> Communities<'_> {
        Communities::new(self.value(AttrCode::COMMUNITIES).unwrap_or(&[]))
    }

    /// LARGE_COMMUNITIES; empty where absent.
    pub fn large_communities(&self) -> impl ExactSizeIterator<Item = LargeCommunity> + '_ {
        let (numbers, _) = self.value(AttrCode::LARGE_COMMUNITIES).unwrap_or(&[]).as_chunks::<12>();
        numbers.iter().map(|octets| {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = *octets;
            LargeCommunity {
                global: u32::from_be_bytes([a, b, c, d]),
                local1: u32::from_be_bytes([e, f, g, h]),
                local2: u32::from_be_bytes([i, j, k, l]),
            }
        })
    }

    /// EXTENDED_COMMUNITIES; empty where absent.
    pub fn ext_communities(&self) -> impl ExactSizeIterator<Item = ExtCommunity> + '_ {
        ext_communities(self.value(AttrCode::EXT_COMMUNITIES).unwrap_or(&[]))
    }

    /// ORIGINATOR_ID (RFC 4456 §8).
    pub fn originator_id(&self) -> Option<RouterId> {
        self.number(AttrCode::ORIGINATOR_ID).map(RouterId)
    }

    /// CLUSTER_LIST, nearest reflector first; empty where absent.
    pub fn cluster_list(&self) -> impl ExactSizeIterator<Item = ClusterId> + '_ {
        let (ids, _) = self.value(AttrCode::CLUSTER_LIST).unwrap_or(&[]).as_chunks::<4>();
        ids.iter().map(|octets| ClusterId(u32::from_be_bytes(*octets)))
    }
}

impl<'a> RawAttr<'a> {
    /// The value as that of AS_PATH.
    pub fn as_path(&self) -> AsPath<'a> {
        AsPath::trusted(self.value)
    }

    /// The value as that of EXTENDED_COMMUNITIES.
    pub fn ext_communities(&self) -> impl ExactSizeIterator<Item = ExtCommunity> + 'a {
        ext_communities(self.value)
    }
}

fn ext_communities(value: &[u8]) -> impl ExactSizeIterator<Item = ExtCommunity> + '_ {
    let (chunks, _) = value.as_chunks::<8>();
    chunks.iter().map(|octets| ExtCommunity(*octets))
}

impl fmt::Debug for AttrSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|attr| (attr.code, attr.value))).finish()
    }
}

/// Iterator over the attributes of a set.
#[derive(Clone, Debug)]
pub struct RawAttrs<'a>(&'a [u8]);

impl<'a> Iterator for RawAttrs<'a> {
    type Item = RawAttr<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (header, len) = match *self.0 {
            [flags, _, high, low, ..] if flags & flags::EXTENDED != 0 => (4, u16::from_be_bytes([high, low])),
            [_, _, len, ..] => (3, u16::from(len)),
            _ => return None,
        };
        let (wire, rest) = self.0.split_at_checked(header + usize::from(len))?;
        let &[flags, code, ..] = wire else { return None };
        self.0 = rest;
        let flags = flags & !flags::EXTENDED;
        Some(RawAttr { code: AttrCode(code), flags, value: wire.get(header..)?, wire })
    }
}
