//! Narration with a live table under it, on a terminal; plain lines elsewhere.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::lab::{BGP, Host, Peregrine};

const REFRESH: Duration = Duration::from_millis(250);

/// One line of the table.
pub(super) struct Row {
    /// The machine whose kernel is read.
    pub(super) host: Host,
    /// What it is.
    pub(super) role: &'static str,
    /// What runs on it.
    pub(super) daemon: Peregrine,
}

/// Where the demonstration is shown.
pub(super) struct Screen(Arc<Mutex<State>>);

struct State {
    terminal: bool,
    color: bool,
    rows: Vec<Row>,
    drawn: usize,
    frozen: bool,
}

impl Screen {
    /// Standard output, with a live table if it is a terminal.
    pub(super) fn new() -> Self {
        let terminal = io::stdout().is_terminal();
        let color = terminal && std::env::var_os("NO_COLOR").is_none();
        let state =
            Arc::new(Mutex::new(State { terminal, color, rows: Vec::new(), drawn: 0, frozen: false }));
        if terminal {
            let shared = Arc::clone(&state);
            thread::spawn(move || refresh(&shared));
        }
        Self(state)
    }

    /// What the table shows from now on.
    pub(super) fn watch(&self, rows: Vec<Row>) {
        self.lock().rows = rows;
    }

    /// Tells something, above the table.
    pub(super) fn say(&self, text: &str) {
        let mut state = self.lock();
        state.erase();
        println!("{text}");
        state.draw();
    }

    /// Announces a step.
    pub(super) fn step(&self, number: usize, text: &str) {
        let (on, off) = if self.lock().color { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        self.say(&format!("{on}{number}. {text}{off}"));
    }

    /// Tells a result of a step.
    pub(super) fn result(&self, text: &str) {
        self.say(&format!("   {text}"));
    }

    /// Draws the table a last time.
    pub(super) fn freeze(&self) {
        let mut state = self.lock();
        state.erase();
        if !state.rows.is_empty() {
            print!("{}", state.table());
        }
        state.frozen = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refresh(shared: &Mutex<State>) {
    loop {
        thread::sleep(REFRESH);
        let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if state.frozen {
            return;
        }
        state.erase();
        state.draw();
    }
}

impl State {
    fn erase(&mut self) {
        if self.drawn > 0 {
            print!("\x1b[{}A\x1b[J", self.drawn);
            self.drawn = 0;
        }
    }

    fn draw(&mut self) {
        if self.terminal && !self.frozen && !self.rows.is_empty() {
            let table = self.table();
            print!("{table}");
            self.drawn = table.lines().count();
        }
        // A terminal that is gone is no reason to stop.
        let _ = io::stdout().flush();
    }

    fn table(&self) -> String {
        let mut out = String::from("\n   host  role        daemon     BGP routes in the kernel\n");
        for row in &self.rows {
            let routes = row.host.routes_of(BGP).unwrap_or_default();
            let v6 = routes.iter().filter(|route| route.prefix.addr().is_ipv6()).count();
            let daemon = match row.daemon.end() {
                Ok(None) => "running".to_owned(),
                Ok(Some(end)) => end.to_string(),
                Err(_) => "?".to_owned(),
            };
            let _ = writeln!(
                out,
                "   {:<5} {:<11} {:<10} {:>3} IPv4 {:>3} IPv6",
                row.host.name(),
                row.role,
                daemon,
                routes.len() - v6,
                v6
            );
        }
        out
    }
}
