//! Batches into messages: few, full, and encoded once for all members.

use bgp_core::types::PerFamily;
use bgp_core::wire::{Format, encode_announce, encode_end_of_rib, encode_withdraw};
use bytes::BytesMut;
use hashbrown::HashTable;

use crate::delta::{Audience, DeltaBatch, Run};
use crate::group::GroupKey;
use crate::log::{Content, FrameLog, Span, SpliceMark};
use crate::sabotage::{Rule, removed};
use crate::transform::{Allowed, Transform};

/// Encodes for one group; keeps its buffer between calls.
#[derive(Debug)]
pub(crate) struct Packer {
    key: GroupKey,
    transform: Transform,
    format: Format,
    segment_bytes: usize,
    buffer: BytesMut,
    spans: Vec<Span>,
    joined: Vec<u8>,
    messages: u64,
    routes: u64,
}

/// Where in the history of flushes the messages stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// What had ended before them.
    pub(crate) before: &'a [u64],
    /// What has ended with the last of them.
    pub(crate) after: &'a [u64],
    /// They are for the members of a splice.
    pub(crate) mark: Option<SpliceMark>,
    /// They end with End-of-RIB.
    pub(crate) end_of_rib: bool,
}

/// Everything in a set of batches that goes under the same attributes to the same audience.
struct Merged<'a> {
    run: &'a Run,
    nlri: Vec<&'a [u8]>,
}

impl Packer {
    pub(crate) fn new(key: &GroupKey, segment_bytes: usize) -> Self {
        let format = Format {
            max_len: usize::from(key.wire.max_message),
            four_octet_as: key.wire.four_octet_asn,
            extended_next_hop: key.wire.extended_next_hop,
            add_path: PerFamily { ipv4: key.wire.add_path, ipv6: key.wire.add_path },
        };
        Self {
            key: key.clone(),
            transform: Transform::default(),
            format,
            segment_bytes,
            buffer: BytesMut::new(),
            spans: Vec::new(),
            joined: Vec::new(),
            messages: 0,
            routes: 0,
        }
    }

    /// Messages ever encoded.
    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    /// NLRI ever encoded.
    pub(crate) fn routes(&self) -> u64 {
        self.routes
    }

    /// Appends the messages for `batches`, which must not name a prefix twice for the same audience.
    pub(crate) fn pack(&mut self, batches: &[DeltaBatch], place: Place<'_>, log: &mut FrameLog) {
        self.routes += batches.iter().map(|batch| u64::from(batch.routes)).sum::<u64>();
        if let [batch] = batches {
            for run in &batch.runs {
                self.write(run.attrs.as_ref(), run.audience, batch.octets(run));
                self.cut_if_full(place, log);
            }
        } else {
            self.pack_merged(batches, place, log);
        }
        if place.end_of_rib {
            encode_end_of_rib(&mut self.buffer, self.key.family);
            self.messages += 1;
            self.extend_span(Audience::All);
        }
        self.cut(place.after, place.mark, log);
    }

    /// Shards hold neighbouring prefixes apart, which often share their attributes.
    fn pack_merged(&mut self, batches: &[DeltaBatch], place: Place<'_>, log: &mut FrameLog) {
        let runs = batches.iter().map(|batch| batch.runs.len()).sum();
        let mut merged: Vec<Merged<'_>> = Vec::with_capacity(runs);
        let mut index: HashTable<usize> = HashTable::with_capacity(runs);
        for batch in batches {
            for run in &batch.runs {
                let same = |at: &usize| merged.get(*at).is_some_and(|merged| merged.run.tells_like(run));
                match index.find(place_of(run), same) {
                    Some(at) => {
                        if let Some(merged) = merged.get_mut(*at) {
                            merged.nlri.push(batch.octets(run));
                        }
                    }
                    None => {
                        // There is room, so that nothing is hashed again.
                        index.insert_unique(place_of(run), merged.len(), |_| 0);
                        merged.push(Merged { run, nlri: vec![batch.octets(run)] });
                    }
                }
            }
        }
        merged.sort_by_key(|merged| merged.run.attrs.is_some());
        for Merged { run: Run { attrs, audience, .. }, nlri } in merged {
            let (attrs, audience) = (attrs.as_ref(), *audience);
            if let [nlri] = nlri.as_slice() {
                self.write(attrs, audience, nlri);
            } else {
                let mut joined = std::mem::take(&mut self.joined);
                joined.clear();
                nlri.iter().for_each(|nlri| joined.extend_from_slice(nlri));
                self.write(attrs, audience, &joined);
                self.joined = joined;
            }
            self.cut_if_full(place, log);
        }
    }

