// SPDX-License-Identifier: GPL-2.0-only

//! The life of rules: they are accepted, listed, saved, restored and deleted, and exchanged with
//! the stock library.

use anyhow::{bail, ensure, Context, Result};
use hmark::rule::Refusal;
use libtest_mimic::Trial;
use testbed::command::{run, run_with};
use testbed::family::Family;
use testbed::module;
use testbed::netns::Netns;
use testbed::note;
use testbed::path;
use testbed::side::Side;

use crate::backend::Backend;
use crate::ruleset;
use crate::trial::backends;

/// The rule of the project's main job.
pub const MISSION: &str = "-j HMARK --hmark-mod 4 --hmark-offs 100";

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let mut trials = backends(path!(mission), mission);
    trials.extend(backends(path!(exchanged_with_stock), exchanged_with_stock));
    trials.extend(backends(path!(refused), refused));
    trials
}

/// The main rule is accepted, listed, saved with its defaults, restored and deleted, and so is the
/// one that names what is the default.
fn mission(family: Family, backend: Backend) -> Result<()> {
    module::load_ours()?;
    let tuple = "--hmark-tuple src,dst,sport,dport,proto";
    lives(family, backend, MISSION)?;
    lives(family, backend, &format!("{MISSION} {tuple}"))
}

/// A rule that means the main one is found and deleted by its text, before and after it is restored.
fn lives(family: Family, backend: Backend, rule: &str) -> Result<()> {
    let netns = Netns::add("hmark-mission")?;
    let iptables = format!("{} -t mangle", backend.program(family, ""));
    let (address, bits) = match family {
        Family::Ipv4 => ("192.0.2.1", 32),
        Family::Ipv6 => ("2001:db8::1", 128),
    };
    let saved = format!(
        "-A PREROUTING -d {address}/{bits} -j HMARK --hmark-src-prefix {bits} \
         --hmark-dst-prefix {bits} --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff \
         --hmark-proto-mask 0xffff --hmark-rnd 0xc175a3b8 --hmark-mod 4 --hmark-offset 100"
    );

    netns.run(&format!("{iptables} -I PREROUTING -d {address} {rule}"))?;
    module::check_ours()?;
    ensure_rules(&netns, family, backend, &[&saved])?;
    let listed = netns.run(&format!("{iptables} -n -L PREROUTING"))?;
    ensure!(listed.contains("HMARK mod 4 + 0x64"), "listed as: {listed}");
    // It means the same rule as the saved text, so -C finds it.
    let check = format!("{iptables} -C PREROUTING -d {address} {rule}");
    netns.run(&check)?;

    let dump = save(&netns, family, backend, Side::Ours)?;
    netns.run(&format!("{iptables} -F"))?;
    ensure_rules(&netns, family, backend, &[])?;
    restore(&netns, family, backend, Side::Ours, &dump)?;
    ensure_rules(&netns, family, backend, &[&saved])?;
    netns.run(&check)?;
    netns.run(&format!("{iptables} -D PREROUTING -d {address} {rule}"))?;
    ensure_rules(&netns, family, backend, &[])
}

