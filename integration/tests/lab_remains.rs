//! What is left of a lab when its test ends, however it ends; and who may run one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test program")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use integration::lab::{Lab, Result, millis, secs};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

/// User and group that own nothing.
const NOBODY: u32 = 65534;
const MARKER: &str = "peregrine-lab-marker";

/// Builds a lab that resists, says so, and waits to be killed.
#[test]
#[ignore = "started and killed by the other tests"]
fn victim() -> Result {
    let lab = Lab::new()?;
    let [a, b] = lab.hosts(["a", "b"])?;
    let lan = lab.bridge("lan")?;
    for (host, address) in [(&a, "192.0.2.1/24"), (&b, "192.0.2.2/24")] {
        host.attach(&lan, &[address])?;
        for path in ["/run", "/tmp", "/var/tmp"] {
            host.write_file(&format!("{path}/{MARKER}"), "still here")?;
        }
    }
    let c1 = a.container("c1", &["10.60.1.2/32"])?;
    let stubborn = "trap '' HUP TERM INT; echo ready; while :; do sleep 1; done";
    for host in [&a, &b, &c1] {
        host.spawn("stubborn", &["sh", "-c", stubborn])?.wait_log("ready", secs(5))?;
        // A daemon that leaves session, group and parent.
        host.run(&["sh", "-c", "setsid sh -c 'sleep 1000' </dev/null >/dev/null 2>&1 &"])?;
    }
    let _pinger = a.pinger("192.0.2.2", millis(10))?;
    println!("init {}", lab.init_pid());
    std::thread::sleep(secs(60));
    panic!("nobody killed the victim");
}

/// A user namespace, held open so that its inode number means nothing else.
struct UserNamespace {
    _held: File,
    inode: u64,
}

impl UserNamespace {
    fn of(pid: i32) -> Self {
        let held = File::open(format!("/proc/{pid}/ns/user")).unwrap();
        let inode = held.metadata().unwrap().ino();
        assert_ne!(inode, fs::metadata("/proc/self/ns/user").unwrap().ino());
        Self { _held: held, inode }
    }

    /// Processes in it, and the other namespaces their threads live in. Nobody outside enters or opens
    /// those namespaces, so they go with the last process.
    fn members(&self) -> (BTreeSet<i32>, BTreeSet<u64>) {
        let inode = |path: &Path| fs::metadata(path).map(|meta| meta.ino()).ok();
        let (mut pids, mut namespaces) = (BTreeSet::new(), BTreeSet::new());
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
            if inode(&entry.path().join("ns/user")) != Some(self.inode) {
                continue;
            }
            pids.insert(pid);
            for task in fs::read_dir(entry.path().join("task")).into_iter().flatten().flatten() {
                for kind in ["net", "mnt", "pid", "uts", "ipc"] {
                    namespaces.extend(inode(&task.path().join("ns").join(kind)));
                }
            }
        }
        (pids, namespaces)
    }
}

/// Namespaces mounted on files, which is how one would outlive its processes.
fn mounted_namespaces() -> usize {
    fs::read_to_string("/proc/self/mountinfo").unwrap().matches(" nsfs ").count()
}

fn start_victim() -> (Child, i32) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "victim", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(std::io::Result::ok);
    let init = lines
        .into_iter()
        .find_map(|line| line.split_once("init ").and_then(|(_, pid)| pid.trim().parse().ok()))
        .expect("the victim starts");
    (child, init)
}

fn ends_without_remains(mut victim: Child, init: i32, how: impl FnOnce(&mut Child)) {
    let user = UserNamespace::of(init);
    let mounted = mounted_namespaces();
    let (pids, namespaces) = user.members();
    // Both processes of the init, three stubborn ones and three that left their parents.
    assert!(pids.len() >= 8, "{pids:?}");
    // Three of the lab, three for each host, two for the container, one for the switch.
    assert!(namespaces.len() >= 11, "{namespaces:?}");
    how(&mut victim);
    victim.wait().unwrap();
    let deadline = Instant::now() + secs(5);
    loop {
        let (left, _) = user.members();
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "left behind: processes {left:?}");
        std::thread::sleep(millis(5));
    }
    assert_eq!(mounted_namespaces(), mounted);
    for directory in ["/run", "/tmp", "/var/tmp"] {
        assert!(!Path::new(directory).join(MARKER).exists(), "a file is left in {directory}");
    }
}

#[test]
fn a_killed_test_leaves_no_process_namespace_or_file() {
    let (victim, init) = start_victim();
    ends_without_remains(victim, init, |victim| victim.kill().unwrap());
}

#[test]
fn a_killed_init_takes_the_whole_lab_along() {
    let (victim, init) = start_victim();
    ends_without_remains(victim, init, |victim| {
        kill(Pid::from_raw(init), Signal::SIGKILL).unwrap();
        victim.kill().unwrap();
    });
}

#[test]
fn a_stopped_and_killed_test_leaves_nothing_either() {
    let (victim, init) = start_victim();
    ends_without_remains(victim, init, |victim| {
        let pid = Pid::from_raw(i32::try_from(victim.id()).unwrap());
        kill(pid, Signal::SIGSTOP).unwrap();
        kill(Pid::from_raw(init), Signal::SIGSTOP).unwrap();
        kill(pid, Signal::SIGKILL).unwrap();
    });
}

#[test]
fn dropping_a_lab_ends_its_processes_before_it_returns() -> Result {
    let lab = Lab::new()?;
    let a = lab.host("a")?;
    a.spawn("sleeper", &["sleep", "1000"])?;
    let user = UserNamespace::of(lab.init_pid());
    assert!(user.members().0.len() >= 3);
    drop(lab);
    assert!(user.members().0.is_empty());
    assert!(a.run(&["true"]).is_err(), "handles of an ended lab are errors, not crashes");
    Ok(())
}

/// As root this runs the other lab tests as nobody; as anybody else they run so anyway.
#[test]
fn an_ordinary_user_can_run_labs() -> Result {
    if !geteuid().is_root() {
        return Lab::run(|lab| lab.host("a")?.run(&["true"]).map(drop));
    }
    // The build directory may be closed to others.
    let copies = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    let own = std::env::current_exe().unwrap();
    let built = own.parent().and_then(Path::parent).unwrap();
    let tests = fs::read_dir(own.parent().unwrap()).unwrap().flatten().map(|entry| entry.path());
    let newest = tests
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.strip_prefix("lab-").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_hexdigit()))
        })
        .max_by_key(|path| fs::metadata(path).and_then(|meta| meta.modified()).unwrap())
        .expect("the test program `lab` is built: run `cargo test -p integration`");
    let (tests, init) = (copies.path().join("tests"), copies.path().join("lab-init"));
    fs::copy(newest, &tests).unwrap();
    fs::copy(built.join("lab-init"), &init).unwrap();
    let output = Command::new(&tests)
        .env("PEREGRINE_LAB_INIT", &init)
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(" 0 failed; 0 ignored"), "{text}");
    Ok(())
}
