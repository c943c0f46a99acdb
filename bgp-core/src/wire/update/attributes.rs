//! The walk over the path attributes: rules that hold for all of them (RFC 7606 §3 to §5).

use bytes::Bytes;

use super::value::{Verdict, check};
use super::{
    AttrBuilder, AttrCode, Disposition, Fault, FaultKind, HEADER_LEN, MessageError, NlriBlock, Reach,
    UpdateContext, as4, mp, offset_in,
};
use crate::types::AsPath;
use crate::types::attr::flags;
use crate::wire::notification::code;

use Disposition::{DiscardAttribute, TreatAsWithdraw};

/// One attribute as received.
#[derive(Clone, Copy)]
pub(super) struct Attr<'a> {
    pub(super) code: AttrCode,
    flags: u8,
    pub(super) value: &'a [u8],
    /// With header.
    whole: &'a [u8],
}

impl Attr<'_> {
    /// The attribute ends the session; it is the data of the NOTIFICATION (RFC 4271 §6.3).
    pub(super) fn error(&self, body: &Bytes, subcode: u8, text: &'static str) -> MessageError {
        let offset = HEADER_LEN + offset_in(body, self.whole);
        let error = MessageError::new(code::UPDATE, subcode, offset, text);
        MessageError { attr: Some(self.code), ..error.with_data(body.slice_ref(self.whole)) }
    }
}

/// What the walk has found.
pub(super) struct Attributes<'a, 'b> {
    body: &'a Bytes,
    ctx: &'b UpdateContext,
    pub(super) scratch: &'b mut AttrBuilder,
    pub(super) faults: Vec<Fault>,
    pub(super) reach: Option<Reach>,
    pub(super) unreach: Option<NlriBlock>,
    /// There is one attribute, and it is MP_UNREACH_NLRI.
    pub(super) only_unreach: bool,
    as4_path: Option<Vec<u8>>,
    as4_aggregator: Option<[u8; 8]>,
    seen: [u64; 4],
}

impl<'a, 'b> Attributes<'a, 'b> {
    pub(super) fn new(body: &'a Bytes, ctx: &'b UpdateContext, scratch: &'b mut AttrBuilder) -> Self {
        Self {
            body,
            ctx,
            scratch,
            faults: Vec::new(),
            reach: None,
            unreach: None,
            only_unreach: true,
            as4_path: None,
            as4_aggregator: None,
            seen: [0; 4],
        }
    }

    /// Goes through all attributes whatever is wrong with one of them.
    pub(super) fn walk(&mut self, attributes: &'a [u8]) -> Result<(), MessageError> {
        let mut rest = attributes;
        while !rest.is_empty() {
            let Some(attr) = next(&mut rest) else { return self.cut_short(rest) };
            let repeated = !self.first_of(attr.code);
            self.only_unreach &= attr.code == AttrCode::MP_UNREACH_NLRI;
            let mp = matches!(attr.code, AttrCode::MP_REACH_NLRI | AttrCode::MP_UNREACH_NLRI);
            match repeated {
                true if mp => return Err(attr.error(self.body, 1, "MP attribute repeated")),
                true => self.fault(attr, FaultKind::Duplicate, DiscardAttribute),
                false => self.take(attr)?,
            }
        }
        Ok(())
    }

    /// RFC 7606 §4: the section's length is trusted, so the NLRI after it can be withdrawn.
    fn cut_short(&mut self, rest: &'a [u8]) -> Result<(), MessageError> {
        let code = rest.get(1).copied().map_or(AttrCode(0), AttrCode);
        let attr = Attr { code, flags: 0, value: &[], whole: rest };
        if matches!(code, AttrCode::MP_REACH_NLRI | AttrCode::MP_UNREACH_NLRI) {
            return Err(attr.error(self.body, 1, "length beyond the end of the attributes"));
        }
        self.only_unreach = false;
        self.fault(attr, FaultKind::Overrun, TreatAsWithdraw);
        Ok(())
    }

    fn take(&mut self, attr: Attr<'a>) -> Result<(), MessageError> {
        let Some(category) = attr.code.category() else { return self.take_unknown(attr) };
        let conflict = (attr.flags ^ category) & (flags::OPTIONAL | flags::TRANSITIVE) != 0;
        if conflict {
            self.fault(attr, FaultKind::Flags, TreatAsWithdraw);
        }
        match attr.code {
            // The routes are needed even if the flags are wrong: to withdraw them.
            AttrCode::MP_REACH_NLRI => {
                self.reach = mp::reach(self.body, attr, self.ctx)?;
                if self.reach.as_ref().is_some_and(|reach| reach.next_hop.is_none()) {
                    self.fault(attr, FaultKind::NextHop, TreatAsWithdraw);
                }
            }
            AttrCode::MP_UNREACH_NLRI => self.unreach = mp::unreach(self.body, attr, self.ctx)?,
            _ if conflict => {}
            AttrCode::AS4_PATH | AttrCode::AS4_AGGREGATOR => self.take_as4(attr),
            _ => match check(attr.code, attr.value, self.ctx) {
                Verdict::Keep(value) => {
                    self.scratch.push_raw(attr.code, attr.flags, &value);
                }
                Verdict::Wrong(kind, disposition) => self.fault(attr, kind, disposition),
            },
        }
        Ok(())
    }

