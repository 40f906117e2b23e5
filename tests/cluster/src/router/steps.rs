// SPDX-License-Identifier: GPL-2.0-only

//! The tutorial itself: its commands do what the text says.

use anyhow::Result;
use libtest_mimic::Trial;
use testbed::trial::single;
use testbed::trials;

use super::site::site;

/// The tests, in the order of the text.
pub fn trials() -> Vec<Trial> {
    trials![single(sets_up, played_whole)]
}

/// Plays the steps that build the router.
fn sets_up() -> Result<()> {
    site().map(drop)
}

/// Plays the rest, whose output shows the line of each connection.
fn played_whole() -> Result<()> {
    let site = site()?;
    site.tutorial.play_rest(&site.hosts)
}
