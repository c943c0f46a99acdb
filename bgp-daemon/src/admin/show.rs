//! API replies as text for a terminal.

use std::fmt::Write as _;

use super::api::{
    AllocatorUse, DaemonState, Explanation, FibReport, Group, MemoryUse, Peer, PeerKind, RestartState, Route,
    RouteFlags, SessionState, Status,
};
use super::table::{Column, Table, age, left, octets, right};

/// `peregrine status`; `now` is in milliseconds since 1970.
pub fn status(status: &Status, now: u64) -> String {
    let mut out = String::new();
    let state = match status.state {
        DaemonState::Starting => "starting",
        DaemonState::Converging => "converging",
        DaemonState::Ready => "ready",
        DaemonState::Draining => "draining",
    };
    let mut line = |key: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{key:<10}{value}");
    };
    line("node", format!("{} ({}, peregrine {})", status.name, status.mode, status.version));
    line("state", format!("{state}, up {}, pid {}", age(status.uptime), status.pid));
    line("speaker", format!("AS {}, router id {}", status.asn, status.router_id));
    let config = &status.config;
    let since = age(now.saturating_sub(config.loaded_at) / 1000);
    line("config", format!("{}, revision {}, for {since}", config.path, config.revision));
    if let Some(error) = &config.last_error {
        let ago = age(now.saturating_sub(config.last_error_at.unwrap_or(now)) / 1000);
        line("", format!("last reload refused {ago} ago: {error}"));
    }
    let peers = &status.peers;
    line(
        "peers",
        format!("{} of {} established, {} shut down", peers.established, peers.configured, peers.shutdown),
    );
    for table in &status.tables {
        let text = format!(
            "{} destinations, {} paths, {} originated here",
            table.destinations, table.paths, table.originated
        );
        line("table", format!("{}: {text}", table.family));
    }
    line("kernel", fib_line(&status.fib));
    for memory in &status.memory {
        line("memory", memory_line(memory));
    }
    if let Some(allocator) = &status.allocator {
        line("allocator", allocator_line(allocator, &status.memory));
    }
    for problem in &status.problems {
        line("problem", problem.clone());
    }
    out
}

fn memory_line(memory: &MemoryUse) -> String {
    let items = memory.items.map(|items| format!(" ({items})")).unwrap_or_default();
    // What is nothing, or as good as nothing, is no cost: it would read as if the things themselves were free.
    let each = |bytes: Option<f64>, what| {
        bytes.filter(|b| *b > 0.0).map(|b| format!(", {b:.1} B a {what}")).unwrap_or_default()
    };
    format!(
        "{}: {}{items}{}{}",
        memory.component,
        octets(memory.bytes),
        each(memory.per_destination, "destination"),
        each(memory.per_path, "path")
    )
}

/// Allocated beside what the components account for, so that the difference is seen.
fn allocator_line(allocator: &AllocatorUse, memory: &[MemoryUse]) -> String {
    let sum = memory.iter().find(|part| part.component == "accounted");
    let accounted = sum.map_or(0, |part| part.bytes);
    format!(
        "{} allocated for {} accounted, {} active, {} metadata, {} resident, {} retained",
        octets(allocator.allocated),
        octets(accounted),
        octets(allocator.active),
        octets(allocator.metadata),
        octets(allocator.resident),
        octets(allocator.retained)
    )
}

fn fib_line(fib: &super::api::FibStatus) -> String {
    if !fib.enabled {
        return "not programmed".to_owned();
    }
    let waiting = if fib.deferring { ", deletions withheld until tables are complete" } else { "" };
    format!(
        "{} of {} routes programmed, {} pending, {} failed, {} conflicts, {} repairs{waiting}",
        fib.programmed, fib.desired, fib.pending, fib.failed, fib.conflicts, fib.repairs
    )
}

/// `peregrine peers`.
pub fn peers(peers: &[Peer], wide: bool, now: u64) -> String {
    let mut columns = vec![
        left("PEER"),
        left("ADDRESS"),
        right("AS"),
        left("TYPE"),
        left("STATE"),
        right("FOR"),
        right("RECEIVED"),
        right("ACCEPTED"),
        right("SENT"),
        left("LAST ERROR"),
    ];
    if wide {
        let extra = [right("HOLD"), right("MSG IN"), right("MSG OUT"), right("FLAPS"), left("FAMILIES")];
        columns.splice(9..9, extra);
    }
    let mut table = Table::new(columns);
    for peer in peers {
        let sum = |count: fn(&super::api::PeerFamily) -> u64| {
            peer.families.iter().map(count).sum::<u64>().to_string()
        };
        let mut row = vec![
            peer.name.clone(),
            peer.address.to_string(),
            peer.asn.map_or_else(|| "any".to_owned(), |asn| asn.to_string()),
            kind(peer).to_owned(),
            state(peer),
            age(now.saturating_sub(peer.since) / 1000),
            sum(|family| family.received),
            sum(|family| family.accepted),
            sum(|family| family.advertised),
        ];
        if wide {
            row.push(peer.session.as_ref().map_or_else(String::new, |s| s.hold_time.to_string()));
            row.push(peer.messages.received.total.to_string());
            row.push(peer.messages.sent.total.to_string());
            row.push(peer.flaps.to_string());
            let names = peer.families.iter().filter(|f| f.negotiated).map(|f| f.family.as_str());
            row.push(names.collect::<Vec<_>>().join(","));
        }
        // An error before the present session is history, and to be found in the details.
        let error = peer.last_error.as_ref().filter(|_| peer.state != SessionState::Established);
        row.push(error.map_or_else(String::new, |error| error.text.clone()));
        table.row(row);
    }
    table.take()
}