    /// RFC 4271 §5, §9: carried as it is, dropped, or refused, by its flags alone.
    fn take_unknown(&mut self, attr: Attr<'a>) -> Result<(), MessageError> {
        if attr.flags & flags::OPTIONAL == 0 {
            return Err(attr.error(self.body, 2, "unknown well-known attribute"));
        }
        if attr.flags & flags::TRANSITIVE != 0 {
            self.scratch.push_raw(attr.code, attr.flags | flags::PARTIAL, attr.value);
        }
        Ok(())
    }

    /// RFC 6793 §6: from a four-octet speaker, and if malformed, discarded.
    fn take_as4(&mut self, attr: Attr<'a>) {
        if self.ctx.four_octet_as {
            return self.fault(attr, FaultKind::Unexpected, DiscardAttribute);
        }
        let good = if attr.code == AttrCode::AS4_PATH {
            self.as4_path = as4::clean(attr.value);
            self.as4_path.is_some()
        } else {
            let value = <[u8; 8]>::try_from(attr.value).ok();
            self.as4_aggregator = value.filter(|value| !value.starts_with(&[0; 4]));
            self.as4_aggregator.is_some()
        };
        if !good {
            self.fault(attr, FaultKind::Value, DiscardAttribute);
        }
    }

    /// RFC 6793 §4.2.3, once all attributes are there: their order is free.
    pub(super) fn merge_as4(&mut self) {
        if let Some(as4_aggregator) = self.as4_aggregator {
            match self.scratch.value(AttrCode::AGGREGATOR) {
                Some([0, 0, 0x5b, 0xa0, ..]) => {
                    self.scratch.set_raw(AttrCode::AGGREGATOR, 0, &as4_aggregator);
                }
                // Somebody who knows two octets only has aggregated since: both attributes are out of date.
                Some(_) => return,
                None => {}
            }
        }
        let as_path = self.scratch.value(AttrCode::AS_PATH).and_then(AsPath::parse);
        let as4_path = self.as4_path.as_deref().and_then(AsPath::parse);
        if let Some(path) = as_path.zip(as4_path).and_then(|(path, as4)| as4::merged(path, as4)) {
            self.scratch.as_path(&path);
        }
    }

    /// RFC 7606 §3 d. An attribute that was there and discarded is not missing: its own fault counts.
    pub(super) fn require(&mut self, code: AttrCode) {
        if self.first_of(code) {
            let offset = HEADER_LEN;
            self.faults.push(Fault {
                kind: FaultKind::Missing,
                attr: code,
                offset,
                disposition: TreatAsWithdraw,
            });
        }
    }

    /// RFC 7606 §5.2: routes to be withdrawn that the UPDATE does not name end the session.
    pub(super) fn check_reachability(&self, classic_nlri: bool) -> Result<(), MessageError> {
        let reach = classic_nlri || !self.is_first(AttrCode::MP_REACH_NLRI);
        let fault = self.faults.iter().find(|fault| fault.disposition == TreatAsWithdraw);
        let Some(fault) = fault.filter(|_| !reach && !self.only_unreach) else { return Ok(()) };
        let subcode = match (fault.kind, fault.attr) {
            (FaultKind::Flags, _) => 4,
            (FaultKind::Length, _) => 5,
            (FaultKind::Missing, _) => 3,
            (_, AttrCode::ORIGIN) => 6,
            (_, AttrCode::NEXT_HOP) => 8,
            (_, AttrCode::AS_PATH) => 11,
            _ => 1,
        };
        let text = "faulty attribute in an UPDATE that names no route to withdraw";
        let error = MessageError::new(code::UPDATE, subcode, fault.offset, text);
        Err(MessageError { attr: Some(fault.attr), ..error })
    }

    fn fault(&mut self, attr: Attr<'_>, kind: FaultKind, disposition: Disposition) {
        let offset = HEADER_LEN + offset_in(self.body, attr.whole);
        self.faults.push(Fault { kind, attr: attr.code, offset, disposition });
    }

    fn is_first(&self, AttrCode(code): AttrCode) -> bool {
        let word = self.seen.get(usize::from(code) / 64).copied().unwrap_or(0);
        word >> (code % 64) & 1 == 0
    }

    /// Whether `code` was not seen so far; it is now.
    fn first_of(&mut self, code: AttrCode) -> bool {
        let first = self.is_first(code);
        if let Some(word) = self.seen.get_mut(usize::from(code.0) / 64) {
            *word |= 1 << (code.0 % 64);
        }
        first
    }
}

/// Takes the next attribute off by its length; `None` if it is cut short.
fn next<'a>(rest: &mut &'a [u8]) -> Option<Attr<'a>> {
    let (header, len) = match **rest {
        [flags, _, high, low, ..] if flags & flags::EXTENDED != 0 => (4, u16::from_be_bytes([high, low])),
        [flags, _, len, ..] if flags & flags::EXTENDED == 0 => (3, u16::from(len)),
        _ => return None,
    };
    let (whole, tail) = rest.split_at_checked(header + usize::from(len))?;
    let &[flags, code, ..] = whole else { return None };
    *rest = tail;
    Some(Attr { code: AttrCode(code), flags, value: whole.get(header..)?, whole })
}
