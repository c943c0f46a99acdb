//! `config diff`: the configuration in force against its file, key by key.
//!
//! Secrets are shown by neither side, so a change of one is not seen here.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::args::Format;
use super::{Exit, Failure, check, output};
use crate::admin::api::{ConfigReport, Status};
use crate::admin::client::Client;
use crate::config::model::Mode;
use crate::config::{self, effective};

/// One key whose value differs.
#[derive(Debug, PartialEq, Serialize)]
struct Difference {
    /// Dotted path; neighbours by address, policies by name.
    key: String,
    /// In force now.
    running: Option<Value>,
    /// In the file.
    file: Option<Value>,
}

#[derive(Serialize)]
struct Differences {
    differences: Vec<Difference>,
}

pub(super) async fn run(client: &Client, format: Format) -> Result<(Exit, bool), Failure> {
    let status: Status = client.get("/v1/status").await?;
    let running: ConfigReport = client.get("/v1/config").await?;
    let mode = if status.mode == "reflector" { Mode::Reflector } else { Mode::Agent };
    let loaded = config::load(Path::new(&running.status.path), mode, &check::host()?)
        .map_err(|report| Failure::report(Exit::Usage, &report))?;
    let differences = compare(&running.config, &effective::to_json(&loaded.config));
    let exit = if differences.is_empty() { Exit::Done } else { Exit::Differs };
    let go_on = match format {
        Format::Json => output::answer(format, Differences { differences }, &[(); 0], |_, _| String::new())?,
        Format::Jsonl | Format::Table | Format::Wide => {
            let text = |_: &(), _| shown(&differences);
            output::answer(format, (), &differences, text)?
        }
    };
    Ok((exit, go_on))
}

fn compare(running: &Value, file: &Value) -> Vec<Difference> {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    flatten("", running, &mut before);
    flatten("", file, &mut after);
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    let both = keys.into_iter().map(|key| (key, before.get(key), after.get(key)));
    both.filter(|(_, running, file)| running != file)
        .map(|(key, running, file)| Difference {
            key: key.clone(),
            running: running.map(|value| (*value).clone()),
            file: file.map(|value| (*value).clone()),
        })
        .collect()
}

/// Leaves by path. Tables in lists go by what names them, so that an insertion is not a change of all after it.
fn flatten<'v>(path: &str, value: &'v Value, leaves: &mut BTreeMap<String, &'v Value>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                flatten(&join(key), value, leaves);
            }
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                let named = item.get("address").or_else(|| item.get("name")).and_then(Value::as_str);
                flatten(&join(&named.map_or_else(|| index.to_string(), str::to_owned)), item, leaves);
            }
        }
        leaf => {
            leaves.insert(path.to_owned(), leaf);
        }
    }
}

fn shown(differences: &[Difference]) -> String {
    if differences.is_empty() {
        return "no difference\n".to_owned();
    }
    let line = |difference: &Difference| {
        let key = &difference.key;
        match (&difference.running, &difference.file) {
            (Some(running), Some(file)) => format!("~ {key}: {running} -> {file}\n"),
            (None, Some(file)) => format!("+ {key}: {file}\n"),
            (Some(running), None) => format!("- {key}: {running}\n"),
            (None, None) => String::new(),
        }
    };
    differences.iter().map(line).collect()
}
