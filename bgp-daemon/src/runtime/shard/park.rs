//! Waiting on a thread of no runtime, and not for ever.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs `future` on this thread; `None` if it is not done by the deadline. It must not need a runtime, as
/// queues do not: the clock of one would be gone before the last shard when the process ends.
pub(super) fn run_until<T>(deadline: Instant, future: impl Future<Output = T>) -> Option<T> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return Some(done);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        std::thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn a_message_ends_the_wait_and_so_does_the_deadline() {
        let (sender, mut queue) = mpsc::channel(1);
        let far = Instant::now() + Duration::from_secs(600);
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            sender.blocking_send(7).unwrap();
            sender
        });
        assert_eq!(run_until(far, queue.recv()), Some(Some(7)));
        let _sender = other.join().unwrap();
        assert_eq!(run_until(Instant::now() + Duration::from_millis(20), queue.recv()), None);
    }
}
