// SPDX-License-Identifier: GPL-2.0-only

//! The same packets under the same rules, marked by the C module, by ours, by `hmark`, and by the
//! operator's tool.

mod many;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use anyhow::{bail, ensure, Context, Result};
use handover::Variable;
use hmark_cli::host::Host;
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::kernel::{self, takes_rust, Part};
use testbed::note;
use testbed::once::{once, Once};
use testbed::options;
use testbed::side::Side;
use testbed::trial::families;
use testbed::trials;

use crate::backend::Backend;
use crate::experiment::{Connections, Experiment, LEFT_ALONE};
use crate::nflog::Logged;
use crate::older::{known_cause, Known};
use crate::prediction::{self, Compared};
use crate::ruleset::{self, Entry};
use crate::seed;
use crate::traffic;

/// Number of packets for each experiment and family.
pub const PACKETS: usize = 2500;
/// The same in an emulated guest, which takes long; its kernel's fuzz lane compares many more.
pub const FEWER_PACKETS: usize = 1400;
/// Number of random packets for each family that the operator's tool predicts.
const RANDOM_PACKETS: usize = 50_000;
/// The least share of the marks of tracked connections that the operator's tool tells, in per cent, where
/// none is translated, and where some are.
const LEAST_TOLD: usize = 42;
const LEAST_TOLD_TRANSLATED: usize = 34;
/// The most mismatches that are shown.
const SHOWN: usize = 5;

fn packets() -> usize {
    match kernel::is_uml() {
        true => PACKETS,
        false => FEWER_PACKETS,
    }
}

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let mut trials = trials![families(
        equal_c,
        equal_prediction,
        equal_prediction_revision_1,
        equal_prediction_random,
    )];
    if Variable::Marks.value().is_some() {
        trials.extend(trials![families(many::equal_c)]);
    }
    if kernel::has(Part::Conntrack) {
        trials.extend(trials![families(
            equal_c_conntrack,
            equal_prediction_conntrack,
            equal_prediction_translated
        )]);
    }
    trials
}

/// The marks that both modules gave in one experiment.
struct Marks {
    family: Family,
    rules: Vec<Entry>,
    packets: usize,
    connections: Connections,
    c: Vec<Logged>,
    rust: Vec<Logged>,
    /// The host with our module, as the operator's tool sees it.
    host: Host,
}

/// Every packet, under every rule, has the mark that the C module gives it.
fn equal_c(family: Family) -> Result<()> {
    let marks = stateless(family)?;
    let expected = marks.packets * marks.rules.len();
    ensure!(
        marks.c.len() == expected,
        "{} marks instead of {expected}: packets were lost",
        marks.c.len()
    );
    compare(marks)?;
    varies(marks)
}

/// Every mark of the module is the one that `hmark` predicts from the packet's bytes.
fn equal_prediction(family: Family) -> Result<()> {
    let marks = stateless(family)?;
    let mut rules = HashMap::new();
    for entry in &marks.rules {
        if !entry.is_ct() {
            rules.insert(entry.name.as_str(), options::parse(entry.options, family)?);
        }
    }
    let mut compared = 0;
    let mut left_alone = 0;
    for logged in &marks.rust {
        let Some(rule) = rules.get(logged.rule.as_str()) else {
            // Without conntrack, a `ct` rule has nothing to hash.
            ensure!(
                logged.mark == LEFT_ALONE,
                "{}: marked without a connection",
                logged.rule
            );
            continue;
        };
        let packet = logged.packet.as_slice();
        let predicted = hmark::mark(family, packet, rule);
        left_alone += usize::from(predicted.is_none());
        let predicted = predicted.unwrap_or(LEFT_ALONE);
        ensure!(
            predicted == logged.mark,
            "{}: packet {}: hmark says {predicted:#x}, the module {:#x}",
            logged.rule,
            hex(packet),
            logged.mark
        );
        compared += 1;
    }
    note!(
        "{family}: {} rules, {compared} marks compared with hmark, {left_alone} of them left alone",
        rules.len()
    );
    ensure!(
        compared == marks.packets * rules.len(),
        "some marks were not compared"
    );
    ensure!(left_alone > 0, "no packet was left alone");
    let compared = tool(family, &marks.rules, &marks.rust, &marks.host)?;
    // The last rule is that of connections, which the tool cannot tell of this host.
    let all = marks.packets * (marks.rules.len() - 1);
    ensure!(compared.marks >= all, "some marks cannot be told");
    Ok(())
}

