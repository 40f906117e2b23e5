// SPDX-License-Identifier: GPL-2.0-only

//! The tutorials themselves: their commands do what the text says.

use anyhow::Result;
use libtest_mimic::Trial;
use testbed::note;
use testbed::path;
use testbed::trial::test;

use crate::cluster::Cluster;

/// All tests of a cluster, in order: the steps that build it and try it, `trials`, and what is left
/// of the text.
pub fn around(
    name: &str,
    cluster: fn() -> Result<&'static Cluster>,
    trials: impl IntoIterator<Item = Vec<Trial>>,
) -> Vec<Trial> {
    let step = |path: &str, play: fn(&Cluster) -> Result<()>| {
        test(&format!("{path}_{name}"), move || play(cluster()?))
    };
    let mut all = vec![step(path!(sets_up), sets_up), step(path!(works), works)];
    all.extend(trials.into_iter().flatten());
    all.push(step(path!(played_whole), played_whole));
    all
}

/// Plays the steps that build the cluster, if no test did before.
fn sets_up(_: &Cluster) -> Result<()> {
    Ok(())
}

/// Plays the step that tries it.
fn works(cluster: &Cluster) -> Result<()> {
    cluster.play("Try it")
}

/// Plays what earlier tests did not need, and shows the share of each gateway.
fn played_whole(cluster: &Cluster) -> Result<()> {
    cluster.tutorial.play_rest(&cluster.hosts)?;
    note!("\n{}\n", cluster.table()?);
    Ok(())
}
