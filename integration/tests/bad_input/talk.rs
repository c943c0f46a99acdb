//! BGP by hand: octets out, messages in.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Everyone here is in this AS.
pub(crate) const AS: u16 = 64512;

/// A message with its header.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).unwrap();
    [&[0xff; 16][..], &length.to_be_bytes(), &[kind], body].concat()
}

/// An OPEN of 192.0.2.`id` with IPv4 unicast and four-octet AS numbers.
pub(crate) fn open(version: u8, asn: u16, hold: u16, id: [u8; 4]) -> Vec<u8> {
    let four = [&[65, 4, 0, 0][..], &asn.to_be_bytes()].concat();
    let capabilities = [&[1, 4, 0, 1, 0, 1][..], &four].concat();
    let length = u8::try_from(capabilities.len()).unwrap();
    let fixed = [&[version][..], &asn.to_be_bytes(), &hold.to_be_bytes(), &id].concat();
    message(1, &[&fixed[..], &[length + 2, 2, length], &capabilities].concat())
}

pub(crate) fn keepalive() -> Vec<u8> {
    message(4, &[])
}

/// The next message as type and body; `None` at the end of the connection.
pub(crate) fn next(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut header = [0; 19];
    stream.read_exact(&mut header).ok()?;
    let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
    let mut body = vec![0; length - 19];
    stream.read_exact(&mut body).ok()?;
    Some((header[18], body))
}

/// Reads to the end of the connection; code and subcode of the NOTIFICATION before it, if there was one.
pub(crate) fn last_words(stream: &mut TcpStream) -> Option<(u8, u8)> {
    let mut last = None;
    while let Some((kind, body)) = next(stream) {
        last = (kind == 3).then(|| (body[0], body[1]));
    }
    last
}

/// Sends, whatever the other side thinks of it.
pub(crate) fn say(stream: &mut TcpStream, octets: &[u8]) {
    let _ = stream.write_all(octets);
}

/// Octets without a pattern, the same every time.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}
