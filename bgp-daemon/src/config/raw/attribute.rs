//! Values that name attributes of routes.

use std::net::IpAddr;

use bgp_core::types::attr::AnyCommunity;
use ipnet::IpNet;
use toml::Spanned;
use toml::de::DeValue;

use super::super::report::{Sink, closest};
use super::value::{FromToml, wrong_type};

impl FromToml for AnyCommunity {
    fn kind() -> String {
        "community".to_owned()
    }

    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
        let Some(text) = value.get_ref().as_str() else { return wrong_type(key, value, sink) };
        let parsed = text.parse().ok();
        if parsed.is_none() {
            let added = sink.error(value.span(), format!("`{key}`: {text:?} is not a community"));
            let parts = text.split(':').collect::<Vec<_>>();
            let numbers = parts.iter().all(|part| part.parse::<u64>().is_ok());
            match parts.len() {
                2 if numbers => added.hint(format!(
                    "each part is at most 65535; a large community has three: \"{text}:0\" for example"
                )),
                3 if numbers => added.hint("each part is at most 4294967295"),
                _ => match closest(text, Self::NAMES.iter().map(|(name, _)| *name)) {
                    Some(name) => added.hint(format!("did you mean `{name}`?")),
                    None => added.hint("such as \"65000:1\", \"65000:1:2\" or \"no-export\""),
                },
            };
        }
        parsed
    }
}

/// One address, or all of a prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NextHops(pub(crate) IpNet);

impl FromToml for NextHops {
    fn kind() -> String {
        "IP address or prefix".to_owned()
    }

    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
        let Some(text) = value.get_ref().as_str() else { return wrong_type(key, value, sink) };
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self(address.into()));
        }
        let Ok(net) = text.parse::<IpNet>() else {
            sink.error(value.span(), format!("`{key}`: {text:?} is neither an IP address nor a prefix"))
                .hint("such as \"192.0.2.1\" or \"2001:db8::/64\"");
            return None;
        };
        if net.trunc() != net {
            sink.error(value.span(), format!("`{key}`: `{net}` has host bits set")).hint(format!(
                "did you mean `{}`, or `{}`?",
                net.trunc(),
                net.addr()
            ));
            return None;
        }
        Some(Self(net))
    }
}
