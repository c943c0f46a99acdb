//! The benchmark program against BIRD 2 in small: it measures, and it notices one lost UPDATE.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> (Output, String) {
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.args(["--size", "tiny", "--target", "bird", "--out"]).arg(out.path()).args(arguments);
    let output = command.output().unwrap();
    let results = std::fs::read_to_string(out.path().join("results.json")).unwrap_or_default();
    (output, results)
}

#[test]
fn bird_is_exact_in_every_stage() {
    let (output, results) =
        bench(&["--scenario", "full-table", "--scenario", "mesh", "--scenario", "fanout"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let results: serde_json::Value = serde_json::from_str(&results).unwrap();
    let medians = results["medians"].as_array().unwrap();
    let stages: Vec<&str> = medians.iter().map(|row| row["stage"].as_str().unwrap()).collect();
    let expected =
        ["load", "withdraw", "session drop", "load", "announce", "one joins", "all drop and return"];
    assert_eq!(stages, expected, "{said}");
    for row in medians {
        assert_eq!(row["result"]["outcome"], "done", "{row}");
        assert!(row["result"]["wall"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["result"]["peak"].as_f64().unwrap() > 1.0, "{row}");
    }
}

#[test]
fn a_lost_update_fails_the_run() {
    for scenario in ["full-table", "fanout"] {
        let (output, results) = bench(&["--scenario", scenario, "--drop-one"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{said}");
        assert!(said.contains("FAILED: not exact"), "{said}");
        assert!(said.contains("no route instead of"), "{said}");
        assert!(results.contains("failed"), "{results}");
    }
}
