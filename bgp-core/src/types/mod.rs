//! Field vocabulary as newtypes; every other module speaks in these.

pub mod attr;
mod family;
mod next_hop;
mod nlri;
mod number;

pub use attr::{
    AsPath, AsSegment, AttrBuilder, AttrCode, AttrSet, Communities, Origin, RawAttr, SegmentKind,
};
pub use family::{Family, PerFamily};
pub use next_hop::NextHop;
pub use nlri::{Division, Nlri, NlriBlock, NlriFault, NlriIter, NlriKey, Scatter, V4Key, V6Key};
pub use number::{Asn, ClusterId, HoldTime, PathId, PeerId, RouterId};