/// The same of rules of revision 1.
fn equal_prediction_revision_1(family: Family) -> Result<()> {
    let packets = traffic::stateless(family, seed()?, packets() / 2);
    let tunnels = traffic::random(family, seed()?, self::packets() / 2);
    equal_tool(family, ruleset::revision_1(), [packets, tunnels].concat())
}

/// The same of more packets, all of them random, and a few rules of both revisions.
fn equal_prediction_random(family: Family) -> Result<()> {
    let count = match kernel::is_uml() && !kernel::is_debug() {
        true => RANDOM_PACKETS,
        false => FEWER_PACKETS,
    };
    let packets = traffic::random(family, seed()? + 1, count);
    equal_tool(family, ruleset::few(), packets)
}

/// Marks packets, and checks that the operator's tool predicts each mark.
fn equal_tool(family: Family, rules: Vec<Entry>, packets: Vec<Vec<u8>>) -> Result<()> {
    let experiment = Experiment {
        family,
        backend: Backend::Nft,
        rules,
        packets,
        connections: Connections::Untracked,
    };
    let (logged, host) = experiment.run(Side::Ours)?;
    let compared = tool(family, &experiment.rules, &logged, &host)?;
    ensure!(
        compared.packets == experiment.packets.len() && compared.cannot_tell.is_empty(),
        "not all {} packets were compared: {compared}",
        experiment.packets.len()
    );
    Ok(())
}

/// Compares marks with those that the operator's tool predicts, by the rules that the host has and by each
/// rule's text.
fn tool(family: Family, rules: &[Entry], logged: &[Logged], host: &Host) -> Result<Compared> {
    let names: Vec<_> = rules.iter().map(|entry| entry.name.as_str()).collect();
    let passed = prediction::passed(&names, logged)?;
    let by_host = prediction::by_host(host, None, &passed)?;
    note!("{family}: by the host's rules: {by_host}");
    let mut by_rule = Compared::default();
    for (place, entry) in rules.iter().enumerate() {
        if !entry.is_ct() {
            by_rule.add(prediction::by_rule(entry.options, family, place, &passed)?);
        }
    }
    note!("{family}: by {} rules' texts: {by_rule}", rules.len());
    ensure!(by_host.left_alone > 0, "no packet was left alone");
    Ok(by_host)
}

/// If connections are tracked, every mark is the one that the C module gives.
fn equal_c_conntrack(family: Family) -> Result<()> {
    let marks = tracked(family)?;
    // Fragments are reassembled: fewer packets are marked than were sent.
    let seen = marks.c.len() / marks.rules.len();
    ensure!(
        marks.c.len() % marks.rules.len() == 0 && seen * 10 > marks.packets * 8,
        "{} marks of {} packets",
        marks.c.len(),
        marks.packets
    );
    note!("{family}: {seen} packets of connections seen");
    compare(marks)?;
    // There must have been packets with a connection, and packets without.
    let all = |logged: &&Logged| logged.rule == "mangle-1";
    let total = marks.rust.iter().filter(all).count();
    let untracked = |logged: &&Logged| logged.mark == LEFT_ALONE;
    let untracked = marks.rust.iter().filter(all).filter(untracked).count();
    note!("{family}: {untracked} of {total} packets without a connection");
    ensure!(untracked > 0, "conntrack refused no packet");
    ensure!(untracked * 2 < total, "conntrack tracks too few packets");
    varies(marks)
}

/// Where the operator's tool can tell the marks of tracked connections, they are the module's: by the host's
/// rules, and by each rule's text. It tells those of TCP, UDP and ICMP, which are three in ten connections,
/// and of what conntrack refuses.
fn equal_prediction_conntrack(family: Family) -> Result<()> {
    let rules = ruleset::connection();
    let experiment = Experiment {
        family,
        backend: Backend::Legacy,
        rules: rules.clone(),
        packets: traffic::connections(family, seed()?, packets()),
        connections: Connections::Tracked,
    };
    let (logged, host) = experiment.run(Side::Ours)?;
    let by_host = tool(family, &rules, &logged, &host)?;
    by_host.tells(LEAST_TOLD)?;

    let names: Vec<_> = rules.iter().map(|entry| entry.name.as_str()).collect();
    let passed = prediction::passed(&names, &logged)?;
    let mut by_rule = Compared::default();
    for (place, entry) in rules.iter().enumerate() {
        if entry.is_ct() && entry.table == "mangle" {
            by_rule.add(prediction::by_rule(entry.options, family, place, &passed)?);
        }
    }
    note!("{family}: by the texts of rules of connections: {by_rule}");
    by_rule.tells(LEAST_TOLD)
}

