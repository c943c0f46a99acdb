//! Values of single keys: from TOML to types, with errors that say what was expected.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use toml::Spanned;
use toml::de::DeValue;

use super::super::report::Sink;

/// A type a key may have.
pub(crate) trait FromToml: Sized {
    /// What it is, for people: `whole number, 0 to 65535`.
    fn kind() -> String;
    /// Reads a value; on `None` the sink has been told why.
    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self>;
    /// Whether it is a table of its own, and a list of it is written `[[key]]`.
    const TABLE: bool = false;
}

/// Reports that a value is of another type than `T`.
pub(super) fn wrong_type<T: FromToml>(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<T> {
    let found = match value.get_ref() {
        DeValue::String(text) if text.len() <= 60 => format!("string {text:?}"),
        DeValue::Integer(number) => format!("number {number}"),
        DeValue::Boolean(flag) => format!("{flag}"),
        other => other.type_str().to_owned(),
    };
    let kind = T::kind();
    let added = sink.error(value.span(), format!("`{key}` must be {}, found {found}", with_article(&kind)));
    let text = value.get_ref().as_str().unwrap_or_default();
    let unquoted = match kind.as_str() {
        kind if kind.contains("number") => text.parse::<i64>().is_ok(),
        kind if kind.starts_with("true") => matches!(text, "true" | "false"),
        _ => false,
    };
    if unquoted {
        added.hint(format!("write `{key} = {text}`, without quotes"));
    } else if kind.starts_with("list of") && !value.get_ref().is_table() {
        added.hint(format!("write `{key} = [ … ]`"));
    } else if kind == "table" {
        added.hint(format!("write `{key} = {{ … }}`"));
    } else if kind.contains("number") && value.get_ref().is_integer() {
        added.hint("choose a number within that range");
    } else if kind.contains("number") {
        added.hint(format!("write a number without quotes, such as `{key} = 30`"));
    } else if kind.starts_with("true") {
        added.hint(format!("write `{key} = true` or `{key} = false`"));
    } else {
        added.hint(format!("write it in quotes: `{key} = \"…\"`"));
    }
    None
}

fn with_article(kind: &str) -> String {
    let no_article = ["one of", "true"].iter().any(|start| kind.starts_with(start));
    match kind.chars().next() {
        _ if no_article => kind.to_owned(),
        Some('a' | 'A' | 'e' | 'i' | 'I' | 'o') => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}

impl FromToml for bool {
    fn kind() -> String {
        "true or false".to_owned()
    }

    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
        value.get_ref().as_bool().or_else(|| wrong_type(key, value, sink))
    }
}

impl FromToml for String {
    fn kind() -> String {
        "string".to_owned()
    }

    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
        value.get_ref().as_str().map(str::to_owned).or_else(|| wrong_type(key, value, sink))
    }
}

macro_rules! numbers {
    ($($type:ty),+) => { $(
        impl FromToml for $type {
            fn kind() -> String {
                format!("whole number from 0 to {}", <$type>::MAX)
            }

            fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
                value
                    .get_ref()
                    .as_integer()
                    .and_then(|n| <$type>::from_str_radix(n.as_str(), n.radix()).ok())
                    .or_else(|| wrong_type(key, value, sink))
            }
        }
    )+ };
}
numbers!(u8, u16, u32);

macro_rules! parsed {
    ($($type:ty, $kind:literal, $hint:literal;)+) => { $(
        impl FromToml for $type {
            fn kind() -> String {
                $kind.to_owned()
            }

            fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
                let Some(text) = value.get_ref().as_str() else { return wrong_type(key, value, sink) };
                let parsed = text.parse().ok();
                if parsed.is_none() {
                    sink.error(value.span(), format!("`{key}`: {text:?} is not {}", with_article($kind)))
                        .hint($hint);
                }
                parsed
            }
        }
    )+ };
}
parsed! {
    IpAddr, "IP address", "such as \"192.0.2.1\" or \"2001:db8::1\"";
    Ipv4Addr, "IPv4 address", "such as \"192.0.2.1\"";
    SocketAddr, "address with a port", "such as \"0.0.0.0:179\" or \"[::]:179\"";
}

/// A prefix without host bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Network(pub(crate) IpNet);

impl FromToml for Network {
    fn kind() -> String {
        "prefix".to_owned()
    }

    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
        let Some(text) = value.get_ref().as_str() else { return wrong_type(key, value, sink) };
        let Ok(net) = text.parse::<IpNet>() else {
            let added = sink.error(value.span(), format!("`{key}`: {text:?} is not a prefix"));
            match text.parse::<IpAddr>() {
                Ok(address) => added.hint(format!("did you mean `{}`?", IpNet::from(address))),
                Err(_) => added.hint("such as \"10.60.0.0/16\" or \"2001:db8::/32\""),
            };
            return None;
        };
        if net.trunc() != net {
            sink.error(value.span(), format!("`{key}`: `{net}` has host bits set"))
                .hint(format!("did you mean `{}`?", net.trunc()));
            return None;
        }
        Some(Self(net))
    }
}

/// A peer's address, with the interface where it is link-local: `fe80::1%eth0`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PeerAddress {
    pub(crate) ip: IpAddr,
    pub(crate) zone: Option<String>,
}

