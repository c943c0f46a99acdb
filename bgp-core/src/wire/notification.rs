//! NOTIFICATION (RFC 4271 §4.5), shutdown communication (RFC 9003), hard reset (RFC 8538).

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::fault::MessageError;
use super::frame::{HEADER_LEN, MAX_LEN, MessageKind, put_header};

/// Error codes (IANA "BGP Error (Notification) Codes").
pub mod code {
    /// Message header error.
    pub const HEADER: u8 = 1;
    /// OPEN message error.
    pub const OPEN: u8 = 2;
    /// UPDATE message error.
    pub const UPDATE: u8 = 3;
    /// Hold timer expired.
    pub const HOLD_TIMER: u8 = 4;
    /// Finite state machine error (subcodes: RFC 6608).
    pub const FSM: u8 = 5;
    /// Cease.
    pub const CEASE: u8 = 6;
    /// ROUTE-REFRESH message error (RFC 7313).
    pub const REFRESH: u8 = 7;
}

/// Subcodes of Cease (RFC 4486, RFC 8538).
pub mod cease {
    /// Maximum number of prefixes reached.
    pub const MAX_PREFIXES: u8 = 1;
    /// Administrative shutdown; may carry text.
    pub const SHUTDOWN: u8 = 2;
    /// The peer was removed from the configuration.
    pub const DECONFIGURED: u8 = 3;
    /// Administrative reset; may carry text.
    pub const RESET: u8 = 4;
    /// Connection rejected.
    pub const REJECTED: u8 = 5;
    /// Other configuration change.
    pub const CONFIG_CHANGE: u8 = 6;
    /// Lost the connection collision resolution.
    pub const COLLISION: u8 = 7;
    /// Out of resources.
    pub const OUT_OF_RESOURCES: u8 = 8;
    /// Hard reset: no graceful restart, whatever was negotiated (RFC 8538).
    pub const HARD_RESET: u8 = 9;
    /// BFD down (RFC 9384).
    pub const BFD_DOWN: u8 = 10;
}

/// A NOTIFICATION, received or to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notification {
    /// Error code, one of [`code`] or unknown.
    pub code: u8,
    /// Error subcode.
    pub subcode: u8,
    /// As the subcode says.
    pub data: Bytes,
}

impl Notification {
    /// From its parts.
    pub fn new(code: u8, subcode: u8, data: Bytes) -> Self {
        Self { code, subcode, data }
    }

    /// A cease without data.
    pub fn cease(subcode: u8) -> Self {
        Self::new(code::CEASE, subcode, Bytes::new())
    }

    /// A cease with a shutdown communication (RFC 9003 §2), cut to 255 octets at a character boundary.
    ///
    /// `subcode` is [`cease::SHUTDOWN`] or [`cease::RESET`]; others carry no text.
    pub fn cease_with_text(subcode: u8, text: &str) -> Self {
        let fits = |end: &usize| text.is_char_boundary(*end);
        let end = (0..=text.len().min(255)).rev().find(fits).unwrap_or(0);
        let text = text.get(..end).unwrap_or("").as_bytes();
        let data = [&[text.len() as u8], text].concat();
        Self::new(code::CEASE, subcode, data.into())
    }

    /// This notification inside a hard reset (RFC 8538 §3.1), so that the peer keeps no routes.
    #[must_use]
    pub fn into_hard_reset(self) -> Self {
        let mut data = BytesMut::with_capacity(2 + self.data.len());
        data.put_slice(&[self.code, self.subcode]);
        data.put_slice(&self.data);
        Self::new(code::CEASE, cease::HARD_RESET, data.freeze())
    }

    /// Whether this is a hard reset.
    pub fn is_hard_reset(&self) -> bool {
        (self.code, self.subcode) == (code::CEASE, cease::HARD_RESET)
    }

