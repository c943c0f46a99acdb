//! What has to happen for one configuration to become another.
//!
//! All or nothing: when a key differs that a running daemon cannot change, no command is given
//! at all, and the caller keeps the old configuration whole.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use bgp_core::policy::RuleList;

use super::model::{Chain, Config, Decision, Log, Neighbor, Originate, PolicyRef, Restart, SessionIdentity};

/// One step from the old configuration to the new one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// The log speaks differently.
    Log(Log),
    /// The whole new set of policies; peers that run a changed one get an [`Command::UpdatePeer`].
    Policies(Vec<Arc<RuleList>>),
    /// The peer is gone from the configuration.
    RemovePeer {
        /// Its address.
        address: IpAddr,
        /// Its name, for the log.
        name: String,
    },
    /// The session must end and start again as described here.
    ResetPeer {
        /// The neighbour as it is now.
        neighbor: Box<Neighbor>,
        /// Keys that demand it.
        why: Vec<&'static str>,
    },
    /// The session stays.
    UpdatePeer {
        /// The neighbour as it is now.
        neighbor: Box<Neighbor>,
        /// Keys that differ.
        what: Vec<&'static str>,
    },
    /// A new peer.
    AddPeer(Box<Neighbor>),
    /// Other networks or interfaces to announce.
    Originate(Originate),
    /// Whether own kernel routes stay when the process ends.
    KeepOnExit(bool),
    /// Another decision process: every destination must be decided again.
    Decision(Decision),
    /// Used at the next start only.
    Restart(Restart),
}

/// Keys differ that only a restart of the process can change.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("changing {} needs a restart of the daemon", quoted(.keys))]
pub struct NeedsRestart {
    /// The keys, such as `node.asn`.
    pub keys: Vec<&'static str>,
}

/// The steps from `old` to `new`, in an order that can be followed one by one.
///
/// # Errors
/// [`NeedsRestart`] when one of the differences cannot be made while running; then nothing may be done.
pub fn diff(old: &Config, new: &Config) -> Result<Vec<Command>, NeedsRestart> {
    let keys = restart_keys(old, new);
    if !keys.is_empty() {
        return Err(NeedsRestart { keys });
    }
    let mut commands = Vec::new();
    if old.log != new.log {
        commands.push(Command::Log(new.log));
    }
    if old.policies != new.policies {
        commands.push(Command::Policies(new.policies.clone()));
    }
    diff_peers(old, new, &mut commands);
    if old.originate != new.originate {
        commands.push(Command::Originate(new.originate.clone()));
    }
    if old.fib.keep_on_exit != new.fib.keep_on_exit {
        commands.push(Command::KeepOnExit(new.fib.keep_on_exit));
    }
    if old.decision != new.decision {
        commands.push(Command::Decision(new.decision));
    }
    if old.restart != new.restart {
        commands.push(Command::Restart(new.restart));
    }
    Ok(commands)
}

/// Removals first, so that a name or a socket moves from one peer to another without a clash.
fn diff_peers(old: &Config, new: &Config, commands: &mut Vec<Command>) {
    let before: BTreeMap<IpAddr, &Neighbor> = old.neighbors.iter().map(|n| (n.address, n)).collect();
    let after: BTreeMap<IpAddr, &Neighbor> = new.neighbors.iter().map(|n| (n.address, n)).collect();
    for (address, gone) in before.iter().filter(|(address, _)| !after.contains_key(*address)) {
        commands.push(Command::RemovePeer { address: *address, name: gone.name.clone() });
    }
    let policies = changed_policies(old, new);
    let mut added = Vec::new();
    for (address, is) in &after {
        let Some(was) = before.get(address) else {
            added.push(Command::AddPeer(Box::new((*is).clone())));
            continue;
        };
        let why = identity_keys(&was.session, &is.session);
        let what = update_keys(was, is, &policies);
        let neighbor = || Box::new((*is).clone());
        if !why.is_empty() {
            commands.push(Command::ResetPeer { neighbor: neighbor(), why });
        } else if !what.is_empty() {
            commands.push(Command::UpdatePeer { neighbor: neighbor(), what });
        }
    }
    commands.append(&mut added);
}

fn restart_keys(old: &Config, new: &Config) -> Vec<&'static str> {
    differing(&[
        ("node.name", old.node.name == new.node.name),
        ("node.asn", old.node.asn == new.node.asn),
        ("node.router-id", old.node.router_id == new.node.router_id),
        ("node.listen", old.node.listen == new.node.listen),
        ("node.shards", old.node.shards == new.node.shards),
        ("api.socket", old.api.socket == new.api.socket),
        ("api.http", old.api.http == new.api.http),
        ("reflector.cluster-id", old.reflector.cluster_id == new.reflector.cluster_id),
        ("log.format", old.log.format == new.log.format),
        ("fib.program", old.fib.program == new.fib.program),
        ("fib.table", old.fib.table == new.fib.table),
        ("fib.metric", old.fib.metric == new.fib.metric),
        ("fib.protocol", old.fib.protocol == new.fib.protocol),
    ])
}

fn identity_keys(old: &SessionIdentity, new: &SessionIdentity) -> Vec<&'static str> {
    differing(&[
        ("asn", old.asn == new.asn),
        ("local-asn", old.local_asn == new.local_asn),
        ("port", old.port == new.port),
        ("passive", old.passive == new.passive),
        ("local-address", old.local_address == new.local_address),
        ("ttl-security", old.reach == new.reach),
        ("password", old.password == new.password),
        ("families", old.families == new.families),
        ("route-reflector-client", old.route_reflector_client == new.route_reflector_client),
        ("graceful-restart", old.graceful_restart == new.graceful_restart),
        ("extended-messages", old.extended_messages == new.extended_messages),
    ])
}

fn update_keys(old: &Neighbor, new: &Neighbor, policies: &BTreeSet<&str>) -> Vec<&'static str> {
    let same = |a: &Chain, b: &Chain| a == b && !runs_any(b, policies);
    differing(&[
        ("name", old.name == new.name),
        ("timers", old.timers == new.timers),
        ("import", same(&old.import, &new.import)),
        ("export", same(&old.export, &new.export)),
        ("next-hop", old.next_hop == new.next_hop),
        ("allow-own-asn", old.allow_own_asn == new.allow_own_asn),
        ("shutdown", old.shutdown == new.shutdown),
    ])
}

fn differing(keys: &[(&'static str, bool)]) -> Vec<&'static str> {
    keys.iter().filter(|(_, same)| !same).map(|(key, _)| *key).collect()
}

fn runs_any(chain: &Chain, policies: &BTreeSet<&str>) -> bool {
    chain.0.iter().any(|link| matches!(link, PolicyRef::Named(name) if policies.contains(name.as_str())))
}

/// Names of policies whose rules differ; a policy that is new counts as changed.
fn changed_policies<'a>(old: &Config, new: &'a Config) -> BTreeSet<&'a str> {
    let before: BTreeMap<&str, &RuleList> = old.policies.iter().map(|p| (&*p.name, &**p)).collect();
    let differs = |p: &&Arc<RuleList>| before.get(&*p.name).is_none_or(|was| was.rules != p.rules);
    new.policies.iter().filter(differs).map(|p| &*p.name).collect()
}

fn quoted(keys: &[&str]) -> String {
    let all: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    all.join(", ")
}
