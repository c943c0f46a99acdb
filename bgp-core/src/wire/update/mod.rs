//! UPDATE (RFC 4271 §4.3, RFC 4760) with revised error handling (RFC 7606).
//!
//! All attributes are walked by their lengths first, then one decision is made: the strongest that any of
//! them demands. Families that were not negotiated and attributes nobody uses are never parsed inside.

mod as4;
mod attributes;
mod mp;
mod next_hop;
#[cfg(test)]
mod tests;
mod value;

use bytes::Bytes;
use nom::Parser as _;
use nom::combinator::rest;
use nom::multi::length_data;
use nom::number::complete::be_u16;

use super::fault::{Disposition, Fault, FaultKind, MessageError};
use super::frame::HEADER_LEN;
use super::notification::code;
use crate::types::{AttrBuilder, AttrCode, AttrSet, Family, NextHop, NlriBlock, PerFamily};
use attributes::Attributes;

/// Whose UPDATE it is: some attributes mean something from internal peers only.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PeerKind {
    /// Of another AS.
    External,
    /// Of our own AS.
    Internal,
}

/// What was negotiated with the sender, as far as it changes what octets mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UpdateContext {
    /// AS_PATH and AGGREGATOR have four-octet AS numbers (RFC 6793).
    pub four_octet_as: bool,
    /// Internal or external.
    pub peer: PeerKind,
    /// Families whose routes are accepted; others are skipped.
    pub families: PerFamily<bool>,
    /// Families whose NLRI have a path identifier in front (RFC 7911).
    pub add_path: PerFamily<bool>,
    /// IPv4 routes may have IPv6 next hops (RFC 8950).
    pub extended_next_hop: bool,
}

/// What an UPDATE says. Withdrawals come first: a prefix in both lists is announced (RFC 4271 §4.3).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Update {
    /// Routes no longer feasible, and all routes of an UPDATE that is treated as withdraw.
    pub withdrawn: UpTo<NlriBlock, 4>,
    /// Routes with their attributes; the next hop is in the set whichever way it came.
    pub announced: UpTo<Announcement, 2>,
    /// The UPDATE is the End-of-RIB marker of a negotiated family (RFC 4724 §2), and nothing else.
    pub end_of_rib: Option<Family>,
    /// What was wrong without ending the session; empty for a correct UPDATE.
    pub faults: Vec<Fault>,
}

/// Routes of one family that share their attributes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Announcement {
    /// The prefixes; never empty.
    pub nlri: NlriBlock,
    /// Their attributes.
    pub attrs: AttrSet,
}

impl Update {
    /// Whether there is nothing to do for any table.
    pub fn is_empty(&self) -> bool {
        self.withdrawn.is_empty() && self.announced.is_empty() && self.end_of_rib.is_none()
    }

    /// The strongest disposition among the faults.
    pub fn disposition(&self) -> Option<Disposition> {
        self.faults.iter().map(|fault| fault.disposition).max()
    }
}

/// At most `N` things. Nearly always there is one, which is kept without allocation: an UPDATE is handed on by
/// value, and must not carry room around for what it might say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpTo<T, const N: usize> {
    first: Option<T>,
    /// Empty without a first one.
    more: Vec<T>,
}

impl<T, const N: usize> Default for UpTo<T, N> {
    fn default() -> Self {
        Self { first: None, more: Vec::new() }
    }
}

impl<T, const N: usize> UpTo<T, N> {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.more)
    }

    /// Appends, unless it is full, which is a bug of the caller.
    pub fn push(&mut self, item: T) {
        if self.first.is_none() {
            self.first = Some(item);
        } else if self.more.len() + 1 < N {
            self.more.push(item);
        } else {
            debug_assert!(false, "more than {N} items");
        }
    }
}

impl<T, const N: usize> IntoIterator for UpTo<T, N> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more)
    }
}

