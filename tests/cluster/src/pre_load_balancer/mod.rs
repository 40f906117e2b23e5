// SPDX-License-Identifier: GPL-2.0-only

//! HMARK in front of IPVS: `docs/pre-load-balancer.md`.

mod account;
mod delivery;
mod errors;
mod failure;
mod fragments;
mod load;
mod mixed;
mod reload;
mod shares;
mod site;
mod steps;

use libtest_mimic::Trial;

pub use shares::print as print_shares;

/// The tests here, all of the same cluster.
pub fn trials() -> Vec<Trial> {
    let mut trials = steps::trials();
    trials.extend(delivery::trials());
    trials.extend(fragments::trials());
    trials.extend(errors::trials());
    trials.extend(failure::trials());
    trials.extend(reload::trials());
    trials.extend(mixed::trials());
    trials.extend(load::trials());
    trials.extend(steps::last());
    trials
}
