//! The real CNI plugins, run by hand as a container runtime runs them.

use std::ops::Deref;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::installed;
use crate::lab::{Container, Host, LabError, Result};

/// Where Debian installs the plugins, and where others do.
const DIRECTORIES: [&str; 2] = ["/usr/lib/cni", "/opt/cni/bin"];
/// Address bookkeeping of `host-local`, private to the host.
const BOOKS: &str = "/run/cni/networks";

/// A CNI network on one host.
#[derive(Clone, Debug)]
pub struct Cni {
    host: Host,
    name: String,
    plugin: String,
    directory: String,
}

/// A container connected by a plugin.
#[derive(Clone, Debug)]
pub struct CniContainer {
    container: Container,
    id: String,
    /// Its addresses, with the prefix lengths of their subnets.
    pub addresses: Vec<IpNet>,
}

impl Deref for CniContainer {
    type Target = Container;

    fn deref(&self) -> &Container {
        &self.container
    }
}

impl Host {
    /// A network of the `ptp` plugin: a route for each container, no bridge.
    ///
    /// # Errors
    /// When the plugins are not installed.
    pub fn cni_ptp(&self, name: &str, subnets: &[&str]) -> Result<Cni> {
        Cni::new(self, name, "ptp", subnets, &json!({}))
    }

    /// A network of the `bridge` plugin with the host as gateway.
    ///
    /// # Errors
    /// When the plugins are not installed.
    pub fn cni_bridge(&self, name: &str, bridge: &str, subnets: &[&str]) -> Result<Cni> {
        // A default route needs somewhere to go: the gateway on the bridge.
        Cni::new(self, name, "bridge", subnets, &json!({ "bridge": bridge, "isGateway": true }))
    }
}

impl Cni {
    fn new(host: &Host, name: &str, plugin: &str, subnets: &[&str], more: &Value) -> Result<Self> {
        let candidates = DIRECTORIES.map(|directory| format!("{directory}/{plugin}"));
        let found = installed(&candidates.each_ref().map(String::as_str))?;
        let directory = found.trim_end_matches(plugin).trim_end_matches('/').to_owned();
        let ranges: Vec<Value> = subnets.iter().map(|subnet| json!([{ "subnet": subnet }])).collect();
        let everywhere = |subnet: &&str| if subnet.contains(':') { "::/0" } else { "0.0.0.0/0" };
        let routes: Vec<Value> = subnets.iter().map(|subnet| json!({ "dst": everywhere(subnet) })).collect();
        let mut configuration = json!({
            "cniVersion": "0.4.0",
            "name": name,
            "type": plugin,
            "ipam": { "type": "host-local", "dataDir": BOOKS, "ranges": ranges, "routes": routes },
        });
        if let (Some(all), Some(more)) = (configuration.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        let cni = Self { host: host.clone(), name: name.to_owned(), plugin: plugin.to_owned(), directory };
        host.write_file(&cni.configuration_path(), &configuration.to_string())?;
        Ok(cni)
    }

    fn configuration_path(&self) -> String {
        format!("/run/cni/{}.json", self.name)
    }

    /// Starts a container and runs the plugin's ADD for it.
    ///
    /// # Errors
    /// When the name is taken or the plugin fails.
    pub fn add(&self, name: &str) -> Result<CniContainer> {
        let container = self.host.unconnected(name)?;
        let id = format!("{}-{name}", self.name);
        let text = self.call("ADD", &id, container.namespace_path())?;
        let odd =
            |what: &str| self.host.refused(format!("CNI {} ADD", self.plugin), format!("{what}: {text}"));
        let answer: Value = serde_json::from_str(&text).map_err(|error| odd(&error.to_string()))?;
        let list = |name: &str| answer.get(name).and_then(Value::as_array).into_iter().flatten();
        let text_of = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        // The bridge itself is among the interfaces, too; the veth is the one nobody gave a name.
        let veth = list("interfaces").filter_map(|interface| text_of(interface, "name"));
        let veth = veth.into_iter().find(|name| name.starts_with("veth")).ok_or_else(|| odd("no veth"))?;
        let addresses = list("ips").filter_map(|ip| text_of(ip, "address")?.parse().ok()).collect();
        Ok(CniContainer { container: container.behind(&veth), id, addresses })
    }

    /// Runs the plugin's DEL: the veth goes and the addresses are free again. The namespace stays.
    ///
    /// # Errors
    /// When the plugin fails.
    pub fn del(&self, container: &CniContainer) -> Result {
        self.call("DEL", &container.id, container.namespace_path()).map(drop)
    }

    /// Addresses that `host-local` believes to be in use.
    ///
    /// # Errors
    /// When the host is gone.
    pub fn booked(&self) -> Result<Vec<String>> {
        let path = self.host.outside(&format!("{BOOKS}/{}", self.name))?;
        let entries = std::fs::read_dir(&path).map_err(|error| self.host.refused("CNI books", error))?;
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().replace('_', ":"));
        Ok(names.filter(|name| name.parse::<std::net::IpAddr>().is_ok()).collect())
    }

    fn call(&self, command: &str, id: &str, namespace: &str) -> Result<String> {
        let env = [
            ("CNI_COMMAND", command),
            ("CNI_CONTAINERID", id),
            ("CNI_NETNS", namespace),
            ("CNI_IFNAME", "eth0"),
            ("CNI_PATH", &self.directory),
        ];
        // Only a shell can give it standard input here.
        let line = format!("exec {}/{} < {}", self.directory, self.plugin, self.configuration_path());
        let output = self.host.try_run_with(&["sh", "-c", &line], &env)?;
        if output.end == crate::lab::End::Exited(0) {
            return Ok(output.stdout);
        }
        // Plugins report errors on standard output.
        Err(LabError::Command {
            host: self.host.name().to_owned(),
            command: format!("CNI {} {command} {id}", self.plugin),
            status: output.end.to_string(),
            output: output.stdout + &output.stderr,
        })
    }
}
