//! Daemons that cannot run and commands that cannot be done: exit code, `error:` and `hint:`.

use integration::lab::{End, Host, Lab, Result, peregrine_program};
use integration::peers::{Neighbor, Speaker};

const SOUND: &str = "[node]\nasn = 64512\nrouter-id = \"192.0.2.1\"\n";
const CONFIG: &str = "/run/peregrine/bad.toml";

/// Exit code and the lines for people, log lines left out.
fn agent(host: &Host, config: &str, drop: Option<&str>) -> Result<(End, String)> {
    host.write_file(CONFIG, config)?;
    let program = peregrine_program()?;
    let program = program.to_string_lossy();
    let mut argv = vec![];
    let bounding = drop.map(|capability| format!("--bounding-set=-{capability}"));
    if let Some(bounding) = &bounding {
        argv.extend(["/usr/bin/setpriv", bounding.as_str()]);
    }
    argv.extend([&*program, "agent", "--config", CONFIG]);
    let output = host.try_run(&argv)?;
    assert_eq!(output.stdout, "");
    let told = output.stderr.lines().filter(|line| !line.starts_with('{'));
    Ok((output.end, told.map(|line| format!("{line}\n")).collect()))
}

#[test]
fn a_daemon_that_cannot_run_says_why_and_ends_78() -> Result {
    Lab::run(|lab| {
        let host = lab.host("a")?;
        let other = lab.host("b")?;
        lab.link(&host, &["192.0.2.1/24"], &other, &["192.0.2.2/24"])?;
        // The machine's own setting may allow everybody low ports.
        host.set_sysctl("net.ipv4.ip_unprivileged_port_start", "1024")?;
        let with = |lines: &str| format!("{SOUND}{lines}");
        for (config, drop, expected) in [
            (
                with("[api]\nsocket = \"/nonexistent/here/p.sock\"\n"),
                None,
                "error: cannot open the admin socket /nonexistent/here/p.sock: No such file or directory (os error 2)\n\
                 hint: create the directory /nonexistent/here, or choose another path with `socket` in [api]\n",
            ),
            (
                with("[api]\nsocket = \"/run/peregrine/bad.toml\"\n"),
                None,
                "error: cannot open the admin socket /run/peregrine/bad.toml: a file that is not a socket is in the way\n\
                 hint: remove the file, or choose another path with `socket` in [api]\n",
            ),
            (
                with("[api]\nhttp = \"127.0.0.1:80\"\n"),
                Some("net_bind_service"),
                "error: cannot serve HTTP on 127.0.0.1:80: Permission denied (os error 13)\n\
                 hint: ports below 1024 need CAP_NET_BIND_SERVICE; or set a higher port with `http` in [api]\n",
            ),
            (
                with(""),
                Some("net_admin"),
                "error: programming routes in table 254: not permitted by the kernel\n\
                 hint: grant CAP_NET_ADMIN, or set `program = false` in [fib]\n",
            ),
            (
                with(""),
                Some("net_bind_service"),
                "error: listening on 0.0.0.0:179: Permission denied (os error 13)\n\
                 hint: ports below 1024 need CAP_NET_BIND_SERVICE; or set a higher port with `listen` in [node]\n",
            ),
            (
                with("listen = [\"192.0.2.99:179\"]\n"),
                None,
                "error: /run/peregrine/bad.toml:4:11: `listen`: 192.0.2.99 is not an address of this host\n  |\n\
                 4 | listen = [\"192.0.2.99:179\"]\n  |           ^^^^^^^^^^^^^^^^\nhint: this host has 192.0.2.1\n",
            ),
            (
                with("lisen = []\n"),
                None,
                "error: /run/peregrine/bad.toml:4:1: unknown key `lisen` in [node]\n  |\n4 | lisen = []\n  | ^^^^^\n\
                 hint: did you mean `listen`?\n",
            ),
            (
                with("[[neighbor]]\naddress = \"192.0.2.2\"\nasn = \"internal\"\nhold-time = \"90\"\n"),
                None,
                "error: /run/peregrine/bad.toml:7:13: `hold-time` must be a whole number from 0 to 65535, found string \"90\"\n  |\n\
                 7 | hold-time = \"90\"\n  |             ^^^^\nhint: write `hold-time = 90`, without quotes\n",
            ),
            (
                with(&"[[neighbor]]\naddress = \"192.0.2.2\"\nasn = \"internal\"\n".repeat(2)),
                None,
                "error: /run/peregrine/bad.toml:8:11: neighbour 192.0.2.2 is configured twice\n  |\n\
                 8 | address = \"192.0.2.2\"\n  |           ^^^^^^^^^^^\nhint: one [[neighbor]] for each address: merge the two\n",
            ),
        ] {
            let (end, told) = agent(&host, &config, drop)?;
            assert_eq!((end, told.as_str()), (End::Exited(78), expected), "{config}");
            if expected.starts_with("error: /run") {
                // A fault of the file itself is found by `check` too, which ends 2.
                let checked = host.peregrine_run(&["check", "--config", CONFIG])?;
                assert_eq!((checked.end, checked.stderr.as_str()), (End::Exited(2), expected));
            }
            // Nothing was changed by trying.
            assert!(!host.outside("/run/peregrine/peregrine.sock")?.exists());
        }
        // What lacks the right to program routes runs if it shall not program any.
        host.write_file(CONFIG, &with("[fib]\nprogram = false\n"))?;
        let program = peregrine_program()?;
        let program = program.to_string_lossy();
        let argv = ["/usr/bin/setpriv", "--bounding-set=-net_admin", &*program, "agent", "--config", CONFIG];
        let daemon = host.spawn("unprivileged", &argv)?;
        daemon.wait_log("in service", integration::lab::secs(10))?;
        daemon.term(integration::lab::secs(5)).map(drop)
    })
}

