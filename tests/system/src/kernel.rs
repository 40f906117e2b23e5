// SPDX-License-Identifier: GPL-2.0-only

//! The running kernel: it is the one that its name says, and the tests did it no harm.

use std::fs;

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::trial::{single, test};
use testbed::{kernel, path, trials};

/// Taint flags of a bad page, an oops and a warning.
const TAINT_BUG: u64 = (1 << 5) | (1 << 7) | (1 << 9);

/// The test that comes first.
pub fn first() -> Vec<Trial> {
    trials![single(has_its_parts)]
}

/// The test that comes last: `before` is what [`tainted`] returned before all tests.
pub fn last(before: u64) -> Trial {
    test(path!(did_not_complain), move || did_not_complain(before))
}

fn has_its_parts() -> Result<()> {
    kernel::check_parts()
}

/// Checks that no test before this one caused a kernel warning or worse.
fn did_not_complain(before: u64) -> Result<()> {
    let new = tainted()? & TAINT_BUG & !before;
    ensure!(
        new == 0,
        "the kernel warned or had an oops (taint flags {new:#x}); see its log"
    );
    Ok(())
}

/// The kernel's taint flags.
///
/// # Errors
/// If the kernel does not tell.
pub fn tainted() -> Result<u64> {
    let text = fs::read_to_string("/proc/sys/kernel/tainted")?;
    Ok(text.trim().parse()?)
}
