use bgp_core::types::PeerId;

use super::*;
use crate::delta::Audience;

const LIMITS: LogLimits = LogLimits { max_bytes: 1000, pace_bytes: 500, segment_bytes: 100 };

fn content(len: usize) -> Content {
    let spans = [Span { end: len as u32, audience: Audience::Only(PeerId(1)) }];
    Content { bytes: vec![0; len].into(), spans: spans.into(), watermark: [1].into(), splice: None }
}

#[test]
fn what_everyone_has_read_is_dropped_and_the_slowest_keeps_the_rest() {
    let mut log = FrameLog::new(LIMITS);
    let (fast, slow) = (log.progress(&[0]), log.progress(&[0]));
    log.attach(&fast);
    log.attach(&slow);
    (0..3).for_each(|_| log.append(content(100)));
    fast.moved(3, 300);
    slow.moved(1, 100);
    log.reclaim([&*fast, &*slow].into_iter());
    assert_eq!((log.bytes(), log.behind(&fast), log.behind(&slow)), (200, Some(0), Some(200)));
    slow.detach();
    log.reclaim([&*fast, &*slow].into_iter());
    assert_eq!((log.bytes(), log.behind(&slow)), (0, None));
}

#[test]
fn a_stuck_member_pins_no_message() {
    let mut log = FrameLog::new(LIMITS);
    let stuck = log.progress(&[0]);
    let place = log.attach(&stuck);
    (0..20).for_each(|_| log.append(content(100)));
    log.reclaim([&*stuck].into_iter());
    assert!(log.bytes() <= LIMITS.max_bytes);
    // What it holds on to is gone, and that is how it finds out.
    assert!(place.upgrade().is_none());
    assert_eq!(log.behind(&stuck), None);
}

#[test]
fn the_chain_is_dropped_without_recursion() {
    let mut log = FrameLog::new(LogLimits { max_bytes: usize::MAX, ..LIMITS });
    (0..200_000).for_each(|_| log.append(content(1)));
    drop(log);
}

#[test]
fn message_boundaries_come_from_the_header_and_never_stand_still() {
    let mut message = [255; 40];
    (message[16], message[17]) = (0, 23);
    assert_eq!(message_len(&message), 23);
    message[17] = 0;
    assert_eq!(message_len(&message), 19);
    assert_eq!((message_len(&[]), message_len(&[1, 2])), (1, 2));
}
