//! Communities as operators write them, of either length.

use std::fmt;
use std::str::FromStr;

use super::{Community, LargeCommunity};

/// A community (RFC 1997) or a large one (RFC 8092).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AnyCommunity {
    /// Two numbers of 16 bits: `65000:1`.
    Standard(Community),
    /// Three numbers of 32 bits: `65000:1:2`.
    Large(LargeCommunity),
}

impl AnyCommunity {
    /// Names of well-known communities, which can be written instead of their numbers (IANA registry
    /// "BGP Well-known Communities").
    pub const NAMES: [(&'static str, Community); 9] = [
        ("graceful-shutdown", Community::GRACEFUL_SHUTDOWN),
        ("accept-own", Community(0xffff_0001)),
        ("llgr-stale", Community(0xffff_0006)),
        ("no-llgr", Community(0xffff_0007)),
        ("blackhole", Community::BLACKHOLE),
        ("no-export", Community::NO_EXPORT),
        ("no-advertise", Community::NO_ADVERTISE),
        ("no-export-subconfed", Community::NO_EXPORT_SUBCONFED),
        ("no-peer", Community(0xffff_ff04)),
    ];
}

impl From<Community> for AnyCommunity {
    fn from(community: Community) -> Self {
        Self::Standard(community)
    }
}

impl From<LargeCommunity> for AnyCommunity {
    fn from(community: LargeCommunity) -> Self {
        Self::Large(community)
    }
}

/// A text that is neither two numbers up to 65535, nor three up to 4294967295, nor one of
/// [`AnyCommunity::NAMES`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a community")]
pub struct NotACommunity;

impl FromStr for AnyCommunity {
    type Err = NotACommunity;

    fn from_str(text: &str) -> Result<Self, NotACommunity> {
        if let Some((_, known)) = Self::NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Standard(*known));
        }
        let parts: Vec<&str> = text.splitn(4, ':').collect();
        match parts.as_slice() {
            [high, low] => {
                let (high, low) = (number::<u16>(high)?, number::<u16>(low)?);
                Ok(Self::Standard(Community(u32::from(high) << 16 | u32::from(low))))
            }
            [global, local1, local2] => Ok(Self::Large(LargeCommunity {
                global: number(global)?,
                local1: number(local1)?,
                local2: number(local2)?,
            })),
            _ => Err(NotACommunity),
        }
    }
}

/// Digits alone: the parser of the standard library would take a sign.
fn number<T: FromStr>(text: &str) -> Result<T, NotACommunity> {
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(NotACommunity)
}

impl fmt::Display for AnyCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(community) => community.fmt(f),
            Self::Large(community) => community.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lengths_and_names_are_read_and_numbers_written() {
        for (text, written) in [
            ("65000:1", "65000:1"),
            ("65535:65535", "65535:65535"),
            ("0:0", "0:0"),
            ("4294967295:0:7", "4294967295:0:7"),
            ("no-export", "65535:65281"),
            ("blackhole", "65535:666"),
        ] {
            let community: AnyCommunity = text.parse().unwrap();
            assert_eq!(community.to_string(), written);
            assert_eq!(written.parse(), Ok(community));
        }
    }

    #[test]
    fn what_is_no_community_is_refused() {
        for text in [
            "",
            ":",
            "1",
            "65536:1",
            "1:65536",
            "-1:1",
            "+1:1",
            " 1:1",
            "1:",
            "1:2:",
            "1:2:4294967296",
            "1:2:3:4",
            "no export",
            "NO-EXPORT",
            "rt:1:2",
        ] {
            assert_eq!(text.parse::<AnyCommunity>(), Err(NotACommunity), "{text:?}");
        }
    }
}
