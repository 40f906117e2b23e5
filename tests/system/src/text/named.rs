// SPDX-License-Identifier: GPL-2.0-only

//! Each difference that the man page names, shown with Debian's iptables.

use std::process::Command;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::command::run_with;
use testbed::family::Family;
use testbed::iptables;
use testbed::module;
use testbed::netns::Netns;
use testbed::path;
use testbed::side::Side;

use crate::backend::Backend;
use crate::trial::{families, test};

/// Exit status of iptables for a rule that an extension refuses.
const PARAMETER_PROBLEM: i32 = 2;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        test(path!(zone_ipv6), zone_ipv6),
        test(path!(tuple_ipv4), tuple_ipv4),
    ];
    trials.extend(families(path!(defaults), defaults));
    trials.extend(families(path!(offs), offs));
    trials.extend(families(path!(netmask), netmask));
    trials.extend(families(path!(not_spread), not_spread));
    trials.extend(families(path!(spi_and_port), spi_and_port));
    trials.extend(families(path!(overridden), overridden));
    trials.extend(families(path!(words), words));
    trials
}

/// The mangle table of a namespace.
struct Table {
    family: Family,
    netns: Netns,
}

/// The exit status and output of a command.
struct Answer {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Table {
    fn new(family: Family) -> Result<Self> {
        module::load_ours()?;
        let netns = Netns::add("hmark-named")?;
        Ok(Self { family, netns })
    }

    fn iptables(&self, library: Side, arguments: &str) -> Result<Answer> {
        let mut command = Command::new(Backend::Nft.program(self.family, ""));
        command
            .args(["-t", "mangle"])
            .args(arguments.split_whitespace())
            .envs(library.variables().iter().copied());
        let output = self.netns.enter(|| Ok(command.output()?))?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Ok(Answer {
            status: output.status.code().context("ended by a signal")?,
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        })
    }

    /// Adds a rule to the PREROUTING chain after emptying it.
    fn add(&self, library: Side, options: &str) -> Result<Answer> {
        self.iptables(library, "-F PREROUTING")?;
        self.iptables(library, &format!("-A PREROUTING -j HMARK {options}"))
    }

    /// Adds a rule, which must be accepted, and returns it as the library saves it.
    fn saved(&self, library: Side, options: &str) -> Result<String> {
        let added = self.add(library, options)?;
        ensure!(added.status == 0, "{library:?}: {}", added.stderr);
        let saved = self.iptables(library, "-S PREROUTING")?.stdout;
        let rule = saved.lines().find(|line| line.starts_with("-A"));
        Ok(rule.context("no rule was saved")?.to_owned())
    }

    fn restore(&self, library: Side, rule: &str) -> Result<()> {
        let command = Backend::Nft.program(self.family, "-restore");
        let input = format!("*mangle\n{rule}\nCOMMIT\n");
        self.netns
            .enter(|| run_with(&command, &input, library.variables()))?;
        Ok(())
    }

