// SPDX-License-Identifier: GPL-2.0-only

//! Rules in the router that mark packets and log their marks, with the C module and with ours.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use anyhow::{ensure, Context, Result};
use hmark::rule::{Rule, Source};
use hmark_cli::host::Host;
use testbed::command::run_with;
use testbed::family::Family;
use testbed::side::Side;
use testbed::{module, note, options};

use super::network::{self, Network, Way};
use super::seen::{Content, Seen};
use crate::backend::Backend;
use crate::experiment::LEFT_ALONE;
use crate::nflog::{Logged, Nflog, GROUP};
use crate::prediction::{self, Compared};

/// Port of the last flow, which shows that all packets before it were seen.
const LAST: u16 = 65000;

/// The most packets that are shown of those for which a test fails.
const SHOWN: usize = 8;

/// An HMARK rule in the router.
pub struct Spot {
    /// Names the rule in logs.
    pub name: &'static str,
    pub table: &'static str,
    pub chain: &'static str,
    /// The options after `-j HMARK`.
    pub options: &'static str,
}

/// A packet that a rule saw, and the packet's mark after the rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marked {
    /// [`Spot::name`].
    pub spot: String,
    pub seen: Seen,
    pub mark: u32,
    /// The mark that `hmark` computes from the packet's bytes; none for a rule that hashes the
    /// connection's tuple.
    predicted: Option<u32>,
}

/// The different packets that each module marked in a scene.
pub struct Played {
    c: BTreeSet<Marked>,
    pub rust: BTreeSet<Marked>,
    /// All packets that our module marked.
    pub recorded: Recorded,
}

