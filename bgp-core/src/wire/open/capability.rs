//! Capabilities (IANA "Capability Codes"), each limited to its own octets.

use bytes::{BufMut, Bytes, BytesMut};

use crate::types::{Asn, Family};
use crate::wire::notification::printable;

/// One capability of an OPEN.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Capability {
    /// Code 1 (RFC 4760 §8).
    Multiprotocol(Family),
    /// Code 2 (RFC 2918).
    RouteRefresh,
    /// Code 5 (RFC 8950): families whose routes may have an IPv6 next hop.
    ExtendedNextHop(Vec<NextHopFamily>),
    /// Code 6 (RFC 8654).
    ExtendedMessage,
    /// Code 9 (RFC 9234 §4.1), the number as it is.
    Role(u8),
    /// Code 64 (RFC 4724).
    GracefulRestart {
        /// R bit: the sender has restarted.
        restart_state: bool,
        /// N bit: a NOTIFICATION or expired hold timer begins graceful restart too (RFC 8538).
        notification: bool,
        /// Seconds until the session is back, 0 to 4095.
        time: u16,
        /// Families whose routes may be kept.
        families: Vec<RestartFamily>,
    },
    /// Code 65 (RFC 6793).
    FourOctetAs(Asn),
    /// Code 69 (RFC 7911).
    AddPath(Vec<AddPathFamily>),
    /// Code 70 (RFC 7313).
    EnhancedRouteRefresh,
    /// Code 71 (RFC 9494).
    LongLivedGracefulRestart(Vec<LongLivedFamily>),
    /// Code 73, for people.
    Fqdn {
        /// Host name, printable.
        host: String,
        /// Domain name, printable.
        domain: String,
    },
    /// Code 75, for people.
    SoftwareVersion(String),
    /// A code this speaker has no use for.
    Unknown {
        /// The capability code.
        code: u8,
        /// Its value.
        value: Bytes,
    },
    /// A known code whose value cannot be right; not in force.
    Malformed {
        /// The capability code.
        code: u8,
        /// Its value.
        value: Bytes,
    },
}

/// A family whose routes may have next hops of another one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NextHopFamily {
    /// AFI of the routes.
    pub afi: u16,
    /// SAFI of the routes; two octets in this capability.
    pub safi: u16,
    /// AFI of the next hop.
    pub next_hop_afi: u16,
}

/// A family of the graceful restart capability.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RestartFamily {
    /// The family.
    pub family: Family,
    /// F bit: forwarding state was kept through the restart.
    pub forwarding: bool,
}

/// A family of the long-lived graceful restart capability.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LongLivedFamily {
    /// The family.
    pub family: Family,
    /// F bit: forwarding state was kept through the restart.
    pub forwarding: bool,
    /// Seconds, 0 to 16777215.
    pub stale_time: u32,
}

/// A family of the add-path capability.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AddPathFamily {
    /// The family.
    pub family: Family,
    /// What the sender of the capability can do.
    pub mode: AddPathMode,
}

/// Direction of add-path (RFC 7911 §4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddPathMode {
    /// Can receive several paths.
    Receive = 1,
    /// Can send several paths.
    Send = 2,
    /// Both.
    Both = 3,
}

impl Capability {
    /// Reads the value of one capability.
    pub fn decode(code: u8, value: Bytes) -> Self {
        known(code, &value).unwrap_or_else(|| match code {
            1 | 2 | 5 | 6 | 9 | 64 | 65 | 69 | 70 | 71 | 73 | 75 => Self::Malformed { code, value },
            _ => Self::Unknown { code, value },
        })
    }

    /// The capability code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Multiprotocol(_) => 1,
            Self::RouteRefresh => 2,
            Self::ExtendedNextHop(_) => 5,
            Self::ExtendedMessage => 6,
            Self::Role(_) => 9,
            Self::GracefulRestart { .. } => 64,
            Self::FourOctetAs(_) => 65,
            Self::AddPath(_) => 69,
            Self::EnhancedRouteRefresh => 70,
            Self::LongLivedGracefulRestart(_) => 71,
            Self::Fqdn { .. } => 73,
            Self::SoftwareVersion(_) => 75,
            Self::Unknown { code, .. } | Self::Malformed { code, .. } => *code,
        }
    }

    /// Appends code, length and value. Lists are cut to what 255 octets can hold.
    pub(super) fn encode(&self, out: &mut BytesMut) {
        let mut value = BytesMut::new();
        self.put_value(&mut value);
        out.put_slice(&[self.code(), value.len() as u8]);
        out.put_slice(&value);
    }

    fn put_value(&self, out: &mut BytesMut) {
        match self {
            Self::RouteRefresh | Self::ExtendedMessage | Self::EnhancedRouteRefresh => {}
            Self::Multiprotocol(family) => {
                out.put_u16(family.afi);
                out.put_slice(&[0, family.safi]);
            }
            Self::ExtendedNextHop(families) => {
                for entry in families.iter().take(255 / 6) {
                    out.put_u16(entry.afi);
                    out.put_u16(entry.safi);
                    out.put_u16(entry.next_hop_afi);
                }
            }
            Self::Role(role) => out.put_u8(*role),
            Self::GracefulRestart { restart_state, notification, time, families } => {
                let flags = u16::from(*restart_state) << 15 | u16::from(*notification) << 14;
                out.put_u16(flags | time & 0xfff);
                for entry in families.iter().take(253 / 4) {
                    put_family(out, entry.family);
                    out.put_u8(forwarding_octet(entry.forwarding));
                }
            }
            Self::FourOctetAs(asn) => out.put_u32(asn.0),
            Self::AddPath(families) => {
                for entry in families.iter().take(255 / 4) {
                    put_family(out, entry.family);
                    out.put_u8(entry.mode as u8);
                }
            }
            Self::LongLivedGracefulRestart(families) => {
                for entry in families.iter().take(255 / 7) {
                    put_family(out, entry.family);
                    out.put_u8(forwarding_octet(entry.forwarding));
                    out.put_uint(u64::from(entry.stale_time.min(0xff_ffff)), 3);
                }
            }
            Self::Fqdn { host, domain } => {
                put_text(out, host, 64);
                put_text(out, domain, 64);
            }
            Self::SoftwareVersion(version) => put_text(out, version, 64),
            Self::Unknown { value, .. } | Self::Malformed { value, .. } => {
                out.put_slice(value.get(..255).unwrap_or(value));
            }
        }
    }
}

