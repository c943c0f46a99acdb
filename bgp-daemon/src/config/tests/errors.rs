//! Every fault of a configuration has its place, its values and a hint.

use super::*;

/// The errors of `text` as printed, without excerpts.
pub(super) fn faults(text: &str) -> String {
    let report = parse_as(Mode::Agent, text).map(|loaded| loaded.config).unwrap_err();
    let shown = report.to_string();
    let kept = shown.lines().filter(|line| line.starts_with("error: ") || line.starts_with("hint: "));
    kept.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_fault_shows_place_line_mark_and_hint() {
    let report = parse_as(Mode::Agent, "[node]\nasn = 64512\n\n[fib]\n  tabel = 254\n").unwrap_err();
    assert_eq!(
        report.to_string(),
        "\
error: p.toml:5:3: unknown key `tabel` in [fib]
  |
5 |   tabel = 254
  |   ^^^^^
hint: did you mean `table`?
"
    );
    assert_eq!(report.summary(), "p.toml:5:3: unknown key `tabel` in [fib]");
}

#[test]
fn every_fault_is_reported_at_once_in_the_order_of_the_file() {
    let text = r#"
[node]
asn = "64512"
lisen = []
[[neighbor]]
address = "192.0.2.9"
asn = 65001
hold-time = 2
[[neighbor]]
address = "192.0.2.9"
asn = 65001
export = ["nowhere"]
[fib]
table = -1
"#;
    let report = parse_as(Mode::Agent, text).unwrap_err();
    let messages: Vec<&str> = report.diagnostics().iter().map(|d| d.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`asn` must be a whole number from 0 to 4294967295, found string \"64512\"",
            "unknown key `lisen` in [node]",
            "`hold-time` must not be 2",
            "neighbour 192.0.2.9 is configured twice",
            "`export`: there is no policy called `nowhere`",
            "`table` must be a whole number from 0 to 4294967295, found number -1",
        ]
    );
    assert_eq!(
        report.summary(),
        "p.toml:3:7: `asn` must be a whole number from 0 to 4294967295, found string \"64512\" (and 5 more)"
    );
}

#[test]
fn broken_toml_is_reported_with_its_place() {
    let open = faults("[node\nasn = 64512\n");
    assert!(open.starts_with("error: p.toml:1:6: "), "{open}");
    let twice = faults("[node]\nasn = 1\nasn = 2\n");
    assert!(twice.contains("p.toml:3:1: duplicate key"), "{twice}");
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let report = load(Path::new("/nonexistent/p.toml"), Mode::Agent, &host()).unwrap_err();
    assert_eq!(
        report.to_string(),
        "error: /nonexistent/p.toml: cannot be read: No such file or directory (os error 2)\n\
         hint: name the file with `--config FILE`\n"
    );
}

#[test]
fn a_host_without_ipv4_needs_a_router_id() {
    let bare = Host { name: "h".to_owned(), addresses: vec!["2001:db8::1".parse().unwrap()] };
    let report = parse(Source::new("p.toml", "[node]\nasn = 1"), Mode::Agent, &bare, &secrets).unwrap_err();
    assert!(report.to_string().contains("this host has no IPv4 address to take it from"), "{report}");
}

/// A neighbour with these lines added, after five lines that are right.
fn in_neighbor(lines: &str) -> String {
    faults(&format!("{PEER}{lines}\n"))
}

