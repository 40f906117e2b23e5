// SPDX-License-Identifier: GPL-2.0-only

//! The tutorial itself: its commands do what the text says.

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::note;
use testbed::path;
use testbed::trial::test;

use super::site::{site, TUTORIAL};

/// The tests that come first.
pub fn trials() -> Vec<Trial> {
    vec![test(path!(sets_up), sets_up), test(path!(works), works)]
}

/// The tests that come last.
pub fn last() -> Vec<Trial> {
    vec![test(path!(played_whole), played_whole)]
}

/// Plays the steps that build the cluster.
fn sets_up() -> Result<()> {
    site().map(drop)
}

/// Plays the step that tries it.
fn works() -> Result<()> {
    site()?.play("Try it")
}

/// Checks that no command of the text is left out: plays those that earlier tests did not need.
fn played_whole() -> Result<()> {
    let site = site()?;
    for section in site.tutorial.unplayed()? {
        site.play(&section)?;
    }
    ensure!(site.tutorial.unplayed()?.is_empty(), "some are left");
    note!(
        "{TUTORIAL}: {} blocks of commands played on {} hosts",
        site.tutorial.blocks(),
        site.hosts().count()
    );
    Ok(())
}