/// The packets of a scene as they were logged.
pub struct Recorded {
    /// What each act's packets had.
    acts: Vec<(&'static str, Vec<Logged>)>,
    /// The router as the operator's tool sees it.
    router: Host,
}

impl Played {
    /// Checks that the same packets got the same marks from both modules, and that `hmark` predicts
    /// these marks.
    pub fn check_equal(&self) -> Result<()> {
        let lone = self.c.symmetric_difference(&self.rust);
        let lone = list(lone);
        ensure!(
            lone.is_empty(),
            "C module: {} in all, Rust module: {}, with one of them only:{lone}",
            self.c.len(),
            self.rust.len(),
        );
        let other = |marked: &&Marked| marked.predicted.is_some_and(|mark| mark != marked.mark);
        let other = list(self.rust.iter().filter(other));
        ensure!(other.is_empty(), "not as hmark predicts:{other}");
        Ok(())
    }
}

/// A rule's table, and its line for `iptables-restore`.
pub type Line = (&'static str, String);

/// A name for some traffic, and the function that sends it.
pub type Act = (&'static str, fn(&Network) -> Result<()>);

/// Rules, and the traffic that they mark.
pub struct Scene<'a> {
    pub family: Family,
    /// What the namespace with the rules does with the traffic.
    pub way: Way,
    pub spots: &'a [Spot],
    /// More rules of the router, before those of `spots`.
    pub rules: &'a [Line],
    pub acts: &'a [Act],
    /// The least share of the marks that the operator's tool tells by the router's rules, in per cent: of
    /// those that hash no connections, it tells all.
    pub least_told: usize,
}

impl Scene<'_> {
    /// Plays the scene with each module.
    pub fn play(&self) -> Result<Played> {
        let c = self.record(Side::Stock).context("C module")?;
        let recorded = self.record(Side::Ours).context("Rust module")?;
        Ok(Played {
            c: self.marked(&c)?,
            rust: self.marked(&recorded)?,
            recorded,
        })
    }

    /// Compares the marks of all packets with those that the operator's tool predicts from a capture of each
    /// act, by the router's rules and by each rule's text. Returns the number of captures, and what was compared by the
    /// router's rules.
    pub fn check_predicted(&self, recorded: &Recorded) -> Result<(usize, Compared)> {
        let is_before_routing = |spot: &&Spot| spot.chain == "PREROUTING";
        let spots: Vec<_> = ["raw", "mangle"]
            .iter()
            .flat_map(|table| self.spots.iter().filter(move |spot| spot.table == *table))
            .filter(is_before_routing)
            .collect();
        let names: Vec<_> = spots.iter().map(|spot| spot.name).collect();
        let mut total = Compared::default();
        for (act, logged) in &recorded.acts {
            let logged = logged
                .iter()
                .filter(|logged| names.contains(&&*logged.rule));
            let logged: Vec<_> = logged.cloned().collect();
            let passed = prediction::passed(&names, &logged).context(*act)?;
            let by_host = prediction::by_host(&recorded.router, None, &passed).context(*act)?;
            ensure!(by_host.marks > 0, "{act}: no mark was compared: {by_host}");
            note!("{} {act}: by the router's rules: {by_host}", self.family);
            total.add(by_host);
            let mut by_rule = Compared::default();
            for (place, spot) in spots.iter().enumerate() {
                if !spot.options.contains("--hmark-tuple ct") {
                    let compared = prediction::by_rule(spot.options, self.family, place, &passed);
                    by_rule.add(compared.context(*act)?);
                }
            }
            note!("{} {act}: by the rules' texts: {by_rule}", self.family);
            if by_rule.packets > 0 {
                by_rule.tells(100).context(*act)?;
            }
        }
        total.tells(self.least_told)?;
        Ok((recorded.acts.len(), total))
    }

    fn marked(&self, recorded: &Recorded) -> Result<BTreeSet<Marked>> {
        let mut marked = BTreeSet::new();
        let logged = recorded.acts.iter().flat_map(|(_, logged)| logged);
        for Logged { rule, packet, mark } in logged.cloned() {
            let seen = Seen::read(&packet)?;
            if !self.is_ours(&seen) {
                continue;
            }
            let predicted = self.predict(&rule, &packet)?;
            marked.insert(Marked {
                spot: rule,
                seen,
                mark,
                predicted,
            });
        }
        Ok(marked)
    }

    /// Whether a packet belongs to the scene's traffic: it goes to an end, and is not of the last
    /// flow.
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

    /// See [`Marked::predicted`].
    fn predict(&self, spot: &str, packet: &[u8]) -> Result<Option<u32>> {
        let spot = self.spots.iter().find(|one| one.name == spot);
        let rule = options::parse(spot.context("no such rule")?.options, self.family)?;
        if rule.source() == Source::Connection {
            return Ok(None);
        }
        let mark = hmark::mark(self.family, packet, &rule);
        Ok(Some(mark.unwrap_or(LEFT_ALONE)))
    }

    /// Plays the scene with a module.
    pub fn record(&self, side: Side) -> Result<Recorded> {
        side.load_module()?;
        let network = Network::build(self.family, self.way)?;
        let mut nflog = network.router.enter(Nflog::open)?;
        self.set_rules(&network, side)?;
        side.check_module()?;
        let router = network.router.enter(|| prediction::host(Backend::Legacy))?;

        let mut acts = Vec::new();
        for (name, send) in self.acts {
            send(&network).context(*name)?;
            // Everything sent before this has passed the router, and so its rules.
            network.udp(LAST, LAST)?.echo(1)?;
            let mut logged = Vec::new();
            let end = |logged: &Logged| logged.rule == "end";
            while !logged.iter().any(end) {
                nflog.receive(&mut logged)?;
            }
            logged.retain(|logged| !end(logged));
            acts.push((*name, logged));
        }

        // A namespace may linger, and as long as it has rules the module cannot be unloaded.
        let restore = Backend::Legacy.program(self.family, "-restore");
        let empty = "*raw\nCOMMIT\n*mangle\nCOMMIT\n";
        network.router.enter(|| run_with(&restore, empty, &[]))?;
        module::unload()?;
        Ok(Recorded { acts, router })
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
        let restore = Backend::Legacy.program(self.family, "-restore");
        network
            .router
            .enter(|| run_with(&restore, &input, side.variables()))?;
        Ok(())
    }
}

impl fmt::Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} has {:#x}", self.spot, self.seen, self.mark)?;
        match self.predicted {
            Some(mark) => write!(f, ", hmark says {mark:#x}"),
            None => Ok(()),
        }
    }
}

/// The first few of the packets, each on a line.
fn list<'a>(marked: impl Iterator<Item = &'a Marked>) -> String {
    marked.take(SHOWN).fold(String::new(), |mut lines, marked| {
        let _ = write!(lines, "\n{marked}");
        lines
    })
}

/// The marks of the packets that `which` selects, and the number of kinds of these packets.
pub fn marks(marked: &BTreeSet<Marked>, which: impl Fn(&Marked) -> bool) -> (BTreeSet<u32>, usize) {
    let chosen = marked.iter().filter(|marked| which(marked));
    let marks: Vec<_> = chosen.map(|marked| marked.mark).collect();
    (marks.iter().copied().collect(), marks.len())
}

/// Checks that `which` selects `kinds` kinds of packets with one mark, and returns that mark.
pub fn one_mark(
    marked: &BTreeSet<Marked>,
    kinds: usize,
    which: impl Fn(&Marked) -> bool,
) -> Result<u32> {
    let (marks, found) = marks(marked, &which);
    ensure!(
        found == kinds && marks.len() == 1,
        "{} marks of {found} kinds of packets, not one of {kinds}:{}",
        marks.len(),
        list(marked.iter().filter(|marked| which(marked)))
    );
    Ok(marks.into_iter().next().unwrap_or(LEFT_ALONE))
}
