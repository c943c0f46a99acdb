//! Whatever octets come, the decoders give an answer, and what they refuse can be said to the peer.

#![allow(clippy::unwrap_used, reason = "a test")]

use bgp_core::types::{AttrBuilder, NlriBlock, PerFamily};
use bgp_core::wire::{
    Disposition, MAX_LEN, MessageError, Notification, Open, PeerKind, RouteRefresh, UpdateContext,
    decode_update, next_message,
};
use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;

prop_compose! {
    fn contexts()(
        four_octet_as in any::<bool>(), internal in any::<bool>(), extended_next_hop in any::<bool>(),
        families in any::<[bool; 2]>(), add_path in any::<[bool; 2]>(),
    ) -> UpdateContext {
        let per_family = |[ipv4, ipv6]: [bool; 2]| PerFamily { ipv4, ipv6 };
        UpdateContext {
            four_octet_as,
            peer: if internal { PeerKind::Internal } else { PeerKind::External },
            families: per_family(families),
            add_path: per_family(add_path),
            extended_next_hop,
        }
    }
}

/// One attribute with a code and flags that are likely to be looked at, its length right nine times in ten.
fn attribute() -> impl Strategy<Value = Vec<u8>> {
    let flags = prop_oneof![Just(0x40_u8), Just(0x80), Just(0xc0), Just(0x90), any::<u8>()];
    let code = prop_oneof![1_u8..=18, Just(32), any::<u8>()];
    (flags, code, vec(0_u8..=40, 0..40), 0..10).prop_map(|(flags, code, value, lie)| {
        let len = value.len() as u8 + u8::from(lie == 0);
        let header = if flags & 0x10 == 0 { vec![flags, code, len] } else { vec![flags, code, 0, len] };
        [header, value].concat()
    })
}

fn update_body() -> impl Strategy<Value = Vec<u8>> {
    (vec(0_u8..=33, 0..12), vec(attribute(), 0..8), vec(0_u8..=33, 0..12)).prop_map(
        |(withdrawn, attrs, nlri)| {
            let attrs = attrs.concat();
            let len = |part: &[u8]| (part.len() as u16).to_be_bytes();
            [len(&withdrawn).as_slice(), &withdrawn, &len(&attrs), &attrs, &nlri].concat()
        },
    )
}

fn decode(body: Vec<u8>, ctx: &UpdateContext) -> Result<(), TestCaseError> {
    let body = Bytes::from(body);
    match decode_update(&body, ctx, &mut AttrBuilder::new()) {
        Err(error) => can_be_said(&error),
        Ok(update) => {
            let withdrawn = update.disposition() == Some(Disposition::TreatAsWithdraw);
            prop_assert!(!withdrawn || update.announced.is_empty());
            let nlri = update.announced.iter().map(|a| &a.nlri).chain(update.withdrawn.iter());
            prop_assert!(nlri.map(NlriBlock::len).all(|len| len > 0));
            Ok(())
        }
    }
}

fn can_be_said(error: &MessageError) -> Result<(), TestCaseError> {
    let mut out = BytesMut::new();
    error.notification().encode(&mut out);
    let raw = next_message(&mut out, MAX_LEN).unwrap().unwrap();
    let read = Notification::decode(&raw.body).unwrap();
    prop_assert_eq!((read.code, read.subcode), (error.code, error.subcode));
    prop_assert!(read.name() != "unknown error" && !error.to_string().is_empty());
    Ok(())
}

proptest! {
    #[test]
    fn any_octets_are_an_update_or_an_error(ctx in contexts(), body in vec(any::<u8>(), 0..200)) {
        decode(body, &ctx)?;
    }

    #[test]
    fn any_attributes_are_an_update_or_an_error(ctx in contexts(), body in update_body()) {
        decode(body, &ctx)?;
    }

    #[test]
    fn any_octets_are_an_open_or_an_error(params in vec(any::<u8>(), 0..120), long in any::<bool>()) {
        let mut body = vec![4, 0xfd, 0xe9, 0, 90, 192, 0, 2, 1];
        if long {
            body.extend([255, 255, 0, params.len() as u8]);
        } else {
            body.push(params.len() as u8);
        }
        body.extend(params);
        if let Err(error) = Open::decode(&body.into()) {
            can_be_said(&error)?;
        }
    }

    #[test]
    fn any_octets_are_a_notification_or_refresh_or_an_error(body in vec(any::<u8>(), 0..80)) {
        let body = Bytes::from(body);
        if let Ok(read) = Notification::decode(&body) {
            prop_assert!(!read.to_string().contains(char::is_control));
        }
        if let Err(error) = RouteRefresh::decode(&body) {
            can_be_said(&error)?;
        }
    }

    #[test]
    fn any_stream_is_consumed_or_refused(stream in vec(prop_oneof![3 => Just(0xff_u8), 1 => any::<u8>()], 0..80)) {
        let mut buf = BytesMut::from(stream.as_slice());
        let mut left = buf.len();
        while let Ok(Some(_)) = next_message(&mut buf, MAX_LEN) {
            prop_assert!(buf.len() <= left - 19);
            left = buf.len();
        }
    }
}
