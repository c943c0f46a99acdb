//! Message header and framing (RFC 4271 §4.1, §6.1; RFC 8654).

use bytes::{BufMut, Bytes, BytesMut};

use super::fault::MessageError;
use super::notification::code;

/// Octets of the header: marker, length, type.
pub const HEADER_LEN: usize = 19;
/// Longest message unless extended messages are negotiated.
pub const MAX_LEN: usize = 4096;
/// Longest message where extended messages are negotiated (RFC 8654 §3).
pub const MAX_EXTENDED_LEN: usize = 65535;

/// Message type.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum MessageKind {
    /// RFC 4271 §4.2.
    Open = 1,
    /// RFC 4271 §4.3.
    Update = 2,
    /// RFC 4271 §4.5.
    Notification = 3,
    /// RFC 4271 §4.4.
    Keepalive = 4,
    /// RFC 2918.
    RouteRefresh = 5,
}

impl MessageKind {
    fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet {
            1 => Self::Open,
            2 => Self::Update,
            3 => Self::Notification,
            4 => Self::Keepalive,
            5 => Self::RouteRefresh,
            _ => return None,
        })
    }

    /// Whether a message of `len` octets, header included, can be of this kind.
    ///
    /// The length of a ROUTE-REFRESH is left to its decoder, for it has an error of its own (RFC 7313 §5).
    fn fits(self, len: usize) -> bool {
        match self {
            // RFC 8654 §4: never extended.
            Self::Open => (29..=MAX_LEN).contains(&len),
            Self::Update => len >= 23,
            Self::Notification => len >= 21,
            Self::Keepalive => len == HEADER_LEN,
            Self::RouteRefresh => true,
        }
    }
}

/// A whole message with its header checked and taken off.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RawMessage {
    /// The type.
    pub kind: MessageKind,
    /// What follows the header.
    pub body: Bytes,
}

/// Splits the next whole message off `buf`, leaving the rest.
///
/// Returns `Ok(None)` until a full message is buffered. `max_len` is [`MAX_LEN`], or [`MAX_EXTENDED_LEN`]
/// once extended messages are negotiated (RFC 8654 §4). A wrong marker is found as soon as its first wrong
/// octet is there, so a peer that does not speak BGP is not waited for.
///
/// # Errors
/// Code 1 if marker, length or type is wrong (RFC 4271 §6.1).
pub fn next_message(buf: &mut BytesMut, max_len: usize) -> Result<Option<RawMessage>, MessageError> {
    if let Some(offset) = buf.iter().take(16).position(|octet| *octet != 0xff) {
        return Err(MessageError::new(code::HEADER, 1, offset, "marker is not all ones"));
    }
    let Some(&[high, low, kind]) = buf.get(16..).and_then(|rest| rest.first_chunk::<3>()) else {
        return Ok(None);
    };
    let len = usize::from(u16::from_be_bytes([high, low]));
    let bad_length = |text| {
        let data = Bytes::copy_from_slice(&[high, low]);
        Err(MessageError::new(code::HEADER, 2, 16, text).with_data(data))
    };
    if !(HEADER_LEN..=max_len).contains(&len) {
        return bad_length("message length out of range");
    }
    let Some(kind) = MessageKind::from_octet(kind) else {
        let data = Bytes::copy_from_slice(&[kind]);
        return Err(MessageError::new(code::HEADER, 3, 18, "unknown message type").with_data(data));
    };
    if !kind.fits(len) {
        return bad_length("message length does not fit its type");
    }
    if buf.len() < len {
        return Ok(None);
    }
    let mut body = buf.split_to(len);
    let body = body.split_off(HEADER_LEN).freeze();
    Ok(Some(RawMessage { kind, body }))
}

/// How many messages begin in `octets`, which are messages back to back, the last one perhaps in part.
///
/// Reads the lengths of their headers only; O(messages).
pub fn count_messages(mut octets: &[u8]) -> u64 {
    let mut count = 0;
    while !octets.is_empty() {
        count += 1;
        let Some(&[high, low]) = octets.get(16..).and_then(|rest| rest.first_chunk::<2>()) else { break };
        let len = usize::from(u16::from_be_bytes([high, low])).max(HEADER_LEN);
        octets = octets.get(len..).unwrap_or(&[]);
    }
    count
}

