//! MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 §3, §4; RFC 2545; RFC 8950).

use bytes::Bytes;
use nom::bytes::complete::take;
use nom::combinator::rest;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16};
use nom::{IResult, Parser as _};

use super::attributes::Attr;
use super::{MessageError, Reach, UpdateContext, next_hop, offset_in};
use crate::types::{Family, NextHop, NlriBlock};
use crate::wire::HEADER_LEN;

/// Reads MP_REACH_NLRI; `None` if the family was not negotiated.
///
/// # Errors
/// Whatever keeps the NLRI from being found and read (RFC 7606 §7.11): 3/9.
pub(super) fn reach(
    body: &Bytes,
    attr: Attr<'_>,
    ctx: &UpdateContext,
) -> Result<Option<Reach>, MessageError> {
    let Some((family, value)) = negotiated(body, attr, ctx)? else { return Ok(None) };
    let (address, nlri) =
        next_hop_and_nlri(value).map_err(|_| attr.error(body, 9, "next hop longer than the attribute"))?.1;
    let next_hop = NextHop::from_octets(address).filter(|next_hop| match next_hop {
        NextHop::V4(_) => family == Family::IPV4_UNICAST,
        _ => family == Family::IPV6_UNICAST || ctx.extended_next_hop,
    });
    let Some(next_hop) = next_hop else {
        return Err(attr.error(body, 9, "next hop length does not fit the family"));
    };
    let nlri = routes(body, attr, ctx, family, nlri)?;
    Ok(Some(Reach { next_hop: next_hop::checked(next_hop), nlri }))
}

/// Reads MP_UNREACH_NLRI; `None` if the family was not negotiated.
///
/// # Errors
/// Whatever keeps the NLRI from being found and read (RFC 7606 §7.12): 3/9.
pub(super) fn unreach(
    body: &Bytes,
    attr: Attr<'_>,
    ctx: &UpdateContext,
) -> Result<Option<NlriBlock>, MessageError> {
    let Some((family, nlri)) = negotiated(body, attr, ctx)? else { return Ok(None) };
    routes(body, attr, ctx, family, nlri).map(Some)
}

fn negotiated<'a>(
    body: &Bytes,
    attr: Attr<'a>,
    ctx: &UpdateContext,
) -> Result<Option<(Family, &'a [u8])>, MessageError> {
    let (rest, family) = family(attr.value).map_err(|_| attr.error(body, 9, "no room for a family"))?;
    let negotiated = ctx.families.get(family).copied().unwrap_or(false);
    Ok(negotiated.then_some((family, rest)))
}

fn family(input: &[u8]) -> IResult<&[u8], Family> {
    (be_u16, be_u8).map(|(afi, safi)| Family { afi, safi }).parse(input)
}

/// Next hop, a reserved octet, then the rest.
fn next_hop_and_nlri(input: &[u8]) -> IResult<&[u8], (&[u8], &[u8])> {
    let reserved = take(1_usize);
    (length_data(be_u8), reserved, rest).map(|(address, _, nlri)| (address, nlri)).parse(input)
}

fn routes(
    body: &Bytes,
    attr: Attr<'_>,
    ctx: &UpdateContext,
    family: Family,
    nlri: &[u8],
) -> Result<NlriBlock, MessageError> {
    let add_path = ctx.add_path.get(family).copied().unwrap_or(false);
    NlriBlock::parse(family, add_path, body.slice_ref(nlri)).map_err(|fault| {
        let offset = HEADER_LEN + offset_in(body, nlri) + fault.offset;
        MessageError { offset, ..attr.error(body, 9, "prefix does not fit its field") }
    })
}
