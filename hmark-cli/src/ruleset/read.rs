// SPDX-License-Identifier: GPL-2.0-only

//! The text of iptables-save, line by line.

use std::collections::HashMap;
use std::fmt;

use hmark::Family;

use super::rule::{self, Rule};
use super::target::Target;
use super::words::{self, Word};
use super::{Chain, Policy, RuleSet, Table};

/// The longest line in bytes: several times what iptables-restore takes.
const LONGEST_LINE: usize = 1 << 16;

/// The largest number of rules and chains of a text.
const MOST: usize = 1 << 20;

/// A mistake in the text, and its line, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The number of the line.
    pub line: usize,
    /// What is wrong with it, in a clause.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Mistake {}

impl RuleSet {
    /// Reads what iptables-save (or ip6tables-save) wrote, with or without counters. A rule that begins
    /// with `-4` or `-6` is of that family alone.
    ///
    /// Matches and targets that are not understood are kept as such.
    ///
    /// # Errors
    ///
    /// The first line that iptables-save cannot have written, or an HMARK rule that HMARK refuses.
    pub fn read(text: &[u8], family: Family) -> Result<Self, Mistake> {
        let mut reader = Reader {
            rules: Self::empty(family),
            table: None,
            count: 0,
        };
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let number = index.saturating_add(1);
            let mistake = |what| Mistake { line: number, what };
            if line.len() > LONGEST_LINE {
                return Err(mistake(format!("it has more than {LONGEST_LINE} bytes")));
            }
            // Comments and prefixes of a log may be in any encoding.
            let line = String::from_utf8_lossy(line);
            reader.line(line.trim(), number).map_err(mistake)?;
        }
        match reader.table {
            Some(open) => Err(Mistake {
                line: open.line,
                what: format!(
                    "the table {} has no COMMIT: the text is cut",
                    open.table.name
                ),
            }),
            None => Ok(reader.rules),
        }
    }
}

struct Reader {
    rules: RuleSet,
    table: Option<Open>,
    count: usize,
}

/// A table before its COMMIT.
struct Open {
    table: Table,
    line: usize,
    /// The places of its chains by name.
    chains: HashMap<String, usize>,
}

impl Open {
    fn chain(&mut self, name: &str) -> Result<&mut Chain, String> {
        let place = self.chains.get(name).copied();
        let chain = place.and_then(|place| self.table.chains.get_mut(place));
        chain.ok_or_else(|| format!("table {} has no chain {name}", self.table.name))
    }

    fn add_chain(&mut self, name: &str, policy: Option<Policy>) -> Result<(), String> {
        let place = self.table.chains.len();
        match self.chains.insert(name.to_string(), place) {
            Some(_) => Err(format!(
                "table {} has the chain {name} twice",
                self.table.name
            )),
            None => {
                self.table.chains.push(Chain {
                    name: name.to_string(),
                    policy,
                    rules: Vec::new(),
                });
                Ok(())
            }
        }
    }
}

