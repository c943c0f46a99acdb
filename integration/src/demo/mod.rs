//! The demonstration: the whole product on one machine, told step by step with measured times.

mod network;
mod screen;
mod steps;

use std::time::Instant;

use crate::lab::{Lab, Result};

use network::Network;
use screen::Screen;

/// Runs the demonstration; with `keep` the network stays until Enter is pressed or the process ends.
///
/// # Errors
/// When a step does not come out as told; the error carries topology, kernel tables and logs.
pub fn run(keep: bool) -> Result {
    let started = Instant::now();
    let lab = Lab::new()?;
    let screen = Screen::new();
    screen.say(network::PICTURE);
    let mut network = Network::build(&lab, &screen)?;
    let outcome = steps::run(&lab, &mut network, &screen);
    screen.freeze();
    match outcome {
        Ok(summary) => {
            println!("\nSummary ({:.1} s in all)\n{summary}", started.elapsed().as_secs_f64());
            if keep {
                network.look_around(&lab);
            }
            Ok(())
        }
        Err(error) => {
            eprintln!("\nThe demonstration stopped here.\n{}", lab.report());
            Err(error)
        }
    }
}