    /// Checks that a library itself refuses a rule, by the exit status and these words.
    fn refuses(&self, library: Side, options: &str, words: &str) -> Result<()> {
        let answer = self.add(library, options)?;
        ensure!(
            answer.status == PARAMETER_PROBLEM && answer.stderr.contains(words),
            "{library:?}: status {}: {}",
            answer.status,
            answer.stderr
        );
        Ok(())
    }
}

/// The stock library requires a seed and selectors. Ours does not, but saves them, so that the
/// stock library restores the rule.
fn defaults(family: Family) -> Result<()> {
    let table = Table::new(family)?;
    for options in [
        "--hmark-mod 4 --hmark-offset 100",
        "--hmark-mod 4 --hmark-rnd 1",
        "--hmark-mod 4 --hmark-tuple src",
    ] {
        table.refuses(Side::Stock, options, "--hmark-")?;
        let saved = table.saved(Side::Ours, options)?;
        table.restore(Side::Stock, &saved)?;
    }
    Ok(())
}

/// `--hmark-offs` is an option of ours, and an abbreviation to the stock library.
fn offs(family: Family) -> Result<()> {
    let table = Table::new(family)?;
    for library in Side::BOTH {
        let options = "--hmark-mod 4 --hmark-rnd 1 --hmark-tuple src --hmark-offs 5";
        let saved = table.saved(library, options)?;
        ensure!(saved.ends_with(" --hmark-offset 5"), "{library:?}: {saved}");
    }
    let help = |library| Ok::<_, anyhow::Error>(table.iptables(library, "-j HMARK --help")?.stdout);
    ensure!(help(Side::Ours)?.contains("--hmark-offs\n"));
    ensure!(!help(Side::Stock)?.contains("--hmark-offs\n"));
    Ok(())
}

/// The stock library takes a netmask that has no length, such as a network's address, saves it as
/// -1, and does not restore that. With an old iptables, it stores all ones.
fn netmask(family: Family) -> Result<()> {
    let table = Table::new(family)?;
    let masks = match family {
        Family::Ipv4 => ["255.0.255.0", "192.168.1.0", "33"],
        Family::Ipv6 => ["ffff:0:ffff::", "2001:db8::", "::1"],
    };
    for mask in masks {
        let options = format!("--hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix {mask}");
        table.refuses(Side::Ours, &options, "but no address")?;
        let saved = table.saved(Side::Stock, &options)?;
        let length = match iptables::is_old()? {
            true => family.address_bits().to_string(),
            false => {
                let restored = table.restore(Side::Stock, &saved);
                ensure!(restored.is_err(), "the stock library restores {saved}");
                "-1".to_owned()
            }
        };
        let length = format!("--hmark-src-prefix {length} ");
        ensure!(saved.contains(&length), "{saved}");
    }
    Ok(())
}

/// The stock library accepts a netmask with a zone, as in an address.
fn zone_ipv6() -> Result<()> {
    let table = Table::new(Family::Ipv6)?;
    let options = "--hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix ffff::%1";
    table.refuses(Side::Ours, options, "\"ffff::%1\"")?;
    let saved = table.saved(Side::Stock, options)?;
    ensure!(saved.contains("--hmark-src-prefix 16 "), "{saved}");
    Ok(())
}

/// For an address in a tuple, the stock library stores more than for what it saves in its place.
fn tuple_ipv4() -> Result<()> {
    let table = Table::new(Family::Ipv4)?;
    let options = "--hmark-mod 4 --hmark-rnd 1 --hmark-tuple src,dst,sport,dport,proto";
    for library in Side::BOTH {
        let saved = table.saved(library, options)?;
        table.iptables(library, "-F PREROUTING")?;
        table.restore(library, &saved)?;
        let rule = format!("-C PREROUTING -j HMARK {options}");
        for (finder, finds) in [(library, library == Side::Ours), (Side::Ours, true)] {
            let found = table.iptables(finder, &rule)?.status == 0;
            ensure!(
                found == finds,
                "{finder:?} finds what {library:?} saved: {found}"
            );
        }
        let found = table.iptables(Side::Stock, &saved.replace("-A ", "-C "))?;
        ensure!(
            found.status == 0,
            "not found by what was saved: {}",
            found.stderr
        );
    }
    table.saved(Side::Stock, options)?;
    let found = table.iptables(Side::Ours, &format!("-C PREROUTING -j HMARK {options}"))?;
    ensure!(
        found.status == 1,
        "ours finds what the stock library added by the tuple"
    );
    Ok(())
}

/// Ours warns of a rule that spreads nothing.
fn not_spread(family: Family) -> Result<()> {
    let table = Table::new(family)?;
    for tuple in ["ct", "proto", "ct,proto"] {
        let options = format!("--hmark-mod 4 --hmark-rnd 1 --hmark-tuple {tuple}");
        for (library, warns) in [(Side::Stock, false), (Side::Ours, true)] {
            let added = table.add(library, &options)?;
            ensure!(
                added.status == 0 && added.stderr.contains("warning") == warns,
                "{library:?}: status {}: {}",
                added.status,
                added.stderr
            );
        }
    }
    Ok(())
}

/// The stock library leaves it to the kernel to refuse an SPI together with a port.
fn spi_and_port(family: Family) -> Result<()> {
    let table = Table::new(family)?;
    for port in ["--hmark-sport", "--hmark-dport"] {
        let options = format!("--hmark-mod 4 --hmark-rnd 1 --hmark-spi 1 {port} 1");
        table.refuses(Side::Ours, &options, "--hmark-spi excludes")?;
        let stock = table.add(Side::Stock, &options)?;
        ensure!(
            stock.status != PARAMETER_PROBLEM && stock.stderr.contains("Invalid argument"),
            "status {}: {}",
            stock.status,
            stock.stderr
        );
    }
    Ok(())
}

/// In the stock library, a tuple overrides a mask that was given before it.
fn overridden(family: Family) -> Result<()> {
    let table = Table::new(family)?;
    for (mask, selector) in [
        ("--hmark-src-prefix 8", "src"),
        ("--hmark-dst-prefix 8", "dst"),
        ("--hmark-sport-mask 1", "sport"),
        ("--hmark-dport-mask 1", "dport"),
        ("--hmark-spi-mask 1", "spi"),
        ("--hmark-proto-mask 1", "proto"),
    ] {
        let options = format!("--hmark-mod 4 --hmark-rnd 1 {mask} --hmark-tuple {selector}");
        table.refuses(Side::Ours, &options, "given before")?;
        let saved = table.saved(Side::Stock, &options)?;
        ensure!(
            !saved.contains(mask),
            "the mask was not overridden: {saved}"
        );
    }
    Ok(())
}

/// Errors have the same exit status, but different words.
fn words(family: Family) -> Result<()> {
    let table = Table::new(family)?;
    for options in [
        "--hmark-mod 0",
        "--hmark-mod 4 --hmark-rnd 1 --hmark-tuple colour",
        "--hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix colour",
        "--hmark-mod 4 --hmark-rnd 1 --hmark-tuple spi,sport",
    ] {
        table.refuses(Side::Stock, options, "")?;
        let stock = table.add(Side::Stock, options)?.stderr;
        table.refuses(Side::Ours, options, "give")?;
        let ours = table.add(Side::Ours, options)?.stderr;
        ensure!(stock != ours, "both say: {stock}");
    }
    Ok(())
}