    /// What a hard reset carries; `None` if it carries nothing (RFC 8538 §3.1 allows that) or is none.
    pub fn inner(&self) -> Option<Self> {
        if !self.is_hard_reset() || self.data.len() < 2 {
            return None;
        }
        let data = self.data.slice(2..);
        Some(Self::new(*self.data.first()?, *self.data.get(1)?, data))
    }

    /// The shutdown communication, of this or of the hard reset around it, with everything that is not
    /// printable escaped; `None` if there is none or its length goes beyond the data.
    pub fn shutdown_text(&self) -> Option<String> {
        if let Some(inner) = self.inner() {
            // One level only: an inner hard reset carries no text of its own.
            return if inner.is_hard_reset() { None } else { inner.shutdown_text() };
        }
        let text_allowed = matches!(self.subcode, cease::SHUTDOWN | cease::RESET);
        if self.code != code::CEASE || !text_allowed {
            return None;
        }
        let (&len, rest) = self.data.split_first()?;
        let text = rest.get(..usize::from(len)).filter(|text| !text.is_empty())?;
        Some(printable(text))
    }

    /// Reads the body of a NOTIFICATION.
    ///
    /// # Errors
    /// If it is shorter than two octets. There is no NOTIFICATION about a NOTIFICATION (RFC 4271 §6.4):
    /// the caller closes the connection.
    pub fn decode(body: &Bytes) -> Result<Self, MessageError> {
        let Some(&[code, subcode]) = body.first_chunk::<2>() else {
            return Err(MessageError::new(code::HEADER, 2, HEADER_LEN, "NOTIFICATION cut short"));
        };
        Ok(Self { code, subcode, data: body.slice(2..) })
    }

    /// Appends the message; data beyond 4075 octets is cut, so that it always fits.
    pub fn encode(&self, out: &mut BytesMut) {
        let data = self.data.get(..MAX_LEN - HEADER_LEN - 2).unwrap_or(&self.data);
        put_header(out, MessageKind::Notification, 2 + data.len());
        out.put_slice(&[self.code, self.subcode]);
        out.put_slice(data);
    }

    /// Code and subcode in words.
    pub fn name(&self) -> &'static str {
        match (self.code, self.subcode) {
            (1, 1) => "connection not synchronised",
            (1, 2) => "bad message length",
            (1, 3) => "bad message type",
            (1, _) => "message header error",
            (2, 1) => "unsupported version number",
            (2, 2) => "bad peer AS",
            (2, 3) => "bad BGP identifier",
            (2, 4) => "unsupported optional parameter",
            (2, 6) => "unacceptable hold time",
            (2, 7) => "unsupported capability",
            (2, 11) => "role mismatch",
            (2, _) => "OPEN message error",
            (3, 1) => "malformed attribute list",
            (3, 2) => "unrecognised well-known attribute",
            (3, 3) => "missing well-known attribute",
            (3, 4) => "attribute flags error",
            (3, 5) => "attribute length error",
            (3, 6) => "invalid ORIGIN attribute",
            (3, 8) => "invalid NEXT_HOP attribute",
            (3, 9) => "optional attribute error",
            (3, 10) => "invalid network field",
            (3, 11) => "malformed AS_PATH",
            (3, _) => "UPDATE message error",
            (4, _) => "hold timer expired",
            (5, 1) => "unexpected message in OpenSent",
            (5, 2) => "unexpected message in OpenConfirm",
            (5, 3) => "unexpected message in Established",
            (5, _) => "finite state machine error",
            (6, 1) => "maximum number of prefixes reached",
            (6, 2) => "administrative shutdown",
            (6, 3) => "peer de-configured",
            (6, 4) => "administrative reset",
            (6, 5) => "connection rejected",
            (6, 6) => "other configuration change",
            (6, 7) => "connection collision resolution",
            (6, 8) => "out of resources",
            (6, 9) => "hard reset",
            (6, 10) => "BFD down",
            (6, _) => "cease",
            (7, 1) => "invalid ROUTE-REFRESH length",
            (7, _) => "ROUTE-REFRESH message error",
            _ => "unknown error",
        }
    }
}

