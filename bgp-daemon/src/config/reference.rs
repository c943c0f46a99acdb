//! The configuration reference page, made from the tables the file is read by.

#[cfg(test)]
use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::raw::{KeyInfo, sections};
use super::unavailable::is_unavailable;

/// The page `docs/src/configuration.md`, whole.
pub fn page() -> String {
    let mut page = format!("{HEAD}{EXAMPLE}```\n");
    for section in sections() {
        let _ = write!(page, "\n## `{}`\n\n{}\n\n", section.heading, section.about);
        page.push_str("| key | value | default | meaning |\n|---|---|---|---|\n");
        for key in &section.keys {
            page.push_str(&row(key));
        }
    }
    page
}

/// Dotted path of every key.
#[cfg(test)]
pub(crate) fn paths() -> BTreeSet<String> {
    let tables = <super::raw::RawFile as super::raw::Section>::keys();
    sections().into_iter().flat_map(|section| section.keys).chain(tables).map(|key| key.path).collect()
}

fn row(key: &KeyInfo) -> String {
    let section_is_out = key.path.rsplit_once('.').is_some_and(|(section, _)| is_unavailable(section));
    let note = match is_unavailable(&key.path) || section_is_out {
        true => " *Not available in this version.*",
        false => "",
    };
    let kind = key.kind.replace('|', "\\|");
    format!("| `{}` | {kind} | {} | {}{note} |\n", key.name, key.default, key.doc)
}

const HEAD: &str = "\
# Configuration reference

<!-- Made by `peregrine reference`; a test fails when this page and the code differ. -->

The file is TOML. Unknown keys are errors, and every error of a file is shown at once, by
`peregrine check --config FILE`, each with its line and column. A reload (`peregrine reload`, or
SIGHUP) is one transaction: all of it or none, and a session is only torn down when its own identity
changed: who the peer is, how it is reached, and what was offered to it. Keys that only a restart can
change (all of `[node]`, all of `[api]`, `reflector.cluster-id`, `log.format` and all of `[fib]` but
`keep-on-exit`) make a reload fail as a whole.

Keys marked as not available are known to this version, and refused when they are used.

## Example

```toml
";

/// On the page, and checked by a test: it must be accepted as it stands.
pub(crate) const EXAMPLE: &str = include_str!("example.toml");
