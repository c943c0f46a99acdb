//! What each attribute's value must look like (RFC 7606 §7 and the attributes' own RFCs).

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::as4::widen;
use super::next_hop;
use super::{Disposition, FaultKind, PeerKind, UpdateContext};
use crate::types::{AsPath, AttrCode, NextHop, Origin, SegmentKind};

use Disposition::{DiscardAttribute, TreatAsWithdraw};

/// Outcome for one attribute.
pub(super) enum Verdict<'a> {
    /// Goes into the set with this value.
    Keep(Cow<'a, [u8]>),
    /// Is wrong.
    Wrong(FaultKind, Disposition),
}

use Verdict::{Keep, Wrong};

/// Judges an attribute with a category, MP attributes and those of RFC 6793 excepted.
pub(super) fn check<'a>(code: AttrCode, value: &'a [u8], ctx: &UpdateContext) -> Verdict<'a> {
    let keep = Keep(Cow::Borrowed(value));
    let exactly = |len| if value.len() == len { None } else { Some(FaultKind::Length) };
    let multiple = |of| {
        let good = !value.is_empty() && value.len().is_multiple_of(of);
        if good { None } else { Some(FaultKind::Length) }
    };
    let external = ctx.peer == PeerKind::External;
    let fault = match code {
        AttrCode::ORIGIN => match *value {
            [octet] if Origin::from_octet(octet).is_none() => Some(FaultKind::Value),
            [_] => None,
            _ => Some(FaultKind::Length),
        },
        AttrCode::AS_PATH => return as_path(value, ctx),
        AttrCode::NEXT_HOP => match <[u8; 4]>::try_from(value) {
            Ok(octets) if next_hop::checked(NextHop::V4(octets.into())).is_none() => Some(FaultKind::NextHop),
            Ok(_) => None,
            Err(_) => Some(FaultKind::Length),
        },
        AttrCode::LOCAL_PREF | AttrCode::ORIGINATOR_ID | AttrCode::CLUSTER_LIST if external => {
            return Wrong(FaultKind::Unexpected, DiscardAttribute);
        }
        AttrCode::MED | AttrCode::LOCAL_PREF | AttrCode::ORIGINATOR_ID => exactly(4),
        AttrCode::CLUSTER_LIST | AttrCode::COMMUNITIES => multiple(4),
        AttrCode::EXT_COMMUNITIES => multiple(8),
        AttrCode::LARGE_COMMUNITIES => match multiple(12) {
            None => return Keep(without_repetitions(value)),
            fault => fault,
        },
        AttrCode::ATOMIC_AGGREGATE => match exactly(0) {
            None => None,
            Some(kind) => return Wrong(kind, DiscardAttribute),
        },
        AttrCode::AGGREGATOR => return aggregator(value, ctx.four_octet_as),
        _ => None,
    };
    fault.map_or(keep, |kind| Wrong(kind, TreatAsWithdraw))
}

fn as_path<'a>(value: &'a [u8], ctx: &UpdateContext) -> Verdict<'a> {
    let octets = if ctx.four_octet_as { Some(Cow::Borrowed(value)) } else { widen(value).map(Cow::Owned) };
    let Some(octets) = octets.filter(|octets| u16::try_from(octets.len()).is_ok()) else {
        return Wrong(FaultKind::Value, TreatAsWithdraw);
    };
    let confederation = |kind| matches!(kind, SegmentKind::ConfedSequence | SegmentKind::ConfedSet);
    match AsPath::parse(&octets) {
        // RFC 5065 §5: not from outside the confederation.
        Some(path) if ctx.peer == PeerKind::External && path.segments().any(|s| confederation(s.kind())) => {
            Wrong(FaultKind::Value, TreatAsWithdraw)
        }
        Some(_) => Keep(octets),
        None => Wrong(FaultKind::Value, TreatAsWithdraw),
    }
}

/// RFC 7606 §7.7, RFC 7607 §2.
fn aggregator(value: &[u8], four_octet_as: bool) -> Verdict<'_> {
    let value = match *value {
        [_, _, _, _, _, _, _, _] if four_octet_as => Cow::Borrowed(value),
        [high, low, a, b, c, d] if !four_octet_as => Cow::Owned(vec![0, 0, high, low, a, b, c, d]),
        _ => return Wrong(FaultKind::Length, DiscardAttribute),
    };
    if value.starts_with(&[0; 4]) { Wrong(FaultKind::Value, DiscardAttribute) } else { Keep(value) }
}

/// RFC 8092 §5: repetitions are removed silently.
fn without_repetitions(value: &[u8]) -> Cow<'_, [u8]> {
    let (all, _) = value.as_chunks::<12>();
    let few_and_different = all.len() <= 16
        && all.iter().enumerate().all(|(index, one)| all.iter().skip(index + 1).all(|other| one != other));
    if few_and_different {
        return Cow::Borrowed(value);
    }
    let mut seen = BTreeSet::new();
    Cow::Owned(all.iter().filter(|one| seen.insert(**one)).flatten().copied().collect())
}
