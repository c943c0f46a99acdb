//! Logging to standard error: text on a terminal, else JSON, at a level that can change while running.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU8, Ordering};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::model::{Log, LogFormat, LogLevel};

/// Changes the level of what is logged.
#[derive(Debug)]
pub struct LogControl {
    filter: reload::Handle<LevelFilter, Registry>,
    /// Steps above the configured level, and that level; both small enough for one octet each.
    raised: AtomicU8,
    configured: AtomicU8,
}

impl LogControl {
    /// Takes over the level of a new configuration; the format stays until the next start.
    pub fn set(&self, log: Log) {
        self.configured.store(rank(log.level), Ordering::Relaxed);
        self.raised.store(0, Ordering::Relaxed);
        self.apply(rank(log.level));
    }

    /// One step more talkative; after the last, back to the configured level. Gives the new level.
    pub fn raise(&self) -> LevelFilter {
        let configured = self.configured.load(Ordering::Relaxed);
        let steps = MOST.saturating_sub(configured).saturating_add(1);
        let raised = (self.raised.load(Ordering::Relaxed).saturating_add(1)) % steps.max(1);
        self.raised.store(raised, Ordering::Relaxed);
        self.apply(configured.saturating_add(raised))
    }

    fn apply(&self, rank: u8) -> LevelFilter {
        let filter = filter(rank);
        // Fails only when the subscriber has gone, and then there is nothing to filter.
        let _ = self.filter.modify(|current| *current = filter);
        filter
    }
}

/// Sets up logging for the process. Once only: later calls give a control without effect.
pub fn init(log: Log) -> LogControl {
    let (filter, control) = control(log);
    let terminal = std::io::stderr().is_terminal();
    let text = match log.format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    let lines = fmt::layer().with_writer(std::io::stderr);
    let layer = if text {
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        lines.with_target(false).with_ansi(colour).boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(false).boxed()
    };
    // The only other subscriber can be a test's own.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    control
}

fn control(log: Log) -> (reload::Layer<LevelFilter, Registry>, LogControl) {
    let configured = rank(log.level);
    let (layer, filter) = reload::Layer::new(filter(configured));
    (layer, LogControl { filter, raised: AtomicU8::new(0), configured: AtomicU8::new(configured) })
}

fn rank(level: LogLevel) -> u8 {
    match level {
        LogLevel::Error => 1,
        LogLevel::Warn => 2,
        LogLevel::Info => 3,
        LogLevel::Debug => 4,
        LogLevel::Trace => MOST,
    }
}

fn filter(rank: u8) -> LevelFilter {
    match rank {
        0 | 1 => LevelFilter::ERROR,
        2 => LevelFilter::WARN,
        3 => LevelFilter::INFO,
        4 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

const MOST: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_goes_up_to_the_last_level_and_then_back_to_the_configured_one() {
        let log = |level| Log { level, format: LogFormat::Json };
        let (_layer, control) = control(log(LogLevel::Info));
        assert_eq!(control.raise(), LevelFilter::DEBUG);
        assert_eq!(control.raise(), LevelFilter::TRACE);
        assert_eq!(control.raise(), LevelFilter::INFO);
        control.set(log(LogLevel::Trace));
        assert_eq!(control.raise(), LevelFilter::TRACE);
        control.set(log(LogLevel::Warn));
        assert_eq!(control.raise(), LevelFilter::INFO);
    }
}