/// Appends a KEEPALIVE.
pub fn encode_keepalive(out: &mut BytesMut) {
    put_header(out, MessageKind::Keepalive, 0);
}

/// Appends a header for a body of `body_len` octets; the caller guarantees that the whole fits a message.
pub(super) fn put_header(out: &mut BytesMut, kind: MessageKind, body_len: usize) {
    debug_assert!(HEADER_LEN + body_len <= MAX_EXTENDED_LEN);
    out.put_bytes(0xff, 16);
    out.put_u16((HEADER_LEN + body_len) as u16);
    out.put_u8(kind as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(len: u16, kind: u8, body: &[u8]) -> BytesMut {
        let mut out = BytesMut::new();
        out.put_bytes(0xff, 16);
        out.put_u16(len);
        out.put_u8(kind);
        out.put_slice(body);
        out
    }

    #[test]
    fn rfc4271_6_1_marker_must_be_all_ones_and_is_checked_before_the_message_is_whole() {
        let error = next_message(&mut BytesMut::from(&b"GET / HTTP"[..]), MAX_LEN).unwrap_err();
        assert_eq!((error.code, error.subcode, error.offset, error.data.len()), (1, 1, 0, 0));
        assert_eq!(next_message(&mut BytesMut::from(&[0xff; 10][..]), MAX_LEN), Ok(None));
        let mut late = message(19, 4, &[]);
        late[15] = 0xfe;
        assert_eq!(next_message(&mut late, MAX_LEN).unwrap_err().offset, 15);
    }

    #[test]
    fn rfc4271_6_1_length_fits_the_type_or_is_error_1_2_with_the_length_field_as_data() {
        let cases = [(18, 4), (20, 4), (28, 1), (22, 2), (20, 3), (4097, 2), (0, 2), (u16::MAX, 1)];
        for (len, kind) in cases {
            let error = next_message(&mut message(len, kind, &[0; 64]), MAX_LEN).unwrap_err();
            assert_eq!((error.code, error.subcode), (1, 2), "type {kind} length {len}");
            assert_eq!(error.data.as_ref(), len.to_be_bytes());
        }
    }

    #[test]
    fn rfc4271_6_1_unknown_type_is_error_1_3_with_the_type_as_data() {
        for kind in [0, 6, 128, 255] {
            let error = next_message(&mut message(19, kind, &[]), MAX_LEN).unwrap_err();
            assert_eq!((error.code, error.subcode, error.data.as_ref()), (1, 3, [kind].as_slice()));
        }
    }

    #[test]
    fn rfc8654_4_open_and_keepalive_are_never_extended() {
        assert_eq!(next_message(&mut message(4097, 1, &[]), MAX_EXTENDED_LEN).unwrap_err().subcode, 2);
        assert_eq!(next_message(&mut message(4097, 4, &[]), MAX_EXTENDED_LEN).unwrap_err().subcode, 2);
        assert_eq!(next_message(&mut message(4097, 2, &[]), MAX_EXTENDED_LEN), Ok(None));
    }

    #[test]
    fn messages_are_counted_by_their_beginnings() {
        let octets = [message(23, 5, &[0, 1, 0, 1]), message(19, 4, &[]), message(23, 2, &[0; 4])].concat();
        for (len, count) in [(0, 0), (1, 1), (23, 1), (24, 2), (42, 2), (43, 3), (60, 3), (65, 3)] {
            assert_eq!(count_messages(&octets[..len]), count, "{len} octets");
        }
        // A length that cannot be does not stop the count, nor make it endless.
        assert_eq!(count_messages(&message(0, 2, &[0; 19])), 2);
    }

    #[test]
    fn messages_are_taken_one_by_one_whatever_the_reads() {
        let mut stream = BytesMut::new();
        encode_keepalive(&mut stream);
        stream.extend_from_slice(&message(23, 5, &[0, 1, 0, 1]));
        let (mut buf, mut kinds) = (BytesMut::new(), Vec::new());
        for octet in stream {
            buf.put_u8(octet);
            while let Some(raw) = next_message(&mut buf, MAX_LEN).unwrap() {
                kinds.push((raw.kind, raw.body.len()));
            }
        }
        assert_eq!(kinds, [(MessageKind::Keepalive, 0), (MessageKind::RouteRefresh, 4)]);
        assert!(buf.is_empty());
    }
}
