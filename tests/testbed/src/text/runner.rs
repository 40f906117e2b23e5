// SPDX-License-Identifier: GPL-2.0-only

//! Tries many rules at once with both libraries, and reports where the two differ.

use std::collections::BTreeMap;
use std::fmt;
use std::slice;

use anyhow::{bail, ensure, Context, Error, Result};

use super::candidate::Candidate;
use super::difference::{stored_alike, Difference};
use crate::family::Family;
use crate::side::Side;

/// The two libraries, and the chain of the mangle table that each adds its rules to.
const SIDES: [(Side, &str); 2] = [(Side::Stock, "stock"), (Side::Ours, "ours")];

/// Number of lines of a table before its rules.
const HEAD: usize = 1;

/// The suffix to `iptables` of the program that prints all rules.
const SAVE: &str = "-save";

/// The number of rules with each outcome.
#[derive(Default, Debug)]
pub struct Figures {
    /// Accepted by both libraries, and compared.
    pub accepted: usize,
    /// Refused by both.
    pub refused: usize,
    /// Those that fell under a named difference.
    pub named: BTreeMap<Difference, usize>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} accepted and {} refused by both; differences with a name: {:?}; without: 0",
            self.accepted, self.refused, self.named
        )
    }
}

impl Figures {
    fn count(&mut self, difference: Difference) {
        *self.named.entry(difference).or_default() += 1;
    }
}

/// A difference that has no name.
struct Found {
    /// Index of the candidate that shows the difference.
    index: usize,
    /// Description of the difference.
    what: String,
}

/// The iptables that the rules are tried with, with its own mangle table.
pub trait Iptables {
    /// Runs `iptables`, or with a suffix the program of that name, with a library.
    ///
    /// # Errors
    /// If it fails. The error has its standard error.
    fn run(&self, library: Side, suffix: &str, arguments: &str, input: &str) -> Result<String>;
}

/// Tries the rules of one family.
pub struct Runner<I> {
    family: Family,
    /// What it tries them with.
    pub iptables: I,
}

/// A rule that both libraries accept: its index among the candidates, its text for each of
/// [`SIDES`], and whether both libraries store it alike.
struct Accepted {
    index: usize,
    texts: [String; 2],
    is_alike: bool,
}

impl<I: Iptables> Runner<I> {
    /// A runner for rules of this family.
    pub fn new(family: Family, iptables: I) -> Self {
        Self { family, iptables }
    }

    /// Tries the candidates with both libraries, `batch` at a time, and returns the figures.
    ///
    /// # Errors
    /// If there is a difference that has no name. The error has the smallest candidate that shows
    /// it.
    pub fn compare(&self, candidates: &[Candidate], batch: usize) -> Result<Figures> {
        let mut figures = Figures::default();
        for candidates in candidates.chunks(batch) {
            let Some(found) = self.first_difference(candidates, &mut figures)? else {
                continue;
            };
            let (candidate, what) = self.shrink(candidates[found.index].clone(), found.what)?;
            bail!(
                "`{candidate}`: {what}\n(found in `{}`)",
                candidates[found.index]
            );
        }
        Ok(figures)
    }

    /// Tries the candidates with both libraries, and returns the first difference that has no name,
    /// if any. The figures count the candidates that were tried before it.
    fn first_difference(
        &self,
        candidates: &[Candidate],
        figures: &mut Figures,
    ) -> Result<Option<Found>> {
        let (accepted, found) = self.accepted(candidates, figures)?;
        if found.is_some() || accepted.is_empty() {
            return Ok(found);
        }
        let found = self.compare_accepted(&accepted)?;
        Ok(found.map(|(at, what)| Found {
            index: accepted[at].index,
            what,
        }))
    }

