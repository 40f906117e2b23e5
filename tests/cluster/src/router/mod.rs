// SPDX-License-Identifier: GPL-2.0-only

//! HMARK on one router with several lines: `docs/router.md`.

mod lines;
mod planned;
mod site;
mod steps;
mod tunnel;

use libtest_mimic::Trial;

pub use site::site;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let mut trials = steps::trials();
    trials.extend(lines::trials());
    trials.extend(planned::trials());
    trials.extend(tunnel::trials());
    trials
}