impl FromToml for PeerAddress {
    fn kind() -> String {
        "IP address, with `%interface` if link-local".to_owned()
    }

    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
        let Some(text) = value.get_ref().as_str() else { return wrong_type(key, value, sink) };
        let (address, zone) = match text.split_once('%') {
            Some((address, zone)) => (address, Some(zone.to_owned())),
            None => (text, None),
        };
        match address.parse() {
            Ok(ip) => Some(Self { ip, zone }),
            Err(_) => {
                let added = sink.error(value.span(), format!("`{key}`: {text:?} is not an IP address"));
                if address.parse::<IpNet>().is_ok() {
                    added.hint("an address, not a prefix: leave out the length");
                } else {
                    added.hint("such as \"192.0.2.254\" or \"2001:db8::1\"; names are not looked up");
                }
                None
            }
        }
    }
}

impl<T: FromToml> FromToml for Vec<Spanned<T>> {
    fn kind() -> String {
        format!("list of {}", T::kind())
    }

    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
        let Some(items) = value.get_ref().as_array() else {
            if T::TABLE && value.get_ref().is_table() {
                sink.error(value.span(), format!("`{key}` must be a list of tables, found one table"))
                    .hint(format!("write `[[{key}]]`"));
                return None;
            }
            return wrong_type(key, value, sink);
        };
        // Every wrong item is reported, and the right ones are kept: later checks see as much as they can.
        let read = |item: &Spanned<DeValue<'_>>| {
            T::from_toml(key, item, sink).map(|read| Spanned::new(item.span(), read))
        };
        Some(items.iter().filter_map(read).collect())
    }
}

/// One value, or a list of them.
#[derive(Clone, Debug)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<Spanned<T>>);

impl<T: FromToml> FromToml for OneOrMany<T> {
    fn kind() -> String {
        format!("{}, or a list", T::kind())
    }

    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
        if value.get_ref().is_array() {
            return Vec::from_toml(key, value, sink).map(Self);
        }
        T::from_toml(key, value, sink).map(|one| Self(vec![Spanned::new(value.span(), one)]))
    }
}

/// `true` or `false`, or a table that says more.
#[derive(Clone, Debug)]
pub(crate) enum Switch<T> {
    Flag(bool),
    Table(T),
}

impl<T: FromToml> FromToml for Switch<T> {
    fn kind() -> String {
        "true, false or a table".to_owned()
    }

    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(Self::Flag(*flag)),
            DeValue::Table(_) => T::from_toml(key, value, sink).map(Self::Table),
            _ => wrong_type(key, value, sink),
        }
    }
}

/// An AS number, or the word for a whole class of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AsnWord {
    Number(u32),
    Internal,
    External,
}

impl FromToml for AsnWord {
    fn kind() -> String {
        "AS number, \"internal\" or \"external\"".to_owned()
    }

    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
        match value.get_ref() {
            DeValue::String(word) if word == "internal" => Some(Self::Internal),
            DeValue::String(word) if word == "external" => Some(Self::External),
            DeValue::Integer(_) => u32::from_toml(key, value, sink).map(Self::Number),
            _ => wrong_type(key, value, sink),
        }
    }
}

/// Bounds of a length: `26`, or `[16, 26]`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Range {
    pub(crate) min: u8,
    pub(crate) max: u8,
}

impl FromToml for Range {
    fn kind() -> String {
        "length, or `[shortest, longest]`".to_owned()
    }

    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
        if value.get_ref().is_integer() {
            return u8::from_toml(key, value, sink).map(|only| Self { min: only, max: only });
        }
        let Some(items) = value.get_ref().as_array() else { return wrong_type(key, value, sink) };
        let lengths: Vec<u8> = items.iter().filter_map(|item| u8::from_toml(key, item, sink)).collect();
        match lengths.as_slice() {
            [min, max] => Some(Self { min: *min, max: *max }),
            _ if items.len() == 2 => None,
            _ => wrong_type(key, value, sink),
        }
    }
}

/// Declares a type whose values are words.
macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident { $($variant:ident = $word:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[allow(dead_code, reason = "words of later releases are read, then refused")]
        pub(crate) enum $name { $($variant,)+ }

        impl $name {
            pub(crate) const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl $crate::config::raw::value::FromToml for $name {
            fn kind() -> String {
                let quoted: Vec<String> = Self::WORDS.iter().map(|word| format!("{word:?}")).collect();
                format!("one of {}", quoted.join(", "))
            }

            fn from_toml(
                key: &str,
                value: &toml::Spanned<toml::de::DeValue<'_>>,
                sink: &mut $crate::config::report::Sink,
            ) -> Option<Self> {
                match value.get_ref().as_str() {
                    $(Some($word) => Some(Self::$variant),)+
                    Some(written) => {
                        let kind = <Self as $crate::config::raw::value::FromToml>::kind();
                        sink.error(value.span(), format!("`{key}` must be {kind}, found {written:?}"))
                            .did_you_mean(written, Self::WORDS.iter().copied());
                        None
                    }
                    None => $crate::config::raw::value::wrong_type(key, value, sink),
                }
            }
        }
    };
}
pub(crate) use words;
