//! What the player says: OPEN, KEEPALIVE and UPDATE messages as octets (RFC 4271 §4, IPv4 unicast only).
//!
//! Written apart from `bgp-core` on purpose: a mistake shared with the speaker under test would not show.

use std::net::Ipv4Addr;

/// Seconds without a message after which a peer may be declared dead; offered in every OPEN.
pub const HOLD_TIME: u16 = 90;
/// Seconds between two keepalives of the player.
pub const KEEPALIVE_EVERY: u64 = 30;
/// Octets of the header of every message.
pub const HEADER: usize = 19;
/// Largest message without RFC 8654, which the player does not offer.
pub const MAX_MESSAGE: usize = 4096;

/// Message types (RFC 4271 §4.1, RFC 2918).
pub mod kind {
    /// OPEN.
    pub const OPEN: u8 = 1;
    /// UPDATE.
    pub const UPDATE: u8 = 2;
    /// NOTIFICATION.
    pub const NOTIFICATION: u8 = 3;
    /// KEEPALIVE.
    pub const KEEPALIVE: u8 = 4;
}

/// An IPv4 prefix, its host bits clear.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Prefix {
    /// The address, most significant octet first.
    pub addr: u32,
    /// 0 to 32.
    pub len: u8,
}

impl Prefix {
    /// The prefix of that length an address lies in.
    pub fn new(addr: u32, len: u8) -> Self {
        let len = len.min(32);
        let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
        Self { addr: addr & mask, len }
    }

    /// Address and length in one number, unlike for unlike prefixes.
    pub fn key(self) -> u64 {
        (u64::from(self.addr) << 8) | u64::from(self.len)
    }

    fn octets(self) -> usize {
        1 + usize::from(self.len).div_ceil(8)
    }

    fn write(self, out: &mut Vec<u8>) {
        out.push(self.len);
        out.extend(self.addr.to_be_bytes().iter().take(usize::from(self.len).div_ceil(8)));
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.addr), self.len)
    }
}

/// An OPEN offering IPv4 unicast, route refresh and four-octet AS numbers.
pub fn open(asn: u32, router_id: Ipv4Addr) -> Vec<u8> {
    let mut capabilities = vec![1, 4, 0, 1, 0, 1, 2, 0, 65, 4];
    capabilities.extend(asn.to_be_bytes());
    let mut body = vec![4];
    // AS_TRANS where the number needs four octets (RFC 6793 §9).
    body.extend(u16::try_from(asn).unwrap_or(23456).to_be_bytes());
    body.extend(HOLD_TIME.to_be_bytes());
    body.extend(router_id.octets());
    let length = u8::try_from(capabilities.len()).unwrap_or(u8::MAX);
    body.extend([length + 2, 2, length]);
    body.extend(capabilities);
    message(kind::OPEN, &body)
}

/// A KEEPALIVE.
pub fn keepalive() -> Vec<u8> {
    message(kind::KEEPALIVE, &[])
}

/// An UPDATE that says nothing: the End-of-RIB of IPv4 unicast (RFC 4724 §2).
pub fn end_of_rib() -> Vec<u8> {
    message(kind::UPDATE, &[0, 0, 0, 0])
}

/// A NOTIFICATION: cease, administrative reset (RFC 4486).
pub fn cease() -> Vec<u8> {
    message(kind::NOTIFICATION, &[6, 4])
}

/// Appends the UPDATEs that announce `prefixes` with the encoded path attributes `attributes`.
pub fn announce(attributes: &[u8], prefixes: &[Prefix], out: &mut Vec<u8>) {
    let room = MAX_MESSAGE - HEADER - 4 - attributes.len();
    for part in parts(prefixes, room) {
        let mut body = vec![0, 0];
        body.extend(length16(attributes.len()));
        body.extend_from_slice(attributes);
        part.iter().for_each(|prefix| prefix.write(&mut body));
        out.extend(message(kind::UPDATE, &body));
    }
}

/// Appends the UPDATEs that withdraw `prefixes`.
pub fn withdraw(prefixes: &[Prefix], out: &mut Vec<u8>) {
    for part in parts(prefixes, MAX_MESSAGE - HEADER - 4) {
        let octets = part.iter().map(|prefix| prefix.octets()).sum();
        let mut body = length16(octets).to_vec();
        part.iter().for_each(|prefix| prefix.write(&mut body));
        body.extend([0, 0]);
        out.extend(message(kind::UPDATE, &body));
    }
}

/// Runs of prefixes that fit in `room` octets each.
fn parts(prefixes: &[Prefix], room: usize) -> Vec<&[Prefix]> {
    let mut found = Vec::new();
    let mut rest = prefixes;
    while !rest.is_empty() {
        let mut octets = 0;
        let fit = rest
            .iter()
            .take_while(|prefix| {
                octets += prefix.octets();
                octets <= room
            })
            .count();
        let (part, after) = rest.split_at(fit.max(1));
        found.push(part);
        rest = after;
    }
    found
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xff; 16];
    out.extend(length16(HEADER + body.len()));
    out.push(kind);
    out.extend_from_slice(body);
    out
}

fn length16(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_split_into_messages_that_fit() {
        let prefixes: Vec<Prefix> = (0..5000).map(|i| Prefix::new(i << 8, 24)).collect();
        let mut octets = Vec::new();
        announce(&[0x40, 1, 1, 0], &prefixes, &mut octets);
        let mut rest = octets.as_slice();
        let mut nlri = 0;
        while !rest.is_empty() {
            let length = usize::from(u16::from_be_bytes([rest[16], rest[17]]));
            assert!(length <= MAX_MESSAGE);
            nlri += length - HEADER - 8;
            rest = &rest[length..];
        }
        assert_eq!(nlri, 5000 * 4);
    }

    #[test]
    fn a_prefix_has_no_host_bits() {
        assert_eq!(Prefix::new(0x0a01_02ff, 24).to_string(), "10.1.2.0/24");
        assert_eq!(Prefix::new(u32::MAX, 0).addr, 0);
    }
}
