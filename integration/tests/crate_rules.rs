//! The dependency rules of the architecture, checked on `cargo metadata`.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Direct normal dependencies of every crate of the workspace.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().expect("dependencies");
            let normal = all.iter().filter(|d| d["kind"].is_null()).map(|d| text(&d["name"])).collect();
            (text(&package["name"]), normal)
        })
        .collect()
}

#[test]
fn pure_crates_cannot_name_a_runtime_or_a_socket() {
    let allowed = ["bgp-core", "bytes", "nom", "ipnet", "thiserror", "hashbrown", "foldhash", "serde"]
        .map(String::from);
    let crates = dependencies();
    for pure in ["bgp-core", "reflector"] {
        let extra: Vec<_> = crates[pure].difference(&allowed.iter().cloned().collect()).cloned().collect();
        assert_eq!(extra, Vec::<String>::new(), "{pure} depends on more than a pure crate may");
    }
}

#[test]
fn fib_sync_knows_nothing_of_bgp() {
    let crates = dependencies();
    assert!(!crates["fib-sync"].iter().any(|name| crates.contains_key(name)));
}

#[test]
fn nothing_depends_on_integration_and_only_integration_on_the_daemon() {
    for (name, dependencies) in dependencies() {
        assert!(!dependencies.contains("integration"), "{name}");
        assert!(name == "integration" || !dependencies.contains("bgp-daemon"), "{name}");
    }
}

/// `clippy.toml` of the pure crates forbids clocks, files, sockets and the environment by name.
#[test]
fn pure_crates_have_their_own_clippy_rules() {
    for pure in ["bgp-core", "reflector"] {
        let path = format!("{}/../{pure}/clippy.toml", env!("CARGO_MANIFEST_DIR"));
        let rules = std::fs::read_to_string(&path).expect("a clippy.toml beside the crate");
        for name in ["Instant::now", "std::net::TcpStream", "std::fs::File", "std::sync::Mutex"] {
            assert!(rules.contains(name), "{path} does not disallow {name}");
        }
    }
}
