//! OPEN (RFC 4271 §4.2) with capabilities (RFC 5492) and long parameters (RFC 9072).
//!
//! Checks that need no configuration are made here; the session makes the others.

mod capability;
#[cfg(test)]
mod tests;

use bytes::{BufMut, Bytes, BytesMut};
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};
use nom::{IResult, Parser as _};

pub use capability::{AddPathFamily, AddPathMode, Capability, LongLivedFamily, NextHopFamily, RestartFamily};

use super::fault::MessageError;
use super::frame::{HEADER_LEN, MAX_LEN, MessageKind, put_header};
use crate::types::{Asn, Family, RouterId};

/// An OPEN.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Open {
    /// The two-octet AS field; [`Asn::TRANS`] where the AS does not fit.
    pub my_as: u16,
    /// Seconds proposed: 0, or at least 3.
    pub hold_time: u16,
    /// Not 0.
    pub router_id: RouterId,
    /// In the order of the message, repetitions included.
    pub capabilities: Vec<Capability>,
}

impl Open {
    /// The only version there is.
    pub const VERSION: u8 = 4;

    /// The AS of the sender: the four-octet one if told (RFC 6793 §4.1).
    pub fn asn(&self) -> Asn {
        self.four_octet_as().unwrap_or(Asn(u32::from(self.my_as)))
    }

    /// The AS of the four-octet AS capability.
    pub fn four_octet_as(&self) -> Option<Asn> {
        self.capabilities.iter().find_map(|capability| match capability {
            Capability::FourOctetAs(asn) => Some(*asn),
            _ => None,
        })
    }

    /// Whether routes of `family` can be exchanged: announced, or IPv4 unicast with no announcement at all
    /// (RFC 4760 §8).
    pub fn offers(&self, family: Family) -> bool {
        let mut announced = self.capabilities.iter().filter_map(|capability| match capability {
            Capability::Multiprotocol(family) => Some(*family),
            _ => None,
        });
        match announced.next() {
            None => family == Family::IPV4_UNICAST,
            Some(first) => first == family || announced.any(|other| other == family),
        }
    }

    /// Whether `capability` was announced, in this exact form.
    pub fn has(&self, capability: &Capability) -> bool {
        self.capabilities.contains(capability)
    }

    /// Reads the body of an OPEN.
    ///
    /// A capability whose content makes no sense is kept as [`Capability::Malformed`] and so not in force.
    ///
    /// # Errors
    /// Code 2 for another version, AS 0, identifier 0, hold time 1 or 2, a parameter that is not a
    /// capability, and parameters or capabilities whose lengths do not add up (RFC 4271 §6.2, RFC 7607).
    pub fn decode(body: &Bytes) -> Result<Self, MessageError> {
        let cut = |_| MessageError::open(0, HEADER_LEN, "OPEN cut short");
        let (input, (version, my_as, hold_time, router_id)) = fixed_part(body).map_err(cut)?;
        if version != Self::VERSION {
            let data = Bytes::from_static(&[0, Self::VERSION]);
            return Err(MessageError::open(1, HEADER_LEN, "unsupported version").with_data(data));
        }
        if my_as == 0 {
            return Err(MessageError::open(2, HEADER_LEN + 1, "AS 0"));
        }
        if matches!(hold_time, 1 | 2) {
            return Err(MessageError::open(6, HEADER_LEN + 3, "hold time of less than three seconds"));
        }
        if router_id == RouterId(0) {
            return Err(MessageError::open(3, HEADER_LEN + 5, "identifier 0.0.0.0"));
        }
        let mut capabilities = Vec::new();
        parameters(body, input, &mut capabilities)?;
        if capabilities.contains(&Capability::FourOctetAs(Asn(0))) {
            return Err(MessageError::open(2, HEADER_LEN, "AS 0 in the four-octet AS capability"));
        }
        Ok(Self { my_as, hold_time, router_id, capabilities })
    }

    /// Appends the message, with long parameters (RFC 9072) where the capabilities need them.
    ///
    /// A capability that does not fit any more into 4096 octets is left out with those after it; what a
    /// speaker has to say never comes near.
    pub fn encode(&self, out: &mut BytesMut) {
        let room = MAX_LEN - HEADER_LEN - 10 - 3 - 3;
        let mut value = BytesMut::new();
        for capability in &self.capabilities {
            let len = value.len();
            capability.encode(&mut value);
            if value.len() > room {
                value.truncate(len);
                break;
            }
        }
        let mut params = BytesMut::new();
        match value.len() {
            0 => params.put_u8(0),
            short @ ..=253 => params.put_slice(&[short as u8 + 2, 2, short as u8]),
            long => {
                params.put_slice(&[255, 255]);
                params.put_u16(long as u16 + 3);
                params.put_u8(2);
                params.put_u16(long as u16);
            }
        }
        put_header(out, MessageKind::Open, 9 + params.len() + value.len());
        out.put_u8(Self::VERSION);
        out.put_u16(self.my_as);
        out.put_u16(self.hold_time);
        out.put_u32(self.router_id.0);
        out.put_slice(&params);
        out.put_slice(&value);
    }
}

fn fixed_part(input: &[u8]) -> IResult<&[u8], (u8, u16, u16, RouterId)> {
    let router_id = nom::number::complete::be_u32.map(RouterId);
    (be_u8, be_u16, be_u16, router_id).parse(input)
}

/// Reads the optional parameters, in short or long form (RFC 9072 §2).
fn parameters(body: &Bytes, input: &[u8], out: &mut Vec<Capability>) -> Result<(), MessageError> {
    let at = |rest: &[u8]| HEADER_LEN + body.len() - rest.len();
    let wrong = |rest: &[u8], text| Err(MessageError::open(0, at(rest), text));
    let (long, mut rest) = match *input {
        [] => return wrong(input, "OPEN cut short"),
        // The length octet counts for nothing here except that it is not 0.
        [1..=255, 255, high, low, ref rest @ ..] => {
            if usize::from(u16::from_be_bytes([high, low])) != rest.len() {
                return wrong(input, "extended parameter length is not what follows");
            }
            (true, rest)
        }
        [len, ref rest @ ..] if usize::from(len) == rest.len() => (false, rest),
        _ => return wrong(input, "parameter length is not what follows"),
    };
    while !rest.is_empty() {
        let Ok((tail, (kind, value))) = parameter(long, rest) else {
            return wrong(rest, "parameter longer than the rest of the message");
        };
        if kind != 2 {
            return Err(MessageError::open(4, at(rest), "unsupported optional parameter"));
        }
        let mut value = value;
        while !value.is_empty() {
            let Ok((tail, (code, content))) = tlv(value) else {
                return wrong(value, "capability longer than its parameter");
            };
            out.push(Capability::decode(code, body.slice_ref(content)));
            value = tail;
        }
        rest = tail;
    }
    Ok(())
}

fn parameter(long: bool, input: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    if !long {
        return tlv(input);
    }
    let (input, (kind, len)) = (be_u8, be_u16).parse(input)?;
    take(len).map(move |value| (kind, value)).parse(input)
}

fn tlv(input: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (input, (kind, len)) = (be_u8, be_u8).parse(input)?;
    take(len).map(move |value| (kind, value)).parse(input)
}
