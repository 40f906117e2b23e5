// SPDX-License-Identifier: GPL-2.0-only

//! HMARK in front of IPVS: `docs/pre-load-balancer.md`.

mod delivery;
mod errors;
mod failure;
mod fragments;
mod growth;
mod health;
mod load;
mod mixed;
mod operation;
mod planned;
mod reload;
mod site;

use libtest_mimic::Trial;

pub use delivery::deliver;
pub use site::site;

use crate::steps;

/// The tests here, all of the same cluster.
pub fn trials() -> Vec<Trial> {
    let trials = [
        delivery::trials(),
        planned::trials(),
        fragments::trials(),
        errors::trials(),
        failure::trials(),
        health::trials(),
        reload::trials(),
        mixed::trials(),
        growth::trials(),
        operation::trials(),
        load::trials(),
    ];
    steps::around("pre_load_balancer", || Ok(&site()?.cluster), trials)
}
