//! Reading what a speaker sends: framing and the three parts of an UPDATE, by hand and without copying.

use super::wire::{HEADER, MAX_MESSAGE};

/// What is wrong with the octets of a speaker.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    /// No marker, or a length no message may have.
    #[error("the header of a message is wrong")]
    Header,
    /// An UPDATE whose lengths do not add up.
    #[error("the lengths in an UPDATE do not add up")]
    Update,
    /// A prefix longer than 32 bits or cut short.
    #[error("a prefix in an UPDATE is malformed")]
    Prefix,
    /// The path attributes do not parse.
    #[error(transparent)]
    Attributes(#[from] super::attrs::Malformed),
}

/// A message: its type, its body, and what follows it.
pub type Message<'a> = (u8, &'a [u8], &'a [u8]);

/// One whole message at the head of `input`.
///
/// # Errors
/// [`Fault::Header`] when no message can begin so.
#[inline]
pub fn message(input: &[u8]) -> Result<Option<Message<'_>>, Fault> {
    let Some((header, _)) = input.split_first_chunk::<HEADER>() else { return Ok(None) };
    let [.., high, low, kind] = *header;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if header.first_chunk::<16>() != Some(&[0xff; 16]) || !(HEADER..=MAX_MESSAGE).contains(&length) {
        return Err(Fault::Header);
    }
    let Some((whole, rest)) = input.split_at_checked(length) else { return Ok(None) };
    Ok(Some((kind, whole.get(HEADER..).unwrap_or(&[]), rest)))
}

/// The parts of an UPDATE (RFC 4271 §4.3).
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// Withdrawn prefixes.
    pub withdrawn: &'a [u8],
    /// Path attributes.
    pub attributes: &'a [u8],
    /// Announced prefixes.
    pub nlri: &'a [u8],
}

impl<'a> Update<'a> {
    /// Splits the body of an UPDATE.
    ///
    /// # Errors
    /// [`Fault::Update`] when a part is longer than the message.
    #[inline]
    pub fn split(body: &'a [u8]) -> Result<Self, Fault> {
        let (withdrawn, rest) = counted(body).ok_or(Fault::Update)?;
        let (attributes, nlri) = counted(rest).ok_or(Fault::Update)?;
        Ok(Self { withdrawn, attributes, nlri })
    }
}

#[inline]
fn counted(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = input.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// Calls `each` with the [`super::wire::Prefix::key`] of every prefix.
///
/// # Errors
/// [`Fault::Prefix`] at the first prefix that is none.
#[inline]
pub fn prefixes(mut input: &[u8], mut each: impl FnMut(u64)) -> Result<(), Fault> {
    while let [len, rest @ ..] = input {
        let len = *len;
        let octets = usize::from(len).div_ceil(8);
        // Four octets in one load wherever the message is long enough; the mask drops the excess.
        let addr = match rest.first_chunk::<4>() {
            Some(four) => u32::from_be_bytes(*four),
            None => rest.iter().take(octets).rev().fold(0, |addr, octet| addr >> 8 | u32::from(*octet) << 24),
        };
        let shift = 32_u32.checked_sub(u32::from(len)).ok_or(Fault::Prefix)?;
        input = rest.get(octets..).ok_or(Fault::Prefix)?;
        let addr = addr & u32::MAX.checked_shl(shift).unwrap_or(0);
        each(u64::from(addr) << 8 | u64::from(len));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::wire::{self, Prefix, kind};
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let given = [
            Prefix::new(0x0a01_0203, 32),
            Prefix::new(0, 0),
            Prefix::new(0x0b00_0000, 9),
            Prefix::new(0x0c0d_0000, 17),
        ];
        let mut octets = Vec::new();
        wire::announce(&[0x40, 1, 1, 0], &given, &mut octets);
        wire::withdraw(&given, &mut octets);
        let (first, body, rest) = message(&octets).unwrap().unwrap();
        assert_eq!(first, kind::UPDATE);
        let update = Update::split(body).unwrap();
        assert_eq!((update.withdrawn.len(), update.attributes), (0, &[0x40, 1, 1, 0][..]));
        let mut keys = Vec::new();
        prefixes(update.nlri, |key| keys.push(key)).unwrap();
        assert_eq!(keys, given.map(Prefix::key));
        let (_, body, rest) = message(rest).unwrap().unwrap();
        keys.clear();
        prefixes(Update::split(body).unwrap().withdrawn, |key| keys.push(key)).unwrap();
        assert_eq!(keys, given.map(Prefix::key));
        assert!(rest.is_empty());
    }

    #[test]
    fn a_message_not_yet_whole_waits() {
        let octets = wire::keepalive();
        assert_eq!(message(&octets[..18]), Ok(None));
        assert!(matches!(message(&octets), Ok(Some((kind::KEEPALIVE, [], [])))));
    }

    #[test]
    fn nonsense_is_a_fault() {
        assert_eq!(message(&[0; 19]), Err(Fault::Header));
        assert_eq!(Update::split(&[0, 9, 0]).unwrap_err(), Fault::Update);
        assert_eq!(prefixes(&[33, 1, 2, 3, 4, 5], |_| ()), Err(Fault::Prefix));
        assert_eq!(prefixes(&[24, 1, 2], |_| ()), Err(Fault::Prefix));
    }
}
