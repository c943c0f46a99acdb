//! The decoder on whatever libFuzzer comes up with: one octet of context, then messages.
//!
//! If the second octet is a message type, what follows is put behind a right header, so that the fuzzer does not
//! spend its time on finding sixteen octets of ones; else all of it is the stream.

#![no_main]

#[path = "../oracle/decoder.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    match *input {
        [context, kind @ 1..=5, ref body @ ..] if body.len() < 60_000 => {
            let len = (19 + body.len() as u16).to_be_bytes();
            let _ = oracle::check(context, &[&[0xff; 16], len.as_slice(), &[kind], body].concat());
        }
        [context, ref stream @ ..] => {
            let _ = oracle::check(context, stream);
        }
        [] => {}
    }
});
