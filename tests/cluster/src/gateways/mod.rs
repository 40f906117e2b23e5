// SPDX-License-Identifier: GPL-2.0-only

//! HMARK for connections that a cluster opens, with NAT on the way: `docs/gateways.md`.

mod attempts;
mod delivery;
mod errors;
mod growth;
#[cfg(test)]
mod moves;
mod pages;
mod planned;
mod several_addresses;
mod site;
mod without_ct;

use libtest_mimic::Trial;

use crate::steps;

/// The tests here, all of the same cluster.
pub fn trials() -> Vec<Trial> {
    let trials = [
        delivery::trials(),
        planned::trials(),
        errors::trials(),
        without_ct::trials(),
        pages::trials(),
        several_addresses::trials(),
        growth::trials(),
    ];
    steps::around("gateways", || Ok(&site::site()?.cluster), trials)
}
