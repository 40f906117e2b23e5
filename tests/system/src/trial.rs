// SPDX-License-Identifier: GPL-2.0-only

//! A test for each family and backend, by name.

use anyhow::Result;
use libtest_mimic::Trial;
use testbed::family::{Commands, Family};
use testbed::trial::{served, test};

use crate::backend::Backend;

/// A test for each family and backend.
pub fn backends(name: &str, run: fn(Family, Backend) -> Result<()>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for family in served() {
        for backend in Backend::ALL {
            let name = format!("{name}_{}_{backend}", family.name());
            trials.push(test(&name, move || run(family, backend)));
        }
    }
    trials
}
