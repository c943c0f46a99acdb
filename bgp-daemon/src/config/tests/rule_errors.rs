//! What the loader says about conditions on attributes and about edits that it cannot take.

use super::errors::faults;
use super::*;

fn rule_faults(rule: &str) -> String {
    faults(&format!("node.asn = 1\n[[policy]]\nname = \"a\"\nrules = [\n{rule}\n]\n"))
}

fn check_rules(cases: &[(&str, &str)]) {
    for (rule, expected) in cases {
        let found = rule_faults(rule);
        assert!(found.starts_with(expected), "{rule}\n--- found\n{found}\n--- expected\n{expected}");
        assert_eq!(found.matches("error: ").count(), 1, "one fault each: {found}");
    }
}

#[test]
fn faults_of_conditions_on_attributes() {
    check_rules(&[
        (
            r#"{ match = { community = "65000:70000" }, action = "accept" }"#,
            "error: p.toml:5:25: `community`: \"65000:70000\" is not a community\n\
             hint: each part is at most 65535; a large community has three: \"65000:70000:0\" for example",
        ),
        (
            r#"{ match = { community = "1:2:4294967296" }, action = "accept" }"#,
            "error: p.toml:5:25: `community`: \"1:2:4294967296\" is not a community\n\
             hint: each part is at most 4294967295",
        ),
        (
            r#"{ match = { community = ["no-exprot"] }, action = "accept" }"#,
            "error: p.toml:5:26: `community`: \"no-exprot\" is not a community\nhint: did you mean `no-export`?",
        ),
        (
            r#"{ match = { community = "blue" }, action = "accept" }"#,
            "error: p.toml:5:25: `community`: \"blue\" is not a community\n\
             hint: such as \"65000:1\", \"65000:1:2\" or \"no-export\"",
        ),
        (
            r#"{ match = { community = 65000 }, action = "accept" }"#,
            "error: p.toml:5:25: `community` must be a community, found number 65000",
        ),
        (
            r#"{ match = { community = [] }, action = "accept" }"#,
            "error: p.toml:5:25: `community` is an empty list, of which no route has any\nhint: remove the rule",
        ),
        (
            r#"{ match = { as-path-prefix = [] }, action = "accept" }"#,
            "error: p.toml:5:30: `as-path-prefix` is an empty list, which every path begins with\nhint: remove it",
        ),
        (
            r#"{ match = { as-path-prefix = 65001 }, action = "accept" }"#,
            "error: p.toml:5:30: `as-path-prefix` must be a list of whole number from 0 to 4294967295, found number 65001\n\
             hint: write `as-path-prefix = [ … ]`",
        ),
        (
            r#"{ match = { as-path-contains = "65001" }, action = "accept" }"#,
            "error: p.toml:5:32: `as-path-contains` must be a whole number from 0 to 4294967295, found string \"65001\"\n\
             hint: write `as-path-contains = 65001`, without quotes",
        ),
        (
            r#"{ match = { next-hop = "tor" }, action = "accept" }"#,
            "error: p.toml:5:24: `next-hop`: \"tor\" is neither an IP address nor a prefix\n\
             hint: such as \"192.0.2.1\" or \"2001:db8::/64\"",
        ),
        (
            r#"{ match = { next-hop = "192.0.2.1/24" }, action = "accept" }"#,
            "error: p.toml:5:24: `next-hop`: `192.0.2.1/24` has host bits set\n\
             hint: did you mean `192.0.2.0/24`, or `192.0.2.1`?",
        ),
        (
            r#"{ match = { origin = "bgp" }, action = "accept" }"#,
            "error: p.toml:5:22: `origin` must be one of \"igp\", \"egp\", \"incomplete\", found \"bgp\"",
        ),
        (
            r#"{ match = { interface = "eth0" }, action = "accept" }"#,
            "error: p.toml:5:13: `interface` is not available in this version\nhint: remove it",
        ),
        (
            r#"{ match = { rpki = "invalid" }, action = "reject" }"#,
            "error: p.toml:5:13: `rpki` is not available in this version\nhint: remove it",
        ),
    ]);
}

