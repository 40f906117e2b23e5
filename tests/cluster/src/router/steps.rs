// SPDX-License-Identifier: GPL-2.0-only

//! The tutorial itself: its commands do what the text says.

use anyhow::Result;
use libtest_mimic::Trial;
use testbed::note;
use testbed::path;
use testbed::trial::test;

use super::site::site;

/// The tests, in the order of the text.
pub fn trials() -> Vec<Trial> {
    vec![
        test(path!(sets_up), sets_up),
        test(path!(played_whole), played_whole),
    ]
}

/// Plays the steps that build the router.
fn sets_up() -> Result<()> {
    site().map(drop)
}

/// Plays the rest, whose output shows the line of each connection.
fn played_whole() -> Result<()> {
    let site = site()?;
    for section in site.tutorial.unplayed()? {
        site.tutorial.play(&section, &site.hosts)?;
    }
    note!(
        "{}: {} blocks of commands played on {} hosts",
        site.tutorial.file(),
        site.tutorial.blocks(),
        site.hosts.len()
    );
    Ok(())
}
