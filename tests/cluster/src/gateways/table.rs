// SPDX-License-Identifier: GPL-2.0-only

//! The tables of connections by gateway, and of connections that went astray without `ct`, printed
//! after all tests have run.

use std::sync::{Mutex, MutexGuard, PoisonError};

use testbed::family::Family;

use super::site::GATEWAYS;
use crate::flow::Transport;
use crate::share::ChiSquare;

static DELIVERED: Mutex<Vec<String>> = Mutex::new(Vec::new());
static ASTRAY: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Adds a row: the connections that each gateway had both directions of.
pub fn delivered(
    transport: Transport,
    family: Family,
    counts: [usize; GATEWAYS],
    packets: u64,
    moved: usize,
    chi_square: ChiSquare,
) {
    let all: usize = counts.iter().sum();
    let share = |count| format!(" {count} ({:.1}%) |", 100.0 * count as f64 / all as f64);
    let counts: String = counts.into_iter().map(share).collect();
    lock(&DELIVERED).push(format!(
        "| {transport} over {family} | {all} | {moved} | {packets} |{counts} 0 | {chi_square} |"
    ));
}

/// Adds a row: the connections that came back through another gateway than they left by.
pub fn astray(transport: Transport, family: Family, strays: usize, all: usize) {
    let share = 100.0 * strays as f64 / all as f64;
    lock(&ASTRAY).push(format!(
        "| {transport} over {family} | {all} | {strays} ({share:.1}%) | {} |",
        all - strays
    ));
}

/// Prints the tables, in Markdown.
pub fn print() {
    let (delivered, astray) = (lock(&DELIVERED), lock(&ASTRAY));
    if !delivered.is_empty() {
        println!("\n| with ct | connections | with another port outside | packets | gateway-a | gateway-b | gateway-c | back by another gateway | |");
        println!(
            "| --- |{} --- |\n{}",
            " --: |".repeat(7),
            delivered.join("\n")
        );
    }
    if !astray.is_empty() {
        println!("\n| without ct | connections | back by another gateway | answered |");
        println!("| --- |{}\n{}\n", " --: |".repeat(3), astray.join("\n"));
    }
}

fn lock(lines: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}
