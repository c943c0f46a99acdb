//! The page of the book.

use std::fs;
use std::io;
use std::path::Path;

use super::Report;
use crate::bench::targets::Kind;
use crate::bench::{floors, machine};

impl Report {
    /// Writes the page of the book.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_page(&self, path: &Path) -> io::Result<()> {
        fs::write(path, self.page())
    }

    fn page(&self) -> String {
        let versions: Vec<String> = self
            .targets
            .iter()
            .filter(|target| !matches!(target.kind, Kind::Relay | Kind::Peregrine2))
            .map(|target| format!("{} {}", target.kind.title(), target.version))
            .collect();
        format!(
            "# Performance\n\n{}\n## How it was made\n\nBy `bench {}`, which `make bench WRITE=1` builds and runs; \
             `make bench QUICK=1` is the short form for daily use. [Where instructions and bytes go](profile.md) has \
             the profile behind the figures.\n\n- Machine: {}.\n- Versions: {}.\n\
             - Medians of {} runs, targets taking turns; {:.0} minutes in all.\n\n{HOW}{}",
            floors::summary(self),
            arguments(std::env::args().skip(1)).join(" "),
            machine::description(),
            versions.join(", "),
            self.runs,
            self.took.as_secs_f64() / 60.0,
            // The first shows what is missing; the others mostly miss the same.
            self.text(1)
        )
    }
}

/// What was asked for, but not where the results of this machine are kept.
fn arguments(given: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for argument in given.filter(|argument| !argument.starts_with("--out=")) {
        if kept.last().is_some_and(|last| last == "--out") {
            kept.pop();
        } else {
            kept.push(argument);
        }
    }
    kept
}

const HOW: &str = "\
One process plays all BGP peers over loopback in a network namespace and drives one speaker at a time, each
freshly started. A stage ends when every receiver holds exactly what it must: the set of prefixes, their
attributes and next hops; a route too many, too few or with anything else in it fails the run. *Wall* is from
the first octet sent to the read that brought the last of it. What was read is looked at when nothing more comes
for 2 ms, so that checking, which costs more than some speakers do, takes neither time nor a core from the
speaker; of more than 384 MiB together, where each read counts for 4 KiB more, it does, as with 2,000 clients.
*CPU* and memory are those of the speaker alone (all its threads and processes): *peak* the most resident since
its start, *after* what is resident at the end, a second later where a full table is involved. The *relay* passes
UPDATEs on without reading them: the floor for any speaker on this machine. *2 shards* is the same program with
`shards = 2`; it is no rival. `–` marks what a target does not offer, `> n` what took longer than n seconds.
Coming up is not measured. A rival whose run took more than 15 s and that was in no stage the best of the rivals
is run once, and so is who fails; who cannot even begin with some number of clients is not asked for more.

";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_results_are_kept_is_nobody_elses_business() {
        for given in ["--runs 3 --out /tmp/x --write", "--out=/tmp/x --runs 3 --write"] {
            let kept = arguments(given.split(' ').map(str::to_owned));
            assert_eq!(kept.join(" "), "--runs 3 --write");
        }
    }
}
