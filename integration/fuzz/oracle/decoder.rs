//! What must hold for whatever a peer sends; used by the fuzz target and by `tests/fuzz_decoder.rs`.

use bgp_core::types::{AttrBuilder, AttrCode, AttrSet, NlriBlock, PerFamily};
use bgp_core::wire::{
    Announcement, Disposition, Format, MAX_EXTENDED_LEN, MAX_LEN, MessageKind, Notification, Open, PeerKind,
    RawMessage, RouteRefresh, UnsendableReason, Update, UpdateContext, decode_update, encode_announce,
    encode_withdraw, next_message,
};
use bytes::BytesMut;

/// Reads `stream` as a peer's, with what was negotiated taken from the bits of `choice`.
///
/// Returns how many blocks of routes were found: a measure of how far inputs come.
///
/// # Panics
/// If the decoder does, or if what it found is not what it promises.
pub fn check(choice: u8, stream: &[u8]) -> usize {
    let bit = |n: u8| choice >> n & 1 == 1;
    let ctx = UpdateContext {
        four_octet_as: bit(0),
        peer: if bit(1) { PeerKind::Internal } else { PeerKind::External },
        families: PerFamily { ipv4: !bit(2), ipv6: !bit(3) },
        add_path: PerFamily { ipv4: bit(4), ipv6: bit(5) },
        extended_next_hop: bit(6),
    };
    let max_len = if bit(7) { MAX_EXTENDED_LEN } else { MAX_LEN };
    let mut buf = BytesMut::from(stream);
    let mut blocks = 0;
    // Every turn takes a message of at least 19 octets off the stream.
    while let Ok(Some(raw)) = next_message(&mut buf, max_len) {
        blocks += check_message(&raw, &ctx);
    }
    blocks
}

fn check_message(raw: &RawMessage, ctx: &UpdateContext) -> usize {
    let mut blocks = 0;
    let mut out = BytesMut::new();
    match raw.kind {
        MessageKind::Keepalive => assert!(raw.body.is_empty()),
        MessageKind::Update => match decode_update(&raw.body, ctx, &mut AttrBuilder::new()) {
            Ok(update) => {
                check_update(&update, ctx);
                blocks = update.announced.iter().count() + update.withdrawn.iter().count();
            }
            Err(error) => {
                assert!(error.code == 3 && error.offset <= 19 + raw.body.len(), "{error}");
                error.notification().encode(&mut out);
            }
        },
        MessageKind::Open => match Open::decode(&raw.body) {
            Ok(open) => {
                assert!(open.asn().is_valid() && !matches!(open.hold_time, 1 | 2));
                open.encode(&mut out);
            }
            Err(error) => error.notification().encode(&mut out),
        },
        MessageKind::Notification => {
            if let Ok(read) = Notification::decode(&raw.body) {
                assert!(!read.to_string().contains(char::is_control));
                read.encode(&mut out);
            }
        }
        MessageKind::RouteRefresh => match RouteRefresh::decode(&raw.body) {
            Ok(refresh) => refresh.encode(&mut out),
            Err(error) => error.notification().encode(&mut out),
        },
    }
    if !out.is_empty() {
        let again = next_message(&mut out, MAX_LEN);
        assert!(matches!(again, Ok(Some(_))) && out.is_empty(), "{again:?}");
    }
    blocks
}

fn check_update(update: &Update, ctx: &UpdateContext) {
    for fault in &update.faults {
        assert!(!fault.to_string().is_empty());
    }
    if update.disposition() == Some(Disposition::TreatAsWithdraw) {
        assert!(update.announced.is_empty());
    }
    assert!(update.end_of_rib.is_none() || update.announced.is_empty() && update.withdrawn.is_empty());
    for block in update.withdrawn.iter() {
        check_block(block, ctx);
        let mut out = BytesMut::new();
        encode_withdraw(&mut out, &format(ctx, MAX_LEN), block.family(), block.octets()).unwrap();
        assert_eq!(octets(&out, ctx, |update| update.withdrawn.iter().collect()), block.octets().as_ref());
    }
    for announcement in update.announced.iter() {
        check_block(&announcement.nlri, ctx);
        check_attrs(&announcement.attrs);
        check_again(announcement, ctx);
    }
}

fn check_block(block: &NlriBlock, ctx: &UpdateContext) {
    assert_eq!(ctx.families.get(block.family()), Some(&true));
    assert!(!block.is_empty());
    assert_eq!(block.iter().count(), block.len());
}

fn check_attrs(attrs: &AttrSet) {
    assert_eq!(&AttrBuilder::edit(attrs).build(), attrs);
    assert!(attrs.iter().map(|attr| attr.code).is_sorted());
    assert!(attrs.next_hop().is_some() && attrs.raw(AttrCode::ORIGIN).is_some());
    assert_eq!(attrs.raw(AttrCode::AS_PATH).map(|attr| attr.value), Some(attrs.as_path().octets()));
    let mp =
        [AttrCode::MP_REACH_NLRI, AttrCode::MP_UNREACH_NLRI, AttrCode::AS4_PATH, AttrCode::AS4_AGGREGATOR];
    assert!(mp.iter().all(|code| attrs.raw(*code).is_none()));
    assert!(!format!("{attrs:?} {}", attrs.as_path()).is_empty());
}

/// What was read can be sent on, and is then read as the same.
fn check_again(announcement: &Announcement, ctx: &UpdateContext) {
    let Announcement { nlri, attrs } = announcement;
    for max_len in [MAX_LEN, MAX_EXTENDED_LEN] {
        let mut out = BytesMut::new();
        let result = encode_announce(&mut out, &format(ctx, max_len), attrs, nlri.family(), nlri.octets());
        let end = match result {
            Ok(_) => nlri.octets().len(),
            // Path attributes of two octets and the family of the next hop may need more room than they had.
            Err(error) => {
                assert_eq!(error.reason, UnsendableReason::TooLong);
                error.from
            }
        };
        let again = octets(&out, ctx, |update| {
            update
                .announced
                .iter()
                .map(|a| {
                    assert_eq!(&a.attrs, attrs);
                    &a.nlri
                })
                .collect()
        });
        assert_eq!(again, &nlri.octets()[..end]);
        let narrow = Format { four_octet_as: false, ..format(ctx, max_len) };
        let _ = encode_announce(&mut BytesMut::new(), &narrow, attrs, nlri.family(), nlri.octets());
    }
}

fn format(ctx: &UpdateContext, max_len: usize) -> Format {
    Format { max_len, four_octet_as: true, extended_next_hop: ctx.extended_next_hop, add_path: ctx.add_path }
}

/// The NLRI in the messages of `stream` that `pick` chooses, read by a four-octet speaker.
fn octets(stream: &[u8], ctx: &UpdateContext, pick: impl Fn(&Update) -> Vec<&NlriBlock>) -> Vec<u8> {
    let ctx = UpdateContext { four_octet_as: true, ..*ctx };
    let mut buf = BytesMut::from(stream);
    let mut octets = Vec::new();
    while let Some(raw) = next_message(&mut buf, MAX_EXTENDED_LEN).unwrap() {
        let update = decode_update(&raw.body, &ctx, &mut AttrBuilder::new()).unwrap();
        assert!(update.faults.is_empty());
        octets.extend(pick(&update).into_iter().flat_map(|block| block.octets().to_vec()));
    }
    assert!(buf.is_empty());
    octets
}