    /// Leaves out options to find the smallest candidate that still differs, and returns it with
    /// its difference.
    fn shrink(&self, mut candidate: Candidate, mut what: String) -> Result<(Candidate, String)> {
        'smaller: loop {
            for smaller in candidate.smaller() {
                let found =
                    self.first_difference(slice::from_ref(&smaller), &mut Figures::default())?;
                if let Some(found) = found {
                    (candidate, what) = (smaller, found.what);
                    continue 'smaller;
                }
            }
            return Ok((candidate, what));
        }
    }

    /// Makes each library find and delete the rules that commands of the other added, or its own if
    /// the other stores them otherwise, one command for each step. Returns the number of candidates
    /// that were accepted, and so tried.
    pub fn by_command(&self, candidates: &[Candidate]) -> Result<usize> {
        let (accepted, _) = self.accepted(candidates, &mut Figures::default())?;
        for rule in &accepted {
            for (side, (library, _)) in SIDES.into_iter().enumerate() {
                let finder = if rule.is_alike { 1 - side } else { side };
                let (other, _) = SIDES[finder];
                let run = |side: usize, command: &str| {
                    let text = &rule.texts[side];
                    let arguments = format!("-t mangle {command} PREROUTING -j HMARK {text}");
                    self.iptables.run(SIDES[side].0, "", &arguments, "")
                };
                run(side, "-A")?;
                run(finder, "-C")?;
                run(finder, "-D")?;
                let left = self.save(library, "PREROUTING")?;
                ensure!(left.is_empty(), "{other:?}: -D left {left:?}");
            }
        }
        Ok(accepted.len())
    }

    /// Makes each library parse its text of each candidate.
    fn accepted(
        &self,
        candidates: &[Candidate],
        figures: &mut Figures,
    ) -> Result<(Vec<Accepted>, Option<Found>)> {
        let stock = candidates
            .iter()
            .map(|one| one.for_stock(self.family).to_string());
        let ours = candidates.iter().map(Candidate::to_string);
        let (stock, ours): (Vec<_>, Vec<_>) = (stock.collect(), ours.collect());
        let by_stock = self.verdicts(Side::Stock, &stock)?;
        let by_ours = self.verdicts(Side::Ours, &ours)?;
        let mut accepted = Vec::new();
        for (index, texts) in stock.into_iter().zip(ours).enumerate() {
            let candidate = &candidates[index];
            let what = match (&by_stock[index], &by_ours[index]) {
                (None, None) => {
                    figures.accepted += 1;
                    if texts.0 != texts.1 {
                        figures.count(Difference::Defaults);
                    }
                    let is_alike = stored_alike(candidate, self.family);
                    if !is_alike {
                        figures.count(Difference::Tuple);
                    }
                    accepted.push(Accepted {
                        index,
                        texts: texts.into(),
                        is_alike,
                    });
                    continue;
                }
                (Some(_), Some(_)) => {
                    figures.refused += 1;
                    continue;
                }
                (None, Some(why)) => match Difference::refused_by_ours(candidate, self.family) {
                    Some(difference) => {
                        figures.count(difference);
                        continue;
                    }
                    None => format!("ours alone refuses it: {why}"),
                },
                (Some(why), None) => format!("the stock library alone refuses it: {why}"),
            };
            return Ok((accepted, Some(Found { index, what })));
        }
        Ok((accepted, None))
    }

    /// The reason why a library refuses each text, or nothing if it accepts it. iptables-restore
    /// ends at the first text that it refuses; another process continues after that.
    fn verdicts(&self, library: Side, texts: &[String]) -> Result<Vec<Option<String>>> {
        let mut refused = vec![None; texts.len()];
        let mut start = 0;
        while start < texts.len() {
            let rules = each("-A", "PREROUTING", texts[start..].iter());
            let Err(error) = self.restore(library, "--test", &rules) else {
                break;
            };
            let at = start + line_of(&error)? - HEAD - 1;
            let why = refused.get_mut(at).context("no such line")?;
            *why = Some(format!("{error:#}"));
            start = at + 1;
        }
        Ok(refused)
    }

    /// Compares the rules that both libraries accepted: returns the index of the first that
    /// differs, and its difference.
    fn compare_accepted(&self, rules: &[Accepted]) -> Result<Option<(usize, String)>> {
        for (side, (library, chain)) in SIDES.into_iter().enumerate() {
            let texts = rules.iter().map(|rule| &rule.texts[side]);
            self.restore(library, "", &(new_chain(chain) + &each("-A", chain, texts)))
                .context("the kernel refuses a rule")?;
        }

        // Both libraries show the rules of both in the same way.
        for how in [SAVE, "-S", "-v -n -L"] {
            let mut first = None;
            for (library, _) in SIDES {
                let shown = self.show(library, how)?;
                for (_, chain) in SIDES {
                    let rules = rules_of(&shown, chain);
                    let first = first.get_or_insert_with(|| rules.clone());
                    let what = format!("{chain} rule, as {how} of {library:?} shows it");
                    let found = differing(first, &rules, &what)?;
                    if found.is_some() {
                        return Ok(found);
                    }
                }
            }
        }
        let saved = self.save(Side::Ours, "ours")?;
        ensure!(saved.len() == rules.len(), "{} rules saved", saved.len());

        // Each library finds, and deletes one by one, the rules that the other added, but for those
        // that it would store otherwise.
        let (alike, others): (Vec<_>, Vec<_>) =
            (0..rules.len()).partition(|&at| rules[at].is_alike);
        for command in ["-C", "-D"] {
            for (side, (library, _)) in SIDES.into_iter().enumerate() {
                let (_, chain) = SIDES[1 - side];
                let texts = alike.iter().map(|&at| &rules[at].texts[side]);
                let lines = each(command, chain, texts);
                if let Err(error) = self.restore(library, "", &lines) {
                    let at = alike[line_of(&error)? - HEAD - 1];
                    let what = format!("{library:?}: {command} does not find the {chain} rule");
                    return Ok(Some((at, what)));
                }
            }
        }
        for (library, chain) in SIDES {
            // Of rules that are the same, another one may be left.
            let mut left = self.save(library, chain)?;
            let mut expected: Vec<_> = others.iter().map(|&at| saved[at].clone()).collect();
            left.sort_unstable();
            expected.sort_unstable();
            ensure!(left == expected, "-D left {left:?} in the {chain} chain");
        }

        // Each library restores the rules that the other saved.
        for (library, chain) in SIDES {
            let lines = saved.iter().map(|line| format!("-A {chain} {line}\n"));
            let lines = new_chain(chain) + &lines.collect::<String>();
            if let Err(error) = self.restore(library, "", &lines) {
                bail!("{library:?} does not restore what was saved: {error:#}");
            }
            let again = self.save(library, chain)?;
            ensure!(again == saved, "restored otherwise");
        }

        // Ours finds what was restored by the text that it was added by.
        let [_, (ours, chain)] = SIDES;
        let lines = each("-D", chain, rules.iter().map(|rule| &rule.texts[1]));
        if let Err(error) = self.restore(ours, "", &lines) {
            let at = line_of(&error)? - HEAD - 1;
            let what = "ours: -D does not find the restored rule".to_owned();
            return Ok(Some((at, what)));
        }
        Ok(None)
    }

    /// Runs iptables-restore on lines for the mangle table.
    fn restore(&self, library: Side, option: &str, lines: &str) -> Result<()> {
        let arguments = format!("--noflush {option}");
        let input = format!("*mangle\n{lines}COMMIT\n");
        self.iptables.run(library, "-restore", &arguments, &input)?;
        Ok(())
    }

    /// The HMARK rules of the table as iptables-save, or iptables with an option, prints them: the
    /// chain, and the text after it.
    fn show(&self, library: Side, how: &str) -> Result<Vec<(String, String)>> {
        let (suffix, option) = match how {
            SAVE => (SAVE, ""),
            option => ("", option),
        };
        let arguments = format!("-t mangle {option}");
        let text = self.iptables.run(library, suffix, &arguments, "")?;
        let mut rules = Vec::new();
        let mut listed = "";
        for line in text.lines() {
            let added = line
                .strip_prefix("-A ")
                .and_then(|rest| rest.split_once(' '));
            if let Some(rest) = line.strip_prefix("Chain ") {
                listed = rest.split(' ').next().unwrap_or_default();
            } else if line.contains("HMARK") {
                let (chain, rule) = added.unwrap_or((listed, line));
                rules.push((chain.to_owned(), rule.to_owned()));
            }
        }
        Ok(rules)
    }

    /// The rules of a chain as iptables-save prints them.
    fn save(&self, library: Side, chain: &str) -> Result<Vec<String>> {
        Ok(rules_of(&self.show(library, SAVE)?, chain))
    }
}

