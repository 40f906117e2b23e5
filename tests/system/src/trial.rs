// SPDX-License-Identifier: GPL-2.0-only

//! Tests by name: a single one, one for each family, or one for each family and backend.

use anyhow::Result;
use libtest_mimic::Trial;
use testbed::family::{Commands, Family};
use testbed::kernel::{self, Part};
pub use testbed::trial::test;

use crate::backend::Backend;

/// The families that the kernel supports.
fn served() -> impl Iterator<Item = Family> {
    let has_ipv6 = kernel::has(Part::Ipv6);
    let families = Family::ALL.into_iter();
    families.filter(move |&family| family == Family::Ipv4 || has_ipv6)
}

/// A test for each family.
pub fn families(
    name: &str,
    run: impl Fn(Family) -> Result<()> + Copy + Send + 'static,
) -> Vec<Trial> {
    let of = |family: Family| test(&format!("{name}_{}", family.name()), move || run(family));
    served().map(of).collect()
}

/// A test for each family and backend.
pub fn backends(
    name: &str,
    run: impl Fn(Family, Backend) -> Result<()> + Copy + Send + 'static,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for family in served() {
        for backend in Backend::ALL {
            let name = format!("{name}_{}_{backend}", family.name());
            trials.push(test(&name, move || run(family, backend)));
        }
    }
    trials
}
