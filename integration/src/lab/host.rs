//! A host: its kernel tables, files and processes.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkHeader, LinkMessage};

use super::error::{LabError, Result};
use super::init;
use super::link::Address;
use super::netlink::Netlink;
use super::topology::Shared;
use super::wire::{Kind, SocketKind};

/// A host or a container's inside: a handle, cheap to clone.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

struct Inner {
    shared: Arc<Shared>,
    /// Name in messages; unique in the lab.
    name: String,
    /// The host whose files it sees: itself, unless it is a container.
    files: String,
    namespace: String,
    netlink: Mutex<Option<Netlink>>,
}

impl Host {
    pub(crate) fn create(shared: &Arc<Shared>, name: &str, kind: Kind) -> Result<Self> {
        let files = match &kind {
            Kind::Container { of } => of.clone(),
            _ => name.to_owned(),
        };
        let namespace = shared.client.create(name, kind)?;
        let host = Self(Arc::new(Inner {
            shared: Arc::clone(shared),
            name: name.to_owned(),
            files,
            namespace,
            netlink: Mutex::default(),
        }));
        host.link("lo").up()?;
        Ok(host)
    }

    /// Name of the host.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Path of its network namespace for processes of the lab, as CNI plugins want it.
    #[must_use]
    pub fn namespace_path(&self) -> &str {
        &self.0.namespace
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    pub(crate) fn refused(&self, what: impl Into<String>, cause: impl std::fmt::Display) -> LabError {
        LabError::refused(self.name(), what, cause)
    }

    pub(crate) fn open_namespace(&self) -> Result<OwnedFd> {
        self.shared().client.namespace(self.name())
    }

    pub(crate) fn socket(&self, kind: SocketKind) -> Result<OwnedFd> {
        self.shared().client.socket(self.name(), kind)
    }

    pub(crate) fn netlink<T>(
        &self,
        what: &str,
        action: impl FnOnce(&mut Netlink) -> io::Result<T>,
    ) -> Result<T> {
        let open = || self.socket(SocketKind::Route { groups: 0 }).map(Netlink::new);
        let refused = |error| self.refused(what, error);
        // A socket would keep a container's namespace alive, and there may be a thousand.
        if self.0.files != self.0.name {
            return action(&mut open()?).map_err(refused);
        }
        let mut cached = self.0.netlink.lock().unwrap_or_else(PoisonError::into_inner);
        let netlink = match &mut *cached {
            Some(netlink) => netlink,
            empty => empty.insert(open()?),
        };
        action(netlink).map_err(refused)
    }

    /// Names of its links by kernel index.
    ///
    /// # Errors
    /// When the host is gone.
    pub fn links(&self) -> Result<HashMap<u32, String>> {
        let query = RouteNetlinkMessage::GetLink(link_query());
        let answers = self.netlink("listing links", |netlink| netlink.dump(query))?;
        let links = answers.into_iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewLink(link) => Some((link.header.index, link_name(&link)?)),
            _ => None,
        });
        Ok(links.collect())
    }

    pub(crate) fn link_index(&self, dev: &str) -> Result<u32> {
        self.link_header(dev).map(|header| header.index)
    }

    pub(crate) fn link_header(&self, dev: &str) -> Result<LinkHeader> {
        let mut query = link_query();
        query.attributes.push(LinkAttribute::IfName(dev.to_owned()));
        let query = RouteNetlinkMessage::GetLink(query);
        let answers = self.netlink(&format!("link {dev}"), |netlink| netlink.get(query))?;
        let header = answers.into_iter().find_map(|answer| match answer {
            RouteNetlinkMessage::NewLink(link) => Some(link.header),
            _ => None,
        });
        header.ok_or_else(|| self.refused(format!("link {dev}"), "no such link"))
    }

    /// Its addresses, without those of the loopback link.
    ///
    /// # Errors
    /// When the host is gone.
    pub fn addresses(&self) -> Result<Vec<Address>> {
        let links = self.links()?;
        let read = |message: &AddressMessage| {
            let dev = links.get(&message.header.index).filter(|dev| *dev != "lo")?.clone();
            let mut address = None;
            for attribute in &message.attributes {
                match attribute {
                    AddressAttribute::Local(local) => address = Some(*local),
                    AddressAttribute::Address(peer) => address = address.or(Some(*peer)),
                    _ => {}
                }
            }
            let net = IpNet::new(address?, message.header.prefix_len).ok()?;
            Some(Address { dev, net })
        };
        Ok(self.address_messages()?.iter().filter_map(read).collect())
    }

    pub(crate) fn address_messages(&self) -> Result<Vec<AddressMessage>> {
        let query = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let answers = self.netlink("listing addresses", |netlink| netlink.dump(query))?;
        let all = answers.into_iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewAddress(message) => Some(message),
            _ => None,
        });
        Ok(all.collect())
    }

    /// Sets a sysctl, named as `net/ipv4/ip_forward` or `net.ipv4.ip_forward`.
    ///
    /// # Errors
    /// When it does not exist or refuses the value.
    pub fn set_sysctl(&self, key: &str, value: &str) -> Result {
        self.shared().client.set_sysctl(self.name(), &sysctl_path(key), value)
    }

    /// Reads a sysctl.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn sysctl(&self, key: &str) -> Result<String> {
        self.shared().client.sysctl(self.name(), &sysctl_path(key))
    }

    /// Path from the test for a file the host sees as `inside`, which must be below `/run`,
    /// `/tmp` or `/var/tmp`.
    ///
    /// # Errors
    /// When it lies elsewhere: everything else is shared with the machine.
    pub fn outside(&self, inside: &str) -> Result<PathBuf> {
        let private = init::private_path(&self.0.files, Path::new(inside));
        let path = private.ok_or_else(|| self.refused(inside, "only /run, /tmp and /var/tmp are private"))?;
        Ok(self.shared().client.outside(path))
    }

    /// Writes a file below `/run`, `/tmp` or `/var/tmp` of the host, making its directory.
    ///
    /// # Errors
    /// When it lies elsewhere or cannot be written.
    pub fn write_file(&self, inside: &str, text: &str) -> Result {
        let path = self.outside(inside)?;
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&path, text))
            .map_err(|error| self.refused(format!("writing {inside}"), error))
    }

    /// Reads a file below `/run`, `/tmp` or `/var/tmp` of the host.
    ///
    /// # Errors
    /// When it lies elsewhere or cannot be read.
    pub fn read_file(&self, inside: &str) -> Result<String> {
        fs::read_to_string(self.outside(inside)?)
            .map_err(|error| self.refused(format!("reading {inside}"), error))
    }
}

/// Asks for links without their counters, which are most of an answer.
fn link_query() -> LinkMessage {
    let mut query = LinkMessage::default();
    query.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    query
}

fn link_name(link: &LinkMessage) -> Option<String> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })
}

// Only names with dots inside, such as an interface `eth0.5`, need the form with slashes.
fn sysctl_path(key: &str) -> String {
    if key.contains('/') { key.to_owned() } else { key.replace('.', "/") }
}
