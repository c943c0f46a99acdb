//! ICMP echo from inside a host, without a `ping` program.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{SockAddr, Socket};

use super::error::{LabError, Result};
use super::host::Host;
use super::link::parse_address;
use super::netlink::readable;
use super::report;
use super::wire::SocketKind;

/// A reply later than this counts as lost.
const LATE: Duration = Duration::from_secs(1);
/// Time between the attempts of [`Host::wait_ping`].
const RETRY: Duration = Duration::from_millis(50);

impl Host {
    /// Pings until an answer comes, for up to five seconds; says when it came.
    ///
    /// # Errors
    /// As [`Host::wait_ping`].
    pub fn ping(&self, to: &str) -> Result<Duration> {
        self.wait_ping(to, Duration::from_secs(5))
    }

    /// Pings until an answer comes; says how long that took.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with the report of the lab.
    pub fn wait_ping(&self, to: &str, timeout: Duration) -> Result<Duration> {
        let started = Instant::now();
        let mut echo = self.echo(to)?;
        let mut seen = "no answer".to_owned();
        for number in 0.. {
            if let Err(error) = echo.send(number) {
                seen = error.to_string();
            }
            let until = (Instant::now() + RETRY).min(started + timeout);
            if echo.receive(until).map_err(|error| self.refused("ping", error))?.is_some() {
                return Ok(started.elapsed());
            }
            if started.elapsed() >= timeout {
                break;
            }
        }
        Err(self.timeout(&format!("an answer to ping from {to}"), timeout, seen))
    }

    /// Makes sure that nobody answers for a while.
    ///
    /// # Errors
    /// [`LabError::Claim`] if somebody does.
    pub fn no_ping(&self, to: &str, during: Duration) -> Result {
        match self.wait_ping(to, during) {
            Err(LabError::Timeout { .. }) => Ok(()),
            Err(other) => Err(other),
            Ok(_) => Err(LabError::Claim {
                what: format!("host {}: {to} answers to ping and should not", self.name()),
                report: report::whole(self.shared()),
            }),
        }
    }

    /// Starts to ping at a steady pace in the background.
    ///
    /// # Errors
    /// When the address is malformed or the host is gone.
    pub fn pinger(&self, to: &str, interval: Duration) -> Result<Pinger> {
        let mut echo = self.echo(to)?;
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name(format!("ping {to}"))
            .spawn(move || shared.run(&mut echo, interval))
            .map_err(|error| self.refused("starting a thread", error))?;
        Ok(Pinger { host: self.clone(), to: to.to_owned(), state, thread: Some(thread) })
    }

    fn echo(&self, to: &str) -> Result<Echo> {
        let to = parse_address(to)?;
        let kind = if to.is_ipv4() { SocketKind::Ping4 } else { SocketKind::Ping6 };
        let socket = Socket::from(self.socket(kind)?);
        Ok(Echo { socket, to })
    }
}

/// An ICMP echo socket. The kernel fills in identifier and checksum and sorts the replies.
struct Echo {
    socket: Socket,
    to: IpAddr,
}

impl Echo {
    fn send(&mut self, number: u64) -> io::Result<()> {
        let kind = if self.to.is_ipv4() { 8 } else { 128 };
        let mut packet = vec![kind, 0, 0, 0, 0, 0];
        let [.., high, low] = number.to_be_bytes();
        packet.extend([high, low]);
        packet.extend(number.to_be_bytes());
        self.socket.send_to(&packet, &SockAddr::from(SocketAddr::new(self.to, 0))).map(drop)
    }

    /// Number of the next reply, or nothing at the deadline.
    fn receive(&mut self, deadline: Instant) -> io::Result<Option<u64>> {
        while readable(self.socket.as_fd(), deadline)? {
            let mut buffer = [0; 128];
            // Errors are ICMP messages of routers on the way: not an answer.
            let Ok(length) = (&self.socket).read(&mut buffer) else { continue };
            let number = buffer.get(..length).and_then(|packet| packet.get(8..16)?.try_into().ok());
            if let Some(number) = number {
                return Ok(Some(u64::from_be_bytes(number)));
            }
        }
        Ok(None)
    }
}

