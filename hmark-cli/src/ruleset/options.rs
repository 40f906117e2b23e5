// SPDX-License-Identifier: GPL-2.0-only

//! The words of a rule, grouped: options of its own, of each match, and of its target.

use std::fmt;

use hmark::Family;

use super::words::Word;
use crate::flow::Protocol;

/// An option as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// Its name with dashes; of the general ones the short name.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
    /// Whether a `!` is before it.
    pub not: bool,
}

impl Given {
    /// Its first value, or nothing.
    pub fn value(&self) -> &str {
        self.values.first().map_or("", String::as_str)
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.not {
            f.write_str("! ")?;
        }
        f.write_str(&self.name)?;
        self.values
            .iter()
            .try_for_each(|value| write!(f, " {value}"))
    }
}

/// A match or a target, with its options.
#[derive(Clone, Debug)]
pub(super) struct Module {
    pub name: String,
    pub options: Vec<Given>,
}

/// The words of a rule, grouped.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub general: Vec<Given>,
    pub modules: Vec<Module>,
    /// The target, and whether it is one of `-g`.
    pub target: Option<(Module, bool)>,
}

/// Groups the words of a rule.
///
/// [`None`] if the rule is of the other family.
pub(super) fn group(words: &[Word], family: Family) -> Result<Option<Parts>, String> {
    let mut parts = Parts::default();
    // Whether the target was loaded after all matches.
    let mut target_last = false;
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let (not, word) = match word.is_not() {
            true => (true, words.next().ok_or("nothing follows the last \"!\"")?),
            false => (false, word),
        };
        if !word.is_option() {
            return Err(format!("\"{}\" belongs to no option", word.text));
        }
        let (name, joined) = match word.text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_string())),
            _ => (word.text.as_str(), None),
        };
        let general = short(name);
        let mut values: Vec<String> = joined.into_iter().collect();
        let most = match general {
            Some("-f" | "-4" | "-6") => 0,
            Some("-c") => 2,
            Some(_) => 1,
            None => usize::MAX,
        };
        while values.len() < most {
            match words.next_if(|word| !word.is_option() && !word.is_not()) {
                Some(word) => values.push(word.text.clone()),
                None => break,
            }
        }
        let needs_value = !matches!(general, None | Some("-f" | "-4" | "-6"));
        if needs_value && values.is_empty() {
            return Err(format!("{name} has no value"));
        }
        let value = || values.first().cloned().unwrap_or_default();
        let module = |name| Module {
            name,
            options: Vec::new(),
        };
        match general {
            Some("-4") if family != Family::Ipv4 => return Ok(None),
            Some("-6") if family != Family::Ipv6 => return Ok(None),
            Some("-4" | "-6" | "-c") => {}
            Some("-m") => {
                parts.modules.push(module(value()));
                target_last = false;
            }
            Some("-j" | "-g") => {
                if parts.target.is_some() {
                    return Err("it has two targets".to_string());
                }
                parts.target = Some((module(value()), general == Some("-g")));
                target_last = true;
            }
            Some(short) => parts.general.push(Given {
                name: short.to_string(),
                values,
                not,
            }),
            None => {
                let given = Given {
                    name: name.to_string(),
                    values,
                    not,
                };
                owner(&mut parts, name, target_last)?.options.push(given);
            }
        }
    }
    Ok(Some(parts))
}

/// The short name of a general option.
fn short(name: &str) -> Option<&'static str> {
    Some(match name {
        "-s" | "--source" | "--src" => "-s",
        "-d" | "--destination" | "--dst" => "-d",
        "-p" | "--protocol" | "--proto" => "-p",
        "-i" | "--in-interface" => "-i",
        "-o" | "--out-interface" => "-o",
        "-f" | "--fragment" => "-f",
        "-j" | "--jump" => "-j",
        "-g" | "--goto" => "-g",
        "-m" | "--match" => "-m",
        "-c" | "--set-counters" => "-c",
        "-4" | "--ipv4" => "-4",
        "-6" | "--ipv6" => "-6",
        _ => return None,
    })
}

/// The module that an option belongs to: iptables-save writes each module's options after its name, but
/// people may write matches after the target, or leave out the match that a protocol implies.
fn owner<'p>(parts: &'p mut Parts, name: &str, last: bool) -> Result<&'p mut Module, String> {
    let own = match &parts.target {
        Some((target, _)) => owns(&target.name, name).unwrap_or(last),
        None => false,
    };
    if own {
        if let Some((target, _)) = &mut parts.target {
            return Ok(target);
        }
    }
    if parts.modules.is_empty() {
        let protocol = parts.general.iter().find(|given| given.name == "-p");
        let protocol = protocol.and_then(|given| Protocol::named(given.value()));
        let Some(protocol) = protocol else {
            return Err(format!("the option {name} belongs to no match or target"));
        };
        parts.modules.push(Module {
            name: implied(protocol),
            options: Vec::new(),
        });
    }
    let module = parts.modules.last_mut();
    module.ok_or_else(|| format!("the option {name} belongs to no match or target"))
}

/// Whether an option is a target's own; [`None`] if the target's options are not known.
fn owns(target: &str, name: &str) -> Option<bool> {
    let sets = || {
        let sets = ["--set-", "--and-", "--or-", "--xor-"];
        sets.iter().any(|prefix| name.starts_with(prefix))
    };
    match target {
        "HMARK" => Some(name.starts_with("--hmark")),
        "MARK" => Some(sets()),
        "CONNMARK" => {
            let others = ["--save-", "--restore-", "--nfmask", "--ctmask", "--mask"];
            Some(sets() || others.iter().any(|prefix| name.starts_with(prefix)))
        }
        "ACCEPT" | "DROP" | "RETURN" => Some(false),
        _ => None,
    }
}

/// The match that `-p` of this protocol implies.
fn implied(protocol: Protocol) -> String {
    match protocol {
        Protocol::ICMPV6 => "icmp6".to_string(),
        protocol => protocol.to_string(),
    }
}
