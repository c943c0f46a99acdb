//! The command line as a user meets it: the real program, against a server made of constants.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the library, which use more of it")]
#[path = "../src/admin/tests/fake.rs"]
mod fake;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use bgp_daemon::admin::backend::Action;
use fake::{Fake, Served};
use serde_json::Value;

fn peregrine(socket: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peregrine"));
    command.env("PEREGRINE_SOCKET", socket).env("NODENAME", "host-a").stdin(Stdio::null());
    command
}

/// Runs a command to its end while the server goes on beside it.
async fn run(served: &Served, args: &[&str]) -> Output {
    let mut command = peregrine(&served.path);
    command.args(args);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).unwrap()
}

fn ends(output: &Output, code: i32, stderr: &str) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert_eq!(text(&output.stderr), stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_print_tables_and_one_document_of_json() {
    let served = Served::start(Fake::default());
    for (args, expected) in [
        (vec!["status"], "node      host-a (agent, peregrine 0.1.0)\n"),
        (vec!["peers"], "PEER   ADDRESS         AS  TYPE "),
        (vec!["peers", "tor-1"], "peer            tor-1 at 192.0.2.254\n"),
        (vec!["routes"], "CODE   PREFIX            NEXT HOP     PREF  MED  AS PATH "),
        (vec!["explain", "10.60.3.64/26"], "10.60.3.64/26\n  *>  r from tor-1"),
        (vec!["fib"], "997 of 997 routes programmed"),
        (vec!["groups"], "GROUP  FAMILY        ROLE "),
        (vec!["config"], "[node]\nasn = 64512\n"),
    ] {
        let table = run(&served, &args).await;
        ends(&table, 0, "");
        assert!(text(&table.stdout).starts_with(expected), "{args:?}: {}", text(&table.stdout));
        assert!(!table.stdout.contains(&0x1b), "{args:?} has colours where there is no terminal");
        let json = run(&served, &[args.as_slice(), &["-o", "json"]].concat()).await;
        ends(&json, 0, "");
        let document: Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(document["schema"], 1, "{args:?}");
        let lines = run(&served, &[args.as_slice(), &["-o", "jsonl"]].concat()).await;
        ends(&lines, 0, "");
        for line in text(&lines.stdout).lines() {
            assert!(serde_json::from_str::<Value>(line).unwrap().is_object(), "{args:?}: {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_are_selected_by_prefix_and_peer() {
    let served = Served::start(Fake { filler: 3000, ..Fake::default() });
    let all = run(&served, &["routes", "-o", "json"]).await;
    let document: Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!(document["routes"].as_array().unwrap().len(), 3003);
    let lines = run(&served, &["routes", "-o", "jsonl"]).await;
    assert_eq!(text(&lines.stdout).lines().count(), 3003);

    let served = Served::start(Fake::default());
    let own = run(&served, &["routes", "2001:db8:60::/64"]).await;
    assert_eq!(text(&own.stdout).lines().count(), 2, "{}", text(&own.stdout));
    let longer = run(&served, &["routes", "10.0.0.0/8", "--longer"]).await;
    assert_eq!(text(&longer.stdout).lines().count(), 3, "{}", text(&longer.stdout));
    let received = run(&served, &["routes", "--received", "rr-1", "-o", "wide"]).await;
    assert!(text(&received.stdout).contains("longer AS path"), "{}", text(&received.stdout));
    let nothing = run(&served, &["routes", "10.99.0.0/16"]).await;
    ends(&nothing, 4, "error: no route to 10.99.0.0/16\nhint: `--longer` shows what is inside it\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_are_done_and_confirmed() {
    let served = Served::start(Fake::default());
    let confirmed = run(&served, &["announce", "10.1.0.0/16", "2001:db8::/32"]).await;
    ends(&confirmed, 0, "");
    assert_eq!(text(&confirmed.stdout), "done as asked\n");
    for args in [
        vec!["withdraw", "10.1.0.0/16"],
        vec!["refresh", "tor-1", "out"],
        vec!["clear", "192.0.2.254"],
        vec!["disable", "tor-1", "--message", "back at noon"],
        vec!["enable", "tor-1"],
        vec!["fib", "repair"],
    ] {
        assert_eq!(run(&served, &args).await.status.code(), Some(0), "{args:?}");
    }
    let actions = served.backend.actions.lock().unwrap();
    assert_eq!(actions.len(), 7);
    let peer = fake::address("192.0.2.254");
    assert_eq!(actions[4], Action::Disable { peer, message: Some("back at noon".to_owned()) });
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_what_went_wrong() {
    let served = Served::start(Fake { differs: true, ..Fake::default() });
    ends(
        &run(&served, &["reload"]).await,
        1,
        "error: changing `node.asn` needs a restart of the daemon\nhint: the configuration before stays in force\n",
    );
    ends(
        &run(&served, &["clear", "tor-9"]).await,
        4,
        "error: no peer is called \"tor-9\"\nhint: did you mean `tor-1`?\n",
    );
    ends(&run(&served, &["fib"]).await, 0, "");
    ends(&run(&served, &["fib", "diff"]).await, 5, "");
    let usage = run(&served, &["announce", "10.0.0.1/8"]).await;
    assert_eq!(usage.status.code(), Some(2));
    assert!(
        text(&usage.stderr).contains("10.0.0.1/8 has host bits set; did you mean `10.0.0.0/8`?"),
        "{usage:?}"
    );
    assert_eq!(run(&served, &["bogus"]).await.status.code(), Some(2));

    let nowhere = peregrine(Path::new("/nonexistent/p.sock")).arg("status").output().unwrap();
    ends(
        &nowhere,
        3,
        "error: cannot reach the daemon at /nonexistent/p.sock: No such file or directory (os error 2)\n\
         hint: is it running? name its socket with `--socket PATH` or $PEREGRINE_SOCKET\n",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_is_no_failure() {
    let served = Served::start(Fake { filler: 100_000, ..Fake::default() });
    let mut command = peregrine(&served.path);
    command.arg("routes").stdout(Stdio::piped()).stderr(Stdio::piped());
    let (status, stderr) = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let mut first = [0; 64];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (child.wait().unwrap(), stderr)
    })
    .await
    .unwrap();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_shows_it_again() {
    let served = Served::start(Fake::default());
    let mut command = peregrine(&served.path);
    command.args(["peers", "--watch=1"]).stdout(Stdio::piped());
    let headings = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let headings = lines.map_while(Result::ok).filter(|line| line.starts_with("PEER")).take(2).count();
        child.kill().unwrap();
        child.wait().unwrap();
        headings
    })
    .await
    .unwrap();
    assert_eq!(headings, 2);
}

fn config_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn on_file(args: &[&str], file: &Path) -> Output {
    let mut command = peregrine(Path::new("/nonexistent"));
    command.args(args).arg("--config").arg(file).output().unwrap()
}

#[test]
fn check_prints_what_is_in_force_and_it_can_be_checked_again() {
    let file = config_file("[node]\nasn = 64512\nrouter-id = \"192.0.2.1\"\n");
    let checked = on_file(&["check"], file.path());
    ends(&checked, 0, "");
    let shown = text(&checked.stdout);
    assert!(shown.starts_with("[node]\nasn = 64512\n"), "{shown}");
    assert!(shown.contains("name = \"host-a\"") && shown.contains("protocol = 186"), "{shown}");
    let again = on_file(&["check"], config_file(shown).path());
    assert_eq!(text(&again.stdout), shown);
    let json = on_file(&["check", "-o", "json", "--mode", "reflector"], file.path());
    let document: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(document["fib"]["program"], false);
}

#[test]
fn check_ends_2_and_a_daemon_78_with_every_fault_at_its_place() {
    let file = config_file("[node]\nasn = 64512\nrouter-id = \"192.0.2.1\"\nlisen = []\n[fib]\ntable = 0\n");
    let path = file.path().display();
    let expected = format!(
        "error: {path}:4:1: unknown key `lisen` in [node]\n  |\n4 | lisen = []\n  | ^^^^^\nhint: did you mean `listen`?\n\
         error: {path}:6:9: `table`: 0 is none\n  |\n6 | table = 0\n  |         ^\nhint: the main table is 254\n"
    );
    ends(&on_file(&["check"], file.path()), 2, &expected);
    ends(&on_file(&["agent"], file.path()), 78, &expected);
    ends(&on_file(&["reflector"], file.path()), 78, &expected);
    let missing = on_file(&["check"], Path::new("/nonexistent/p.toml"));
    ends(
        &missing,
        2,
        "error: /nonexistent/p.toml: cannot be read: No such file or directory (os error 2)\n\
         hint: name the file with `--config FILE`\n",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn config_diff_tells_what_a_reload_would_change() {
    let file = config_file(
        "[node]\nasn = 64512\nrouter-id = \"192.0.2.1\"\n\
         [[neighbor]]\naddress = \"192.0.2.9\"\nasn = 64512\nhold-time = 30\n\
         [[neighbor]]\naddress = \"192.0.2.8\"\nasn = 64512\n",
    );
    let path = file.path().display().to_string();
    let checked = on_file(&["check", "-o", "json"], file.path());
    let mut running: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let served = Served::start(Fake { config: Some((path.clone(), running.clone())), ..Fake::default() });
    let same = run(&served, &["config", "diff"]).await;
    ends(&same, 0, "");
    assert_eq!(text(&same.stdout), "no difference\n");

    running["neighbor"][1]["hold-time"] = 90.into();
    running["neighbor"][0]["address"] = "192.0.2.7".into();
    running["neighbor"][0]["name"] = "192.0.2.7".into();
    let served = Served::start(Fake { config: Some((path, running)), ..Fake::default() });
    let differs = run(&served, &["config", "diff"]).await;
    ends(&differs, 5, "");
    let shown: Vec<&str> = text(&differs.stdout).lines().collect();
    assert!(shown.contains(&"~ neighbor.192.0.2.9.hold-time: 90 -> 30"), "{shown:?}");
    assert!(shown.contains(&"+ neighbor.192.0.2.8.asn: 64512"), "{shown:?}");
    assert!(shown.contains(&"- neighbor.192.0.2.7.asn: 64512"), "{shown:?}");
    assert!(!shown.iter().any(|line| line.contains("router-id")), "{shown:?}");
}

#[test]
fn completions_and_manual_come_from_the_same_definitions() {
    let nowhere = Path::new("/nonexistent");
    for shell in ["bash", "zsh", "fish"] {
        let script = peregrine(nowhere).args(["completions", shell]).output().unwrap();
        assert!(text(&script.stdout).contains("withdraw"), "{shell}");
    }
    let man = peregrine(nowhere).arg("man").output().unwrap();
    assert!(text(&man.stdout).contains(".TH peregrine 1"), "{}", text(&man.stdout));
    let help = peregrine(nowhere).arg("--help").output().unwrap();
    assert!(!text(&help.stdout).contains("reference"), "{}", text(&help.stdout));
}