impl Reader {
    fn line(&mut self, line: &str, number: usize) -> Result<(), String> {
        if let Some(comment) = line.strip_prefix('#') {
            self.comment(comment.trim());
            return Ok(());
        }
        if line.is_empty() {
            return Ok(());
        }
        self.count = self.count.saturating_add(1);
        if self.count > MOST {
            return Err(format!("the text has more than {MOST} rules"));
        }
        if let Some(name) = line.strip_prefix('*') {
            return self.begin(name.trim(), number);
        }
        let Some(table) = &mut self.table else {
            return Err(match line == "COMMIT" {
                true => "COMMIT without a table".to_string(),
                false => "this is not what iptables-save writes: no table has begun".to_string(),
            });
        };
        if line == "COMMIT" {
            return self.commit();
        }
        if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split_ascii_whitespace();
            let name = words.next().unwrap_or_default();
            return table.add_chain(name, policy(words.next().unwrap_or("-"))?);
        }
        let words = words::split(line).ok_or("a quote is not closed")?;
        rule_line(table, line, &words, number, self.rules.family)
    }

    /// Reads what iptables-nft-save says about rules that it does not print.
    fn comment(&mut self, comment: &str) {
        let legacy = comment.starts_with("Warning:") && comment.contains("legacy tables present");
        if legacy || (comment.starts_with("Table `") && comment.contains("is incompatible")) {
            self.rules.missing.push(comment.to_string());
        }
    }

    fn begin(&mut self, name: &str, line: usize) -> Result<(), String> {
        if let Some(open) = &self.table {
            return Err(format!("the table {} has no COMMIT", open.table.name));
        }
        if self.rules.table(name).is_some() {
            return Err(format!("the table {name} is there twice"));
        }
        self.table = Some(Open {
            table: Table {
                name: name.to_string(),
                chains: Vec::new(),
            },
            line,
            chains: HashMap::new(),
        });
        Ok(())
    }

    fn commit(&mut self) -> Result<(), String> {
        let Some(Open {
            mut table, chains, ..
        }) = self.table.take()
        else {
            return Ok(());
        };
        for chain in &mut table.chains {
            for (index, rule) in chain.rules.iter_mut().enumerate() {
                rule.number = index.saturating_add(1);
                if let Target::Jump { chain, goto } = &rule.target {
                    rule.target = match chains.get(chain) {
                        Some(place) => Target::Chain {
                            place: *place,
                            goto: *goto,
                        },
                        // A target that iptables knows, and this does not; or the chain is missing.
                        None => Target::Unknown(chain.clone()),
                    };
                }
            }
        }
        self.rules.tables.push(table);
        Ok(())
    }
}

fn policy(word: &str) -> Result<Option<Policy>, String> {
    match word {
        "ACCEPT" => Ok(Some(Policy::Accept)),
        "DROP" => Ok(Some(Policy::Drop)),
        "-" => Ok(None),
        other => Err(format!("\"{other}\" is no policy")),
    }
}

/// Reads a line of a table that begins with counters or a command.
fn rule_line(
    table: &mut Open,
    line: &str,
    words: &[Word],
    number: usize,
    family: Family,
) -> Result<(), String> {
    let text = |at: usize| words.get(at).map(|word| word.text.as_str());
    let mut at = 0;
    if text(0).is_some_and(|word| word.starts_with('[') && word.ends_with(']')) {
        at = 1;
    }
    match text(at) {
        Some("-4" | "--ipv4") if family != Family::Ipv4 => return Ok(()),
        Some("-6" | "--ipv6") if family != Family::Ipv6 => return Ok(()),
        Some("-4" | "--ipv4" | "-6" | "--ipv6") => at = at.saturating_add(1),
        _ => {}
    }
    let command = text(at).unwrap_or_default();
    let name = text(at.saturating_add(1)).ok_or_else(|| format!("no chain after {command}"))?;
    let rest = |skip: usize| words.get(at.saturating_add(skip)..).unwrap_or_default();
    match command {
        "-A" | "--append" => {
            let rule = rule::read(rest(2), line, number, family)?;
            if let Some(rule) = rule {
                table.chain(name)?.rules.push(rule);
            }
        }
        "-I" | "--insert" => {
            let place = text(at.saturating_add(2)).and_then(|word| word.parse::<usize>().ok());
            let rule = rule::read(rest(2 + usize::from(place.is_some())), line, number, family)?;
            let rules = &mut table.chain(name)?.rules;
            let place = place.unwrap_or(1).saturating_sub(1);
            if place > rules.len() {
                return Err(format!(
                    "chain {name} has no place {}",
                    place.saturating_add(1)
                ));
            }
            if let Some(rule) = rule {
                rules.insert(place, rule);
            }
        }
        "-N" | "--new-chain" => table.add_chain(name, None)?,
        "-P" | "--policy" => {
            let policy = policy(text(at.saturating_add(2)).unwrap_or_default())?;
            table.chain(name)?.policy = policy;
        }
        other => return Err(format!("\"{other}\" is no line of saved rules")),
    }
    Ok(())
}

impl Rule {
    /// The text after `-A CHAIN`, or the whole line if it does not begin like this.
    pub(super) fn shown(line: &str) -> &str {
        let line = match line.starts_with('[') {
            true => line
                .split_once(']')
                .map_or(line, |(_, rest)| rest.trim_start()),
            false => line,
        };
        let rest = line.strip_prefix("-A ");
        rest.map_or(line, |rest| {
            rest.split_once(' ').map_or("", |(_, rule)| rule)
        })
    }
}