/// Reads the body of an UPDATE. `scratch` is overwritten; keeping it between calls spares allocations.
///
/// Cost: linear in the octets. A correct UPDATE of one block allocates its attribute set and nothing else.
///
/// # Errors
/// Code 3 where no part can be trusted: the lengths of the sections, the NLRI of a negotiated family, a
/// repeated MP attribute, an unknown well-known attribute, or a fault that calls for withdrawing routes the
/// UPDATE does not name (RFC 7606 §3, §5).
pub fn decode_update(
    body: &Bytes,
    ctx: &UpdateContext,
    scratch: &mut AttrBuilder,
) -> Result<Update, MessageError> {
    let mut update = Update::default();
    let [withdrawn, attributes, nlri] = sections(body)?;
    if withdrawn.is_empty() && attributes.is_empty() && nlri.is_empty() {
        update.end_of_rib = ctx.families.ipv4.then_some(Family::IPV4_UNICAST);
        return Ok(update);
    }
    if let Some(block) = classic_nlri(body, ctx, withdrawn)? {
        update.withdrawn.push(block);
    }
    let names_routes = !nlri.is_empty();
    let nlri = classic_nlri(body, ctx, nlri)?;

    scratch.clear();
    let mut found = Attributes::new(body, ctx, scratch);
    found.walk(attributes)?;
    found.merge_as4();
    if nlri.is_some() {
        found.require(AttrCode::NEXT_HOP);
    }
    if nlri.is_some() || found.reach.as_ref().is_some_and(|reach| !reach.nlri.is_empty()) {
        found.require(AttrCode::ORIGIN);
        found.require(AttrCode::AS_PATH);
    }
    found.check_reachability(names_routes)?;
    let Attributes { scratch, faults, reach, unreach, only_unreach, .. } = found;
    update.faults = faults;

    if let Some(block) = unreach {
        // Only an MP_UNREACH_NLRI without routes and nothing beside it is a marker.
        if !block.is_empty() {
            update.withdrawn.push(block);
        } else if only_unreach && update.is_empty() && !names_routes && update.faults.is_empty() {
            update.end_of_rib = Some(block.family());
        }
    }
    let withdraw = update.disposition() == Some(Disposition::TreatAsWithdraw);
    if let Some(nlri) = nlri {
        update.conclude(nlri, withdraw, scratch);
    }
    if let Some(reach) = reach.filter(|reach| !reach.nlri.is_empty()) {
        if let Some(next_hop) = reach.next_hop {
            scratch.next_hop(next_hop);
        }
        update.conclude(reach.nlri, withdraw, scratch);
    }
    Ok(update)
}

impl Update {
    fn conclude(&mut self, nlri: NlriBlock, withdraw: bool, attrs: &mut AttrBuilder) {
        if withdraw {
            self.withdrawn.push(nlri);
        } else {
            self.announced.push(Announcement { nlri, attrs: attrs.build() });
        }
    }
}

/// Splits the body into withdrawn routes, attributes and NLRI.
fn sections(body: &[u8]) -> Result<[&[u8]; 3], MessageError> {
    let field = || length_data(be_u16::<_, nom::error::Error<&[u8]>>);
    let (_, sections) = (field(), field(), rest).map(<[_; 3]>::from).parse(body).map_err(|_| {
        let text = "withdrawn routes or attributes longer than the message";
        MessageError::new(code::UPDATE, 1, HEADER_LEN, text)
    })?;
    Ok(sections)
}

/// Checks a field of IPv4 unicast NLRI; `None` if it is empty or the family was not negotiated.
fn classic_nlri(body: &Bytes, ctx: &UpdateContext, field: &[u8]) -> Result<Option<NlriBlock>, MessageError> {
    if field.is_empty() || !ctx.families.ipv4 {
        return Ok(None);
    }
    let block = NlriBlock::parse(Family::IPV4_UNICAST, ctx.add_path.ipv4, body.slice_ref(field));
    block.map(Some).map_err(|fault| {
        let offset = HEADER_LEN + offset_in(body, field) + fault.offset;
        MessageError::new(code::UPDATE, 10, offset, "prefix does not fit its field")
    })
}

/// Where `part`, a slice of `whole`, begins in it.
fn offset_in(whole: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}

/// A next hop as received with the routes it is for.
struct Reach {
    /// `None` if the address is no host's.
    next_hop: Option<NextHop>,
    nlri: NlriBlock,
}