#[test]
fn faults_of_edits() {
    let many = format!("{{ set = {{ prepend-as = [{}] }} }}", ["1"; 33].join(", "));
    check_rules(&[
        (
            r#"{ set = { add-communities = ["65000:1", "65000"] } }"#,
            "error: p.toml:5:41: `add-communities`: \"65000\" is not a community",
        ),
        (
            r#"{ set = { remove-communities = ["x"] } }"#,
            "error: p.toml:5:33: `remove-communities`: \"x\" is not a community",
        ),
        (
            r#"{ set = { add-communities = "65000:1" }, action = "accept" }"#,
            "error: p.toml:5:29: `add-communities` must be a list of community, found string \"65000:1\"\n\
             hint: write `add-communities = [ … ]`",
        ),
        (
            r#"{ set = { prepend-as = [64512, 0] } }"#,
            "error: p.toml:5:32: `prepend-as`: no speaker can have AS 0: 0 is reserved (RFC 7607)",
        ),
        (
            r#"{ set = { prepend-as = [64512, 4294967296] } }"#,
            "error: p.toml:5:32: `prepend-as` must be a whole number from 0 to 4294967295, found number 4294967296",
        ),
        (
            &many,
            "error: p.toml:5:24: `prepend-as` lists 33 numbers, of at most 32\n\
             hint: many routers refuse paths much longer than that",
        ),
        (
            r#"{ set = { next-hop = "192.0.2.300" } }"#,
            "error: p.toml:5:22: `next-hop`: \"192.0.2.300\" is not an IP address",
        ),
        (
            r#"{ set = { next-hop = "0.0.0.0" } }"#,
            "error: p.toml:5:22: `next-hop`: no packet can be sent on to 0.0.0.0: it stands for none\n\
             hint: the address of a router, such as \"192.0.2.1\" or \"2001:db8::1\"",
        ),
        (
            r#"{ set = { next-hop = "127.0.0.1" } }"#,
            "error: p.toml:5:22: `next-hop`: no packet can be sent on to 127.0.0.1: it is every host's own",
        ),
        (
            r#"{ set = { next-hop = "ff02::1" } }"#,
            "error: p.toml:5:22: `next-hop`: no packet can be sent on to ff02::1: it is a multicast group",
        ),
        (
            r#"{ set = { next-hop = "0.1.2.3" } }"#,
            "error: p.toml:5:22: `next-hop`: no packet can be sent on to 0.1.2.3: it is reserved",
        ),
        (
            r#"{ set = { next-hop = "240.0.0.1" } }"#,
            "error: p.toml:5:22: `next-hop`: no packet can be sent on to 240.0.0.1: it is reserved",
        ),
        (
            r#"{ set = { next-hop = "255.255.255.255" } }"#,
            "error: p.toml:5:22: `next-hop`: no packet can be sent on to 255.255.255.255: it is reserved",
        ),
        (
            r#"{ set = { next-hop = "fe80::1" } }"#,
            "error: p.toml:5:22: `next-hop`: no packet can be sent on to fe80::1: it means nothing beyond its link",
        ),
        (
            r#"{ set = { priority = 1 } }"#,
            "error: p.toml:5:11: `priority` is not available in this version\nhint: remove it",
        ),
        (
            r#"{ set = { comunities = ["1:1"] }, action = "accept" }"#,
            "error: p.toml:5:11: unknown key `comunities` in `set`",
        ),
    ]);
}

#[test]
fn every_fault_of_a_rule_is_told_at_once() {
    let faulty = [
        (
            r#"{ set = { next-hop = "127.0.0.1", prepend-as = [0, 23456] } }"#,
            vec!["127.0.0.1", "AS 0:", "AS 23456:"],
        ),
        (
            r#"{ match = { length = [8, 24], community = [], as-path-prefix = [], as-path-contains = [], next-hop = [] }, set = { next-hop = "::1" }, action = "accept" }"#,
            vec![
                "needs a `prefix`",
                "`community`",
                "`as-path-prefix`",
                "`as-path-contains`",
                "`next-hop`",
                "::1",
            ],
        ),
    ];
    for (rule, expected) in faulty {
        let found = rule_faults(rule);
        let errors: Vec<&str> = found.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), expected.len(), "{found}");
        for (error, expected) in errors.iter().zip(expected) {
            assert!(error.contains(expected), "{error} without {expected}");
        }
    }
}

#[test]
fn edits_of_a_route_that_is_rejected_are_worth_a_warning() {
    let text =
        "node.asn = 1\n[[policy]]\nname = \"a\"\nrules = [\n{ set = { med = 1 }, action = \"reject\" }\n]\n";
    let warnings = parse_as(Mode::Agent, text).unwrap().warnings.to_string();
    let expected = "warning: p.toml:5:9: `set` does nothing to a route that is rejected\n";
    assert!(warnings.starts_with(expected), "{warnings}");
}