/// `cease: administrative shutdown (6/2), "text"`, safe to log.
impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}/{})", self.name(), self.code, self.subcode)?;
        if let Some(inner) = self.inner() {
            write!(f, ", {} ({}/{})", inner.name(), inner.code, inner.subcode)?;
        }
        match self.shutdown_text() {
            Some(text) => write!(f, ", \"{text}\""),
            None => Ok(()),
        }
    }
}

/// Text from a peer, made safe for logs and terminals: invalid UTF-8 replaced, controls escaped.
pub(super) fn printable(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len());
    for c in String::from_utf8_lossy(octets).chars() {
        if c == '"' || c == '\\' || c.is_control() || is_invisible(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Marks that change the direction or the look of what follows in a terminal.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cease(subcode: u8, data: &'static [u8]) -> Notification {
        Notification::new(code::CEASE, subcode, Bytes::from_static(data))
    }

    #[test]
    fn rfc9003_2_text_is_read_within_its_length_and_never_beyond_the_data() {
        assert_eq!(cease(2, b"\x05hello").shutdown_text().as_deref(), Some("hello"));
        assert_eq!(cease(4, b"\x02hello").shutdown_text().as_deref(), Some("he"));
        assert_eq!(cease(2, b"\xffhello").shutdown_text(), None);
        assert_eq!(cease(2, b"\x00").shutdown_text(), None);
        assert_eq!(cease(2, b"").shutdown_text(), None);
        assert_eq!(cease(1, b"\x05hello").shutdown_text(), None);
    }

    #[test]
    fn rfc9003_5_text_is_escaped_for_logs() {
        assert_eq!(cease(2, b"\x06a\x1b[2J\n").shutdown_text().as_deref(), Some("a\\u{1b}[2J\\n"));
        assert_eq!(cease(2, b"\x02a\xff").shutdown_text().as_deref(), Some("a\u{fffd}"));
        let all = cease(2, b"\x04a\"b\\");
        assert_eq!(all.to_string(), "administrative shutdown (6/2), \"a\\\"b\\\\\"");
    }

    #[test]
    fn rfc9003_2_long_text_is_cut_at_a_character() {
        let sent = Notification::cease_with_text(cease::SHUTDOWN, &"é".repeat(200));
        assert_eq!((sent.data[0], sent.data.len()), (254, 255));
        assert_eq!(sent.shutdown_text().unwrap().chars().count(), 127);
    }

    #[test]
    fn rfc8538_3_1_hard_reset_wraps_another_notification() {
        let sent = Notification::cease_with_text(cease::SHUTDOWN, "bye").into_hard_reset();
        assert!(sent.is_hard_reset());
        assert_eq!(sent.inner().unwrap().subcode, cease::SHUTDOWN);
        assert_eq!(sent.to_string(), "hard reset (6/9), administrative shutdown (6/2), \"bye\"");
        for bare in [cease(9, b""), cease(9, b"\x06")] {
            assert!(bare.is_hard_reset());
            assert_eq!((bare.inner(), bare.shutdown_text()), (None, None));
        }
        // A reset in a reset in a reset must not recurse.
        assert_eq!(cease(9, b"\x06\x09\x06\x09\x06\x02\x01a").shutdown_text(), None);
    }

    #[test]
    fn rfc4271_4_5_round_trip_and_oversized_data_is_cut() {
        let mut out = BytesMut::new();
        Notification::new(3, 5, Bytes::from(vec![7; 5000])).encode(&mut out);
        assert_eq!(out.len(), MAX_LEN);
        let raw = super::super::next_message(&mut out, MAX_LEN).unwrap().unwrap();
        let back = Notification::decode(&raw.body).unwrap();
        assert_eq!((back.code, back.subcode, back.data.len()), (3, 5, 4075));
        assert!(Notification::decode(&Bytes::from_static(&[3])).is_err());
    }
}
