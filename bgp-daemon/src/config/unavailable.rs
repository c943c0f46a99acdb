//! Keys of the contract that this release does not act on yet.
//!
//! They are known and typed, so that a file for a later release is understood, and they are refused
//! when used: a key that is silently ignored is a promise broken. Removing a row enables the key.

use toml::de::DeValue;

use super::report::Sink;
use super::text::Span;

/// Path of a key, and the value that asks for nothing and is therefore fine.
const UNAVAILABLE: &[(&str, Option<&str>)] = &[
    ("api.bird-socket", None),
    ("api.bird6-socket", None),
    ("datastore", None),
    ("neighbor-range", None),
    ("neighbor.interface", None),
    ("neighbor.add-path", Some("off")),
    ("neighbor.graceful-restart.long-lived-stale-time", Some("0")),
    ("neighbor.max-prefixes", None),
    ("neighbor.role", None),
    ("neighbor.role-strict", Some("false")),
    ("neighbor.extended-next-hop", Some("false")),
    ("neighbor.honor-graceful-shutdown", Some("false")),
    ("neighbor.honor-blackhole", Some("false")),
    ("neighbor.bfd", Some("false")),
    ("policy.rules.match.interface", None),
    ("policy.rules.match.rpki", None),
    ("policy.rules.set.priority", None),
];

/// Whether the key at this path is refused.
pub(crate) fn is_unavailable(path: &str) -> bool {
    UNAVAILABLE.iter().any(|(row, _)| *row == path)
}

/// Reports a key that is used and not available.
pub(crate) fn check(section: &str, key: &str, at: Span, value: &DeValue<'_>, sink: &mut Sink) {
    let path = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
    let Some((_, harmless)) = UNAVAILABLE.iter().find(|(row, _)| *row == path) else { return };
    let harmless_toml = match (value, harmless) {
        (DeValue::Boolean(flag), Some(word)) if flag.to_string() == *word => return,
        (DeValue::String(text), Some(word)) if text == word => return,
        (DeValue::Integer(number), Some(word)) if number.to_string() == *word => return,
        (_, Some(word @ ("false" | "0"))) => Some((*word).to_owned()),
        (_, Some(word)) => Some(format!("{word:?}")),
        (_, None) => None,
    };
    let added = sink.error(at, format!("`{key}` is not available in this version"));
    match harmless_toml {
        Some(value) => added.hint(format!("remove it, or set `{key} = {value}`")),
        None => added.hint("remove it"),
    };
}

#[cfg(test)]
mod tests {
    use super::super::reference;
    use super::*;

    #[test]
    fn every_row_names_a_key_of_the_contract() {
        let known = reference::paths();
        for (path, _) in UNAVAILABLE {
            assert!(known.contains(*path), "{path} is no key");
        }
    }
}
