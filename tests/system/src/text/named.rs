// SPDX-License-Identifier: GPL-2.0-only

//! Differences that the man page names, other than those that are lines of
//! `tests/iptables/stock`.

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::command::output;
use testbed::family::{Commands, Family};
use testbed::side::Side;
use testbed::text::runner::Iptables;
use testbed::trial::{families, single};
use testbed::trials;

use crate::backend::Backend;
use crate::firewall::Firewall;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![single(tuple_ipv4), families(not_spread, spread_by_nft)]
}

/// For an address in a tuple, the stock library stores more than for what it saves in its place.
fn tuple_ipv4() -> Result<()> {
    let firewall = Firewall::new(Family::Ipv4, Backend::Nft)?;
    let tuple = "--hmark-mod 4 --hmark-rnd 1 --hmark-tuple src,dst,sport,dport,proto";
    let run = |library, command: &str| {
        firewall.run(library, "", &format!("-t mangle {command} PREROUTING"), "")
    };
    let finds = |library, rule: &str| -> Result<bool> {
        let answer = firewall.mangle(library, &rule.replacen("-A ", "-C ", 1))?;
        Ok(answer.status == 0)
    };
    let added = format!("-A PREROUTING -j HMARK {tuple}");
    for library in Side::BOTH {
        run(library, "-F")?;
        firewall.run(library, "", &format!("-t mangle {added}"), "")?;
        let saved = firewall.rules(library)?.pop().context("no rule")?;
        let by_text = Side::BOTH.map(|finder| finds(finder, &added));
        let by_saved = Side::BOTH.map(|finder| finds(finder, &saved));
        run(library, "-F")?;
        firewall.run(library, "", &format!("-t mangle {saved}"), "")?;
        let restored = Side::BOTH.map(|finder| finds(finder, &added));
        let found = [by_text, by_saved, restored].map(|found| found.map(Result::unwrap_or_default));
        let [is_stock, is_ours] = Side::BOTH.map(|side| side == library);
        ensure!(
            found == [[is_stock, is_ours], [is_ours; 2], [false, true]],
            "found of what {library:?} added: {found:?}"
        );
    }
    Ok(())
}

/// Ours warns of a rule that spreads nothing.
fn not_spread(family: Family) -> Result<()> {
    let firewall = Firewall::new(family, Backend::Nft)?;
    for (tuple, is_doubtful) in [
        ("ct", true),
        ("proto", true),
        ("ct,p", true),
        ("src", false),
    ] {
        let options = format!("--hmark-mod 4 --hmark-rnd 1 --hmark-tuple {tuple}");
        for library in Side::BOTH {
            let added = firewall.mangle(library, &format!("-A PREROUTING -j HMARK {options}"))?;
            let warns = added.stderr.contains("HMARK: warning: ");
            ensure!(
                added.status == 0 && warns == (is_doubtful && library == Side::Ours),
                "{library:?}, {tuple}: status {}: {}",
                added.status,
                added.stderr
            );
        }
    }
    Ok(())
}

/// Ours warns of a translation that spreads packets by their protocol.
fn spread_by_nft(family: Family) -> Result<()> {
    for (matches, warns) in [("", true), ("-p tcp", false)] {
        let rule = format!("{matches} -j HMARK --hmark-mod 4 --hmark-tuple src,proto");
        let arguments = format!("-t mangle -A PREROUTING {rule}");
        let command = format!("{}-translate {arguments}", family.iptables());
        let output = output(&command, "", &[])?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success() && said.contains("HMARK: warning: ") == warns,
            "{rule}: {}: {said}",
            output.status
        );
    }
    Ok(())
}