/// A steady ping in the background. Dropping it ends it.
pub struct Pinger {
    host: Host,
    to: String,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    ended: AtomicBool,
    echoes: Mutex<Vec<Sent>>,
}

#[derive(Clone, Copy)]
struct Sent {
    at: Instant,
    took: Option<Duration>,
}

/// What a [`Pinger`] counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PingReport {
    /// Requests sent, or attempted, that were answered or had time to be.
    pub sent: usize,
    /// Requests without an answer within a second.
    pub lost: usize,
    /// Longest time between two answered requests that follow each other, as they were sent.
    pub longest_gap: Duration,
    /// Median round trip.
    pub median: Duration,
    /// Slowest round trip.
    pub slowest: Duration,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.echoes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, echo: &mut Echo, interval: Duration) {
        let mut next = Instant::now();
        let mut number = 0;
        while !self.ended.load(Ordering::Relaxed) {
            self.lock().push(Sent { at: Instant::now(), took: None });
            // A request that cannot be sent stays without an answer, which is what is counted.
            let _ = echo.send(number);
            number += 1;
            next += interval;
            self.collect(echo, next);
        }
        // Whatever is still on its way is no loss.
        let deadline = Instant::now() + LATE;
        while self.lock().iter().any(|sent| sent.took.is_none() && sent.at + LATE > Instant::now())
            && Instant::now() < deadline
        {
            self.collect(echo, Instant::now() + Duration::from_millis(10));
        }
    }

    fn collect(&self, echo: &mut Echo, deadline: Instant) {
        while let Ok(Some(number)) = echo.receive(deadline) {
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            if let Some(sent) = self.lock().get_mut(index) {
                sent.took.get_or_insert(sent.at.elapsed());
            }
        }
    }

    fn count(&self) -> PingReport {
        let all = self.lock().clone();
        let settled = all.iter().filter(|sent| sent.took.is_some() || sent.at.elapsed() > LATE);
        let settled: Vec<_> = settled.copied().collect();
        let in_time = |sent: &Sent| sent.took.filter(|took| *took <= LATE);
        let answered: Vec<_> = settled.iter().filter(|sent| in_time(sent).is_some()).collect();
        let mut trips: Vec<_> = settled.iter().filter_map(in_time).collect();
        trips.sort();
        let gaps = answered.iter().zip(answered.iter().skip(1)).map(|(one, next)| next.at - one.at);
        PingReport {
            sent: settled.len(),
            lost: settled.len() - answered.len(),
            longest_gap: gaps.max().unwrap_or_default(),
            median: trips.get(trips.len() / 2).copied().unwrap_or_default(),
            slowest: trips.last().copied().unwrap_or_default(),
        }
    }
}

impl Pinger {
    /// What happened so far; requests that may still be answered are left out.
    #[must_use]
    pub fn so_far(&self) -> PingReport {
        self.state.count()
    }

    /// Ends it, gives the last requests their time and counts.
    #[must_use]
    pub fn stop(mut self) -> PingReport {
        self.end();
        self.state.count()
    }

    /// Ends it and makes sure that every request was answered.
    ///
    /// # Errors
    /// [`LabError::Claim`] with the counts and the report of the lab.
    pub fn stop_without_loss(mut self) -> Result<PingReport> {
        self.end();
        let count = self.state.count();
        if count.lost == 0 && count.sent > 0 {
            return Ok(count);
        }
        Err(LabError::Claim {
            what: format!(
                "host {}: pings to {} were lost: {} of {}, longest gap {:.3} s",
                self.host.name(),
                self.to,
                count.lost,
                count.sent,
                count.longest_gap.as_secs_f64()
            ),
            report: report::whole(self.host.shared()),
        })
    }

    fn end(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It fails only if it panicked; the counts then show it.
            let _ = thread.join();
        }
    }
}

impl Drop for Pinger {
    fn drop(&mut self) {
        self.end();
    }
}