#[test]
fn two_daemons_do_not_share_a_port_or_a_socket() -> Result {
    Lab::run(|lab| {
        let [host, other] = lab.hosts(["a", "b"])?;
        lab.link(&host, &["192.0.2.1/24"], &other, &["192.0.2.2/24"])?;
        let first = host.peregrine("agent", SOUND)?;
        let elsewhere = format!("{SOUND}[api]\nsocket = \"/run/peregrine/second.sock\"\n");
        let in_use = "error: listening on 0.0.0.0:179: Address already in use (os error 98)\n\
             hint: another BGP daemon runs on this port: stop it, or set other addresses with `listen` in [node]\n";
        assert_eq!(agent(&host, &elsewhere, None)?, (End::Exited(78), in_use.to_owned()));
        let socket = "error: cannot open the admin socket /run/peregrine/peregrine.sock: another daemon is serving it\n\
             hint: stop that daemon, or choose another path with `socket` in [api]; \
             `peregrine status --socket /run/peregrine/peregrine.sock` tells who it is\n";
        assert_eq!(agent(&host, SOUND, None)?, (End::Exited(78), socket.to_owned()));
        let taken = format!("{elsewhere}http = \"127.0.0.1:9179\"\n");
        let _holder = host.tcp_listen("127.0.0.1:9179".parse().unwrap())?;
        let port = "error: cannot serve HTTP on 127.0.0.1:9179: Address already in use (os error 98)\n\
             hint: another program has this port: stop it, or set another one with `http` in [api]\n";
        assert_eq!(agent(&host, &taken, None)?, (End::Exited(78), port.to_owned()));
        // The first one has not noticed.
        assert_eq!(first.cmd(&["status"])?["state"], "ready");
        first.stop()?;

        let bird = Speaker::new(64513, [192, 0, 2, 9]).neighbor(Neighbor::new("192.0.2.2", 64514)?);
        host.bird2(bird)?;
        assert_eq!(agent(&host, SOUND, None)?, (End::Exited(78), in_use.to_owned()));
        Ok(())
    })
}

#[test]
fn commands_end_with_the_code_of_the_contract() -> Result {
    Lab::run(|lab| {
        let host = lab.host("a")?;
        let ends = |args: &[&str], code: i32, stderr: &str| -> Result {
            let output = host.peregrine_run(args)?;
            assert_eq!((output.end, output.stderr.as_str()), (End::Exited(code), stderr), "{args:?}");
            Ok(())
        };
        let nobody = "error: cannot reach the daemon at /run/peregrine/peregrine.sock: ";
        let absent = format!(
            "{nobody}No such file or directory (os error 2)\n\
             hint: is it running? name its socket with `--socket PATH` or $PEREGRINE_SOCKET\n"
        );
        ends(&["status"], 3, &absent)?;
        ends(&["announce", "10.1.0.0/24"], 3, &absent)?;
        let daemon = host.peregrine(
            "agent",
            &format!("{SOUND}[[neighbor]]\nname = \"tor-1\"\naddress = \"192.0.2.2\"\nasn = \"internal\"\n"),
        )?;
        let hint = "hint: did you mean `tor-1`?\n";
        ends(&["peers", "tor-9"], 4, &format!("error: no peer is called \"tor-9\"\n{hint}"))?;
        ends(&["clear", "tor-9"], 4, &format!("error: no peer is called \"tor-9\"\n{hint}"))?;
        ends(&["routes", "--received", "tor-9"], 4, &format!("error: no peer is called \"tor-9\"\n{hint}"))?;
        ends(
            &["routes", "10.99.0.0/16"],
            4,
            "error: no route to 10.99.0.0/16\nhint: `--longer` shows what is inside it\n",
        )?;
        let explained = host.peregrine_run(&["explain", "10.99.0.0/16"])?;
        assert_eq!(explained.end, End::Exited(4), "{explained:?}");
        assert!(explained.stderr.starts_with("error: "), "{explained:?}");
        let withdrawn = host.peregrine_run(&["withdraw", "10.99.0.0/16"])?;
        assert_eq!(withdrawn.end, End::Exited(4), "{withdrawn:?}");
        assert_eq!(host.peregrine_run(&["routes", "10.99.0.0/33"])?.end, End::Exited(2));
        daemon.kill9()?;
        ends(
            &["status"],
            3,
            &format!(
                "{nobody}Connection refused (os error 111)\nhint: the daemon has died: start it again\n"
            ),
        )
    })
}
