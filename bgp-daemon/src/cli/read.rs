//! Commands that read the running daemon.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::args::{ConfigArg, FibArg, Format, Read, RoutesArgs, Show};
use super::{Exit, Failure, config_diff, output};
use crate::admin::api::{
    ConfigReport, Done, Explanation, FibReport, Groups, Peer, Peers, Route, SCHEMA, Status,
};
use crate::admin::client::Client;
use crate::admin::show::{self, RouteTable};

pub(super) async fn run(client: &Client, command: &Read) -> Result<Exit, Failure> {
    let show = shown(command);
    loop {
        let (exit, go_on) = once(client, command, show.output).await?;
        let Some(seconds) = show.watch.filter(|_| go_on) else { return Ok(exit) };
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        if !output::next_round()? {
            return Ok(exit);
        }
    }
}

/// One round: the exit code, and whether anybody still reads.
async fn once(client: &Client, command: &Read, format: Format) -> Result<(Exit, bool), Failure> {
    let now = now();
    let done = |go_on| Ok((Exit::Done, go_on));
    match command {
        Read::Status { .. } => {
            let body: Status = client.get("/v1/status").await?;
            let items = [body.clone()];
            done(output::answer(format, body, &items, |status, _| show::status(status, now))?)
        }
        Read::Peers { peer: None, .. } => {
            let body: Peers = client.get("/v1/peers").await?;
            let items = body.peers.clone();
            done(output::answer(format, body, &items, |body, wide| show::peers(&body.peers, wide, now))?)
        }
        Read::Peers { peer: Some(peer), .. } => {
            let body: Peer = client.get(&format!("/v1/peers/{}", encode(peer))).await?;
            let items = [body.clone()];
            done(output::answer(format, body, &items, |peer, _| show::peer(peer, now))?)
        }
        Read::Routes(args) => routes(client, args, format).await,
        Read::Explain { prefix, .. } => {
            let path = format!("/v1/explain?prefix={}", encode(&prefix.to_string()));
            let body: Explanation = client.get(&path).await?;
            let items = [body.clone()];
            done(output::answer(format, body, &items, |body, _| show::explanation(body))?)
        }
        Read::Fib { what, .. } => fib(client, *what, format).await,
        Read::Groups { .. } => {
            let body: Groups = client.get("/v1/groups").await?;
            let items = body.groups.clone();
            done(output::answer(format, body, &items, |body, wide| show::groups(&body.groups, wide))?)
        }
        Read::Config { what: ConfigArg::Diff, .. } => config_diff::run(client, format).await,
        Read::Config { what: ConfigArg::Show, .. } => {
            let body: ConfigReport = client.get("/v1/config").await?;
            let items = [body.clone()];
            let text = |body: &ConfigReport, _| toml::to_string(&body.config).unwrap_or_default();
            done(output::answer(format, body, &items, text)?)
        }
    }
}

async fn fib(client: &Client, what: FibArg, format: Format) -> Result<(Exit, bool), Failure> {
    if what == FibArg::Repair {
        let done: Done = client.post("/v1/fib/repair", &serde_json::json!({})).await?;
        eprintln!("{}", done.message);
    }
    let body: FibReport = client.get("/v1/fib").await?;
    let differs = what == FibArg::Diff && !body.differences.is_empty();
    let items = body.differences.clone();
    let go_on = output::answer(format, body, &items, |body, _| show::fib(body))?;
    Ok((if differs { Exit::Differs } else { Exit::Done }, go_on))
}

/// Routes are shown as they come: there may be a million.
async fn routes(client: &Client, args: &RoutesArgs, format: Format) -> Result<(Exit, bool), Failure> {
    let mut reader = client.routes(&routes_path(args)).await?;
    let mut table = RouteTable::new(format == Format::Wide);
    let mut count = 0_usize;
    if format == Format::Json && !output::put(format!("{{\"schema\":{SCHEMA},\"routes\":[").as_bytes())? {
        return Ok((Exit::Done, false));
    }
    while let Some(page) = reader.next().await? {
        let text = match format {
            Format::Table | Format::Wide => table.page(&page),
            Format::Jsonl => lines(&page, "", "\n")?,
            Format::Json => {
                let first = if count == 0 { "\n" } else { ",\n" };
                let rest = lines(&page, ",\n", "")?;
                format!("{first}{}", rest.strip_prefix(",\n").unwrap_or(&rest))
            }
        };
        count += page.len();
        if !output::put(text.as_bytes())? {
            return Ok((Exit::Done, false));
        }
    }
    let mut go_on = true;
    if format == Format::Json {
        go_on = output::put(b"\n]}\n")?;
    }
    match args.prefix {
        Some(prefix) if count == 0 => {
            let failure = Failure::new(Exit::NotFound, format!("no route to {prefix}"));
            Err(if args.longer { failure } else { failure.hint("`--longer` shows what is inside it") })
        }
        _ => Ok((Exit::Done, go_on)),
    }
}

fn lines(routes: &[Route], before: &str, after: &str) -> Result<String, Failure> {
    let line = |route: &Route| serde_json::to_string(route).map(|json| format!("{before}{json}{after}"));
    routes.iter().map(line).collect::<Result<String, _>>().map_err(|error| output::json_failure(&error))
}

fn routes_path(args: &RoutesArgs) -> String {
    let mut path = "/v1/routes?format=jsonl".to_owned();
    let mut add = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            path.push_str(&format!("&{key}={}", encode(&value)));
        }
    };
    add("prefix", args.prefix.map(|prefix| prefix.to_string()));
    add("received", args.received.clone());
    add("advertised", args.advertised.clone());
    add("family", args.family.map(|family| family.to_string()));
    add("fib", args.fib.then(|| "true".to_owned()));
    add("longer", args.longer.then(|| "true".to_owned()));
    path
}

/// Percent-encodes everything that is not plainly safe in a path or a query.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~:".contains(&octet) {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}

fn shown(command: &Read) -> Show {
    match command {
        Read::Status { show }
        | Read::Peers { show, .. }
        | Read::Explain { show, .. }
        | Read::Fib { show, .. }
        | Read::Groups { show }
        | Read::Config { show, .. } => *show,
        Read::Routes(args) => args.show,
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
