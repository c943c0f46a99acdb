//! What tests of several tasks begin with.

use bgp_core::policy::PolicyId;

use super::peering::PeerSettings;
use crate::config::model::Mode;
use crate::config::{self, Host};

/// Of a peer with every default.
pub(super) fn peer_settings() -> PeerSettings {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.toml");
    let text = "[node]\nasn = 64512\nrouter-id = \"192.0.2.1\"\nlisten = []\n\
                [[neighbor]]\naddress = \"192.0.2.9\"\nasn = 64512\n";
    std::fs::write(&path, text).unwrap();
    let host = Host { name: "a".to_owned(), addresses: Vec::new() };
    let config = config::load(&path, Mode::Agent, &host).unwrap().config;
    let neighbor = config.neighbors.into_iter().next().unwrap();
    PeerSettings { neighbor, import: PolicyId::ACCEPT, export: PolicyId::ACCEPT }
}
