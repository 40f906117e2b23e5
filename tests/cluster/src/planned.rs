// SPDX-License-Identifier: GPL-2.0-only

//! Hosts that `hmark plan` sets up, in place of a tutorial's own commands for marks.

use std::env;
use std::fmt::Write;
use std::sync::Arc;

use anyhow::{ensure, Context, Result};
use testbed::note;

use crate::host::Host;

/// Shows all base chains, which packets pass even if they are empty.
const LISTED: &str = "
    listed() {
        for family in ip ip6; do
            nft -s list table $family mangle 2> /dev/null || :
        done
    }
    ";

/// Leaves a host its addresses and routes, but no rule about marks: those are kept for [`BY_HAND`].
const BARE: &str = "
    listed > /run/by-hand.nft
    for tables in iptables ip6tables; do
        # The lines of all built-in chains, whether the host has them or not, would make them.
        $tables-save -t mangle | sed '/^:[A-Z]* ACCEPT /d' > /run/by-hand.$tables
        $tables -t mangle -F
    done
    for family in -4 -6; do
        ip $family rule | sed -n '/fwmark/s/:\\t/ /p' > /run/by-hand$family
        while read -r preference rule; do
            ip $family rule del pref $preference $rule
        done < /run/by-hand$family
        for table in $(sed 's/ *$//; s/.* //' /run/by-hand$family | sort -u); do
            ip $family route show table $table | sed \"s/^/route add /; s/\\$/ table $table/\"
            ip $family route flush table $table
        done > /run/by-hand$family.routes
    done
    ";

/// Takes the plan from a host, and gives it back what the tutorial's commands did.
const BY_HAND: &str = "
    # A rule of somebody else, by which its chain cannot go.
    iptables -t mangle -A INPUT -j HMARK-plan
    if said=$($HMARK plan --remove /run/plan.toml | sh 2>&1) ||
        [ \"${said#*that is not of the plan leads to its chain: -A INPUT}\" = \"$said\" ]
    then
        echo \"the plan went away under a jump to its chain: $said\" >&2
        exit 1
    fi
    iptables -t mangle -D INPUT -j HMARK-plan
    $HMARK plan --remove /run/plan.toml | sh
    if ip rule | grep fwmark || ip -6 rule | grep fwmark || ip nexthop | grep . ||
        iptables-save | grep HMARK || ip6tables-save | grep HMARK
    then
        echo 'the plan is not gone' >&2
        exit 1
    fi
    for tables in iptables ip6tables; do
        $tables-restore /run/by-hand.$tables
    done
    for family in -4 -6; do
        while read -r preference rule; do
            ip $family rule add pref $preference $rule
        done < /run/by-hand$family
        ip $family -batch /run/by-hand$family.routes
    done
    listed > /run/again.nft
    # Empty chains may be gone, but none has come.
    [ ! -s /run/by-hand.nft ] || ! diff /run/by-hand.nft /run/again.nft | grep '^>' >&2
    ";

/// Has the plan, and has it again: the second time nothing changes.
const PLANNED: &str = "
    $HMARK plan --diff /run/plan.toml > /run/plan.diff && exit 1
    grep -q '^+-A HMARK-plan ' /run/plan.diff
    $HMARK plan /run/plan.toml | sh
    $HMARK plan --diff /run/plan.toml >&2
    $HMARK plan /run/plan.toml | sh
    $HMARK check >&2
    ";

/// A host, and the file of its plan.
pub type Planned = (Arc<Host>, String);

/// Sets hosts up by their plans as long as `work` goes on.
///
/// # Errors
/// Those of `work`, or if a plan does not make its host as it says.
pub fn planned(all: &[Planned], work: impl FnOnce() -> Result<()>) -> Result<()> {
    let hmark = env::current_dir()?.join("target/lab/release/hmark");
    let settings = format!("HMARK={}\n{LISTED}", hmark.display());
    let mut bare = Vec::new();
    let result = all
        .iter()
        .try_for_each(|(host, file)| {
            host.run(&format!(
                "{settings}{BARE}\ncat > /run/plan.toml <<'END'\n{file}END\n"
            ))?;
            bare.push(host);
            let said = host.run(&format!("{settings}{PLANNED}"))?;
            let last = said.lines().last().unwrap_or_default();
            ensure!(
                last == "hmark plan plan: nothing to change",
                "{}: {said}",
                host.name()
            );
            Ok(())
        })
        .and_then(|()| work());
    for host in bare {
        host.run(&format!("{settings}{BY_HAND}"))?;
    }
    result?;
    let names: Vec<_> = all.iter().map(|(host, _)| host.name()).collect();
    note!("set up by hmark plan, and taken back: {}", names.join(" "));
    Ok(())
}

/// A plan with other gateways than its tutorial has.
///
/// # Errors
/// If it has no list of gateways.
pub fn with_gateways(file: &str, gateways: &str) -> Result<String> {
    let parts = file.split_once("gateways = [\n");
    let parts = parts.and_then(|(before, rest)| Some((before, rest.split_once("]\n")?.1)));
    let (before, after) = parts.context("a plan without a list of gateways")?;
    Ok(format!("{before}{gateways}{after}"))
}

/// The lines of a plan's gateways: `address` gives those of the number that a gateway's addresses end in.
pub fn gateways(
    numbers: impl Iterator<Item = usize>,
    address: impl Fn(usize) -> (String, String),
) -> String {
    let mut text = String::from("gateways = [\n");
    for number in numbers {
        let (four, six) = address(number);
        let _ = writeln!(
            text,
            "  {{ name = \"gateway-{number}\", address4 = \"{four}\", address6 = \"{six}\" }},"
        );
    }
    text + "]\n"
}
