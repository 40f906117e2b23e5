// SPDX-License-Identifier: GPL-2.0-only

//! The translation of HMARK rules by iptables-translate, which nft must accept.

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::command::{run, run_with};
use testbed::family::Family;
use testbed::netns::Netns;
use testbed::note;
use testbed::text::files::{self, Translation};
use testbed::trial::families;
use testbed::trials;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![families(translated, declined)]
}

/// Each rule has its translation, and nft and the kernel accept them all.
fn translated(family: Family) -> Result<()> {
    let table = match family {
        Family::Ipv4 => "ip mangle",
        Family::Ipv6 => "ip6 mangle",
    };
    let mut lines = vec![
        format!("add table {table}"),
        format!("add chain {table} PREROUTING {{ type filter hook prerouting priority mangle; }}"),
    ];
    let heads = lines.len();
    for translation in files::translations(family) {
        if let Some(nft) = translation.nft() {
            check(&translation)?;
            lines.push(nft.to_owned());
        }
    }
    let netns = Netns::add("hmark-translate")?;
    netns
        .enter(|| run_with("nft -c -f -", &(lines.join("\n") + "\n"), &[]))
        .context("nft refuses a translation")?;
    note!("{family}: {} rules translated for nft", lines.len() - heads);
    Ok(())
}

/// A rule that nft has no equivalent of is printed as a comment, as usual for iptables-translate.
fn declined(family: Family) -> Result<()> {
    let translations = files::translations(family);
    let mut declined = translations.iter().filter(|one| one.nft().is_none());
    declined.try_for_each(check)
}

fn check(translation: &Translation) -> Result<()> {
    let Translation { command, printed } = translation;
    let found = run(command)?;
    // A comment ends with a blank.
    ensure!(
        found.trim_end_matches([' ', '\n']) == *printed,
        "`{command}`: expected\n  {printed}, printed\n  {found}"
    );
    Ok(())
}
