//! Choosing among the paths of one destination, by elimination in the order of the RFCs.
//!
//! Elimination of whole sets, not comparison in pairs: MED orders only paths of one neighbouring AS, so
//! "better than" is not transitive and a running comparison would depend on the order of arrival.

use std::net::IpAddr;

use super::age::{Age, AgeKind, Life};
use super::attr_table::{AttrTable, Entry};
use super::path::Path;
use super::paths::Paths;
use super::peer_table::PeerTable;
use super::{DecisionConfig, DecisionKey, NextHopId, NextHopState, Reason};
use crate::types::{AttrSet, Family, PathId, PeerId, RouterId};

/// What a decision depends on besides the paths themselves.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    pub(crate) attrs: &'a AttrTable,
    pub(crate) peers: &'a PeerTable,
    /// Of the family of the paths.
    pub(crate) ages: &'a [Age],
    pub(crate) config: &'a DecisionConfig,
}

/// Memory reused from one decision to the next.
#[derive(Debug, Default)]
pub(crate) struct Selector {
    candidates: Vec<Candidate>,
    ordered: Vec<(TieBreak, Candidate)>,
    hops: Vec<(NextHopId, PeerId)>,
    chosen: Vec<u32>,
}

/// A path that is still in the running.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    at: u32,
    /// Only filled in where MEDs differ.
    neighbor_as: u32,
    med: u32,
    metric: u32,
    /// 0 for external and own paths, 1 for internal ones.
    internal: u8,
    next_hop: NextHopId,
    path: Path,
}

/// Everything after the cost of the next hop: the smallest wins.
type TieBreak = (RouterId, usize, IpAddr, PathId, PeerId);

impl<'a> Judge<'a> {
    /// For paths of one family.
    #[inline]
    pub(crate) fn new(
        attrs: &'a AttrTable,
        peers: &'a PeerTable,
        config: &'a DecisionConfig,
        family: Family,
    ) -> Self {
        Self { attrs, peers, ages: peers.ages(family), config }
    }

    /// Whether a path may take part (RFC 4271 §9.1.2), and what its attributes are worth then.
    #[inline]
    fn admit(&self, path: &Path) -> Result<(DecisionKey, &'a Entry, AgeKind), Reason> {
        let Some(entry) = self.attrs.entry(path.attrs) else {
            return Err(path.refusal.reason().unwrap_or(Reason::Policy));
        };
        let age = self.ages.get(usize::from(path.peer.0)).copied().unwrap_or_default();
        if age.life(path.epoch) == Life::Dead {
            return Err(Reason::SessionDown);
        }
        if age.kind == AgeKind::Local {
            return Ok((entry.key.originated(), entry, age.kind));
        }
        self.metric(entry.next_hop)?;
        Ok((entry.key, entry, age.kind))
    }

    /// The cost of the next hop, if packets can be sent to it.
    #[inline]
    fn metric(&self, next_hop: NextHopId) -> Result<u32, Reason> {
        match next_hop {
            NextHopId::ON_LINK => Ok(0),
            NextHopId::NONE => Err(Reason::NextHopInvalid),
            id => match self.attrs.next_hops().state(id) {
                NextHopState::Reachable { metric } => Ok(metric),
                NextHopState::Own => Err(Reason::NextHopOwn),
                NextHopState::Unknown => Err(Reason::NextHopUnknown),
                NextHopState::Unreachable => Err(Reason::NextHopUnreachable),
            },
        }
    }

    #[inline]
    fn candidate(&self, at: usize, path: &Path, entry: &Entry, kind: AgeKind) -> Candidate {
        Candidate {
            at: at as u32,
            neighbor_as: 0,
            med: entry.med,
            metric: if kind == AgeKind::Local { 0 } else { self.metric(entry.next_hop).unwrap_or(u32::MAX) },
            internal: u8::from(kind == AgeKind::Internal),
            next_hop: entry.next_hop,
            path: *path,
        }
    }

    /// 0 for a path that begins with no AS.
    fn neighbor_as(&self, path: &Path) -> u32 {
        self.attrs.get(path.attrs).and_then(|set| set.as_path().first()).map_or(0, |asn| asn.0)
    }

    fn tie_break(&self, candidate: &Candidate) -> TieBreak {
        let path = &candidate.path;
        let reflected = self.attrs.entry(path.attrs).is_some_and(|entry| entry.key.is_reflected());
        let set = self.attrs.get(path.attrs).filter(|_| reflected);
        let originator = set.and_then(AttrSet::originator_id);
        let peer = self.peers.get(path.peer);
        (
            originator.or(peer.map(|peer| peer.router_id)).unwrap_or(RouterId(u32::MAX)),
            set.map_or(0, |set| set.cluster_list().len()),
            peer.map_or(IpAddr::V4(std::net::Ipv4Addr::BROADCAST), |peer| peer.addr),
            path.path_id,
            path.peer,
        )
    }
}

impl Selector {
    /// Chooses: positions in `paths` of the best one and of those as good for forwarding, best first.
    ///
    /// `lost` hears once of each path that is not the best, and why; paths that are kept for forwarding
    /// beside the best are told as [`Reason::Multipath`]. Costs a pass over the paths, and a sort of
    /// those that tie in LOCAL_PREF, AS_PATH length and ORIGIN.
    pub(crate) fn select(
        &mut self,
        judge: &Judge<'_>,
        paths: Paths<'_>,
        mut lost: impl FnMut(usize, Reason),
    ) -> &mut [u32] {
        self.chosen.clear();
        match paths {
            Paths::Plain(paths) => self.select_among(judge, paths, &mut lost),
            Paths::Full(paths) => self.select_among(judge, paths, &mut lost),
        }
        &mut self.chosen
    }

