//! Writing UPDATEs (RFC 4271 §4.3, RFC 4760): complete messages, split where they must be.
//!
//! Lengths come from the final values and flags are those of the canonical set, so no length or flag bit
//! ever received is sent on. Nothing is allocated unless AS numbers must be narrowed to two octets.

#[cfg(test)]
mod tests;
mod two_octet;

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};

use super::frame::{HEADER_LEN, MAX_EXTENDED_LEN, MessageKind, put_header};
use crate::types::attr::flags;
use crate::types::{AttrCode, AttrSet, Family, NextHop, PerFamily};

/// What was negotiated with the receiver, as far as it changes octets sent.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Format {
    /// Longest message, header included: [`super::MAX_LEN`] or [`MAX_EXTENDED_LEN`].
    pub max_len: usize,
    /// AS_PATH and AGGREGATOR have four-octet AS numbers (RFC 6793).
    pub four_octet_as: bool,
    /// IPv4 routes may have IPv6 next hops (RFC 8950).
    pub extended_next_hop: bool,
    /// Families whose NLRI have a path identifier in front (RFC 7911).
    pub add_path: PerFamily<bool>,
}

/// Routes that cannot be told to a peer; those before `from` were. The caller withdraws the others, so that
/// no route from before stays with the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("NLRI from octet {from} on cannot be announced: {reason}")]
pub struct Unsendable {
    /// Octet of the run of NLRI.
    pub from: usize,
    /// Why.
    pub reason: UnsendableReason,
}

/// Why routes cannot be told to a peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnsendableReason {
    /// The attributes leave no room for a single prefix, or one of them grows beyond what it can hold.
    #[error("attributes too long for one message")]
    TooLong,
    /// There is no next hop, or none that this peer understands for the family.
    #[error("no next hop that fits the family")]
    NextHop,
    /// The run is not one of NLRI in the peer's format.
    #[error("not well-formed")]
    Nlri,
}

/// Appends UPDATEs that announce the run `nlri` with `attrs`, as few as can be; returns how many.
///
/// The next hop of the set decides the form: classic NLRI for IPv4 with an IPv4 next hop, else MP_REACH_NLRI.
///
/// # Errors
/// [`Unsendable`]; everything appended before it is well-formed.
pub fn encode_announce(
    out: &mut BytesMut,
    format: &Format,
    attrs: &AttrSet,
    family: Family,
    nlri: &[u8],
) -> Result<usize, Unsendable> {
    let unsendable = |from, reason| Unsendable { from, reason };
    let next_hop = attrs.next_hop().ok_or(unsendable(0, UnsendableReason::NextHop))?;
    let classic = match (family, next_hop) {
        (Family::IPV4_UNICAST, NextHop::V4(_)) => true,
        (Family::IPV4_UNICAST, _) if format.extended_next_hop => false,
        (Family::IPV6_UNICAST, NextHop::V6(_) | NextHop::V6WithLinkLocal { .. }) => false,
        _ => return Err(unsendable(0, UnsendableReason::NextHop)),
    };
    let (address, address_len) = next_hop.octets();
    let address = address.get(..address_len).filter(|_| !classic).unwrap_or(&[]);
    let parts = Parts::of(attrs, classic, format.four_octet_as);
    let parts = parts.ok_or(unsendable(0, UnsendableReason::TooLong))?;
    // Family, length of the next hop, the reserved octet.
    let mp_fixed = if classic { 0 } else { MP_HEADER_LEN + 3 + 1 + address.len() + 1 };
    let fixed = HEADER_LEN + 4 + parts.len() + mp_fixed;
    let room = format.max_len().checked_sub(fixed).ok_or(unsendable(0, UnsendableReason::TooLong))?;

    let (mut at, mut messages) = (0, 0);
    while let Some(rest) = nlri.get(at..).filter(|rest| !rest.is_empty()) {
        let run = fitting(rest, format.layout(family), room).map_err(|reason| unsendable(at, reason))?;
        out.reserve(fixed + run.len());
        put_header(out, MessageKind::Update, fixed - HEADER_LEN + run.len());
        out.put_u16(0);
        if classic {
            out.put_u16(parts.len() as u16);
            parts.put(out);
            out.put_slice(run);
        } else {
            // RFC 7606 §5.1: the routes come before the other attributes.
            out.put_u16((parts.len() + mp_fixed + run.len()) as u16);
            put_mp_header(out, AttrCode::MP_REACH_NLRI, family, mp_fixed - MP_HEADER_LEN + run.len());
            out.put_u8(address.len() as u8);
            out.put_slice(address);
            out.put_u8(0);
            out.put_slice(run);
            parts.put(out);
        }
        at += run.len();
        messages += 1;
    }
    Ok(messages)
}

