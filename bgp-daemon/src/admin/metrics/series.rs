//! Every series with its name, labels and meaning.

use std::fmt;

use prometheus_client::registry::Unit;

use super::Snapshot;
use super::page::Page;
use crate::admin::api::{DaemonState, Group, MemoryUse, Messages, Peer, PeerFamily, SessionState};

type Label<'a> = (&'static str, &'a str);

impl Snapshot {
    pub(super) fn series(&self, page: &mut Page<'_>) -> fmt::Result {
        self.daemon(page)?;
        self.tables(page)?;
        self.fib(page)?;
        self.memory(page)?;
        groups(&self.groups, page)?;
        self.peers.as_deref().map_or(Ok(()), |of_all| peers(of_all, page))
    }

    fn daemon(&self, page: &mut Page<'_>) -> fmt::Result {
        let status = &self.status;
        page.info(
            "build",
            "The running release.",
            &[("version", &*status.version), ("mode", &*status.mode)],
        )?;
        let started = status.started_at as f64 / 1e3;
        page.gauge("start_time", "When the process started, since 1970.", Some(&Unit::Seconds), &started)?;
        let states = [
            ("starting", DaemonState::Starting),
            ("converging", DaemonState::Converging),
            ("ready", DaemonState::Ready),
            ("draining", DaemonState::Draining),
        ];
        let states = states.map(|(name, state)| ([("state", name)], u64::from(status.state == state)));
        page.gauges("state", "1 for the phase of life the daemon is in.", None, states)?;
        page.gauge(
            "problems",
            "Things an operator should look at; `peregrine status` has their text.",
            None,
            &(status.problems.len() as u64),
        )?;
        page.gauge(
            "config_revision",
            "Configurations put in force since the start.",
            None,
            &status.config.revision,
        )?;
        let refused = u64::from(status.config.last_error.is_some());
        page.gauge(
            "config_errors",
            "1 while the last reload was refused; the configuration before it is in force.",
            None,
            &refused,
        )?;
        if let Some(after) = status.converged_after {
            let help = "From the start until nothing was withheld for a restart any more.";
            page.gauge("bgp_convergence", help, Some(&Unit::Seconds), &(after as f64 / 1e3))?;
        }
        let counts = &status.peers;
        let counts = [
            ("configured", counts.configured),
            ("established", counts.established),
            ("shutdown", counts.shutdown),
        ];
        page.gauges(
            "bgp_peers",
            "Peers by condition; every one is configured.",
            None,
            counts.map(|(name, count)| ([("condition", name)], count as u64)),
        )
    }

    fn tables(&self, page: &mut Page<'_>) -> fmt::Result {
        let tables = &self.status.tables;
        let by_family = |count: fn(&crate::admin::api::TableCounts) -> u64| {
            tables.iter().map(move |table| ([("family", &*table.family)], count(table)))
        };
        page.gauges(
            "rib_destinations",
            "Destinations with at least one path.",
            None,
            by_family(|table| table.destinations),
        )?;
        page.gauges("rib_paths", "Paths over all destinations.", None, by_family(|table| table.paths))?;
        page.gauges(
            "rib_originated",
            "Destinations originated here.",
            None,
            by_family(|table| table.originated),
        )
    }

    fn fib(&self, page: &mut Page<'_>) -> fmt::Result {
        let fib = &self.status.fib;
        if !fib.enabled {
            return Ok(());
        }
        let states = [
            ("desired", fib.desired),
            ("programmed", fib.programmed),
            ("pending", fib.pending),
            ("unresolved", fib.unresolved),
            ("failed", fib.failed),
            ("conflict", fib.conflicts),
        ];
        page.gauges(
            "fib_routes",
            "Kernel routes: desired, programmed, and why the rest is not.",
            None,
            states.map(|(name, count)| ([("state", name)], count)),
        )?;
        page.gauge(
            "fib_drift_routes",
            "Routes that differ from what is desired, no change being in flight.",
            None,
            &fib.drift,
        )?;
        let causes = [("event", fib.repairs_by.event), ("audit", fib.repairs_by.audit)];
        page.counters(
            "fib_repairs",
            "Routes put right after something else changed them, by how that was noticed.",
            causes.map(|(name, count)| ([("cause", name)], count)),
        )?;
        let causes = [
            ("overrun", fib.resyncs_by.overrun),
            ("event", fib.resyncs_by.event),
            ("audit", fib.resyncs_by.audit),
        ];
        page.counters(
            "fib_resyncs",
            "Comparisons with the whole kernel table, by cause.",
            causes.map(|(name, count)| ([("cause", name)], count)),
        )
    }

