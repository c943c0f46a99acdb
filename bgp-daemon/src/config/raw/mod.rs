//! The file as written: every key of the contract with its type, default and description.
//!
//! Read by hand rather than through serde: an operator gets every fault of a file at once, each at
//! its place, where serde stops at the first. The `section!` tables below are the only list of keys:
//! they read the file, find what an unknown key was meant to be, and make the reference page.

mod attribute;
mod keys;
mod policy;
mod section;
mod value;

pub(crate) use keys::{
    RawApi, RawFamily, RawFib, RawFile, RawGracefulRestart, RawLog, RawLogFormat, RawLogLevel, RawNeighbor,
    RawNextHop, RawNode, RawOriginate,
};
use keys::{RawBfd, RawDatastore, RawDecision, RawMaxPrefixes, RawRangeKeys, RawReflector, RawRestart};
pub(crate) use policy::{
    RawAction, RawMatch, RawOperator, RawOrigin, RawPeerType, RawPolicy, RawRouteSource, RawRule, RawSet,
};
pub(crate) use section::{KeyInfo, Section};
pub(crate) use value::{AsnWord, Network, OneOrMany, Switch};

/// A table of the file as the reference page shows it.
pub(crate) struct SectionInfo {
    /// As written in the file.
    pub(crate) heading: &'static str,
    /// What it is about.
    pub(crate) about: String,
    /// Its keys.
    pub(crate) keys: Vec<KeyInfo>,
}

/// Every table, in the order of the reference page.
pub(crate) fn sections() -> Vec<SectionInfo> {
    fn info<T: Section>(heading: &'static str) -> SectionInfo {
        SectionInfo { heading, about: T::about(), keys: T::keys() }
    }
    vec![
        info::<RawNode>("[node]"),
        info::<RawApi>("[api]"),
        info::<RawNeighbor>("[[neighbor]]"),
        info::<RawGracefulRestart>("graceful-restart = { … } in [[neighbor]]"),
        info::<RawMaxPrefixes>("max-prefixes = { … } in [[neighbor]]"),
        info::<RawBfd>("bfd = { … } in [[neighbor]]"),
        info::<RawRangeKeys>("[[neighbor-range]]"),
        info::<RawPolicy>("[[policy]]"),
        info::<RawRule>("rules = [{ … }] in [[policy]]"),
        info::<RawMatch>("match = { … } in a rule"),
        info::<RawSet>("set = { … } in a rule"),
        info::<RawOriginate>("[originate]"),
        info::<RawFib>("[fib]"),
        info::<RawDecision>("[decision]"),
        info::<RawRestart>("[restart]"),
        info::<RawReflector>("[reflector]"),
        info::<RawLog>("[log]"),
        info::<RawDatastore>("[datastore]"),
    ]
}