/// Appends UPDATEs that withdraw the run `nlri`, as few as can be; returns how many.
///
/// # Errors
/// [`UnsendableReason::Nlri`] if the run is not well-formed, [`UnsendableReason::TooLong`] for a `max_len`
/// no message fits in.
pub fn encode_withdraw(
    out: &mut BytesMut,
    format: &Format,
    family: Family,
    nlri: &[u8],
) -> Result<usize, Unsendable> {
    let classic = family == Family::IPV4_UNICAST;
    let fixed = HEADER_LEN + 4 + if classic { 0 } else { MP_HEADER_LEN + 3 };
    let room = format.max_len().saturating_sub(fixed);
    let (mut at, mut messages) = (0, 0);
    while let Some(rest) = nlri.get(at..).filter(|rest| !rest.is_empty()) {
        let run =
            fitting(rest, format.layout(family), room).map_err(|reason| Unsendable { from: at, reason })?;
        put_header(out, MessageKind::Update, fixed - HEADER_LEN + run.len());
        if classic {
            out.put_u16(run.len() as u16);
            out.put_slice(run);
            out.put_u16(0);
        } else {
            out.put_u16(0);
            out.put_u16((MP_HEADER_LEN + 3 + run.len()) as u16);
            put_mp_header(out, AttrCode::MP_UNREACH_NLRI, family, 3 + run.len());
            out.put_slice(run);
        }
        at += run.len();
        messages += 1;
    }
    Ok(messages)
}

/// Appends the End-of-RIB marker of `family` (RFC 4724 §2).
pub fn encode_end_of_rib(out: &mut BytesMut, family: Family) {
    if family == Family::IPV4_UNICAST {
        put_header(out, MessageKind::Update, 4);
        out.put_u32(0);
        return;
    }
    put_header(out, MessageKind::Update, 4 + 6);
    out.put_u16(0);
    out.put_u16(6);
    out.put_slice(&[flags::OPTIONAL, AttrCode::MP_UNREACH_NLRI.0, 3]);
    out.put_u16(family.afi);
    out.put_u8(family.safi);
}

impl Format {
    fn max_len(&self) -> usize {
        self.max_len.min(MAX_EXTENDED_LEN)
    }

    fn layout(&self, family: Family) -> Layout {
        let path_ids = self.add_path.get(family).copied().unwrap_or(false);
        let max_bits = if family == Family::IPV4_UNICAST { 32 } else { 128 };
        Layout { id: if path_ids { 4 } else { 0 }, max_bits }
    }
}

/// Flags, type and two length octets: MP attributes are long as a rule.
const MP_HEADER_LEN: usize = 4;

fn put_mp_header(out: &mut BytesMut, code: AttrCode, family: Family, len: usize) {
    out.put_slice(&[flags::OPTIONAL | flags::EXTENDED, code.0]);
    out.put_u16(len as u16);
    out.put_u16(family.afi);
    out.put_u8(family.safi);
}

/// The attributes to write, in two runs around what is left out.
struct Parts<'a>(Cow<'a, [u8]>, &'a [u8]);

impl<'a> Parts<'a> {
    /// All attributes; without NEXT_HOP unless `classic`. `None` if one grows too long for its header.
    fn of(attrs: &'a AttrSet, classic: bool, four_octet_as: bool) -> Option<Self> {
        if !four_octet_as {
            return two_octet::narrowed(attrs, classic).map(|octets| Self(Cow::Owned(octets), &[]));
        }
        let octets = attrs.octets();
        let next_hop = attrs.raw(AttrCode::NEXT_HOP).filter(|_| !classic);
        let Some(next_hop) = next_hop else { return Some(Self(Cow::Borrowed(octets), &[])) };
        let before =
            attrs.iter().take_while(|attr| attr.code < AttrCode::NEXT_HOP).map(|a| a.wire.len()).sum();
        let (before, rest) = octets.split_at_checked(before)?;
        Some(Self(Cow::Borrowed(before), rest.get(next_hop.wire.len()..)?))
    }

    fn len(&self) -> usize {
        self.0.len() + self.1.len()
    }

    fn put(&self, out: &mut BytesMut) {
        out.put_slice(&self.0);
        out.put_slice(self.1);
    }
}

/// How NLRI look to one peer.
#[derive(Clone, Copy)]
struct Layout {
    /// Octets of the path identifier.
    id: usize,
    max_bits: u8,
}

/// The longest run of whole NLRI at the front of `rest` that is at most `room` octets long.
fn fitting(rest: &[u8], layout: Layout, room: usize) -> Result<&[u8], UnsendableReason> {
    let Layout { id, max_bits } = layout;
    let mut end = 0;
    while let Some(bits) = rest.get(end + id) {
        let next = end + id + 1 + usize::from(*bits).div_ceil(8);
        if *bits > max_bits || next > rest.len() {
            return Err(UnsendableReason::Nlri);
        }
        if next > room {
            break;
        }
        end = next;
    }
    match rest.get(..end) {
        Some(run) if end > 0 => Ok(run),
        _ if rest.len() <= id => Err(UnsendableReason::Nlri),
        _ => Err(UnsendableReason::TooLong),
    }
}