/// The shown rules that are in one chain.
fn rules_of(shown: &[(String, String)], chain: &str) -> Vec<String> {
    let rules = shown.iter().filter(|(name, _)| name == chain);
    rules.map(|(_, rule)| rule.clone()).collect()
}

/// A line that makes a chain, or empties an existing one.
fn new_chain(name: &str) -> String {
    format!(":{name} - [0:0]\n")
}

/// A line for each rule with a command for it, such as `-A`.
fn each<'a>(command: &str, chain: &str, texts: impl Iterator<Item = &'a String>) -> String {
    let line = |text| format!("{command} {chain} -j HMARK {text}\n");
    texts.map(line).collect()
}

/// The first line in which two lists of rules differ.
fn differing(one: &[String], other: &[String], what: &str) -> Result<Option<(usize, String)>> {
    ensure!(one.len() == other.len(), "{what}: {} rules", other.len());
    let mut pairs = one.iter().zip(other).enumerate();
    let found = pairs.find(|(_, (one, other))| one != other);
    Ok(found.map(|(at, (one, other))| (at, format!("{what}:\n  {one}\n  {other}"))))
}

/// The number of the input line at which iptables-restore ended.
fn line_of(error: &Error) -> Result<usize> {
    let text = format!("{error:#}");
    let after = ["Error occurred at line: ", ": line "];
    after
        .into_iter()
        .find_map(|before| {
            let (_, rest) = text.split_once(before)?;
            let digits = rest.split(|digit: char| !digit.is_ascii_digit()).next()?;
            digits.parse().ok()
        })
        .with_context(|| format!("no line is to blame: {text}"))
}
