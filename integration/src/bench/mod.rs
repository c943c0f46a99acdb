//! `make bench`: Peregrine and its rivals under the same load, side by side, checked for exactness.
//!
//! One process plays all peers over loopback in a network namespace of its own and drives one speaker at a
//! time. A stage ends when every receiver holds exactly what it must: the set of prefixes, the attributes,
//! the next hops. Time is from the first octet sent to that moment; processor time and memory are those
//! of the speaker alone. Targets take turns, so that a noisy minute hits all of them; the table has medians.
//!
//! Deliberately apart from `bgp-core`: the player has its own small encoder and parser.

pub mod attrs;
pub mod campaign;
pub mod churn;
pub mod cli;
mod conn;
pub mod daemon;
pub mod floors;
pub mod ledger;
pub mod machine;
pub mod parse;
pub mod player;
pub mod report;
pub mod run;
pub mod scenario;
pub mod soak;
pub mod table;
pub mod targets;
pub mod universe;
pub mod wire;
