// SPDX-License-Identifier: GPL-2.0-only

//! The marks that a rule gives, and the routing rules that a packet with a mark meets, whatever its
//! addresses are.

use hmark::rule::v1::{Info, FULL_WEIGHT};

use crate::change::shares;
use crate::routing::{Action, RoutingRule, RoutingRules};

/// The most marks of a rule that are looked at one by one.
pub const MOST_MARKS: u32 = 4096;

/// The most steps of a way through routing rules.
const MOST_STEPS: usize = 1 << 16;

/// The marks that a rule gives packets that had none, in the order of its buckets. Marks of weight 0 are
/// left out, since no packet gets them.
///
/// [`None`] if there are more than [`MOST_MARKS`].
pub fn marks(rule: &Info) -> Option<Vec<u32>> {
    let count = rule.masked.v0.hmodulus;
    if count > MOST_MARKS {
        return None;
    }
    let has_share = |bucket: &u32| {
        let place = usize::try_from(*bucket).ok();
        place.and_then(|place| rule.less.get(place)) != Some(&FULL_WEIGHT)
    };
    let buckets = (0..count).filter(has_share);
    Some(buckets.map(|bucket| shares::mark(rule, bucket)).collect())
}

/// Number of marks, first mark and mask of a rule: rules that agree in these give the same marks, whatever
/// their shares are and however a packet's is chosen.
pub fn range(rule: &Info) -> (u32, u32, u32) {
    let v0 = &rule.masked.v0;
    (v0.hmodulus, v0.hoffset, rule.masked.mark_mask)
}

/// The bits of the mark that a rule sets.
pub fn bits(rule: &Info) -> u32 {
    match rule.masked.mark_mask {
        0 => u32::MAX,
        mask => mask,
    }
}

/// A routing rule that a packet with a mark meets.
#[derive(Clone, Debug)]
pub struct Step<'r> {
    /// The rule.
    pub rule: &'r RoutingRule,
    /// Its selectors other than the mark, in the words of `ip rule`; [`None`] if each packet with the mark
    /// meets it.
    pub condition: Option<String>,
}

/// The routing rules that packets with a mark meet, in order, until one ends their way. That of the local
/// table, which all packets meet first, is left out, and so are those that do nothing.
pub fn steps(rules: &RoutingRules, mark: u32) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut at = 0;
    while let Some(rule) = rules.rules.get(at) {
        at = at.saturating_add(1);
        let Some(condition) = condition(rule, mark) else {
            continue;
        };
        match &rule.action {
            Action::Nop => continue,
            Action::Table(table) if table == "local" => continue,
            Action::Goto(preference) => {
                let rest = rules.rules.get(at..).unwrap_or_default();
                let to = rest
                    .iter()
                    .position(|other| other.preference >= *preference);
                if condition.is_none() {
                    at = at.saturating_add(to.unwrap_or(rest.len()));
                    continue;
                }
            }
            _ => {}
        }
        let is_end = condition.is_none() && matches!(rule.action, Action::Refuse(_));
        steps.push(Step { rule, condition });
        if is_end || steps.len() >= MOST_STEPS {
            break;
        }
    }
    steps
}

/// The selectors of a routing rule other than the mark, if a packet with the mark may meet it.
///
/// [`None`] if no such packet does, and an inner [`None`] if each does.
fn condition(rule: &RoutingRule, mark: u32) -> Option<Option<String>> {
    let fits = rule
        .mark
        .is_none_or(|(value, mask)| (mark ^ value) & mask == 0);
    let others = selectors(rule);
    match (rule.not, fits, others.is_empty()) {
        (false, false, _) | (true, true, true) => None,
        (true, false, _) | (false, true, true) => Some(None),
        (false, true, false) => Some(Some(others.join(" "))),
        (true, true, false) => Some(Some(format!("not {}", others.join(" ")))),
    }
}

