//! The framing of rtnetlink: messages, attributes, and writing both. Host byte order throughout.
//!
//! Reading never panics and never trusts a length; what does not fit ends the iteration.

/// A netlink message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) seq: u32,
    pub(super) pid: u32,
    pub(super) body: &'a [u8],
}

/// Splits a datagram into messages.
pub(super) fn messages(mut buf: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let len = u32_at(buf, 0)? as usize;
        let body = buf.get(HEADER..len)?;
        let message = Message {
            kind: u16_at(buf, 4)?,
            flags: u16_at(buf, 6)?,
            seq: u32_at(buf, 8)?,
            pid: u32_at(buf, 12)?,
            body,
        };
        buf = buf.get(align(len)..).unwrap_or_default();
        Some(message)
    })
}

/// Splits a run of attributes into (type, payload); flag bits in the type are dropped.
pub(super) fn attrs(mut buf: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(buf, 0)?);
        let payload = buf.get(ATTR_HEADER..len)?;
        let kind = u16_at(buf, 2)? & 0x3fff;
        buf = buf.get(align(len)..).unwrap_or_default();
        Some((kind, payload))
    })
}

pub(super) fn u16_at(buf: &[u8], at: usize) -> Option<u16> {
    buf.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

pub(super) fn u32_at(buf: &[u8], at: usize) -> Option<u32> {
    buf.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// Rounds up to the four octets everything is aligned to.
pub(super) const fn align(len: usize) -> usize {
    (len + 3) & !3
}

/// Appends messages to a buffer.
#[derive(Debug, Default)]
pub(super) struct Writer {
    buf: Vec<u8>,
    message: usize,
}

/// Where a nested attribute or next hop began.
#[derive(Clone, Copy)]
pub(super) struct Nest(usize);

impl Writer {
    pub(super) fn clear(&mut self) {
        self.buf.clear();
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buf
    }

    /// Starts a message with its family header.
    pub(super) fn begin(&mut self, kind: u16, flags: u16, seq: u32, header: &[u8]) {
        self.message = self.buf.len();
        self.buf.extend_from_slice(&0u32.to_ne_bytes());
        self.buf.extend_from_slice(&kind.to_ne_bytes());
        self.buf.extend_from_slice(&flags.to_ne_bytes());
        self.buf.extend_from_slice(&seq.to_ne_bytes());
        self.buf.extend_from_slice(&0u32.to_ne_bytes());
        self.put(header);
    }

    /// Ends the message begun last.
    pub(super) fn end(&mut self) {
        let len = u32::try_from(self.buf.len() - self.message).unwrap_or(u32::MAX);
        self.patch(self.message, &len.to_ne_bytes());
    }

    pub(super) fn attr(&mut self, kind: u16, payload: &[u8]) {
        let nest = self.open(kind);
        self.put(payload);
        self.close(nest);
    }

    pub(super) fn open(&mut self, kind: u16) -> Nest {
        let start = self.buf.len();
        self.buf.extend_from_slice(&0u16.to_ne_bytes());
        self.buf.extend_from_slice(&kind.to_ne_bytes());
        Nest(start)
    }

    /// Writes the length of what was opened, and pads.
    pub(super) fn close(&mut self, nest: Nest) {
        let len = u16::try_from(self.buf.len() - nest.0).unwrap_or(u16::MAX);
        self.patch(nest.0, &len.to_ne_bytes());
        self.buf.resize(align(self.buf.len()), 0);
    }

    /// Opens a `struct rtnexthop`; [`Self::close`] writes its length too, which comes first as well.
    pub(super) fn open_hop(&mut self, flags: u8, extra_weight: u8, ifindex: u32) -> Nest {
        let start = self.buf.len();
        self.buf.extend_from_slice(&[0, 0, flags, extra_weight]);
        self.buf.extend_from_slice(&ifindex.to_ne_bytes());
        Nest(start)
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
        self.buf.resize(align(self.buf.len()), 0);
    }

    /// Appends without padding, for payloads in parts.
    pub(super) fn put_raw(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    fn patch(&mut self, at: usize, bytes: &[u8]) {
        if let Some(slot) = self.buf.get_mut(at..at + bytes.len()) {
            slot.copy_from_slice(bytes);
        }
    }
}

pub(super) const HEADER: usize = 16;
const ATTR_HEADER: usize = 4;

/// Message types, flags and attribute numbers of the kernel's interface (`linux/rtnetlink.h`).
pub(super) mod num {
    pub(in super::super) const NLMSG_ERROR: u16 = 2;
    pub(in super::super) const NLMSG_DONE: u16 = 3;
    pub(in super::super) const NLMSG_OVERRUN: u16 = 4;
    pub(in super::super) const RTM_NEWLINK: u16 = 16;
    pub(in super::super) const RTM_DELLINK: u16 = 17;
    pub(in super::super) const RTM_GETLINK: u16 = 18;
    pub(in super::super) const RTM_NEWADDR: u16 = 20;
    pub(in super::super) const RTM_DELADDR: u16 = 21;
    pub(in super::super) const RTM_GETADDR: u16 = 22;
    pub(in super::super) const RTM_NEWROUTE: u16 = 24;
    pub(in super::super) const RTM_DELROUTE: u16 = 25;
    pub(in super::super) const RTM_GETROUTE: u16 = 26;
    pub(in super::super) const RTM_NEWNEXTHOP: u16 = 104;
    pub(in super::super) const RTM_DELNEXTHOP: u16 = 105;

    pub(in super::super) const F_REQUEST: u16 = 0x1;
    pub(in super::super) const F_ACK: u16 = 0x4;
    pub(in super::super) const F_DUMP_INTR: u16 = 0x10;
    pub(in super::super) const F_DUMP: u16 = 0x300;
    pub(in super::super) const F_REPLACE: u16 = 0x100;
    pub(in super::super) const F_EXCL: u16 = 0x200;
    pub(in super::super) const F_CREATE: u16 = 0x400;

    pub(in super::super) const AF_INET: u8 = 2;
    pub(in super::super) const AF_INET6: u8 = 10;

    pub(in super::super) const RTA_DST: u16 = 1;
    pub(in super::super) const RTA_OIF: u16 = 4;
    pub(in super::super) const RTA_GATEWAY: u16 = 5;
    pub(in super::super) const RTA_PRIORITY: u16 = 6;
    pub(in super::super) const RTA_MULTIPATH: u16 = 9;
    pub(in super::super) const RTA_TABLE: u16 = 15;
    pub(in super::super) const RTA_VIA: u16 = 18;
    pub(in super::super) const RTA_NH_ID: u16 = 30;

    pub(in super::super) const RTN_UNICAST: u8 = 1;
    pub(in super::super) const RTN_LOCAL: u8 = 2;
    pub(in super::super) const RTN_BLACKHOLE: u8 = 6;
    pub(in super::super) const SCOPE_NOWHERE: u8 = 255;
    pub(in super::super) const RTM_F_CLONED: u32 = 0x200;
    pub(in super::super) const RTNH_F_DEAD: u8 = 1;
    pub(in super::super) const RTNH_F_ONLINK: u8 = 4;

    pub(in super::super) const IFLA_IFNAME: u16 = 3;
    pub(in super::super) const IFLA_EXT_MASK: u16 = 29;
    pub(in super::super) const EXT_SKIP_STATS: u32 = 1 << 3;
    pub(in super::super) const IFF_UP: u32 = 0x1;
    pub(in super::super) const IFF_LOWER_UP: u32 = 0x1_0000;
    pub(in super::super) const IFA_ADDRESS: u16 = 1;
    pub(in super::super) const IFA_LOCAL: u16 = 2;
}