/// Each library restores what the other saved; lists and saves are the same.
fn exchanged_with_stock(family: Family, backend: Backend) -> Result<()> {
    module::load_ours()?;
    let netns = Netns::add("hmark-exchange")?;
    let mut entries = ruleset::stateless(family);
    entries.extend(ruleset::connection());
    let input = ruleset::restore_input(&entries, |_| Default::default());

    let mut dumps = Vec::new();
    for (writer, reader) in [(Side::Ours, Side::Stock), (Side::Stock, Side::Ours)] {
        restore(&netns, family, backend, writer, &input)?;
        let dump = save(&netns, family, backend, writer)?;
        restore(&netns, family, backend, reader, &dump)
            .with_context(|| format!("saved by {writer:?}, restored by {reader:?}"))?;
        dumps.push(dump);
        for library in [writer, reader] {
            dumps.push(save(&netns, family, backend, library)?);
        }
    }
    let count = rules(&dumps[0]).count();
    ensure!(
        count == entries.len(),
        "{count} of {} rules saved",
        entries.len()
    );
    for dump in &dumps {
        for (one, other) in rules(&dumps[0]).zip(rules(dump)) {
            ensure!(one == other, "saved differently: `{one}` and `{other}`");
        }
        ensure!(rules(dump).count() == count, "rules lost on the way");
    }

    let list = |library: Side| {
        let command = format!("{} -t mangle -n -L", backend.program(family, ""));
        netns.enter(|| run_with(&command, "", library.variables()))
    };
    let (ours, stock) = (list(Side::Ours)?, list(Side::Stock)?);
    ensure!(ours == stock, "listed differently:\n{ours}\n{stock}");
    note!("{family}: {count} rules exchanged with the stock library");
    Ok(())
}

/// Rules that the kernel or the library must refuse are refused, and none is left behind.
fn refused(family: Family, backend: Backend) -> Result<()> {
    module::load_ours()?;
    let netns = Netns::add("hmark-refused")?;
    let iptables = format!("{} -t mangle", backend.program(family, ""));
    for options in [
        "",
        "--hmark-mod 0",
        "--hmark-mod 4 --hmark-tuple src,dst,colour",
        "--hmark-mod 4 --hmark-tuple spi,sport",
        "--hmark-mod 4 --hmark-spi 1 --hmark-sport 1",
        "--hmark-mod 4294967296",
    ] {
        let rule = format!("{iptables} -A PREROUTING -j HMARK {options}");
        refuses(netns.run(&rule), "HMARK: ")?;
    }
    // The stock library leaves this one to the kernel.
    let rule = format!(
        "{iptables} -A PREROUTING -j HMARK --hmark-tuple src --hmark-spi 1 --hmark-sport 1 \
         --hmark-mod 4 --hmark-rnd 1"
    );
    let before = reasons()?;
    let result = netns.enter(|| run_with(&rule, "", Side::Stock.variables()));
    refuses(result, "Invalid argument")?;
    ensure!(
        reasons()? > before,
        "the kernel log does not say why the rule is refused"
    );
    ensure_rules(&netns, family, backend, &[])
}

/// The number of times that the kernel log has the reason for refusing the rule that the stock
/// library lets through.
fn reasons() -> Result<usize> {
    let reason = format!("xt_HMARK: {}", Refusal::SpiAndPort.message());
    let log = run("dmesg")?;
    Ok(log.lines().filter(|line| line.ends_with(&reason)).count())
}

/// Checks that a command failed, and why.
fn refuses(result: Result<String>, reason: &str) -> Result<()> {
    let Err(error) = result else {
        bail!("accepted what it must refuse ({reason})");
    };
    ensure!(
        format!("{error:#}").contains(reason),
        "not refused: {error:#}"
    );
    Ok(())
}

fn ensure_rules(netns: &Netns, family: Family, backend: Backend, expected: &[&str]) -> Result<()> {
    let dump = save(netns, family, backend, Side::Ours)?;
    let found: Vec<_> = rules(&dump).collect();
    ensure!(
        found == expected,
        "expected {expected:#?}, saved {found:#?}"
    );
    Ok(())
}

fn rules(dump: &str) -> impl Iterator<Item = &str> {
    dump.lines().filter(|line| line.starts_with("-A"))
}

fn save(netns: &Netns, family: Family, backend: Backend, library: Side) -> Result<String> {
    let command = backend.program(family, "-save");
    netns.enter(|| run_with(&command, "", library.variables()))
}

fn restore(
    netns: &Netns,
    family: Family,
    backend: Backend,
    library: Side,
    dump: &str,
) -> Result<()> {
    let command = backend.program(family, "-restore");
    netns.enter(|| run_with(&command, dump, library.variables()))?;
    Ok(())
}
