//! What a reload does, and that it does nothing at all when it cannot do everything.

use super::super::diff::{Command, NeedsRestart, diff};
use super::*;

const BASE: &str = r#"
[node]
asn = 64512
[[neighbor]]
name = "a"
address = "192.0.2.9"
asn = 64512
export = ["p"]
[[neighbor]]
address = "192.0.2.8"
asn = 64512
[[policy]]
name = "p"
rules = [{ action = "accept" }]
"#;

fn commands(change: impl Fn(&str) -> String) -> Vec<Command> {
    diff(&config(BASE), &config(&change(BASE))).unwrap()
}

#[test]
fn an_equal_configuration_needs_nothing() {
    assert_eq!(commands(str::to_owned), []);
}

#[test]
fn a_key_of_the_running_process_refuses_the_reload_whole() {
    let changed = BASE.replace("[node]\nasn = 64512", "[node]\nasn = 64513\nname = \"x\"")
        + "\n[originate]\nnetworks = [\"10.0.0.0/8\"]";
    let refused = diff(&config(BASE), &config(&changed)).unwrap_err();
    assert_eq!(refused, NeedsRestart { keys: vec!["node.name", "node.asn"] });
    assert_eq!(refused.to_string(), "changing `node.name`, `node.asn` needs a restart of the daemon");
}

#[test]
fn tables_are_divided_at_the_start() {
    let shards = |number: u8| config(&BASE.replace("[node]", &format!("[node]\nshards = {number}")));
    for (old, new) in [(config(BASE), shards(2)), (shards(2), shards(3)), (shards(1), config(BASE))] {
        let refused = diff(&old, &new).unwrap_err();
        assert_eq!(refused, NeedsRestart { keys: vec!["node.shards"] });
    }
    assert_eq!(diff(&shards(16), &shards(16)), Ok(Vec::new()));
}

#[test]
fn where_kernel_routes_go_is_settled_at_the_start() {
    for (line, key) in [
        ("table = 100", "fib.table"),
        ("metric = 30", "fib.metric"),
        ("protocol = 200", "fib.protocol"),
        ("program = false", "fib.program"),
    ] {
        let changed = format!("{BASE}\n[fib]\n{line}\n");
        let refused = diff(&config(BASE), &config(&changed)).unwrap_err();
        assert_eq!(refused, NeedsRestart { keys: vec![key] }, "{line}");
    }
}

#[test]
fn only_a_change_of_identity_resets_a_session() {
    let identity = [
        "port = 1179",
        "passive = true",
        "local-address = \"192.0.2.1\"",
        "multihop = 3",
        "password = \"k\"",
        "families = [\"ipv4-unicast\"]",
        "route-reflector-client = true",
        "graceful-restart = false",
        "extended-messages = false",
    ];
    for line in identity {
        let commands = commands(|base| base.replace("name = \"a\"", &format!("name = \"a\"\n{line}")));
        assert!(matches!(commands.as_slice(), [Command::ResetPeer { why, .. }] if why.len() == 1), "{line}");
    }
    let gentle = [
        ("hold-time = 30", "timers"),
        ("idle-hold-time = 1", "timers"),
        ("import = \"reject\"", "import"),
        ("next-hop = \"self\"", "next-hop"),
        ("allow-own-asn = 1", "allow-own-asn"),
        ("shutdown = true", "shutdown"),
    ];
    for (line, key) in gentle {
        let commands = commands(|base| base.replace("name = \"a\"", &format!("name = \"a\"\n{line}")));
        assert!(
            matches!(commands.as_slice(), [Command::UpdatePeer { what, .. }] if *what == [key]),
            "{line}"
        );
    }
}

#[test]
fn a_changed_policy_updates_exactly_the_peers_that_run_it() {
    let commands = commands(|base| base.replace("\"accept\" }]", "\"reject\" }]"));
    let [Command::Policies(policies), Command::UpdatePeer { neighbor, what }] = commands.as_slice() else {
        panic!("{commands:?}");
    };
    assert_eq!(policies[0].rules[0].action, Action::Reject);
    assert_eq!((neighbor.name.as_str(), what.as_slice()), ("a", ["export"].as_slice()));
}

#[test]
fn a_renumbered_peer_is_removed_before_its_name_is_used_again() {
    let commands = commands(|base| base.replace("192.0.2.9", "192.0.2.7"));
    let removed: std::net::IpAddr = "192.0.2.9".parse().unwrap();
    assert!(
        matches!(commands.as_slice(), [Command::RemovePeer { address, .. }, Command::AddPeer(added)]
            if *address == removed && added.name == "a"),
        "{commands:?}"
    );
}

#[test]
fn the_other_sections_change_alone() {
    let commands = commands(|base| {
        format!(
            "{base}\n[originate]\nnetworks = [\"10.0.0.0/8\"]\n[fib]\nkeep-on-exit = false\n[decision]\nmultipath = 1\n\
             [restart]\nenabled = false\n[log]\nlevel = \"debug\"\n"
        )
    });
    let kinds: Vec<&str> = commands
        .iter()
        .map(|command| match command {
            Command::Log(_) => "log",
            Command::Originate(_) => "originate",
            Command::KeepOnExit(false) => "fib",
            Command::Decision(_) => "decision",
            Command::Restart(_) => "restart",
            _ => "another",
        })
        .collect();
    assert_eq!(kinds, ["log", "originate", "fib", "decision", "restart"]);
}