/// The selectors of a routing rule other than the mark, in the words of `ip rule`.
fn selectors(rule: &RoutingRule) -> Vec<String> {
    let mut words = Vec::new();
    for (name, net) in [("from", &rule.source), ("to", &rule.destination)] {
        if net.length() > 0 {
            words.push(format!("{name} {net}"));
        }
    }
    let devices = [("iif", &rule.input), ("oif", &rule.output)];
    for (name, device) in devices {
        words.extend(device.as_ref().map(|device| format!("{name} {device}")));
    }
    words.extend(rule.protocol.map(|protocol| format!("ipproto {protocol}")));
    for (name, ports) in [("sport", &rule.sport), ("dport", &rule.dport)] {
        words.extend(
            ports
                .as_ref()
                .map(|ports| format!("{name} {}-{}", ports.start(), ports.end())),
        );
    }
    words.extend(rule.others.iter().cloned());
    words
}

#[cfg(test)]
mod tests {
    use hmark::Family;

    use super::*;
    use crate::change::edit::read;

    fn tables(json: &str, mark: u32) -> Vec<String> {
        let rules = RoutingRules::read(json.as_bytes(), Family::Ipv4).unwrap();
        let steps = steps(&rules, mark);
        let shown = steps.iter().map(|step| {
            let condition = step.condition.as_deref().unwrap_or("all");
            format!("{condition}: {:?}", step.rule.action)
        });
        shown.collect()
    }

    #[test]
    fn marks_without_a_share_are_left_out() {
        let of = |text| marks(&read(text, Family::Ipv4).unwrap());
        assert_eq!(
            of("--hmark-mod 3 --hmark-offset 100"),
            Some(vec![100, 101, 102])
        );
        let weights = "--hmark-mod 3 --hmark-offset 100 --hmark-weight 1=0,2=50";
        assert_eq!(of(weights), Some(vec![100, 102]));
        let mask = "--hmark-mod 2 --hmark-offset 0x100 --hmark-mask 0xf00";
        assert_eq!(of(mask), Some(vec![0x100, 0x200]));
        assert_eq!(of("--hmark-mod 4097"), None);
    }

    #[test]
    fn rules_of_other_marks_are_not_met() {
        let json = r#"[{"priority":0,"src":"all","table":"local"},
            {"priority":10,"src":"all","fwmark":"0x64","table":"100"},
            {"priority":11,"src":"all","fwmark":"0x64","fwmask":"0xf4","table":"7"},
            {"priority":12,"src":"10.0.0.0","srclen":8,"fwmark":"0x65","table":"101"},
            {"priority":20,"src":"all","table":"main"}]"#;
        assert_eq!(
            tables(json, 0x64),
            [
                r#"all: Table("100")"#,
                r#"all: Table("7")"#,
                r#"all: Table("main")"#
            ]
        );
        assert_eq!(
            tables(json, 0x65),
            [
                r#"all: Table("7")"#,
                r#"from 10.0.0.0/8: Table("101")"#,
                r#"all: Table("main")"#
            ]
        );
        assert_eq!(tables(json, 0), [r#"all: Table("main")"#]);
    }

    #[test]
    fn a_guard_and_what_it_goes_to() {
        let json = r#"[{"priority":5,"not":null,"src":"all","fwmark":"0x100","fwmask":"0xff00","goto":30},
            {"priority":10,"src":"all","fwmark":"0x101","table":"1"},
            {"priority":30,"src":"all","table":"main"}]"#;
        assert_eq!(
            tables(json, 0x101),
            [r#"all: Table("1")"#, r#"all: Table("main")"#]
        );
        assert_eq!(tables(json, 0x201), [r#"all: Table("main")"#]);
        // Nothing comes after what refuses all.
        let json = r#"[{"priority":5,"src":"all","action":"blackhole"},{"priority":9,"src":"all","table":"1"}]"#;
        assert_eq!(tables(json, 1), [r#"all: Refuse("blackhole")"#]);
    }
}
