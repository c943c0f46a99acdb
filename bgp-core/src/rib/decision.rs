//! The decision process (RFC 4271 §9.1, RFC 4456 §9) as an ordered comparison that says why.

use super::facts::Facts;
use crate::types::AttrSet;

/// Choices the operator has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DecisionConfig {
    /// Compare MED between paths of different neighbouring AS too.
    pub always_compare_med: bool,
    /// Equal paths kept for forwarding, at least 1.
    pub multipath: u8,
}

impl Default for DecisionConfig {
    fn default() -> Self {
        Self { always_compare_med: false, multipath: 1 }
    }
}

/// LOCAL_PREF, AS_PATH length and ORIGIN in one number: the greater is preferred.
///
/// From the top: preference (8 bits, all alike for now), LOCAL_PREF (32), local origin (1), inverted path
/// length (14: more numbers than the longest message holds), inverted ORIGIN (2), 6 unused, and whether the
/// path was reflected, which is no criterion: it says where a tie has to look closer. So keys are to be
/// compared with [`DecisionKey::reason`], which leaves it out.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DecisionKey(pub u64);

impl DecisionKey {
    const PREFERENCE: u64 = 128 << 56;
    const LOCAL_PREF: u32 = 24;
    const LOCAL: u64 = 1 << 23;
    const HOPS: u32 = 9;
    const ORIGIN: u32 = 7;
    const MAX_HOPS: u64 = (1 << 14) - 1;
    /// RFC 4271 leaves it to the speaker what a path without LOCAL_PREF is worth; everybody says 100.
    const DEFAULT_LOCAL_PREF: u32 = 100;

    /// The key of a learned path with these attributes.
    pub fn of(set: &AttrSet) -> Self {
        Self::from_facts(&Facts::of(set))
    }

    pub(crate) fn from_facts(facts: &Facts<'_>) -> Self {
        let local_pref = u64::from(facts.local_pref.unwrap_or(Self::DEFAULT_LOCAL_PREF));
        let hops = Self::MAX_HOPS - (facts.as_path.hops() as u64).min(Self::MAX_HOPS);
        let origin = 2 - facts.origin as u64;
        let reflected = u64::from(facts.originator.is_some() || facts.clusters().len() > 0);
        let order = local_pref << Self::LOCAL_PREF | hops << Self::HOPS | origin << Self::ORIGIN;
        Self(Self::PREFERENCE | order | reflected)
    }

    /// Whether the set has ORIGINATOR_ID or CLUSTER_LIST.
    pub(crate) fn is_reflected(self) -> bool {
        self.0 & 1 != 0
    }

    /// The same for a path originated here, which wins over learned ones of equal LOCAL_PREF.
    pub fn originated(self) -> Self {
        Self(self.0 | Self::LOCAL)
    }

    /// The first criterion in which two keys differ.
    pub fn reason(self, other: Self) -> Option<Reason> {
        let differs = |shift: u32| self.0 >> shift != other.0 >> shift;
        Some(match () {
            () if differs(Self::LOCAL_PREF) => Reason::LocalPref,
            () if differs(23) => Reason::LocalOrigin,
            () if differs(Self::HOPS) => Reason::AsPathLength,
            () if differs(Self::ORIGIN) => Reason::Origin,
            () => return None,
        })
    }
}

/// Why a path is not the best one, or that it is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
pub enum Reason {
    /// It is the best path.
    Best,
    /// As good as the best one through the cost of the next hop: used for forwarding beside it.
    Multipath,
    /// The import policy rejected it.
    Policy,
    /// Our own AS number is in AS_PATH more often than allowed (RFC 4271 §9.1.2).
    AsLoop,
    /// ORIGINATOR_ID is our router id (RFC 4456 §8).
    OriginatorLoop,
    /// Our cluster id is in CLUSTER_LIST (RFC 4456 §8).
    ClusterLoop,
    /// AS_PATH does not begin with the external peer's AS (RFC 4271 §6.3).
    FirstAs,
    /// There is no next hop, or one that no packet can be sent to.
    NextHopInvalid,
    /// The next hop is an address of this host.
    NextHopOwn,
    /// Nobody knows yet whether the next hop can be reached.
    NextHopUnknown,
    /// The next hop cannot be reached (RFC 4271 §9.1.2).
    NextHopUnreachable,
    /// Its session is gone.
    SessionDown,
    /// Lower LOCAL_PREF (RFC 4271 §9.1.1).
    LocalPref,
    /// Not originated here.
    LocalOrigin,
    /// Longer AS_PATH (RFC 4271 §9.1.2.2 a).
    AsPathLength,
    /// Higher ORIGIN (b).
    Origin,
    /// Higher MED among paths of the same neighbouring AS (c).
    Med,
    /// Internal, and an external one is there (d).
    Internal,
    /// The next hop costs more (e).
    NextHopCost,
    /// Higher ORIGINATOR_ID, or router id where there is none (f, RFC 4456 §9).
    RouterId,
    /// Longer CLUSTER_LIST (RFC 4456 §9).
    ClusterListLength,
    /// Higher peer address (g).
    PeerAddress,
    /// Higher path identifier from the same peer.
    PathId,
}
