//! ROUTE-REFRESH (RFC 2918) and its enhanced form (RFC 7313).

use bytes::{BufMut, Bytes, BytesMut};

use super::fault::MessageError;
use super::frame::{HEADER_LEN, MAX_LEN, MessageKind, put_header};
use super::notification::code;
use crate::types::Family;

/// What a ROUTE-REFRESH says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefreshKind {
    /// Send everything again.
    Request,
    /// Beginning of a refresh: what is not sent again until its end is gone.
    Begin,
    /// End of a refresh.
    End,
    /// To be ignored (RFC 7313 §5).
    Unknown(u8),
}

/// A ROUTE-REFRESH.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RouteRefresh {
    /// Of which family.
    pub family: Family,
    /// What is asked or told.
    pub kind: RefreshKind,
}

impl RouteRefresh {
    /// Reads the body of a ROUTE-REFRESH.
    ///
    /// # Errors
    /// Any length but four is error 7/1 with the whole message as data (RFC 7313 §5): outbound route
    /// filters are never negotiated, so nothing may follow.
    pub fn decode(body: &Bytes) -> Result<Self, MessageError> {
        let Ok([high, low, kind, safi]) = <[u8; 4]>::try_from(body.as_ref()) else {
            let mut whole = BytesMut::new();
            let kept = body.get(..MAX_LEN).unwrap_or(body);
            put_header(
                &mut whole,
                MessageKind::RouteRefresh,
                body.len().min(usize::from(u16::MAX) - HEADER_LEN),
            );
            whole.put_slice(kept);
            let error = MessageError::new(code::REFRESH, 1, HEADER_LEN, "ROUTE-REFRESH of wrong length");
            return Err(error.with_data(whole.freeze()));
        };
        let kind = match kind {
            0 => RefreshKind::Request,
            1 => RefreshKind::Begin,
            2 => RefreshKind::End,
            other => RefreshKind::Unknown(other),
        };
        Ok(Self { family: Family { afi: u16::from_be_bytes([high, low]), safi }, kind })
    }

    /// Appends the message.
    pub fn encode(self, out: &mut BytesMut) {
        put_header(out, MessageKind::RouteRefresh, 4);
        out.put_u16(self.family.afi);
        out.put_u8(match self.kind {
            RefreshKind::Request => 0,
            RefreshKind::Begin => 1,
            RefreshKind::End => 2,
            RefreshKind::Unknown(other) => other,
        });
        out.put_u8(self.family.safi);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7313_5_wrong_length_is_error_7_1_with_the_whole_message() {
        for body in [&[0, 1, 0][..], &[], &[0, 1, 0, 1, 1]] {
            let error = RouteRefresh::decode(&Bytes::copy_from_slice(body)).unwrap_err();
            assert_eq!((error.code, error.subcode, error.data.len()), (7, 1, HEADER_LEN + body.len()));
            assert_eq!(error.data.get(16..19), Some([0, 19 + body.len() as u8, 5].as_slice()));
        }
    }

    #[test]
    fn rfc7313_4_every_kind_survives_the_wire() {
        for kind in [RefreshKind::Request, RefreshKind::Begin, RefreshKind::End, RefreshKind::Unknown(9)] {
            let sent = RouteRefresh { family: Family::IPV6_UNICAST, kind };
            let mut out = BytesMut::new();
            sent.encode(&mut out);
            let raw = super::super::next_message(&mut out, MAX_LEN).unwrap().unwrap();
            assert_eq!(RouteRefresh::decode(&raw.body), Ok(sent));
        }
    }
}
