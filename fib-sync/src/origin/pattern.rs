//! Patterns for interface names, as in `veth*`.

use std::fmt;
use std::str::FromStr;

use crate::error::FibError;

/// An interface name in which `*` stands for any characters and `?` for one.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IfPattern(String);

impl IfPattern {
    /// Whether `name` matches the whole pattern.
    pub fn matches(&self, name: &str) -> bool {
        matches(self.0.as_bytes(), name.as_bytes())
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IfPattern {
    type Err = FibError;

    fn from_str(text: &str) -> Result<Self, FibError> {
        if text.is_empty() || text.chars().any(char::is_whitespace) {
            return Err(FibError::Pattern { pattern: text.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for IfPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Greedy with one point to fall back to: linear in practice, `pattern × name` at worst, and interface
/// names have at most 15 characters.
fn matches(mut pattern: &[u8], mut name: &[u8]) -> bool {
    let mut fallback: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern, name) {
            ([b'*', rest @ ..], _) => {
                fallback = Some((rest, name));
                pattern = rest;
            }
            ([], []) => return true,
            ([b'?', p @ ..], [_, n @ ..]) => (pattern, name) = (p, n),
            ([a, p @ ..], [b, n @ ..]) if a == b => (pattern, name) = (p, n),
            _ => match fallback {
                Some((rest, [_, later @ ..])) => {
                    fallback = Some((rest, later));
                    (pattern, name) = (rest, later);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, want) in [
            ("veth*", "veth12ab", true),
            ("veth*", "veth", true),
            ("veth*", "eth0", false),
            ("cni0", "cni0", true),
            ("cni0", "cni01", false),
            ("*", "lo", true),
            ("*.100", "eth0.100", true),
            ("e*h?", "eth0", true),
            ("e*h?", "eth", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
        ] {
            let got = pattern.parse::<IfPattern>().unwrap().matches(name);
            assert_eq!(got, want, "{pattern} against {name}");
        }
    }

    #[test]
    fn empty_and_spaced_patterns_are_refused() {
        assert!("".parse::<IfPattern>().is_err());
        assert!("eth 0".parse::<IfPattern>().is_err());
    }
}