    #[inline]
    fn select_among<T: Copy + Into<Path>>(
        &mut self,
        judge: &Judge<'_>,
        paths: &[T],
        lost: &mut impl FnMut(usize, Reason),
    ) {
        if let [only] = paths {
            match judge.admit(&(*only).into()) {
                Ok(_) => self.chosen.push(0),
                Err(reason) => lost(0, reason),
            }
            return;
        }
        let admitted = paths.iter().filter_map(|path| judge.admit(&(*path).into()).ok());
        let Some(top) = admitted.map(|(key, ..)| key).max() else {
            for (at, path) in paths.iter().enumerate() {
                if let Err(reason) = judge.admit(&(*path).into()) {
                    lost(at, reason);
                }
            }
            return;
        };
        self.candidates.clear();
        for (at, path) in paths.iter().enumerate() {
            let path = (*path).into();
            match judge.admit(&path) {
                Err(reason) => lost(at, reason),
                Ok((key, entry, kind)) => match top.reason(key) {
                    Some(reason) => lost(at, reason),
                    None => self.candidates.push(judge.candidate(at, &path, entry, kind)),
                },
            }
        }
        self.narrow_down(judge, lost);
    }

    /// The criteria that few paths get to.
    fn narrow_down(&mut self, judge: &Judge<'_>, lost: &mut impl FnMut(usize, Reason)) {
        self.compare_med(judge, lost);
        self.keep_least(|c| c.internal, Reason::Internal, lost);
        self.keep_least(|c| c.metric, Reason::NextHopCost, lost);
        self.break_ties(judge, lost);
    }

    /// RFC 4271 §9.1.2.2 c: drops each path whose MED is higher than another's of the same neighbouring AS.
    fn compare_med(&mut self, judge: &Judge<'_>, lost: &mut impl FnMut(usize, Reason)) {
        let all_equal = self.candidates.windows(2).all(|pair| matches!(pair, [a, b] if a.med == b.med));
        if all_equal {
            return;
        }
        if judge.config.always_compare_med {
            return self.keep_least(|c| c.med, Reason::Med, lost);
        }
        for candidate in &mut self.candidates {
            candidate.neighbor_as = judge.neighbor_as(&candidate.path);
        }
        self.candidates.sort_unstable_by_key(|c| (c.neighbor_as, c.med, c.at));
        let mut group = None;
        self.candidates.retain(|c| match group {
            Some((neighbor_as, least)) if neighbor_as == c.neighbor_as && least != c.med => {
                lost(c.at as usize, Reason::Med);
                false
            }
            _ => {
                group = Some((c.neighbor_as, c.med));
                true
            }
        });
    }

    fn keep_least<T: Ord + Copy>(
        &mut self,
        value: impl Fn(&Candidate) -> T,
        reason: Reason,
        lost: &mut impl FnMut(usize, Reason),
    ) {
        let mut values = self.candidates.iter().map(&value);
        let Some(first) = values.next() else { return };
        // Most often they are all equal.
        if values.all(|value| value == first) {
            return;
        }
        let Some(least) = self.candidates.iter().map(&value).min() else { return };
        self.candidates.retain(|c| {
            let kept = value(c) == least;
            if !kept {
                lost(c.at as usize, reason);
            }
            kept
        });
    }

    /// What is left is equal for forwarding; the rest of the order decides who is announced.
    fn break_ties(&mut self, judge: &Judge<'_>, lost: &mut impl FnMut(usize, Reason)) {
        if let [only] = self.candidates.as_slice() {
            return self.chosen.push(only.at);
        }
        // Keys are made once: they may need a walk over attributes.
        self.ordered.clear();
        self.ordered.extend(self.candidates.iter().map(|c| (judge.tie_break(c), *c)));
        self.ordered.sort_unstable_by_key(|(tie_break, _)| *tie_break);
        let Some((best, rest)) = self.ordered.split_first() else { return };
        self.chosen.push(best.1.at);
        let limit = usize::from(judge.config.multipath.max(1));
        self.hops.clear();
        self.hops.push((best.1.next_hop, best.1.path.peer));
        for (tie_break, candidate) in rest {
            // Two paths through one next hop forward alike; only a link-local one depends on the peer.
            let hop = (candidate.next_hop, candidate.path.peer);
            let new = !self.hops.iter().any(|h| h.0 == hop.0 && (h.0 != NextHopId::ON_LINK || h.1 == hop.1));
            if new && self.chosen.len() < limit {
                self.hops.push(hop);
                self.chosen.push(candidate.at);
                lost(candidate.at as usize, Reason::Multipath);
            } else {
                lost(candidate.at as usize, tie_reason(&best.0, tie_break));
            }
        }
    }
}

fn tie_reason(best: &TieBreak, other: &TieBreak) -> Reason {
    if best.0 != other.0 {
        Reason::RouterId
    } else if best.1 != other.1 {
        Reason::ClusterListLength
    } else if best.2 != other.2 {
        Reason::PeerAddress
    } else {
        Reason::PathId
    }
}