    fn write(&mut self, attrs: Option<&Allowed>, audience: Audience, nlri: &[u8]) {
        let (out, family) = (&mut self.buffer, self.key.family);
        let written = match attrs.and_then(|allowed| self.transform.write(&self.key, allowed)) {
            Some(attrs) => encode_announce(out, &self.format, &attrs, family, nlri),
            None => encode_withdraw(out, &self.format, family, nlri),
        };
        let written = written.or_else(|unsendable| {
            // What cannot be told must not leave an older route with the members.
            let rest = nlri.get(unsendable.from..).unwrap_or(&[]);
            encode_withdraw(out, &self.format, family, rest)
        });
        self.messages += written.unwrap_or(0) as u64;
        self.extend_span(audience);
    }

    fn extend_span(&mut self, audience: Audience) {
        let end = self.buffer.len() as u32;
        match self.spans.last_mut() {
            Some(last) if last.audience == audience => last.end = end,
            _ => self.spans.push(Span { end, audience }),
        }
    }

    /// Begins a new segment within a flush or chunk, which ends with a later one.
    fn cut_if_full(&mut self, place: Place<'_>, log: &mut FrameLog) {
        if self.buffer.len() >= self.segment_bytes {
            let mark = place.mark.map(|mark| SpliceMark { last: false, ..mark });
            let watermark = if removed(Rule::WholeFlush) { place.after } else { place.before };
            self.cut(watermark, mark, log);
        }
    }

    fn cut(&mut self, watermark: &[u64], splice: Option<SpliceMark>, log: &mut FrameLog) {
        log.append(Content {
            bytes: self.buffer.as_ref().into(),
            spans: self.spans.as_slice().into(),
            watermark: watermark.into(),
            splice,
        });
        self.buffer.clear();
        self.spans.clear();
    }
}

/// Withdrawals differ only in their audience. A table wants the high bits as well as the low ones.
fn place_of(run: &Run) -> u64 {
    let hash = run.hash ^ run.audience.number().wrapping_mul(0x9e37_79b9);
    u64::from(hash) << 32 | u64::from(hash)
}

#[cfg(test)]
mod tests {
    use bgp_core::policy::Policy;
    use bgp_core::types::{AttrBuilder, Origin, PeerId};

    use super::*;
    use crate::delta::BatchKind;
    use crate::group::{GroupId, ShardId};
    use crate::log::LogLimits;
    use crate::rules::PeerRole;
    use crate::transform::tests::key;
    use crate::transform::{Source, subject};

    const ONE: Audience = Audience::AllExcept(PeerId(1));
    const OTHER: Audience = Audience::AllExcept(PeerId(2));

    /// What a group may hear of a route with that MED, which is not sent on.
    fn allowed(key: &GroupKey, med: u32) -> Option<Allowed> {
        let attrs = AttrBuilder::new().origin(Origin::Igp).as_path(&[]).med(med).build();
        let source = Source { role: PeerRole::External, router_id: bgp_core::types::RouterId(7) };
        let route = subject(key, "10.0.0.0/8".parse().unwrap(), &attrs, source);
        Allowed::of(key, &Policy::accept(), &route, source)
    }

    /// Messages for one route of each shard.
    fn messages(runs: &[(Option<Allowed>, u32, Audience); 2]) -> u64 {
        let key = key(PeerRole::External);
        let batches = [0, 1].map(|shard| {
            let (attrs, hash, audience) = runs[usize::from(shard)].clone();
            DeltaBatch {
                group: GroupId(0),
                shard: ShardId(shard),
                kind: BatchKind::Flush { flush: 1 },
                runs: vec![Run { attrs, hash, audience, nlri: 0..2 }],
                nlri: vec![8, shard],
                routes: 1,
                round: 0,
                hurry: false,
                tombstones: false,
            }
        });
        let mut packer = Packer::new(&key, 4096);
        let place = Place { before: &[0, 0], after: &[1, 1], mark: None, end_of_rib: false };
        packer.pack(&batches, place, &mut FrameLog::new(LogLimits::default()));
        packer.messages()
    }

    #[test]
    fn shards_are_joined_where_all_that_is_told_is_the_same() {
        let one = || allowed(&key(PeerRole::External), 1);
        let two = || allowed(&key(PeerRole::External), 2);
        assert_eq!(messages(&[(one(), 9, ONE), (one(), 9, ONE)]), 1);
        assert_eq!(messages(&[(one(), 9, ONE), (two(), 9, ONE)]), 2, "other attributes, the same hash");
        assert_eq!(messages(&[(one(), 9, ONE), (one(), 9, OTHER)]), 2, "for other members");
        assert_eq!(messages(&[(one(), 9, ONE), (one(), 8, ONE)]), 2, "not looked for");
        assert_eq!(messages(&[(None, 0, ONE), (None, 0, ONE)]), 1);
        assert_eq!(messages(&[(None, 0, ONE), (None, 0, OTHER)]), 2);
        assert_eq!(messages(&[(one(), 0, ONE), (None, 0, ONE)]), 2, "a withdrawal has no attributes");
    }
}
