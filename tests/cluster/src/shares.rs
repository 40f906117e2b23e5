// SPDX-License-Identifier: GPL-2.0-only

//! The table of flows by gateway.

use std::fmt::Write;
use std::sync::PoisonError;

use anyhow::Result;
use hmark_cli::chi_square::ChiSquare;

use crate::account::Account;
use crate::cluster::Cluster;

/// The columns of the table: a title, and the number of flows that each gateway got.
pub type Shares = Vec<(String, Vec<usize>)>;

impl Cluster {
    /// Adds a column to the table of flows by gateway, if they have roughly equal shares.
    ///
    /// # Errors
    /// If a uniform hash would rarely spread flows so unevenly.
    pub fn add_share(&self, title: &str, account: &Account) -> Result<()> {
        ChiSquare::check(&account.delivered)?;
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        shares.push((title.to_owned(), account.delivered.clone()));
        Ok(())
    }

    /// The table of flows by gateway, in Markdown; empty without a column.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn table(&self) -> Result<String> {
        let shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if shares.is_empty() {
            return Ok(String::new());
        }
        let titles: Vec<_> = shares.iter().map(|(title, _)| title.as_str()).collect();
        let mut table = format!("| gateway | mark | {} | share |\n", titles.join(" | "));
        writeln!(table, "| --- |{}", " --: |".repeat(titles.len() + 2))?;
        let sum = |gateway| shares.iter().map(|(_, counts)| counts[gateway]).sum();
        let sums: Vec<usize> = (0..self.gateways.len()).map(sum).collect();
        let all: usize = sums.iter().sum();
        for (gateway, host) in self.gateways.iter().enumerate() {
            let (name, mark) = (host.name(), self.marking.mark_of(gateway));
            let counts = shares.iter().map(|(_, counts)| counts[gateway].to_string());
            let counts = counts.collect::<Vec<_>>().join(" | ");
            let share = 100.0 * sums[gateway] as f64 / all as f64;
            writeln!(table, "| {name} | {mark} | {counts} | {share:.2}% |")?;
        }
        // Kinds with the same ends have almost the same marks, so their sum says nothing of chance.
        write!(table, "\n{all} flows")?;
        Ok(table)
    }
}
