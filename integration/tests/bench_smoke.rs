//! The benchmark program in small: it measures, and in every scenario it notices one lost UPDATE.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

fn bench(target: &str, arguments: &[&str]) -> (Output, String) {
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.args(["--size", "tiny", "--target", target, "--out"]).arg(out.path()).args(arguments);
    let output = command.output().unwrap();
    let results = std::fs::read_to_string(out.path().join("results.json")).unwrap_or_default();
    (output, results)
}

fn medians(results: &str) -> Vec<serde_json::Value> {
    let results: serde_json::Value = serde_json::from_str(results).unwrap();
    results.get("medians").and_then(serde_json::Value::as_array).unwrap().clone()
}

#[test]
fn bird_is_exact_in_every_stage() {
    let arguments: Vec<&str> = ["full-table", "mesh", "fanout", "slow", "idle"]
        .into_iter()
        .flat_map(|name| ["--scenario", name])
        .collect();
    let (output, results) = bench("bird", &arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let medians = medians(&results);
    let stages: Vec<&str> = medians.iter().map(|row| row["stage"].as_str().unwrap()).collect();
    let expected = [
        "load",
        "withdraw",
        "session drop",
        "load",
        "announce",
        "one joins",
        "all drop and return",
        "without",
        "with",
        "the two catch up",
        "idle",
    ];
    assert_eq!(stages, expected, "{said}");
    for row in &medians {
        assert_eq!(row["result"]["outcome"], "done", "{row}");
        assert!(row["stage"] == "idle" || row["result"]["wall"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["result"]["peak"].as_f64().unwrap() > 1.0, "{row}");
    }
}

#[test]
fn random_churn_ends_exact_and_no_larger() {
    let (output, results) = bench("peregrine", &["--scenario", "soak"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let medians = medians(&results);
    let soak = medians.iter().find(|row| row["stage"] == "soak").unwrap();
    let figure = |name: &str| soak["result"][name].as_f64().unwrap();
    assert!(figure("UPDATEs") > 100.0, "{said}");
    assert!(figure("last MiB") <= figure("first MiB") * 1.2 + 8.0, "{said}");
}

#[test]
fn a_lost_update_fails_the_run_of_every_scenario() {
    let scenarios = [
        ("bird", "full-table"),
        // With BIRD a withdrawal lost there is made good by another.
        ("peregrine", "policy"),
        ("bird", "mesh"),
        ("bird", "same"),
        ("bird", "fanout"),
        ("bird", "slow"),
        ("bird", "churn"),
        ("bird", "idle"),
        ("peregrine", "soak"),
    ];
    std::thread::scope(|scope| {
        for (target, scenario) in scenarios {
            scope.spawn(move || {
                let (output, results) = bench(target, &["--scenario", scenario, "--drop-one"]);
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(!output.status.success(), "{scenario}: {said}");
                assert!(said.contains("FAILED: not exact"), "{scenario}: {said}");
                assert!(results.contains("failed"), "{scenario}: {results}");
            });
        }
    });
}