/// `None` if the code is unknown or the value cannot be right.
fn known(code: u8, value: &[u8]) -> Option<Capability> {
    let empty = |capability| value.is_empty().then_some(capability);
    match code {
        1 => match *value {
            [high, low, _, safi] => Some(Capability::Multiprotocol(family(high, low, safi))),
            _ => None,
        },
        2 => empty(Capability::RouteRefresh),
        5 => records::<6, _>(value, |&[a, b, c, d, e, f]| {
            Some(NextHopFamily {
                afi: u16::from_be_bytes([a, b]),
                safi: u16::from_be_bytes([c, d]),
                next_hop_afi: u16::from_be_bytes([e, f]),
            })
        })
        .map(Capability::ExtendedNextHop),
        6 => empty(Capability::ExtendedMessage),
        9 => <[u8; 1]>::try_from(value).ok().map(|[role]| Capability::Role(role)),
        64 => graceful_restart(value),
        65 => Some(Capability::FourOctetAs(Asn(u32::from_be_bytes(value.try_into().ok()?)))),
        69 => records::<4, _>(value, |&[high, low, safi, mode]| {
            let mode = match mode {
                1 => AddPathMode::Receive,
                2 => AddPathMode::Send,
                3 => AddPathMode::Both,
                _ => return None,
            };
            Some(AddPathFamily { family: family(high, low, safi), mode })
        })
        .map(Capability::AddPath),
        70 => empty(Capability::EnhancedRouteRefresh),
        71 => records::<7, _>(value, |&[high, low, safi, flags, a, b, c]| {
            Some(LongLivedFamily {
                family: family(high, low, safi),
                forwarding: flags & 0x80 != 0,
                stale_time: u32::from_be_bytes([0, a, b, c]),
            })
        })
        .map(Capability::LongLivedGracefulRestart),
        73 => {
            let (host, rest) = text(value)?;
            let (domain, rest) = text(rest)?;
            rest.is_empty().then_some(Capability::Fqdn { host, domain })
        }
        75 => {
            let (version, rest) = text(value)?;
            rest.is_empty().then_some(Capability::SoftwareVersion(version))
        }
        _ => None,
    }
}

fn graceful_restart(value: &[u8]) -> Option<Capability> {
    let (&[high, low], rest) = value.split_first_chunk::<2>()?;
    let families = records::<4, _>(rest, |&[high, low, safi, flags]| {
        Some(RestartFamily { family: family(high, low, safi), forwarding: flags & 0x80 != 0 })
    })?;
    Some(Capability::GracefulRestart {
        restart_state: high & 0x80 != 0,
        notification: high & 0x40 != 0,
        time: u16::from_be_bytes([high & 0x0f, low]),
        families,
    })
}

/// Splits `value` into records of `N` octets; `None` if it is no multiple or a record is refused.
fn records<const N: usize, T>(value: &[u8], read: impl Fn(&[u8; N]) -> Option<T>) -> Option<Vec<T>> {
    let (records, rest) = value.as_chunks::<N>();
    if !rest.is_empty() {
        return None;
    }
    records.iter().map(read).collect()
}

fn text(value: &[u8]) -> Option<(String, &[u8])> {
    let (&len, rest) = value.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(len))?;
    Some((printable(text), rest))
}

fn put_text(out: &mut BytesMut, text: &str, max: usize) {
    let fits = |end: &usize| text.is_char_boundary(*end);
    let end = (0..=text.len().min(max)).rev().find(fits).unwrap_or(0);
    let text = text.get(..end).unwrap_or("");
    out.put_u8(text.len() as u8);
    out.put_slice(text.as_bytes());
}

fn family(high: u8, low: u8, safi: u8) -> Family {
    Family { afi: u16::from_be_bytes([high, low]), safi }
}

fn put_family(out: &mut BytesMut, family: Family) {
    out.put_u16(family.afi);
    out.put_u8(family.safi);
}

fn forwarding_octet(forwarding: bool) -> u8 {
    u8::from(forwarding) << 7
}
