//! Private files: nothing a lab writes can outlive it, because all of it is on its own tmpfs.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};

/// Where hosts keep their private directories, as the lab sees it.
pub(super) const HOSTS: &str = "/run/hosts";
/// Where process output is kept, as the lab sees it.
pub(super) const LOGS: &str = "/run/log";

/// Private directories of a host: name below its own, path it sees, mode. `/run` is last because
/// the others are found through it.
pub(super) const PRIVATE: [(&str, &str, u32); 3] =
    [("vartmp", "/var/tmp", 0o1777), ("tmp", "/tmp", 0o1777), ("run", "/run", 0o755)];

const NONE: Option<&Path> = None;

/// Mounts the lab's own `/proc` and a tmpfs on `/run`.
pub(super) fn lab(keep: &[PathBuf]) -> Result<(), String> {
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)
        .map_err(|error| format!("making mounts private: {error}"))?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, NONE).map_err(
        |error| {
            format!(
                "mounting /proc for the lab: {error}\nhint: a container that masks parts of /proc \
                 forbids this; run it with an unmasked /proc"
            )
        },
    )?;
    let kept = Kept::open(keep, &["/run"])?;
    let options = Some("mode=0755");
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, options)
        .map_err(|error| format!("mounting a tmpfs on /run: {error}"))?;
    kept.bind()?;
    for path in [HOSTS, LOGS] {
        fs::create_dir_all(path).map_err(|error| format!("creating {path}: {error}"))?;
    }
    Ok(())
}

/// Gives the calling thread, already in its own mount namespace, the private directories of `host`.
pub(super) fn host(host: &str, keep: &[PathBuf]) -> Result<(), String> {
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)
        .map_err(|error| format!("making mounts private: {error}"))?;
    let kept = Kept::open(keep, &PRIVATE.map(|(_, target, _)| target))?;
    let base = Path::new(HOSTS).join(host);
    for (name, target, mode) in PRIVATE {
        let source = base.join(name);
        fs::create_dir_all(&source)
            .and_then(|()| fs::set_permissions(&source, fs::Permissions::from_mode(mode)))
            .map_err(|error| format!("creating {}: {error}", source.display()))?;
        if name == "run" {
            for below in ["lock", "netns", "peregrine"] {
                fs::create_dir_all(source.join(below))
                    .map_err(|error| format!("creating {below}: {error}"))?;
            }
        }
        mount(Some(&source), target, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)
            .map_err(|error| format!("mounting a private {target}: {error}"))?;
    }
    kept.bind()
}

/// Directories that must stay visible although something is mounted above them.
struct Kept(Vec<(PathBuf, File)>);

impl Kept {
    fn open(keep: &[PathBuf], covered: &[&str]) -> Result<Self, String> {
        let hidden = keep.iter().filter(|path| covered.iter().any(|above| path.starts_with(above)));
        let open = hidden.map(|path| {
            let file = OpenOptions::new()
                .read(true)
                .custom_flags(OFlag::O_PATH.bits())
                .open(path)
                .map_err(|error| format!("opening {}: {error}", path.display()))?;
            Ok((path.clone(), file))
        });
        open.collect::<Result<_, String>>().map(Self)
    }

    fn bind(self) -> Result<(), String> {
        for (path, file) in self.0 {
            let source = format!("/proc/thread-self/fd/{}", file.as_raw_fd());
            fs::create_dir_all(&path).map_err(|error| format!("creating {}: {error}", path.display()))?;
            mount(Some(source.as_str()), &path, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)
                .map_err(|error| format!("keeping {} visible: {error}", path.display()))?;
        }
        Ok(())
    }
}
