//! The effective configuration: a [`Config`] written in the format of the file it came from, with
//! every default spelled out and secrets left out. Reading it again gives an equal configuration.

mod rules;

use serde_json::{Map, Value, json};

use super::model::{
    Api, Chain, Config, GracefulRestart, LogFormat, LogLevel, Neighbor, NextHop, PeerAsn, PolicyRef, Reach,
};

/// What stands where a secret was.
const SECRET: &str = "***";

/// As JSON, keys as in the file.
pub fn to_json(config: &Config) -> Value {
    Value::Object(sections(config).into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// As a file, sections in the order of the reference page.
pub fn to_toml(config: &Config) -> String {
    let mut text = String::new();
    for (name, value) in sections(config) {
        let section: Map<String, Value> = [(name.to_owned(), value)].into_iter().collect();
        if !text.is_empty() {
            text.push('\n');
        }
        // Only strings, numbers, lists and tables with string keys are in there: all of them are TOML.
        text.push_str(&toml::to_string(&section).unwrap_or_default());
    }
    text
}

fn api(api: &Api) -> Value {
    match api.http {
        Some(http) => json!({ "socket": api.socket, "http": http.to_string() }),
        None => json!({ "socket": api.socket }),
    }
}

fn sections(config: &Config) -> Vec<(&'static str, Value)> {
    let mut node = object(json!({
        "name": config.node.name,
        "asn": config.node.asn.0,
        "router-id": config.node.router_id.to_string(),
        "listen": texts(&config.node.listen),
    }));
    if let Some(shards) = config.node.shards {
        insert(&mut node, "shards", shards);
    }
    let mut sections = vec![("node", node.into()), ("api", api(&config.api))];
    if !config.neighbors.is_empty() {
        sections.push(("neighbor", config.neighbors.iter().map(neighbor).collect()));
    }
    if !config.policies.is_empty() {
        sections.push(("policy", config.policies.iter().map(|list| rules::policy(list)).collect()));
    }
    sections.push((
        "originate",
        json!({
            "networks": texts(&config.originate.networks),
            "container-routes": config.originate.container_routes,
            "connected": config.originate.connected,
        }),
    ));
    let fib = &config.fib;
    sections.push((
        "fib",
        json!({
            "program": fib.program,
            "table": fib.table,
            "protocol": fib.protocol,
            "metric": fib.metric,
            "keep-on-exit": fib.keep_on_exit,
        }),
    ));
    let decision = &config.decision;
    sections.push((
        "decision",
        json!({ "always-compare-med": decision.always_compare_med, "multipath": decision.multipath }),
    ));
    let restart = &config.restart;
    sections.push((
        "restart",
        json!({ "enabled": restart.enabled, "deferral-time": restart.deferral_time.as_secs() }),
    ));
    sections.push(("reflector", json!({ "cluster-id": config.reflector.cluster_id.to_string() })));
    let mut log = object(json!({ "level": level(config.log.level) }));
    match config.log.format {
        LogFormat::Auto => {}
        LogFormat::Text => insert(&mut log, "format", "text"),
        LogFormat::Json => insert(&mut log, "format", "json"),
    }
    sections.push(("log", Value::Object(log)));
    sections
}

fn neighbor(neighbor: &Neighbor) -> Value {
    let (session, timers) = (&neighbor.session, &neighbor.timers);
    let mut out = object(json!({
        "name": neighbor.name,
        "address": neighbor.address,
        "asn": match session.asn {
            PeerAsn::Exactly(asn) => json!(asn.0),
            PeerAsn::Internal => json!("internal"),
            PeerAsn::External => json!("external"),
        },
        "local-asn": session.local_asn.0,
        "port": session.port,
        "passive": session.passive,
        "families": texts(&session.families),
        "hold-time": timers.hold.secs(),
        "keepalive-time": timers.keepalive.as_secs(),
        "connect-retry-time": timers.connect_retry.as_secs(),
        "idle-hold-time": timers.idle_hold.as_secs(),
        "idle-hold-max": timers.idle_hold_max.as_secs(),
        "next-hop": match neighbor.next_hop {
            NextHop::Auto => "auto",
            NextHop::SelfAddress => "self",
            NextHop::Keep => "keep",
        },
        "import": chain(&neighbor.import),
        "export": chain(&neighbor.export),
        "route-reflector-client": session.route_reflector_client,
        "graceful-restart": match session.graceful_restart {
            GracefulRestart::Off => json!(false),
            GracefulRestart::HelperOnly => json!({ "helper-only": true }),
            GracefulRestart::Full { restart_time } => json!({ "restart-time": restart_time.as_secs() }),
        },
        "extended-messages": session.extended_messages,
        "allow-own-asn": neighbor.allow_own_asn,
        "shutdown": neighbor.shutdown,
    }));
    if let Some(address) = session.local_address {
        insert(&mut out, "local-address", address.to_string());
    }
    if session.password.is_some() {
        insert(&mut out, "password", SECRET);
    }
    match session.reach {
        Reach::Connected => {}
        Reach::Multihop(ttl) => insert(&mut out, "multihop", ttl),
        Reach::TtlSecurity(hops) => insert(&mut out, "ttl-security", hops),
    }
    Value::Object(out)
}

fn chain(chain: &Chain) -> Value {
    let link = |link: &PolicyRef| match link {
        PolicyRef::Accept => json!("accept"),
        PolicyRef::Reject => json!("reject"),
        PolicyRef::Named(name) => json!(name),
    };
    chain.0.iter().map(link).collect()
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(T::to_string).collect()
}

fn insert(map: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    map.insert(key.to_owned(), value.into());
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
