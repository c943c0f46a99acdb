//! The wire format: framing, decoding and encoding of BGP messages.
//!
//! Decoding is total: any octets give a message, a list of faults with their dispositions (RFC 7606), or
//! a [`MessageError`] that ends the session. Nothing is allocated in proportion to a length merely claimed.
//! What depends on configuration (the expected AS, the accepted hold time) is checked by the session.

pub mod encode;
pub mod fault;
pub mod frame;
pub mod notification;
pub mod open;
pub mod refresh;
pub mod update;

pub use encode::{Format, Unsendable, UnsendableReason, encode_announce, encode_end_of_rib, encode_withdraw};
pub use fault::{Disposition, Fault, FaultKind, MessageError};
pub use frame::{
    HEADER_LEN, MAX_EXTENDED_LEN, MAX_LEN, MessageKind, RawMessage, count_messages, encode_keepalive,
    next_message,
};
pub use notification::Notification;
pub use open::{Capability, Open};
pub use refresh::{RefreshKind, RouteRefresh};
pub use update::{Announcement, PeerKind, UpTo, Update, UpdateContext, decode_update};
