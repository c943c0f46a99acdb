//! Attributes for a peer that knows two-octet AS numbers only (RFC 6793 §4.2.2).

use crate::types::attr::{RawAttr, flags};
use crate::types::{AsPath, AsSegment, Asn, AttrCode, AttrSet, SegmentKind};

/// The attributes with AS numbers narrowed and, where that loses something, the true ones in AS4_PATH and
/// AS4_AGGREGATOR; without NEXT_HOP unless `with_next_hop`. `None` if a value grows beyond 65535 octets.
pub(super) fn narrowed(attrs: &AttrSet, with_next_hop: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(attrs.octets().len() + 32);
    for attr in attrs.iter() {
        match attr.code {
            AttrCode::NEXT_HOP if !with_next_hop => {}
            AttrCode::AS_PATH => put(&mut out, attr.flags, attr.code, &narrow(attrs.as_path()))?,
            AttrCode::AGGREGATOR => put(&mut out, attr.flags, attr.code, &narrow_aggregator(attr)?)?,
            _ => out.extend_from_slice(attr.wire),
        }
    }
    let path = attrs.as_path();
    if outside(path).any(|segment| segment.asns().any(is_wide)) {
        put(&mut out, AS4_FLAGS, AttrCode::AS4_PATH, &as4_path(path))?;
    }
    let wide = attrs.aggregator().is_some_and(|aggregator| is_wide(aggregator.asn));
    if let Some(aggregator) = attrs.raw(AttrCode::AGGREGATOR).filter(|_| wide) {
        put(&mut out, AS4_FLAGS, AttrCode::AS4_AGGREGATOR, aggregator.value)?;
    }
    Some(out)
}

const AS4_FLAGS: u8 = flags::OPTIONAL | flags::TRANSITIVE;

fn is_wide(asn: Asn) -> bool {
    asn.0 > u32::from(u16::MAX)
}

fn narrow(path: AsPath<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.octets().len());
    for segment in path.segments() {
        out.extend([segment.kind() as u8, segment.asns().len() as u8]);
        out.extend(segment.asns().flat_map(|asn| asn.as_two_octets().to_be_bytes()));
    }
    out
}

fn narrow_aggregator(attr: RawAttr<'_>) -> Option<Vec<u8>> {
    let (asn, router) = attr.value.split_first_chunk::<4>()?;
    let asn = Asn(u32::from_be_bytes(*asn)).as_two_octets();
    Some([asn.to_be_bytes().as_slice(), router].concat())
}

/// RFC 6793 §3: confederation segments do not belong into AS4_PATH.
fn outside(path: AsPath<'_>) -> impl Iterator<Item = AsSegment<'_>> {
    path.segments().filter(|s| matches!(s.kind(), SegmentKind::Sequence | SegmentKind::Set))
}

fn as4_path(path: AsPath<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.octets().len());
    for segment in outside(path) {
        out.extend([segment.kind() as u8, segment.asns().len() as u8]);
        out.extend(segment.asns().flat_map(|asn| asn.0.to_be_bytes()));
    }
    out
}

/// Writes an attribute with the length octets its value needs.
fn put(out: &mut Vec<u8>, flags: u8, code: AttrCode, value: &[u8]) -> Option<()> {
    if let Ok(short) = u8::try_from(value.len()) {
        out.extend([flags, code.0, short]);
    } else {
        let [high, low] = u16::try_from(value.len()).ok()?.to_be_bytes();
        out.extend([flags | flags::EXTENDED, code.0, high, low]);
    }
    out.extend_from_slice(value);
    Some(())
}
