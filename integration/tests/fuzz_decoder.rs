//! Two million mutations of the vectors through the decoder, the same ones every time.
//!
//! Most inputs get the lengths around them repaired, so that they come further than the first check.
//! `FUZZ_INPUTS` sets another number, `FUZZ_SEED` another sequence.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

#[path = "../fuzz/oracle/decoder.rs"]
#[allow(unreachable_pub, reason = "the fuzz target uses it too")]
mod oracle;

use serde_json::Value;

const SUITES: [&str; 7] = [
    include_str!("../../bgp-core/testdata/vectors/Exa-Networks_exabgp.json"),
    include_str!("../../bgp-core/testdata/vectors/FRRouting_frr.json"),
    include_str!("../../bgp-core/testdata/vectors/NLnetLabs_routecore.json"),
    include_str!("../../bgp-core/testdata/vectors/NetGauze_NetGauze.json"),
    include_str!("../../bgp-core/testdata/vectors/bgpkit_bgpkit-parser.json"),
    include_str!("../../bgp-core/testdata/vectors/holo-routing_holo.json"),
    include_str!("../../bgp-core/testdata/vectors/osrg_gobgp.json"),
];

#[test]
fn no_mutation_of_any_vector_breaks_the_decoder() {
    let number = |name, default| std::env::var(name).ok().map_or(default, |text| text.parse().unwrap());
    let mut random = Random(number("FUZZ_SEED", 0x5eed));
    let corpus = corpus();
    let (inputs, mut blocks) = (number("FUZZ_INPUTS", 2_000_000), 0);
    for round in 0..inputs {
        let mut input = corpus[random.below(corpus.len())].clone();
        for _ in 0..=random.below(3) {
            mutate(&mut input, &corpus, &mut random);
        }
        if random.below(8) != 0 {
            repair(&mut input);
        }
        // Mostly what the vectors are from: four-octet AS numbers and nothing special.
        let choice = (random.next() & random.next()) as u8 ^ 1;
        let outcome = std::panic::catch_unwind(|| oracle::check(choice, &input));
        let Ok(found) = outcome else { panic!("round {round}: context {choice:#04x}, octets {input:02x?}") };
        blocks += found as u64;
    }
    println!("{inputs} inputs, {blocks} blocks of routes");
    // A run that never comes far checks little.
    assert!(blocks >= inputs / 20, "{inputs} inputs, {blocks} blocks of routes");
}

/// Every vector as a message: those that are only a part of one in an UPDATE around it.
fn corpus() -> Vec<Vec<u8>> {
    let suites = SUITES.map(|text| serde_json::from_str::<Value>(text).unwrap());
    let vectors = suites.iter().flat_map(|suite| suite["vectors"].as_array().unwrap());
    vectors
        .map(|vector| {
            let octets = unhex(vector["hex"].as_str().unwrap());
            match vector["kind"].as_str().unwrap() {
                "message" | "fuzz-find" => octets,
                "capability" => message(1, &[&OPEN, &parameter(&octets)]),
                "open-params" => message(1, &[&OPEN, &[octets.len() as u8], &octets]),
                "nlri" => update(&[], &octets),
                "path-attribute" => update(&octets, &[]),
                "as-path-value-2octet" => update(&attribute(0x40, 2, &octets), &[]),
                "mp-attribute-value" => update(&attribute(0x80, 14, &octets), &[]),
                _ => update(&attribute(0xc0, 16, &octets), &[]),
            }
        })
        .collect()
}

const OPEN: [u8; 9] = [4, 0xfd, 0xe9, 0, 90, 192, 0, 2, 1];

fn parameter(capability: &[u8]) -> Vec<u8> {
    let len = capability.len() as u8;
    [&[len + 2, 2, len], capability].concat()
}

fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    [&[flags | 0x10, code], (value.len() as u16).to_be_bytes().as_slice(), value].concat()
}

/// An UPDATE with the mandatory attributes and `extra`, of `nlri` or 10.0.0.0/8.
fn update(extra: &[u8], nlri: &[u8]) -> Vec<u8> {
    let mandatory = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 192, 0, 2, 1];
    let len = ((mandatory.len() + extra.len()) as u16).to_be_bytes();
    let nlri = if nlri.is_empty() { &[8, 10] } else { nlri };
    message(2, &[&[0, 0], &len, &mandatory, extra, nlri])
}

fn message(kind: u8, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    [&[0xff; 16], ((19 + body.len()) as u16).to_be_bytes().as_slice(), &[kind], &body].concat()
}

fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    // Mostly behind the marker.
    let start = if random.below(16) == 0 { 0 } else { 16.min(input.len()) };
    let at = start + random.below(input.len() - start + 1);
    let octet = input.get_mut(at);
    match (random.below(8), octet) {
        (0, Some(octet)) => *octet ^= 1 << random.below(8),
        (1, Some(octet)) => *octet = random.next() as u8,
        (2, Some(octet)) => {
            *octet = [0, 1, 2, 4, 14, 15, 32, 33, 64, 127, 128, 129, 254, 255][random.below(14)];
        }
        (3, Some(octet)) => *octet = octet.wrapping_add(random.below(5) as u8).wrapping_sub(2),
        (4, _) => input.insert(at, random.next() as u8),
        (5, _) => {
            let end = (at + 1 + random.below(8)).min(input.len());
            input.drain(at.min(end)..end);
        }
        (6, _) => {
            let end = (at + random.below(64)).min(input.len());
            let part = input[at..end].to_vec();
            input.splice(at..at, part);
        }
        _ => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len() + 1);
            let to = (from + random.below(64)).min(other.len());
            input.splice(at..at, other[from..to].iter().copied());
        }
    }
    input.truncate(6000);
}

/// Sets marker and length of the header and, in an UPDATE, the length of the attributes to what is there.
fn repair(input: &mut [u8]) {
    let len = input.len();
    if len < 23 {
        return;
    }
    input[..16].fill(0xff);
    input[16..18].copy_from_slice(&(len as u16).to_be_bytes());
    let start = 23 + usize::from(u16::from_be_bytes([input[19], input[20]]));
    if input[18] != 2 || start > len {
        return;
    }
    let mut end = start;
    while let Some([flags, _, rest @ ..]) = input.get(end..) {
        let header = if flags & 0x10 == 0 { 3 } else { 4 };
        let Some(octets) = rest.get(..header - 2) else { break };
        let value = octets.iter().fold(0, |value, octet| value << 8 | usize::from(*octet));
        if end + header + value > len {
            break;
        }
        end += header + value;
    }
    input[start - 2..start].copy_from_slice(&((end - start) as u16).to_be_bytes());
}

/// SplitMix64: enough to be varied, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