/// The same if a rule of the host translates connections: then the tool can tell that a packet has none, and
/// the mark of the first packet of one.
fn equal_prediction_translated(family: Family) -> Result<()> {
    let marks = tracked(family)?;
    let compared = tool(family, &marks.rules, &marks.rust, &marks.host)?;
    compared.tells(LEAST_TOLD_TRANSLATED)
}

/// The results with conntrack, likewise.
fn tracked(family: Family) -> Result<&'static Marks> {
    static RESULTS: [Once<Marks>; 2] = [Once::new(), Once::new()];
    once(&RESULTS[family as usize], || {
        run(Experiment {
            family,
            backend: Backend::Legacy,
            rules: ruleset::connection(),
            packets: traffic::connections(family, seed()?, packets()),
            connections: Connections::Translated,
        })
    })
}

/// The results without conntrack, which several tests use.
fn stateless(family: Family) -> Result<&'static Marks> {
    static RESULTS: [Once<Marks>; 2] = [Once::new(), Once::new()];
    once(&RESULTS[family as usize], || {
        run(Experiment {
            family,
            backend: Backend::Nft,
            rules: ruleset::stateless(family),
            packets: traffic::stateless(family, seed()?, packets()),
            connections: Connections::Untracked,
        })
    })
}

fn run(experiment: Experiment) -> Result<Marks> {
    let (c, _) = experiment.run(Side::Stock).context("C module")?;
    let (rust, host) = experiment.run(Side::Ours).context("Rust module")?;
    Ok(Marks {
        family: experiment.family,
        c,
        rust,
        host,
        packets: experiment.packets.len(),
        connections: experiment.connections,
        rules: experiment.rules,
    })
}

/// Checks that both lists have the same packets, in the same order, with the same marks.
fn compare(marks: &Marks) -> Result<()> {
    let known = differences(marks)?;
    note!(
        "{}: {} packets sent, {} rules, {} marks compared with the C module, 0 differ{known}",
        marks.family,
        marks.packets,
        marks.rules.len(),
        marks.c.len(),
    );
    Ok(())
}

/// The marks that differ for a known cause; any other is an error.
fn differences(marks: &Marks) -> Result<Known> {
    let mut mismatches = 0;
    let mut known = Known::default();
    let mut report = String::new();
    for (c, rust) in marks.c.iter().zip(&marks.rust) {
        if c == rust {
            continue;
        }
        if !takes_rust() && c.packet == rust.packet {
            if let Some(cause) = known_cause(marks.family, &c.packet) {
                known.count(cause);
                continue;
            }
        }
        mismatches += 1;
        if mismatches <= SHOWN {
            let options = marks.rules.iter().find(|entry| entry.name == c.rule);
            write!(
                report,
                "\nC    {:#010x} {} {}\nRust {:#010x} {} {}\n     {}",
                c.mark,
                c.rule,
                hex(&c.packet),
                rust.mark,
                rust.rule,
                hex(&rust.packet),
                options.map_or("", |entry| entry.options),
            )?;
        }
    }
    ensure!(
        marks.c.len() == marks.rust.len(),
        "{} marks by the C module, {} by ours",
        marks.c.len(),
        marks.rust.len()
    );
    if mismatches > 0 {
        bail!("{mismatches} of {} marks differ:{report}", marks.c.len());
    }
    Ok(known)
}

/// Checks that the marks are meaningful: each rule that can give several marks does, and one that
/// needs a connection gives none without it.
fn varies(marks: &Marks) -> Result<()> {
    for entry in &marks.rules {
        let of_rule = |logged: &&Logged| logged.rule == entry.name;
        let distinct: BTreeSet<_> = marks
            .rust
            .iter()
            .filter(of_rule)
            .map(|logged| logged.mark)
            .filter(|mark| *mark != LEFT_ALONE)
            .collect();
        let expected = if entry.is_ct()
            && (marks.connections == Connections::Untracked || entry.table != "mangle")
        {
            0..=0
        } else if entry.has_one_mark() {
            1..=1
        } else {
            2..=usize::MAX
        };
        ensure!(
            expected.contains(&distinct.len()),
            "{} ({}): {} distinct marks",
            entry.name,
            entry.options,
            distinct.len()
        );
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