    fn memory(&self, page: &mut Page<'_>) -> fmt::Result {
        let memory = &self.status.memory;
        let by_component = |value: fn(&MemoryUse) -> Option<f64>| {
            memory.iter().filter_map(move |part| Some(([("component", &*part.component)], value(part)?)))
        };
        let whole = memory.iter().map(|part| ([("component", &*part.component)], part.bytes));
        page.gauges(
            "memory",
            "Memory by component; `accounted` is their sum, `resident` all of the process, `other` what is left of it.",
            Some(&Unit::Bytes),
            whole,
        )?;
        page.gauges(
            "memory_per_destination",
            "The same for each destination.",
            Some(&Unit::Bytes),
            by_component(|part| part.per_destination),
        )?;
        page.gauges(
            "memory_per_path",
            "The same for each path.",
            Some(&Unit::Bytes),
            by_component(|part| part.per_path),
        )?;
        let items = memory.iter().filter_map(|part| Some(([("component", &*part.component)], part.items?)));
        page.gauges("memory_items", "Things held by a component, where they can be counted.", None, items)?;
        let Some(allocator) = &self.status.allocator else { return Ok(()) };
        let counts = [
            ("allocated", allocator.allocated),
            ("active", allocator.active),
            ("metadata", allocator.metadata),
            ("resident", allocator.resident),
            ("retained", allocator.retained),
        ];
        page.gauges(
            "allocator",
            "Memory as the allocator counts it: in use, in pages with something in use, for itself, in \
             memory, and addresses of pages given back.",
            Some(&Unit::Bytes),
            counts.map(|(name, count)| ([("kind", name)], count)),
        )
    }
}

fn groups(groups: &[Group], page: &mut Page<'_>) -> fmt::Result {
    let ids: Vec<String> = groups.iter().map(|group| group.id.to_string()).collect();
    let labelled = |value: fn(&Group) -> u64| {
        groups.iter().zip(&ids).map(move |(group, id)| {
            let labels: [Label<'_>; 3] = [("group", id), ("family", &group.family), ("role", &group.role)];
            (labels, value(group))
        })
    };
    page.gauges(
        "group_members",
        "Peers of an update group.",
        None,
        labelled(|group| group.members.len() as u64),
    )?;
    page.gauges("group_routes", "Destinations the group is told.", None, labelled(|group| group.routes))?;
    page.gauges(
        "group_log",
        "Messages held in the group's log.",
        Some(&Unit::Bytes),
        labelled(|group| group.log_bytes),
    )?;
    page.gauges(
        "group_log_limit",
        "Bound of the log.",
        Some(&Unit::Bytes),
        labelled(|group| group.log_limit),
    )?;
    page.gauges(
        "group_lag",
        "What the slowest member that reads the log has yet to send.",
        Some(&Unit::Bytes),
        labelled(|group| group.lag_bytes),
    )?;
    page.gauges(
        "group_resyncing",
        "Members that fell off the log and are sent state instead.",
        None,
        labelled(|group| group.resyncing),
    )?;
    page.counters(
        "group_resyncs",
        "Times members were sent state: joins, refreshes, falls.",
        labelled(|group| group.resyncs),
    )
}

fn peers(peers: &[Peer], page: &mut Page<'_>) -> fmt::Result {
    let addresses: Vec<String> = peers.iter().map(|peer| peer.address.to_string()).collect();
    let named = || {
        peers.iter().zip(&addresses).map(|(peer, address)| {
            let labels: [Label<'_>; 2] = [("peer", &peer.name), ("address", address)];
            (peer, labels)
        })
    };
    let up = |peer: &Peer| u64::from(peer.state == SessionState::Established);
    page.gauges(
        "bgp_peer_up",
        "1 while the session is established.",
        None,
        named().map(|(peer, labels)| (labels, up(peer))),
    )?;
    page.gauges(
        "bgp_peer_state",
        "State of the session, numbered as in RFC 4273: 1 Idle to 6 Established.",
        None,
        named().map(|(peer, labels)| (labels, number(peer.state))),
    )?;
    page.counters(
        "bgp_peer_flaps",
        "Established sessions lost.",
        named().map(|(peer, labels)| (labels, peer.flaps)),
    )?;
    let prefixes = named()
        .flat_map(|(peer, labels)| peer.families.iter().flat_map(move |family| stages(family, labels)));
    page.gauges("bgp_prefixes", "Prefixes exchanged, by direction and stage.", None, prefixes)?;
    let both = |count: fn(&Messages) -> [u64; 2]| {
        named().flat_map(move |(peer, labels)| {
            let [received, sent] = count(&peer.messages);
            [((labels, [("direction", "in")]), received), ((labels, [("direction", "out")]), sent)]
        })
    };
    page.counters("bgp_updates", "UPDATE messages.", both(|m| [m.received.updates, m.sent.updates]))?;
    page.counters("bgp_messages", "Messages of every type.", both(|m| [m.received.total, m.sent.total]))
}

type Stage<'a> = (([Label<'a>; 2], [Label<'a>; 3]), u64);

fn stages<'a>(family: &'a PeerFamily, labels: [Label<'a>; 2]) -> [Stage<'a>; 4] {
    [
        ("in", "received", family.received),
        ("in", "accepted", family.accepted),
        ("in", "stale", family.stale),
        ("out", "advertised", family.advertised),
    ]
    .map(|(direction, stage, count)| {
        let rest: [Label<'a>; 3] = [("family", &family.family), ("direction", direction), ("stage", stage)];
        ((labels, rest), count)
    })
}

/// `bgpPeerState` of RFC 4273.
fn number(state: SessionState) -> u64 {
    match state {
        SessionState::Idle => 1,
        SessionState::Connect => 2,
        SessionState::Active => 3,
        SessionState::OpenSent => 4,
        SessionState::OpenConfirm => 5,
        SessionState::Established => 6,
    }
}