#[test]
fn faults_of_neighbours() {
    let cases = [
        ("foo = 1", "error: p.toml:6:1: unknown key `foo` in [[neighbor]]\nhint: known here: "),
        (
            "hold_time = 9",
            "error: p.toml:6:1: unknown key `hold_time` in [[neighbor]]\nhint: did you mean `hold-time`?",
        ),
        (
            "port = \"179\"",
            "error: p.toml:6:8: `port` must be a whole number from 0 to 65535, found string \"179\"\nhint: write `port = 179`, without quotes",
        ),
        (
            "port = 70000",
            "error: p.toml:6:8: `port` must be a whole number from 0 to 65535, found number 70000",
        ),
        (
            "passive = \"true\"",
            "error: p.toml:6:11: `passive` must be true or false, found string \"true\"\nhint: write `passive = true`, without quotes",
        ),
        (
            "families = \"ipv4-unicast\"",
            "error: p.toml:6:12: `families` must be a list of one of \"ipv4-unicast\", \"ipv6-unicast\", found string \"ipv4-unicast\"\nhint: write `families = [ … ]`",
        ),
        ("families = []", "error: p.toml:6:12: `families` is empty: nothing could be exchanged\nhint: "),
        (
            "families = [\"ipv4-unicast\", \"ipv4-unicast\"]",
            "error: p.toml:6:29: `families`: ipv4-unicast is listed twice",
        ),
        (
            "hold-time = 1",
            "error: p.toml:6:13: `hold-time` must not be 1\nhint: 0 turns it off, otherwise 3 seconds is the least (RFC 4271)",
        ),
        (
            "hold-time = 30\nkeepalive-time = 40",
            "error: p.toml:7:18: `keepalive-time` 40 must be below the hold time 30, and not 0\nhint: a third of the hold time is usual: 10",
        ),
        (
            "hold-time = 0\nkeepalive-time = 40",
            "error: p.toml:7:18: `keepalive-time` has no use with `hold-time = 0`",
        ),
        ("idle-hold-time = 60", "error: p.toml:6:18: `idle-hold-time` 60 is above `idle-hold-max` 30"),
        ("connect-retry-time = 0", "error: p.toml:6:22: `connect-retry-time` must not be 0"),
        (
            "local-address = \"203.0.113.1\"",
            "error: p.toml:6:17: `local-address`: 203.0.113.1 is not an address of this host\nhint: this host has 192.0.2.1, 198.51.100.1",
        ),
        (
            "local-address = \"2001:db8::1\"",
            "error: p.toml:6:17: `local-address` 2001:db8::1 and the neighbour's 192.0.2.9 are of different families",
        ),
        (
            "password = \"a\"\npassword-file = \"/keys/tor\"",
            "error: p.toml:7:17: `password` and `password-file` exclude each other",
        ),
        (
            "password-file = \"/keys/none\"",
            "error: p.toml:6:17: `password-file`: cannot read \"/keys/none\": ",
        ),
        ("password-file = \"/keys/empty\"", "error: p.toml:6:17: the TCP MD5 key has 0 octets, of 1 to 80"),
        (
            "ttl-security = 1\nmultihop = 2",
            "error: p.toml:7:12: `ttl-security` and `multihop` exclude each other",
        ),
        ("ttl-security = 255", "error: p.toml:6:16: `ttl-security` must be from 1 to 254 hops, found 255"),
        ("multihop = 0", "error: p.toml:6:12: `multihop` must not be 0"),
        (
            "next-hop = \"slef\"",
            "error: p.toml:6:12: `next-hop` must be one of \"auto\", \"self\", \"keep\", found \"slef\"\nhint: did you mean `self`?",
        ),
        (
            "import = \"acept\"",
            "error: p.toml:6:10: `import`: there is no policy called `acept`\nhint: did you mean `accept`?",
        ),
        ("export = []", "error: p.toml:6:10: `export` is an empty list\nhint: write `export = \"reject\"`"),
        (
            "graceful-restart = { restart-time = 5000 }",
            "error: p.toml:6:37: `restart-time` must be at most 4095 seconds, found 5000",
        ),
        (
            "graceful-restart = { restart-time = 5, helper-only = true }",
            "error: p.toml:6:37: `restart-time` has no use with `helper-only = true`",
        ),
        (
            "graceful-restart = { restart = 5 }",
            "error: p.toml:6:22: unknown key `restart` in `graceful-restart`\nhint: did you mean `restart-time`?",
        ),
        (
            "graceful-restart = 120",
            "error: p.toml:6:20: `graceful-restart` must be true, false or a table, found number 120",
        ),
        (
            "local-asn = 0",
            "error: p.toml:6:13: `local-asn`: no speaker can have AS 0: 0 is reserved (RFC 7607)",
        ),
        ("name = \"two words\"", "error: p.toml:6:8: `name`: \"two words\" must be one word"),
        (
            "name = \"192.0.2.77\"",
            "error: p.toml:6:8: `name`: 192.0.2.77 is an address, and not the neighbour's",
        ),
        (
            "[[neighbor]]\naddress = \"192.0.2.9\"\nasn = 64512",
            "error: p.toml:7:11: neighbour 192.0.2.9 is configured twice\nhint: one [[neighbor]] for each address: merge the two",
        ),
        (
            "name = \"a\"\n[[neighbor]]\nname = \"a\"\naddress = \"192.0.2.8\"\nasn = 64512",
            "error: p.toml:8:8: two neighbours are called `a`\nhint: names must be unique: change one of them",
        ),
        (
            "[[neighbor]]\nasn = 64512",
            "error: p.toml:6:1: [[neighbor]] has no `address`\nhint: add `address = \"192.0.2.254\"`",
        ),
        ("[[neighbor]]\naddress = \"192.0.2.8\"", "error: p.toml:6:1: [[neighbor]] has no `asn`"),
        (
            "[[neighbor]]\naddress = \"tor\"\nasn = 64512",
            "error: p.toml:7:11: `address`: \"tor\" is not an IP address\nhint: such as \"192.0.2.254\" or \"2001:db8::1\"; names are not looked up",
        ),
        (
            "[[neighbor]]\naddress = \"192.0.2.0/24\"\nasn = 64512",
            "error: p.toml:7:11: `address`: \"192.0.2.0/24\" is not an IP address\nhint: an address, not a prefix: leave out the length",
        ),
        (
            "[[neighbor]]\naddress = \"224.0.0.5\"\nasn = 64512",
            "error: p.toml:7:11: `address`: 224.0.0.5 cannot be the address of a neighbour",
        ),
        (
            "[[neighbor]]\naddress = \"fe80::1%eth0\"\nasn = 64512",
            "error: p.toml:7:11: link-local neighbours are not available in this version",
        ),
        (
            "[[neighbor]]\naddress = \"192.0.2.8\"\nasn = \"interal\"",
            "error: p.toml:8:7: `asn` must be an AS number, \"internal\" or \"external\", found string \"interal\"",
        ),
        (
            "[[neighbor]]\naddress = \"192.0.2.8\"\nasn = 65000\nroute-reflector-client = true",
            "error: p.toml:9:26: an external neighbour cannot be a route reflector client",
        ),
    ];
    for (lines, expected) in cases {
        let found = in_neighbor(lines);
        assert!(found.starts_with(expected), "{lines}\n--- found\n{found}\n--- expected\n{expected}");
        assert_eq!(found.matches("error: ").count(), 1, "one fault each: {found}");
        assert!(
            found.contains("hint: ")
                || lines.contains("70000")
                || lines.contains("224")
                || lines.contains("interal")
                || lines.contains("77")
                || lines.contains("= 120"),
            "{found}"
        );
    }
}

