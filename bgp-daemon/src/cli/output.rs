//! Writing to standard output, where a reader that has gone away is no failure.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::args::Format;
use super::{Exit, Failure};
use crate::admin::api::Reply;

/// Writes everything. `Ok` too when nobody reads any more.
pub(super) fn write(bytes: &[u8]) -> Result<Exit, Failure> {
    put(bytes).map(|_| Exit::Done)
}

/// Writes a part; `false` when nobody reads any more.
pub(super) fn put(bytes: &[u8]) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(Exit::Failed, format!("cannot write to standard output: {error}"))),
    }
}

/// Writes one answer in the form asked for; `items` are the lines of `jsonl`, `text` is the table.
pub(super) fn answer<T: Serialize, I: Serialize>(
    format: Format,
    body: T,
    items: &[I],
    text: impl FnOnce(&T, bool) -> String,
) -> Result<bool, Failure> {
    let shown = match format {
        Format::Table => text(&body, false),
        Format::Wide => text(&body, true),
        Format::Json => {
            let json =
                serde_json::to_string_pretty(&Reply::new(body)).map_err(|error| json_failure(&error))?;
            format!("{json}\n")
        }
        Format::Jsonl => {
            let line = |item: &I| serde_json::to_string(item).map(|line| format!("{line}\n"));
            items.iter().map(line).collect::<Result<String, _>>().map_err(|error| json_failure(&error))?
        }
    };
    put(shown.as_bytes())
}

/// Makes room for the next round of `--watch`: a clean screen on a terminal, nothing elsewhere.
pub(super) fn next_round() -> Result<bool, Failure> {
    if io::stdout().is_terminal() { put(b"\x1b[H\x1b[2J\x1b[3J") } else { Ok(true) }
}

pub(super) fn json_failure(error: &serde_json::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot write JSON: {error}"))
}
