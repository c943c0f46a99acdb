//! The memory allocator of the daemon.
//!
//! Chosen by measurement (decision record 004): what a withdrawn table leaves free is given back to the
//! system within a second, by a thread of the allocator's own, wherever it lay.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Read by the allocator as it starts. Few arenas: attribute sets are allocated by the sessions' threads and
/// freed by the shards', so that an arena for every core would only keep free memory apart. What is free stays
/// for half a second of use, then goes back to the system.
// SAFETY: the name is the allocator's own, and the type is what it expects there: a pointer to a string
// that ends with a zero octet.
#[expect(unsafe_code, reason = "the allocator finds its options by the name of this symbol")]
#[unsafe(export_name = "_rjem_malloc_conf")]
static OPTIONS: &Options = b"narenas:2,background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0\0";

type Options = [u8; 69];

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use bgp_daemon::runtime::allocator::statistics;

    const MUCH: u64 = 64 << 20;

    #[test]
    fn what_is_taken_and_given_back_shows_in_the_statistics() {
        let before = statistics().unwrap();
        let taken = std::hint::black_box(vec![1_u8; MUCH as usize]);
        let with = statistics().unwrap();
        assert!(with.allocated >= before.allocated + MUCH, "{before:?} {with:?}");
        assert!(with.active >= with.allocated && with.resident >= with.active, "{with:?}");
        assert!(with.metadata > 0 && with.resident < with.allocated + MUCH, "{with:?}");
        drop(taken);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let after = statistics().unwrap();
            assert!(after.allocated < before.allocated + MUCH / 2, "{after:?}");
            // Pages that are free go back to the system in the background; their addresses stay.
            if after.resident < before.resident + MUCH / 2 && after.retained >= MUCH / 2 {
                break;
            }
            assert!(Instant::now() < deadline, "{before:?} {after:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
