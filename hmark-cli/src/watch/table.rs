// SPDX-License-Identifier: GPL-2.0-only

//! The table of nft that counts packets by mark: the commands that make it, and the JSON that lists it.
//!
//! Packets are counted behind all of PREROUTING and OUTPUT, where routing takes their marks. Each mark that
//! is watched is an element with a counter of its own, so that no stream of other marks can push it out.

use std::collections::BTreeMap;

use anyhow::{ensure, Context, Result};
use hmark::Family;
use serde_json::Value;

use super::{Count, Counted, Group};

/// The number of other marks that are counted one by one.
const OTHERS: usize = 64;

/// The names of a family's chain and counters.
fn name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

/// The commands that make a table which is gone as soon as the process that made it is: Linux 5.12 and
/// newer remove a table with the flag `owner` when its owner's socket closes.
pub fn commands(table: &str, groups: &[Group]) -> String {
    let mut lines = vec![format!("add table inet {table} {{ flags owner; }}")];
    let mut add = |what: &str, name: &str, rest: &str| {
        lines.push(format!("add {what} inet {table} {name} {rest}"));
    };
    for (number, group) in groups.iter().enumerate() {
        let marks: Vec<String> = group.shares.keys().map(u32::to_string).collect();
        for set in [format!("packets{number}"), format!("connections{number}")] {
            add("set", &set, "{ type mark; counter; }");
            add("element", &set, &format!("{{ {} }}", marks.join(", ")));
        }
    }
    for family in Family::ALL {
        let name = name(family);
        add("counter", &format!("all-{name}"), "");
        add("counter", &format!("unmarked-{name}"), "");
        add(
            "set",
            &format!("others-{name}"),
            &format!(
                "{{ type mark; counter; size {OTHERS}; flags dynamic, timeout; timeout 1m; }}"
            ),
        );
        add("chain", name, "");
        add("rule", name, &format!("counter name all-{name}"));
        add(
            "rule",
            name,
            &format!("meta mark 0 counter name unmarked-{name}"),
        );
        for (number, group) in groups.iter().enumerate() {
            if group.family != family {
                continue;
            }
            let mark = match group.bits {
                u32::MAX => "meta mark".to_owned(),
                bits => format!("meta mark & {bits:#x}"),
            };
            let begins = "tcp flags & (fin | syn | rst | ack) == syn";
            add(
                "rule",
                name,
                &format!("{begins} {mark} @connections{number}"),
            );
            add("rule", name, &format!("{mark} @packets{number} return"));
        }
        add(
            "rule",
            name,
            &format!("meta mark != 0 update @others-{name} {{ meta mark }}"),
        );
    }
    for hook in ["prerouting", "output"] {
        add(
            "chain",
            hook,
            &format!("{{ type filter hook {hook} priority 300; }}"),
        );
        if hook == "prerouting" {
            // The host's packets to itself were counted in OUTPUT.
            add("rule", hook, "iif lo return");
        }
        for family in Family::ALL {
            let name = name(family);
            add("rule", hook, &format!("meta nfproto {name} jump {name}"));
        }
    }
    lines.join("\n") + "\n"
}

/// The command that lists the table, in one line of JSON.
pub fn list(table: &str) -> String {
    format!("list table inet {table}\n")
}

/// Reads the list of a table for these groups.
///
/// # Errors
///
/// If it is no list of nft, or a part of the table is not in it.
pub fn read(json: &str, groups: usize) -> Result<Counted> {
    let list: Value = serde_json::from_str(json).context("nft's list is no JSON")?;
    let list = list.get("nftables").and_then(Value::as_array);
    let mut sets: BTreeMap<&str, BTreeMap<u32, Count>> = BTreeMap::new();
    let mut counters: BTreeMap<&str, Count> = BTreeMap::new();
    for object in list.context("nft's list has no objects")? {
        let named = |kind: &str| {
            let object = object.get(kind)?;
            Some((object.get("name")?.as_str()?, object))
        };
        if let Some((name, set)) = named("set") {
            sets.insert(name, elements(set));
        } else if let Some((name, counter)) = named("counter") {
            counters.insert(name, count(counter));
        }
    }
    let mut counted = Counted::default();
    for number in 0..groups {
        let take = |what: &str| {
            let set = sets.get(format!("{what}{number}").as_str());
            set.with_context(|| format!("nft's list has no set {what}{number}"))
        };
        let (mut marks, begun) = (take("packets")?.clone(), take("connections")?);
        for (mark, count) in &mut marks {
            count.connections = begun.get(mark).map_or(0, |begun| begun.packets);
        }
        ensure!(
            !marks.is_empty(),
            "nft's list has no mark of the set packets{number}"
        );
        counted.groups.push(marks);
    }
    for (family, of_family) in Family::ALL.into_iter().zip(&mut counted.families) {
        let name = name(family);
        let take = |what: &str| {
            let counter = counters.get(format!("{what}-{name}").as_str());
            counter.with_context(|| format!("nft's list has no counter {what}-{name}"))
        };
        of_family.all = *take("all")?;
        of_family.unmarked = *take("unmarked")?;
        let others = sets.get(format!("others-{name}").as_str());
        of_family.others = others.cloned().unwrap_or_default();
    }
    Ok(counted)
}