#[test]
fn faults_of_the_other_sections() {
    let node = "[node]\nasn = 64512\n";
    let cases = [
        ("", "error: p.toml: no [node] with an `asn`\nhint: add `asn = 64512` under [node]"),
        ("[node]\nname = \"a\"", "error: p.toml:1:1: [node] has no `asn`"),
        ("[node]\nasn = 23456", "error: p.toml:2:7: `asn`: no speaker can have AS 23456"),
        (
            "[node]\nasn = 64512\nrouter-id = \"0.0.0.0\"",
            "error: p.toml:3:13: `router-id` must not be 0.0.0.0",
        ),
        (
            "[node]\nasn = 64512\nrouter-id = \"::1\"",
            "error: p.toml:3:13: `router-id`: \"::1\" is not an IPv4 address",
        ),
        (
            "[node]\nasn = 64512\nlisten = [\"0.0.0.0\"]",
            "error: p.toml:3:11: `listen`: \"0.0.0.0\" is not an address with a port\nhint: such as \"0.0.0.0:179\"",
        ),
        (
            "[node]\nasn = 64512\nlisten = [\"203.0.113.9:179\"]",
            "error: p.toml:3:11: `listen`: 203.0.113.9 is not an address of this host\nhint: this host has 192.0.2.1",
        ),
        (
            "[node]\nasn = 64512\nlisten = [\"0.0.0.0:179\", \"192.0.2.1:179\"]",
            "error: p.toml:3:26: `listen`: 192.0.2.1:179 and 0.0.0.0:179 cannot both be opened",
        ),
        (
            "[node]\nasn = 64512\nlisten = [\"192.0.2.1:0\"]",
            "error: p.toml:3:11: `listen`: 192.0.2.1:0 has no port",
        ),
        (
            "[node]\nasn = 64512\nlisten = []\n[[neighbor]]\naddress = \"192.0.2.9\"\nasn = 64512\npassive = true",
            "error: p.toml:7:11: a passive neighbour can never connect: `listen` in [node] is empty",
        ),
        (
            "[[node]]\nasn = 1",
            "error: p.toml:1:1: `node` must be one table, found several\nhint: write `[node]`, once",
        ),
        (
            "node.asn = 1\n[neighbor]\nasn = 1",
            "error: p.toml:2:1: `neighbor` must be a list of tables, found one table\nhint: write `[[neighbor]]`",
        ),
        (
            "node.asn = 1\nneighbour = 1",
            "error: p.toml:2:1: unknown key `neighbour`\nhint: did you mean `neighbor`?",
        ),
        ("node.asn = 1\nfib = 3", "error: p.toml:2:7: `fib` must be a table, found number 3"),
        (
            "node.asn = 1\napi.socket = \"run/p.sock\"",
            "error: p.toml:2:14: `socket` must be an absolute path, found \"run/p.sock\"",
        ),
        (
            "node.asn = 1\nreflector.cluster-id = \"0.0.0.0\"",
            "error: p.toml:2:24: `cluster-id` must not be 0.0.0.0",
        ),
        (
            "node.asn = 1\nreflector.cluster-id = 7",
            "error: p.toml:2:24: `cluster-id` must be an IPv4 address, found number 7",
        ),
        ("node.asn = 1\nnode.shards = 0", "error: p.toml:2:15: `shards` must be from 1 to 16, found 0"),
        ("node.asn = 1\nnode.shards = 17", "error: p.toml:2:15: `shards` must be from 1 to 16, found 17"),
        (
            "node.asn = 1\nfib.table = 255",
            "error: p.toml:2:13: `table`: 255 holds the kernel's own addresses",
        ),
        (
            "node.asn = 1\nfib.protocol = 2",
            "error: p.toml:2:16: `protocol`: 2 is the kernel's or the operator's",
        ),
        ("node.asn = 1\nfib.metric = 0", "error: p.toml:2:14: `metric` must not be 0"),
        (
            "node.asn = 1\ndecision.multipath = 0",
            "error: p.toml:2:22: `multipath` must be from 1 to 256, found 0",
        ),
        ("node.asn = 1\nrestart.deferral-time = 0", "error: p.toml:2:25: `deferral-time` must not be 0"),
        (
            "node.asn = 1\nlog.level = \"verbose\"",
            "error: p.toml:2:13: `level` must be one of \"error\", \"warn\", \"info\", \"debug\", \"trace\", found \"verbose\"",
        ),
        (
            "node.asn = 1\noriginate.networks = [\"10.60.3.65/26\"]",
            "error: p.toml:2:23: `networks`: `10.60.3.65/26` has host bits set\nhint: did you mean `10.60.3.64/26`?",
        ),
        (
            "node.asn = 1\noriginate.networks = [\"10.60.3.65\"]",
            "error: p.toml:2:23: `networks`: \"10.60.3.65\" is not a prefix\nhint: did you mean `10.60.3.65/32`?",
        ),
        (
            "node.asn = 1\noriginate.networks = [\"10.0.0.0/8\", \"10.0.0.0/8\"]",
            "error: p.toml:2:37: `networks`: 10.0.0.0/8 is listed twice",
        ),
        (
            "node.asn = 1\noriginate.networks = [\"224.0.0.0/4\"]",
            "error: p.toml:2:23: `networks`: 224.0.0.0/4 cannot be announced: it is multicast",
        ),
        (
            "node.asn = 1\noriginate.connected = [\"a name too long*\"]",
            "error: p.toml:2:24: `connected`: \"a name too long*\" cannot be the name of an interface",
        ),
        (
            "node.asn = 1\ndatastore.kind = \"etcd\"",
            "error: p.toml:2:1: `datastore` is not available in this version\nhint: remove it",
        ),
        (
            "node.asn = 1\napi.http = \"127.0.0.1:0\"",
            "error: p.toml:2:12: `http`: 127.0.0.1:0 has no port\nhint: such as \"127.0.0.1:9179\"",
        ),
        (
            "node.asn = 1\napi.http = \"203.0.113.9:9179\"",
            "error: p.toml:2:12: `http`: 203.0.113.9 is not an address of this host",
        ),
        (
            "node.asn = 1\napi.bird-socket = \"/run/bird.ctl\"",
            "error: p.toml:2:5: `bird-socket` is not available in this version",
        ),
        (
            "node.asn = 1\n[[neighbor-range]]\nprefix = \"10.0.0.0/8\"",
            "error: p.toml:2:3: `neighbor-range` is not available in this version",
        ),
    ];
    for (text, expected) in cases {
        let found = faults(text);
        assert!(found.starts_with(expected), "{text}\n--- found\n{found}\n--- expected\n{expected}");
        assert_eq!(found.matches("error: ").count(), 1, "one fault each: {found}");
    }
    assert!(parse_as(Mode::Agent, node).is_ok());
}

