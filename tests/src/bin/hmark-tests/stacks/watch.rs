// SPDX-License-Identifier: GPL-2.0-only

//! Rules in the router that mark packets and log their marks, with the C module and with ours.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::{ensure, Context, Result};
use tests::command::run_with;
use tests::family::Family;
use tests::install::STOCK_EXTENSIONS;
use tests::{module, options};

use super::network::{self, Network};
use super::seen::{Content, Seen};
use crate::backend::Backend;
use crate::lane::{Side, LEFT_ALONE};
use crate::nflog::{Logged, Nflog, GROUP};
use crate::notes::note;

/// Port of the last flow, which shows that all before it was seen.
const LAST: u16 = 65000;

/// An HMARK rule in the router.
pub struct Spot {
    /// Names the rule in logs.
    pub name: &'static str,
    pub table: &'static str,
    pub chain: &'static str,
    /// What stands behind `-j HMARK`.
    pub options: &'static str,
}

/// A packet that a rule saw, and the mark that it had behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marked {
    /// [`Spot::name`].
    pub spot: String,
    pub seen: Seen,
    pub mark: u32,
}

/// A rule's table, and its line for `iptables-restore`.
pub type Line = (&'static str, String);

/// What it is, and how it is sent.
pub type Act = (&'static str, fn(&Network) -> Result<()>);

/// Rules, and the traffic that they mark.
pub struct Scene<'a> {
    pub family: Family,
    pub spots: &'a [Spot],
    /// More rules of the router, in front of `spots`.
    pub rules: &'a [Line],
    pub acts: &'a [Act],
}

impl Scene<'_> {
    /// Plays the scene with either module: checks that the same packets got the same marks, and
    /// that ours are those that `hmark` predicts from the packets.
    ///
    /// Gives what our module marked, once each.
    pub fn play(&self) -> Result<BTreeSet<Marked>> {
        let c = self.marked(Side::C).context("C module")?;
        let rust = self.marked(Side::Rust).context("Rust module")?;
        let lone: Vec<_> = c.symmetric_difference(&rust).collect();
        ensure!(
            lone.is_empty(),
            "with one module only (C: {} in all, Rust: {}): {lone:#x?}",
            c.len(),
            rust.len()
        );
        note!(
            "{}: {} kinds of packets of real stacks marked as by the C module",
            self.family,
            rust.len()
        );
        Ok(rust)
    }

    fn marked(&self, side: Side) -> Result<BTreeSet<Marked>> {
        let logged = self.log(side)?;
        let mut marked = BTreeSet::new();
        for Logged { rule, packet, mark } in logged {
            let seen = Seen::read(&packet)?;
            if !self.is_ours(&seen) {
                continue;
            }
            if side == Side::Rust {
                let predicted = self.predict(&rule, &packet)?;
                ensure!(
                    predicted.is_none_or(|predicted| predicted == mark),
                    "{rule}: {seen:?} has {mark:#x}, hmark says {predicted:#x?}"
                );
            }
            marked.insert(Marked {
                spot: rule,
                seen,
                mark,
            });
        }
        Ok(marked)
    }

    /// Whether the scene's traffic has it: between its ends, and not the neighbours' own.
    fn is_ours(&self, seen: &Seen) -> bool {
        let ends = [
            network::client(self.family),
            network::server(self.family),
            network::service(self.family),
            network::masquerade(self.family),
        ];
        let last = Content::Ports(LAST, LAST);
        ends.contains(&seen.dst) && seen.content != last
    }

    /// The mark by the packet's own headers; none for a rule that takes the connection's.
    fn predict(&self, spot: &str, packet: &[u8]) -> Result<Option<u32>> {
        let spot = self.spots.iter().find(|one| one.name == spot);
        let rule = options::parse(spot.context("no such rule")?.options, self.family)?;
        if rule.conntrack() {
            return Ok(None);
        }
        let mark = match self.family {
            Family::V4 => hmark::mark_ipv4(packet, &rule),
            Family::V6 => hmark::mark_ipv6(packet, &rule),
        };
        Ok(Some(mark.unwrap_or(LEFT_ALONE)))
    }

    fn log(&self, side: Side) -> Result<Vec<Logged>> {
        match side {
            Side::C => module::load_c()?,
            Side::Rust => module::load_ours()?,
        }
        let network = Network::build(self.family)?;
        let mut nflog = network.router.enter(Nflog::open)?;
        self.set_rules(&network, side)?;
        match side {
            Side::C => module::check_c()?,
            Side::Rust => module::check_ours()?,
        }

        for (name, send) in self.acts {
            send(&network).context(*name)?;
        }
        // What was sent before this is through the router, and so through its rules.
        network.udp(LAST, LAST)?.echo(1)?;
        let mut logged = Vec::new();
        let end = |logged: &Logged| logged.rule == "end";
        while !logged.iter().any(end) {
            nflog.receive(&mut logged)?;
        }
        logged.retain(|logged| !end(logged));

        // The module can be unloaded when the rules are gone; a namespace may linger.
        let restore = Backend::Legacy.program(self.family, "-restore");
        let empty = "*raw\nCOMMIT\n*mangle\nCOMMIT\n";
        network.router.enter(|| run_with(&restore, empty, &[]))?;
        module::unload()?;
        Ok(logged)
    }

    fn set_rules(&self, network: &Network, side: Side) -> Result<()> {
        let mut input = String::new();
        for table in ["raw", "mangle", "nat"] {
            let lines = self.rules.iter().filter(|(of, _)| *of == table);
            let spots = self.spots.iter().filter(|spot| spot.table == table);
            if table == "nat" && lines.clone().next().is_none() {
                continue;
            }
            writeln!(input, "*{table}")?;
            for (_, line) in lines {
                writeln!(input, "{line}")?;
            }
            for spot in spots {
                let (chain, name) = (spot.chain, spot.name);
                writeln!(
                    input,
                    "-A {chain} -j MARK --set-mark {LEFT_ALONE:#x}\n\
                     -A {chain} -j HMARK {}\n\
                     -A {chain} -j NFLOG --nflog-group {GROUP} --nflog-prefix {name}",
                    spot.options
                )?;
            }
            if table == "mangle" {
                let client = network::client(self.family);
                writeln!(
                    input,
                    "-A POSTROUTING -d {client} -p udp --sport {LAST} -j NFLOG \
                     --nflog-group {GROUP} --nflog-prefix end"
                )?;
            }
            input.push_str("COMMIT\n");
        }
        let variables: &[_] = match side {
            Side::C => &[("XTABLES_LIBDIR", STOCK_EXTENSIONS)],
            Side::Rust => &[],
        };
        let restore = Backend::Legacy.program(self.family, "-restore");
        network
            .router
            .enter(|| run_with(&restore, &input, variables))?;
        Ok(())
    }
}

/// The marks of those packets that `which` chooses, and how many kinds of them there are.
pub fn marks<'a>(
    marked: impl IntoIterator<Item = &'a Marked>,
    which: impl Fn(&Marked) -> bool,
) -> (BTreeSet<u32>, usize) {
    let chosen: Vec<_> = marked.into_iter().filter(|marked| which(marked)).collect();
    let marks = chosen.iter().map(|marked| marked.mark).collect();
    (marks, chosen.len())
}

/// Checks that `kinds` kinds of packets that `which` chooses have one mark, and gives it.
pub fn one_mark(
    marked: &BTreeSet<Marked>,
    kinds: usize,
    which: impl Fn(&Marked) -> bool,
) -> Result<u32> {
    let (marks, found) = marks(marked, which);
    ensure!(
        found == kinds && marks.len() == 1,
        "{found} kinds of packets instead of {kinds}, marks {marks:#x?}, of {marked:#x?}"
    );
    Ok(marks.into_iter().next().unwrap_or(LEFT_ALONE))
}
