//! A hundred thousand conversations with a session, from valid to absurd, the same ones every time.
//!
//! `FUZZ_INPUTS` sets another number, `FUZZ_SEED` another sequence.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, unreachable_pub, reason = "a test")]

#[path = "../fuzz/oracle/session.rs"]
mod oracle;

#[test]
fn no_conversation_breaks_a_session() {
    let number = |name, default| std::env::var(name).ok().map_or(default, |text| text.parse().unwrap());
    let mut random = Random(number("FUZZ_SEED", 0x5eed));
    let inputs = number("FUZZ_INPUTS", 100_000);
    let (mut established, mut updates) = (0, 0);
    for round in 0..inputs {
        let program = program(&mut random);
        let outcome = std::panic::catch_unwind(|| oracle::check(&program));
        let Ok(found) = outcome else { panic!("round {round}: {program:02x?}") };
        established += u64::from(found.established);
        updates += u64::from(found.updates);
    }
    println!("{inputs} inputs, {established} sessions, {updates} updates");
    // A run that never comes far checks little.
    assert!(established >= inputs / 4 && updates >= inputs / 20, "{established} sessions, {updates} updates");
}

/// A program of the oracle: some steps of a conversation, some of them wrong.
fn program(random: &mut Random) -> Vec<u8> {
    let mut program = vec![random.next() as u8];
    for _ in 0..random.below(12) {
        let side = (random.next() & 16) as u8;
        match random.below(12) {
            0..=2 => step_octets(&mut program, side, &mutated(update(random), random)),
            3 => {
                let routes = [oracle::message(2, &[0, 0, 0, 0]), update(random)].concat();
                step_octets(&mut program, side, &routes);
            }
            4 => step_octets(&mut program, side, &mutated(oracle::open(random.below(2) == 0), random)),
            5 => step_octets(&mut program, side, &refresh(random)),
            6 => {
                let body: Vec<u8> = (0..random.below(30)).map(|_| random.next() as u8).collect();
                program.extend([3 | side, random.next() as u8, body.len() as u8]);
                program.extend(body);
            }
            7 => program.extend([12, random.next() as u8]),
            8 => program.extend([9, 8 | side, 7 | side]),
            9 => program.extend([10, 8 | side | 32, 7 | side]),
            10 => program.push(13 | (random.next() as u8 & 0xf0)),
            _ => program.push(random.next() as u8),
        }
    }
    program
}

fn step_octets(program: &mut Vec<u8>, side: u8, octets: &[u8]) {
    for part in octets.chunks(255) {
        program.extend([side, part.len() as u8]);
        program.extend(part);
    }
}

/// An announcement of a few IPv4 prefixes, or a withdrawal.
fn update(random: &mut Random) -> Vec<u8> {
    if random.below(4) == 0 {
        return oracle::message(2, &[0, 2, 8, 10, 0, 0]);
    }
    let attributes = [0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xea, 0x40, 3, 4, 192, 0, 2, 2];
    let mut body = vec![0, 0, 0, attributes.len() as u8];
    body.extend(attributes);
    for _ in 0..=random.below(5) {
        body.extend([24, 10, random.next() as u8, random.next() as u8]);
    }
    oracle::message(2, &body)
}

fn refresh(random: &mut Random) -> Vec<u8> {
    oracle::message(5, &[0, 1 + random.below(2) as u8, random.below(4) as u8, 1])
}

/// With a few octets wrong, in one case of two.
fn mutated(mut octets: Vec<u8>, random: &mut Random) -> Vec<u8> {
    if random.below(2) == 0 {
        for _ in 0..=random.below(3) {
            let at = random.below(octets.len());
            octets[at] = random.next() as u8;
        }
    }
    octets
}

/// xorshift64: the same sequence for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
