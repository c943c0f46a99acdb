//! Conditions on the prefix of a route.

use ipnet::IpNet;

/// A prefix and how a route's prefix must relate to it.
///
/// A route of the other family never matches, whatever the test.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PrefixMatch {
    /// The prefix of the rule.
    pub prefix: IpNet,
    /// The relation.
    pub test: PrefixTest,
}

/// Relation of a route's prefix to the one in the rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PrefixTest {
    /// The same prefix.
    Equal,
    /// Any other prefix of the family.
    NotEqual,
    /// Inside it, the prefix itself included.
    In,
    /// Not inside it.
    NotIn,
    /// Inside it, with a length within these bounds, both included.
    Length {
        /// Shortest length.
        min: u8,
        /// Longest length.
        max: u8,
    },
}

impl PrefixMatch {
    /// Whether `prefix` is related to the rule's as the test says.
    pub fn holds(&self, prefix: IpNet) -> bool {
        let inside = match (self.prefix, prefix) {
            (IpNet::V4(outer), IpNet::V4(inner)) => outer.contains(&inner),
            (IpNet::V6(outer), IpNet::V6(inner)) => outer.contains(&inner),
            _ => return false,
        };
        match self.test {
            PrefixTest::Equal => prefix == self.prefix.trunc(),
            PrefixTest::NotEqual => prefix != self.prefix.trunc(),
            PrefixTest::In => inside,
            PrefixTest::NotIn => !inside,
            PrefixTest::Length { min, max } => inside && (min..=max).contains(&prefix.prefix_len()),
        }
    }
}
