// SPDX-License-Identifier: GPL-2.0-only

//! HMARK for connections that a cluster opens, with NAT on the way: `docs/gateways.md`.

mod attempts;
mod delivery;
mod errors;
#[cfg(test)]
mod moves;
mod pages;
mod passes;
mod site;
mod steps;
mod table;
mod without_ct;

use libtest_mimic::Trial;

pub use table::print as print_table;

/// The tests here, all of the same cluster.
pub fn trials() -> Vec<Trial> {
    let mut trials = steps::trials();
    trials.extend(delivery::trials());
    trials.extend(errors::trials());
    trials.extend(without_ct::trials());
    trials.extend(pages::trials());
    trials.extend(steps::last());
    trials
}
