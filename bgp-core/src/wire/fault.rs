//! What can be wrong with a message: errors that end the session, and faults that do not (RFC 7606).

use std::fmt;

use bytes::Bytes;

use super::notification::{Notification, code};
use crate::types::AttrCode;

/// A message that cannot be accepted: the session must send a NOTIFICATION and close.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text}{} at octet {offset} of the message", Of(.attr))]
pub struct MessageError {
    /// NOTIFICATION error code, one of [`code`].
    pub code: u8,
    /// NOTIFICATION error subcode.
    pub subcode: u8,
    /// NOTIFICATION data: octets of the message received, or as the RFC says for the subcode.
    pub data: Bytes,
    /// Where the fault is, counted from the first octet of the header.
    pub offset: usize,
    /// The attribute at fault, in an UPDATE.
    pub attr: Option<AttrCode>,
    /// The fault in words.
    pub text: &'static str,
}

impl MessageError {
    pub(super) fn new(code: u8, subcode: u8, offset: usize, text: &'static str) -> Self {
        Self { code, subcode, data: Bytes::new(), offset, attr: None, text }
    }

    pub(super) fn open(subcode: u8, offset: usize, text: &'static str) -> Self {
        Self::new(code::OPEN, subcode, offset, text)
    }

    pub(super) fn with_data(mut self, data: Bytes) -> Self {
        self.data = data;
        self
    }

    /// The NOTIFICATION to send.
    pub fn notification(&self) -> Notification {
        Notification::new(self.code, self.subcode, self.data.clone())
    }
}

impl From<MessageError> for Notification {
    fn from(error: MessageError) -> Self {
        error.notification()
    }
}

/// What a fault does to the UPDATE it is in; the strongest of all faults counts (RFC 7606 §2, §3 h).
///
/// The strongest approach, session reset, is not among them: it is the `Err` of the decoder.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Disposition {
    /// The attribute is dropped, the routes stay.
    DiscardAttribute,
    /// All routes of the UPDATE count as withdrawn.
    TreatAsWithdraw,
}

/// What is wrong with an attribute.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
pub enum FaultKind {
    /// The Optional or Transitive bit conflicts with the attribute's category.
    Flags,
    /// The length is not one this attribute can have.
    Length,
    /// The length goes beyond the end of the attributes, or a header is cut short.
    Overrun,
    /// The value means nothing, such as ORIGIN 9 or AS 0.
    Value,
    /// The attribute is there twice; the first one counts.
    Duplicate,
    /// A mandatory attribute is missing.
    Missing,
    /// The attribute may not come from this peer or in this session.
    Unexpected,
    /// The next hop is an address no host can have.
    NextHop,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flags => "flags conflict with the category",
            Self::Length => "wrong length",
            Self::Overrun => "length beyond the end of the attributes",
            Self::Value => "invalid value",
            Self::Duplicate => "attribute repeated",
            Self::Missing => "mandatory attribute missing",
            Self::Unexpected => "attribute not expected from this peer",
            Self::NextHop => "next hop is not a host address",
        })
    }
}

/// One fault of an UPDATE that does not end the session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// With which attribute.
    pub attr: AttrCode,
    /// Where it begins, counted from the first octet of the header.
    pub offset: usize,
    /// What follows from it.
    pub disposition: Disposition,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let then = match self.disposition {
            Disposition::DiscardAttribute => "attribute discarded",
            Disposition::TreatAsWithdraw => "routes treated as withdrawn",
        };
        write!(f, "{} at octet {}: {}, {then}", self.attr, self.offset, self.kind)
    }
}

struct Of<'a>(&'a Option<AttrCode>);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(attr) => write!(f, " in {attr}"),
            None => Ok(()),
        }
    }
}
