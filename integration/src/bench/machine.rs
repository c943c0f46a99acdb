//! A network of one's own, room for sockets, and what the machine is.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Set in the environment of the copy that runs inside the namespaces.
const INSIDE: &str = "PEREGRINE_BENCH_INSIDE";

/// The network the speaker and its peers live in: all of it local to the loopback interface.
const NETWORK: &str = "10.0.0.1/8";

/// The network of the next hops, on a link nobody uses.
const NEXT_HOPS: &str = "11.0.0.1/8";

/// Runs this program again in network and process namespaces of its own and does not return, unless it
/// already does: there, brings up the loopback network and raises the limit of open files.
///
/// Root needs no user namespace, and must not have one: some speakers change to users of their own. With the
/// process namespace every daemon dies with the benchmark, however that ends.
///
/// # Errors
/// A missing `unshare` or `ip`, or a kernel that allows no namespaces.
pub fn enter() -> io::Result<()> {
    if std::env::var_os(INSIDE).is_none() {
        let mut command = Command::new("unshare");
        if !nix::unistd::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
        command.arg(std::env::current_exe()?).args(std::env::args_os().skip(1)).env(INSIDE, "1");
        return Err(command.exec());
    }
    ip(&["link", "set", "lo", "up"])?;
    ip(&["address", "add", NETWORK, "dev", "lo"])?;
    ip(&["link", "add", "hops", "type", "veth", "peer", "name", "beyond"])?;
    ip(&["link", "set", "beyond", "up"])?;
    ip(&["link", "set", "hops", "up"])?;
    ip(&["address", "add", NEXT_HOPS, "dev", "hops"])?;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(())
}

fn ip(arguments: &[&str]) -> io::Result<()> {
    let output = Command::new("ip").args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("ip {}: {}", arguments.join(" "), text.trim())))
}

/// One line on the machine: processor, processors given, memory, kernel.
pub fn description() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let processor =
        field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let kib: f64 = memory.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.trim().split('-').next().unwrap_or_default().to_owned();
    format!("{processor}, {cores} cores, {:.0} GiB of memory, Linux {kernel}", kib / 1048576.0)
}
