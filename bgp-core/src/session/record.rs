//! Recording of what goes into a session, and the written forms of inputs and outputs.
//!
//! One [`Record`] is one line of JSON. Replaying the records of a session with the configuration and the
//! seed it was made with gives the same outputs, octet for octet.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Input, Output, PeerConfig, Session};

/// One thing that happened to a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record<'a> {
    /// Time since the recording began.
    pub at: Duration,
    /// What came in; `None` where a deadline passed.
    pub input: Option<Input<'a>>,
}

/// Runs a new session through `records` as if the recording had begun at `start`.
pub fn replay<'a>(
    config: PeerConfig,
    seed: u64,
    start: Instant,
    records: impl IntoIterator<Item = Record<'a>>,
) -> Vec<Output> {
    let mut session = Session::new(config, seed);
    let mut outputs = Vec::new();
    for Record { at, input } in records {
        match input {
            Some(input) => session.handle_input(input, start + at),
            None => session.handle_timeout(start + at),
        }
        while let Some(output) = session.poll_output() {
            outputs.push(output);
        }
    }
    outputs
}

/// Octets as a hexadecimal string.
pub(super) mod hex {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        octets: &impl AsRef<[u8]>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(octets.as_ref().len() * 2);
        for octet in octets.as_ref() {
            text.extend(
                [octet >> 4, octet & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0')),
            );
        }
        to.serialize_str(&text)
    }

    pub(in super::super) fn deserialize<'de, 'a, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Cow<'a, [u8]>, D::Error> {
        let text = Cow::<'_, str>::deserialize(from)?;
        let digit = |c: u8| char::from(c).to_digit(16).map(|digit| digit as u8);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let octets: Option<Vec<u8>> = pairs.iter().map(|&[a, b]| Some(digit(a)? << 4 | digit(b)?)).collect();
        match octets {
            Some(octets) if rest.is_empty() => Ok(Cow::Owned(octets)),
            _ => Err(D::Error::custom("octets: expected an even number of hexadecimal digits")),
        }
    }
}

/// A NOTIFICATION as code, subcode and data.
pub(super) mod notification {
    use super::*;
    use crate::wire::Notification;

    #[derive(Serialize, Deserialize)]
    struct Form<'a> {
        code: u8,
        subcode: u8,
        #[serde(with = "super::hex")]
        data: Cow<'a, [u8]>,
    }

    pub(in super::super) fn serialize<S: Serializer>(value: &Notification, to: S) -> Result<S::Ok, S::Error> {
        Form { code: value.code, subcode: value.subcode, data: Cow::Borrowed(&value.data) }.serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Notification, D::Error> {
        let form = Form::deserialize(from)?;
        Ok(Notification::new(form.code, form.subcode, Bytes::copy_from_slice(&form.data)))
    }
}
/// A value that is only compared, by its debug form.
pub(super) fn debug<S: Serializer>(value: &impl fmt::Debug, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{value:?}"))
}