fn kind(peer: &Peer) -> &'static str {
    match (peer.kind, peer.client) {
        (PeerKind::External, _) => "external",
        (PeerKind::Internal, true) => "client",
        (PeerKind::Internal, false) => "internal",
    }
}

fn state(peer: &Peer) -> String {
    match (peer.shutdown, peer.graceful_restart.state) {
        (true, _) => format!("{} (shutdown)", peer.state.as_str()),
        (false, RestartState::Helping) => format!("{} (helping)", peer.state.as_str()),
        (false, RestartState::Restarting) => format!("{} (restarting)", peer.state.as_str()),
        (false, RestartState::Off | RestartState::Ready) => peer.state.as_str().to_owned(),
    }
}

/// `peregrine peers PEER`.
pub fn peer(peer: &Peer, now: u64) -> String {
    let mut out = String::new();
    let ago = |at: u64| age(now.saturating_sub(at) / 1000);
    let mut line = |key: &str, value: String| {
        let _ = writeln!(out, "{key:<16}{value}");
    };
    let asn = peer.asn.map_or_else(|| "any other".to_owned(), |asn| asn.to_string());
    line("peer", format!("{} at {}", peer.name, peer.address));
    line("as", format!("{asn} ({}), local {}", kind(peer), peer.local_asn));
    line("state", format!("{}, for {}", state(peer), ago(peer.since)));
    if let Some(session) = &peer.session {
        line("router id", session.router_id.to_string());
        line("connection", format!("{} to {}", session.local, session.remote));
        line("timers", format!("hold {} s, keepalive {} s", session.hold_time, session.keepalive_time));
        line("capabilities", session.capabilities.join(", "));
    }
    let restart = match (peer.graceful_restart.state, peer.graceful_restart.peer_restart_time) {
        (RestartState::Off, _) => "off".to_owned(),
        (RestartState::Helping, _) => "the peer restarts, its routes are kept".to_owned(),
        (RestartState::Restarting, _) => "we restarted, waiting for its End-of-RIB".to_owned(),
        (RestartState::Ready, Some(time)) => format!("ready, the peer asks for {time} s"),
        (RestartState::Ready, None) => "ready".to_owned(),
    };
    line("restart", restart);
    for family in &peer.families {
        let mut text =
            format!("{} received, {} accepted, {} sent", family.received, family.accepted, family.advertised);
        if !family.negotiated {
            text.push_str(", not negotiated");
        }
        if family.stale > 0 {
            let _ = write!(text, ", {} stale", family.stale);
        }
        if family.end_of_rib {
            text.push_str(", complete");
        }
        line(&family.family, text);
    }
    for (key, counts) in [("messages in", peer.messages.received), ("messages out", peer.messages.sent)] {
        line(
            key,
            format!(
                "{}, of which {} updates, {} refreshes, {} notifications",
                counts.total, counts.updates, counts.refreshes, counts.notifications
            ),
        );
    }
    line("flaps", peer.flaps.to_string());
    if let Some(error) = &peer.last_error {
        line("last error", format!("{}, {} ago", error.text, ago(error.at)));
    }
    out
}

/// Rows of `peregrine routes`, as they come.
#[derive(Debug)]
pub struct RouteTable {
    table: Table,
    wide: bool,
}

impl RouteTable {
    /// An empty table.
    pub fn new(wide: bool) -> Self {
        let mut columns: Vec<Column> = vec![
            left("CODE"),
            left("PREFIX"),
            left("NEXT HOP"),
            right("PREF"),
            right("MED"),
            left("AS PATH"),
            left("FROM"),
            right("AGE"),
        ];
        if wide {
            columns.extend([left("COMMUNITIES"), left("ORIGINATOR"), left("CLUSTERS"), left("WHY NOT BEST")]);
        }
        Self { table: Table::new(columns), wide }
    }

