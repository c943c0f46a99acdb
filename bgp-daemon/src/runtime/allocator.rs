//! What the allocator says of itself.
//!
//! True of the process as long as jemalloc is its allocator, as the binary makes it.

use tikv_jemalloc_ctl::{epoch, stats};

use crate::admin::api::AllocatorUse;

/// Counts of this moment; `None` where the allocator was built without them.
///
/// The allocator adds up its arenas when asked, and only then: microseconds, during which the other threads
/// go on allocating.
pub fn statistics() -> Option<AllocatorUse> {
    epoch::advance().ok()?;
    let octets = |count: tikv_jemalloc_ctl::Result<usize>| count.ok().and_then(|n| u64::try_from(n).ok());
    Some(AllocatorUse {
        allocated: octets(stats::allocated::read())?,
        active: octets(stats::active::read())?,
        metadata: octets(stats::metadata::read())?,
        resident: octets(stats::resident::read())?,
        retained: octets(stats::retained::read())?,
    })
}
