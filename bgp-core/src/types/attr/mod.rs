//! Path attributes in the one form that tables, policies and encoders share.
//!
//! An [`AttrSet`] is a run of octets: attributes in ascending type order, each in the exact wire form a
//! four-octet-AS peer would be sent (flags rebuilt, length octets minimal). So equality and hashing are
//! those of octets, interning needs one allocation, and encoding is mostly copying. NEXT_HOP (type 3) is
//! always present in this form even where the wire has the next hop in MP_REACH_NLRI, with 4, 16 or 32
//! octets; MP_REACH_NLRI and MP_UNREACH_NLRI never are.

mod any_community;
mod as_path;
mod builder;
mod code;
mod community;
mod set;

pub use any_community::{AnyCommunity, NotACommunity};
pub use as_path::{AsPath, AsSegment, SegmentKind};
pub use builder::AttrBuilder;
pub use code::{AttrCode, Origin, flags};
pub use community::{Communities, Community, ExtCommunity, LargeCommunity};
pub use set::{Aggregator, AttrSet, RawAttr, RawAttrs};

#[cfg(test)]
mod tests;