#[test]
fn faults_of_policies() {
    let cases = [
        ("rules = []", "error: p.toml:2:1: [[policy]] has no `name`"),
        (
            "name = \"accept\"",
            "error: p.toml:3:8: a policy cannot be called `accept`: the word has a meaning of its own",
        ),
        ("name = \"a\"\n[[policy]]\nname = \"a\"", "error: p.toml:5:8: two policies are called `a`"),
        ("name = \"a\"\nrules = [{}]", "error: p.toml:4:10: the rule has no `action`"),
        (
            "name = \"a\"\nrules = [{ action = \"drop\" }]",
            "error: p.toml:4:21: `action` must be one of \"accept\", \"reject\", found \"drop\"",
        ),
        (
            "name = \"a\"\nrules = [{ match = { length = 24 }, action = \"accept\" }]",
            "error: p.toml:4:31: `length` needs a `prefix`",
        ),
        (
            "name = \"a\"\nrules = [{ match = { prefix = \"10.0.0.0/8\", length = [26, 16] }, action = \"accept\" }]",
            "error: p.toml:4:54: `length`: no prefix inside 10.0.0.0/8 has a length from 26 to 16",
        ),
        (
            "name = \"a\"\nrules = [{ match = { prefix = \"10.0.0.0/8\", length = [8, 64] }, action = \"accept\" }]",
            "error: p.toml:4:54: `length`: no prefix inside 10.0.0.0/8 has a length from 8 to 64",
        ),
        (
            "name = \"a\"\nrules = [{ match = { prefix = \"10.0.0.0/8\", length = [8] }, action = \"accept\" }]",
            "error: p.toml:4:54: `length` must be a length, or `[shortest, longest]`, found array",
        ),
        (
            "name = \"a\"\nrules = [{ match = { prefix = \"10.0.0.0/8\", length = 9, operator = \"in\" }, action = \"accept\" }]",
            "error: p.toml:4:54: `length` and `operator` exclude each other",
        ),
        (
            "name = \"a\"\nrules = [{ match = { prefix = [\"10.0.0.0/8\", \"11.0.0.0/8\"], operator = \"not-in\" }, action = \"accept\" }]",
            "error: p.toml:4:31: `prefix` must be a single one with this `operator`",
        ),
        (
            "name = \"a\"\nrules = [{ match = { prefix = \"10.0.0.1/8\" }, action = \"accept\" }]",
            "error: p.toml:4:31: `prefix`: `10.0.0.1/8` has host bits set",
        ),
        (
            "name = \"a\"\nrules = [{ match = { prefx = \"10.0.0.0/8\" }, action = \"accept\" }]",
            "error: p.toml:4:22: unknown key `prefx` in `match`\nhint: did you mean `prefix`?",
        ),
        ("name = \"a\"\nrules = [{ set = {} }]", "error: p.toml:4:10: the rule has no `action`"),
        (
            "name = \"a\"\nrules = [{ match = { source = \"peer\" }, action = \"accept\" }]",
            "error: p.toml:4:31: `source` must be one of \"local\", \"peers\", found \"peer\"\nhint: did you mean `peers`?",
        ),
    ];
    for (lines, expected) in cases {
        let found = faults(&format!("node.asn = 1\n[[policy]]\n{lines}\n"));
        assert!(found.starts_with(expected), "{lines}\n--- found\n{found}\n--- expected\n{expected}");
        assert_eq!(found.matches("error: ").count(), 1, "one fault each: {found}");
    }
}

/// Whatever the bytes, the answer is a configuration or a report.
#[test]
fn no_truncation_of_a_good_file_makes_the_loader_panic() {
    let text = reference::EXAMPLE;
    for end in 0..text.len() {
        let outcome = parse_as(Mode::Agent, text.get(..end).unwrap_or_default());
        assert!(outcome.map_or_else(|report| !report.to_string().is_empty(), |_| true));
    }
}

/// The same for a file with one character changed to something with a meaning of its own.
#[test]
fn no_mutation_of_a_good_file_makes_the_loader_panic() {
    let text = reference::EXAMPLE;
    for (at, _) in text.char_indices() {
        for other in ["", "\"", "[", "{", "=", ",", "\n", "-", "9", "é", "\u{0}"] {
            let (head, tail) = text.split_at(at);
            let rest: String = tail.chars().skip(1).collect();
            if let Err(report) = parse_as(Mode::Agent, &format!("{head}{other}{rest}")) {
                assert!(report.to_string().starts_with("error: p.toml:"), "{report}");
            }
        }
    }
}
