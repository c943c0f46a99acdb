//! A whole session on whatever libFuzzer comes up with; see the oracle for the form of its inputs.

#![no_main]

#[path = "../oracle/session.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = oracle::check(input);
});
