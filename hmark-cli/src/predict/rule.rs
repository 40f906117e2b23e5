// SPDX-License-Identifier: GPL-2.0-only

//! Answers by a rule alone, which every packet meets.

use hmark::rule::v1::Info;
use hmark::rule::{Rule, Source};
use hmark::{Family, Packet, Subject};

use super::answer::{Answer, Marked, Reason};
use super::identity::Entry;
use super::sentence::Sentence;
use super::{Asked, Judge};
use crate::ruleset;

/// A rule, for the families that it is valid for.
#[derive(Clone, Debug)]
pub struct Alone {
    ipv4: Result<Info, Reason>,
    ipv6: Result<Info, Reason>,
}

impl Alone {
    /// Reads a rule's options, such as `--hmark-mod 4 --hmark-offset 100`.
    ///
    /// A rule may be one of a single family, by its prefixes. Packets of the other one are not marked then.
    ///
    /// # Errors
    /// The first mistake, in the words of iptables, if it is valid for neither.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        let read = |family| crate::change::edit::read(text, family);
        let (ipv4, ipv6) = (read(Family::Ipv4), read(Family::Ipv6));
        if let (Err(error), Err(_)) = (&ipv4, &ipv6) {
            anyhow::bail!("{error}");
        }
        let reason =
            |family, error| Reason::Rule(Sentence::new(format!("no rule of {family}: {error}")));
        Ok(Self {
            ipv4: ipv4.map_err(|error| reason(Family::Ipv4, error)),
            ipv6: ipv6.map_err(|error| reason(Family::Ipv6, error)),
        })
    }

    /// The rule as iptables-save shows it.
    pub fn text(&self) -> String {
        let save = crate::change::edit::save;
        match (&self.ipv4, &self.ipv6) {
            (Ok(rule), _) => save(rule, Family::Ipv4),
            (_, Ok(rule)) => save(rule, Family::Ipv6),
            // One of them is a rule.
            _ => String::new(),
        }
    }

    fn of(&self, family: Family) -> &Result<Info, Reason> {
        match family {
            Family::Ipv4 => &self.ipv4,
            Family::Ipv6 => &self.ipv6,
        }
    }
}

impl Judge for Alone {
    fn tunnels(&self) -> Option<&Info> {
        let rules = [&self.ipv4, &self.ipv6];
        rules.into_iter().flatten().next()
    }

    fn rules(&self) -> Vec<Option<Info>> {
        let rules = [&self.ipv4, &self.ipv6];
        rules.map(|rule| rule.as_ref().ok().copied()).to_vec()
    }

    fn answer<P: Packet>(&mut self, asked: &Asked<'_, P>) -> Answer {
        let rule = match self.of(asked.family) {
            Ok(rule) => rule,
            Err(reason) => return Answer::Unmarked(reason.clone()),
        };
        let mut packet = ruleset::Marked {
            packet: asked.packet,
            mark: asked.packet.mark(),
            connection: None,
        };
        if rule.source() == Source::Connection {
            packet.connection = match asked.connection() {
                Entry::Is { connection, .. } => Some(connection),
                Entry::None | Entry::Invalid => None,
                Entry::Unknown(reason) => return Answer::CannotTell(reason),
            };
        }
        let explanation = ruleset::explain(asked.family, &packet, rule);
        match (explanation.steps, explanation.subject) {
            (Some(steps), _) => Answer::Marked(Marked {
                mark: steps.mark,
                rule: u32::from(asked.family == Family::Ipv6),
                tuple: steps.tuple,
            }),
            (None, Subject::Packet(_)) => Answer::Unmarked(Reason::Error),
            (None, Subject::Connection(_)) => Answer::Unmarked(Reason::Untracked),
        }
    }
}
