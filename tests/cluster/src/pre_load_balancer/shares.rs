// SPDX-License-Identifier: GPL-2.0-only

//! The table of flows by gateway, printed after all tests have run.

use std::sync::{Mutex, PoisonError};

use super::account::Account;
use super::site::FIRST_MARK;

/// The columns: a title, and the number of flows that each gateway got.
static COLUMNS: Mutex<Vec<(String, Vec<usize>)>> = Mutex::new(Vec::new());

/// Adds a column.
pub fn add(account: &Account) {
    add_named(account.title(), account);
}

/// Adds a column with a title of its own.
pub fn add_named(title: &str, account: &Account) {
    columns().push((title.to_owned(), account.delivered.clone()));
}

/// Prints the table, in Markdown.
pub fn print() {
    let columns = columns();
    let Some((_, first)) = columns.first() else {
        return;
    };
    let titles: Vec<_> = columns.iter().map(|(title, _)| title.as_str()).collect();
    println!("\n| gateway | mark | {} | share |", titles.join(" | "));
    println!("| --- | --: |{} --: |", " --: |".repeat(columns.len()));
    let all: usize = columns.iter().flat_map(|(_, counts)| counts).sum();
    for gateway in 0..first.len() {
        let counts = columns.iter().map(|(_, counts)| counts[gateway]);
        let share = 100.0 * counts.clone().sum::<usize>() as f64 / all as f64;
        let counts: Vec<_> = counts.map(|count| count.to_string()).collect();
        let mark = FIRST_MARK as usize + gateway;
        println!(
            "| gateway-{gateway} | {mark} | {} | {share:.2}% |",
            counts.join(" | ")
        );
    }
    println!();
}

fn columns() -> std::sync::MutexGuard<'static, Vec<(String, Vec<usize>)>> {
    COLUMNS.lock().unwrap_or_else(PoisonError::into_inner)
}