/// The elements of a set with their counters.
fn elements(set: &Value) -> BTreeMap<u32, Count> {
    let elements = set.get("elem").and_then(Value::as_array);
    let read = |element: &Value| {
        let element = element.get("elem")?;
        let mark = u32::try_from(element.get("val")?.as_u64()?).ok()?;
        Some((mark, count(element.get("counter")?)))
    };
    elements.into_iter().flatten().filter_map(read).collect()
}

fn count(counter: &Value) -> Count {
    let number = |name: &str| counter.get(name).and_then(Value::as_u64).unwrap_or(0);
    Count {
        packets: number("packets"),
        bytes: number("bytes"),
        connections: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(family: Family, bits: u32, marks: &[u32]) -> Group {
        Group {
            family,
            bits,
            shares: marks.iter().map(|mark| (*mark, None)).collect(),
        }
    }

    #[test]
    fn marks_are_looked_up_in_the_bits_of_their_rules() {
        let groups = [
            group(Family::Ipv4, u32::MAX, &[100, 101]),
            group(Family::Ipv6, 0x3f00, &[0x100]),
        ];
        let text = commands("t", &groups);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "add table inet t { flags owner; }");
        for line in [
            "add element inet t packets0 { 100, 101 }",
            "add rule inet t ipv4 meta mark @packets0 return",
            "add rule inet t ipv6 meta mark & 0x3f00 @packets1 return",
            "add rule inet t ipv6 tcp flags & (fin | syn | rst | ack) == syn meta mark & 0x3f00 @connections1",
        ] {
            assert!(lines.contains(&line), "{line}: {text}");
        }
        assert!(!text.contains("ipv4 meta mark & "), "{text}");
    }

    /// What nft 1.0.6 lists, shortened.
    fn listed(set: &str) -> String {
        let counter = |name: &str, packets: u32| {
            format!(
                r#"{{"counter": {{"family": "inet", "name": "{name}", "table": "t", "packets": {packets}, "bytes": 9}}}}"#
            )
        };
        format!(
            r#"{{"nftables": [{{"metainfo": {{"version": "1.0.6"}}}}, {{"table": {{"name": "t"}}}},
            {{"set": {{"name": "packets0", "table": "t", "type": "mark", "elem": [{set}]}}}},
            {{"set": {{"name": "connections0", "elem": [{{"elem": {{"val": 101, "counter": {{"packets": 2, "bytes": 80}}}}}}]}}}},
            {{"set": {{"name": "others-ipv4", "elem": [{{"elem": {{"val": 7, "expires": 5, "counter": {{"packets": 4, "bytes": 5}}}}}}]}}}},
            {}, {}, {}, {}]}}"#,
            counter("all-ipv4", 20),
            counter("unmarked-ipv4", 6),
            counter("all-ipv6", 0),
            counter("unmarked-ipv6", 0)
        )
    }

    const ELEMENT: &str = r#"{"elem": {"val": 101, "counter": {"packets": 10, "bytes": 1000}}}"#;

    #[test]
    fn counts_are_read_by_mark() {
        let counted = read(&listed(ELEMENT), 1).unwrap();
        let count = Count {
            packets: 10,
            bytes: 1000,
            connections: 2,
        };
        assert_eq!(counted.groups, [BTreeMap::from([(101, count)])]);
        let [ipv4, ipv6] = &counted.families;
        assert_eq!((ipv4.all.packets, ipv4.unmarked.packets), (20, 6));
        assert_eq!(ipv4.others[&7].packets, 4);
        assert_eq!(ipv6.all.packets, 0);
    }

    #[test]
    fn lists_that_lack_a_part_are_refused() {
        for json in [
            "",
            "[]",
            "{}",
            r#"{"nftables": {}}"#,
            r#"{"nftables": [1, {"set": []}]}"#,
        ] {
            assert!(read(json, 1).is_err(), "{json}");
        }
        assert!(read(&listed(ELEMENT), 2).is_err());
        for element in [
            "",
            "1",
            r#"{"elem": {"val": "x"}}"#,
            r#"{"elem": {"val": 99999999999}}"#,
        ] {
            assert!(read(&listed(element), 1).is_err(), "{element}");
        }
    }
}