    /// Adds rows and gives their text; headings come with the first.
    pub fn page(&mut self, routes: &[Route]) -> String {
        for route in routes {
            self.table.row(self.cells(route));
        }
        self.table.take()
    }

    fn cells(&self, route: &Route) -> Vec<String> {
        let attributes = &route.attributes;
        let number = |value: Option<u32>| value.map_or_else(String::new, |value| value.to_string());
        let origin = attributes.origin.get(..1).unwrap_or("?");
        let path = match attributes.as_path.as_str() {
            "" => origin.to_owned(),
            path => format!("{path} {origin}"),
        };
        let mut cells = vec![
            codes(&route.flags),
            match route.path_id {
                Some(id) => format!("{} #{id}", route.prefix),
                None => route.prefix.to_string(),
            },
            route.next_hop.map_or_else(|| "self".to_owned(), |hop| hop.to_string()),
            number(attributes.local_pref),
            number(attributes.med),
            path,
            route.source.clone(),
            route.age.map_or_else(String::new, age),
        ];
        if self.wide {
            let all =
                [&attributes.communities, &attributes.large_communities, &attributes.extended_communities];
            cells.push(all.into_iter().flatten().cloned().collect::<Vec<_>>().join(" "));
            cells.push(attributes.originator_id.map_or_else(String::new, |id| id.to_string()));
            let clusters: Vec<String> = attributes.cluster_list.iter().map(ToString::to_string).collect();
            cells.push(clusters.join(" "));
            cells.push(route.reason.clone().unwrap_or_default());
        }
        cells
    }
}

/// Codes in fixed places: `*` valid, `>` best or `=` multipath, `i` internal, `S` stale, `r` not in the kernel.
pub fn codes(flags: &RouteFlags) -> String {
    let chosen = match (flags.best, flags.multipath) {
        (true, _) => '>',
        (false, true) => '=',
        (false, false) => ' ',
    };
    let code = |set: bool, code: char| if set { code } else { ' ' };
    [
        code(flags.valid, '*'),
        chosen,
        code(flags.internal, 'i'),
        code(flags.stale, 'S'),
        code(flags.not_in_kernel, 'r'),
    ]
    .into_iter()
    .collect()
}

/// `peregrine explain`.
pub fn explanation(explanation: &Explanation) -> String {
    let mut out = format!("{}\n", explanation.prefix);
    for path in &explanation.paths {
        let route = &path.route;
        let hop = route.next_hop.map_or_else(|| "self".to_owned(), |hop| hop.to_string());
        let _ = writeln!(out, "  {} from {}, next hop {hop}", codes(&route.flags), route.source);
        let _ = writeln!(out, "        import: {}", path.import);
        let standing = match (&route.reason, route.flags.best) {
            (Some(reason), _) => format!("not best: {reason}"),
            (None, true) => "best".to_owned(),
            (None, false) => "not chosen".to_owned(),
        };
        let _ = writeln!(out, "        decision: {standing}");
    }
    for peer in &explanation.sent {
        let verb = if peer.sent { "sent to" } else { "not sent to" };
        let _ = writeln!(out, "  {verb} {}: {}", peer.peer, peer.why);
    }
    let _ = writeln!(out, "  kernel: {}", explanation.kernel);
    out
}

/// `peregrine fib`.
pub fn fib(report: &FibReport) -> String {
    let mut out = format!("{}\n", fib_line(&report.fib));
    if report.differences.is_empty() {
        return out;
    }
    let mut table = Table::new([left("PREFIX"), right("TABLE"), left("STATE"), left("DETAIL")]);
    for difference in &report.differences {
        table.row(vec![
            difference.prefix.to_string(),
            difference.table.to_string(),
            difference.state.as_str().to_owned(),
            difference.detail.clone(),
        ]);
    }
    out.push_str(&table.take());
    out
}

/// `peregrine groups`.
pub fn groups(groups: &[Group], wide: bool) -> String {
    let columns = [
        right("GROUP"),
        left("FAMILY"),
        left("ROLE"),
        right("MEMBERS"),
        right("ROUTES"),
        right("LOG"),
        right("LAG"),
        right("RESYNCING"),
        right("RESYNCS"),
        left("NAMES"),
    ];
    let mut table = Table::new(columns);
    for group in groups {
        let shown = if wide { group.members.len() } else { 4 };
        let mut names = group.members.iter().take(shown).cloned().collect::<Vec<_>>().join(" ");
        if group.members.len() > shown {
            let _ = write!(names, " and {} more", group.members.len() - shown);
        }
        table.row(vec![
            group.id.to_string(),
            group.family.clone(),
            group.role.clone(),
            group.members.len().to_string(),
            group.routes.to_string(),
            octets(group.log_bytes),
            octets(group.lag_bytes),
            group.resyncing.to_string(),
            group.resyncs.to_string(),
            names,
        ]);
    }
    table.take()
}
