// SPDX-License-Identifier: GPL-2.0-only

//! Tests that run in a guest, by name.

use anyhow::Result;
use libtest_mimic::{Failed, Trial};

/// A test.
pub fn test(name: &str, run: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, || {
        run().map_err(|error| Failed::from(format!("{error:#}")))
    })
}
