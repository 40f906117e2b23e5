// SPDX-License-Identifier: GPL-2.0-only

//! The examples of the manual page, run as they are printed there.

use std::fs;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::command;
use testbed::module;
use testbed::netns::Netns;
use testbed::note;
use testbed::trial::single;
use testbed::trials;

const PAGE: &str = "man/libxt_HMARK.8";

/// The networks that the examples' gateways are in.
const NETWORK: &str = "link add gateways type dummy\n\
    link set gateways up\n\
    address add 198.51.100.254/24 dev gateways\n\
    address add 2001:db8:1::254/64 dev gateways nodad\n";

/// The test here.
pub fn trials() -> Vec<Trial> {
    trials![single(run_as_printed)]
}

/// Runs each block of commands in a namespace of its own, with a shell that stops at the first
/// command that fails.
fn run_as_printed() -> Result<()> {
    module::load_ours()?;
    let page = fs::read_to_string(PAGE).with_context(|| format!("cannot read {PAGE}"))?;
    // The section with formulas in place of commands.
    let page: Vec<_> = page
        .split("\n.Sh ")
        .filter(|section| !section.starts_with("HOW A MARK IS COMPUTED"))
        .collect();
    let page = page.join("\n");
    let blocks = blocks(&page);
    for block in &blocks {
        let netns = Netns::add("hmark-example")?;
        netns.ip(NETWORK)?;
        netns
            .enter(|| command::run_with("sh -eu", block, &[]))
            .with_context(|| format!("{PAGE}:\n{block}"))?;
    }
    let examples = page.matches("\n.Bd ").count() + page.matches("\n.Dl ").count();
    ensure!(
        examples > 0 && blocks.len() == examples,
        "{} of {examples} examples were run",
        blocks.len()
    );
    let lines: usize = blocks.iter().map(|block| block.lines().count()).sum();
    note!("{lines} lines of {examples} examples in {PAGE} run");
    Ok(())
}

/// The text between `.Bd` and `.Ed`, and after each `.Dl`.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.starts_with(".Bd ") {
            let block: Vec<_> = lines.by_ref().take_while(|&line| line != ".Ed").collect();
            blocks.push(block.join("\n"));
        } else if let Some(command) = line.strip_prefix(".Dl ") {
            blocks.push(command.to_owned());
        }
    }
    blocks
}
