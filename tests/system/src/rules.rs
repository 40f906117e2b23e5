// SPDX-License-Identifier: GPL-2.0-only

//! The life of rules: they are accepted, listed, saved, restored and deleted, and exchanged with
//! the stock library.

use anyhow::{ensure, Context, Result};
use hmark::rule::Refusal;
use libtest_mimic::Trial;
use testbed::command::run;
use testbed::family::Family;
use testbed::module;
use testbed::note;
use testbed::side::Side;
use testbed::text::runner::Iptables;
use testbed::trials;

use crate::backend::Backend;
use crate::firewall::{rules, Firewall, PARAMETER_PROBLEM};
use crate::ruleset;
use crate::trial::backends;

/// The rule of the project's main job.
pub const MISSION: &str = "-j HMARK --hmark-mod 4 --hmark-offs 100";

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![backends(mission, exchanged_with_stock, refused)]
}

/// The main rule is accepted, listed, saved with its defaults, restored and deleted, and so is the
/// one that names what is the default.
fn mission(family: Family, backend: Backend) -> Result<()> {
    let tuple = "--hmark-tuple src,dst,sport,dport,proto";
    lives(family, backend, MISSION)?;
    lives(family, backend, &format!("{MISSION} {tuple}"))
}

/// A rule that means the main one is found and deleted by its text, before and after it is restored.
fn lives(family: Family, backend: Backend, rule: &str) -> Result<()> {
    let firewall = Firewall::new(family, backend)?;
    let (address, bits) = match family {
        Family::Ipv4 => ("192.0.2.1", 32),
        Family::Ipv6 => ("2001:db8::1", 128),
    };
    let saved = format!(
        "-A PREROUTING -d {address}/{bits} -j HMARK --hmark-src-prefix {bits} \
         --hmark-dst-prefix {bits} --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff \
         --hmark-proto-mask 0xffff --hmark-rnd 0xc175a3b8 --hmark-mod 4 --hmark-offset 100"
    );
    let run = |command: &str| {
        let arguments = format!("-t mangle {command}");
        firewall.run(Side::Ours, "", &arguments, "")
    };
    let ensure_rules = |expected: &[&str]| {
        let found = firewall.rules(Side::Ours)?;
        ensure!(
            found == expected,
            "expected {expected:#?}, saved {found:#?}"
        );
        Ok(())
    };

    run(&format!("-I PREROUTING -d {address} {rule}"))?;
    module::check_ours()?;
    ensure_rules(&[&saved])?;
    let listed = run("-n -L PREROUTING")?;
    ensure!(listed.contains("HMARK mod 4 + 0x64"), "listed as: {listed}");
    // It means the same rule as the saved text, so -C finds it.
    run(&format!("-C PREROUTING -d {address} {rule}"))?;

    let dump = firewall.run(Side::Ours, "-save", "", "")?;
    run("-F")?;
    ensure_rules(&[])?;
    firewall.run(Side::Ours, "-restore", "", &dump)?;
    ensure_rules(&[&saved])?;
    run(&format!("-C PREROUTING -d {address} {rule}"))?;
    run(&format!("-D PREROUTING -d {address} {rule}"))?;
    ensure_rules(&[])
}

/// Each library restores what the other saved; lists and saves are the same.
fn exchanged_with_stock(family: Family, backend: Backend) -> Result<()> {
    let firewall = Firewall::new(family, backend)?;
    let mut entries = ruleset::stateless(family);
    entries.extend(ruleset::connection());
    let input = ruleset::restore_input(&entries, |_| Default::default());

    let mut saves = Vec::new();
    for (writer, reader) in [(Side::Ours, Side::Stock), (Side::Stock, Side::Ours)] {
        firewall.run(writer, "-restore", "", &input)?;
        let dump = firewall.run(writer, "-save", "", "")?;
        firewall
            .run(reader, "-restore", "", &dump)
            .with_context(|| format!("saved by {writer:?}, restored by {reader:?}"))?;
        saves.push(rules(&dump).map(str::to_owned).collect());
        for library in [writer, reader] {
            saves.push(firewall.rules(library)?);
        }
    }
    let count = saves[0].len();
    ensure!(
        count == entries.len(),
        "{count} of {} rules saved",
        entries.len()
    );
    for save in &saves {
        for (one, other) in saves[0].iter().zip(save) {
            ensure!(one == other, "saved differently: `{one}` and `{other}`");
        }
        ensure!(save.len() == count, "rules lost on the way");
    }

    let list = |library| firewall.run(library, "", "-t mangle -n -L", "");
    let (ours, stock) = (list(Side::Ours)?, list(Side::Stock)?);
    ensure!(ours == stock, "listed differently:\n{ours}\n{stock}");
    note!("{family}: {count} rules exchanged with the stock library");
    Ok(())
}

/// The kernel refuses a rule that the stock library leaves to it, logs why, and none is left behind.
/// Our library refuses it itself.
fn refused(family: Family, backend: Backend) -> Result<()> {
    let firewall = Firewall::new(family, backend)?;
    for port in ["--hmark-sport", "--hmark-dport"] {
        let rule = format!(
            "-A PREROUTING -j HMARK --hmark-tuple src --hmark-spi 1 {port} 1 --hmark-mod 4 \
             --hmark-rnd 1"
        );
        let before = reasons()?;
        for (library, reason) in [
            (Side::Ours, "HMARK: --hmark-spi excludes"),
            (Side::Stock, "Invalid argument"),
        ] {
            let answer = firewall.mangle(library, &rule)?;
            let is_its_own = answer.status == PARAMETER_PROBLEM;
            ensure!(
                is_its_own == (library == Side::Ours) && answer.stderr.contains(reason),
                "{library:?}: status {}: {}",
                answer.status,
                answer.stderr
            );
        }
        ensure!(
            reasons()? > before,
            "the kernel log does not say why the rule is refused"
        );
    }
    let left = firewall.rules(Side::Ours)?;
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

/// The number of times that the kernel log has the reason for refusing the rule that the stock
/// library lets through.
fn reasons() -> Result<usize> {
    let reason = format!("xt_HMARK: {}", Refusal::SpiAndPort.message());
    let log = run("dmesg")?;
    Ok(log.lines().filter(|line| line.ends_with(&reason)).count())
}
