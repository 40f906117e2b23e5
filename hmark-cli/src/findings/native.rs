// SPDX-License-Identifier: GPL-2.0-only

//! Rules of nft itself that set marks, which are not looked at, in the text of `nft list ruleset`.

/// The tables that iptables-nft and ip6tables-nft keep their rules in.
const OF_IPTABLES: [&str; 5] = ["filter", "nat", "mangle", "raw", "security"];

/// The tables, as `FAMILY NAME`, that are not those of iptables-nft, have a chain in a hook, and set the mark
/// of packets or connections.
pub fn native_marks(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut table: Option<String> = None;
    let (mut has_hook, mut sets) = (false, false);
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            // Tables begin at the margin, and end there.
            (Some("table"), Some(family), Some(name)) if line.starts_with("table") => {
                let is_known = matches!(family, "ip" | "ip6") && OF_IPTABLES.contains(&name);
                table = (!is_known).then(|| format!("{family} {name}"));
                (has_hook, sets) = (false, false);
            }
            (Some("}"), None, None) if line.starts_with('}') => {
                found.extend(table.take().filter(|_| has_hook && sets));
            }
            _ => {
                // A comment may have any words, in quotes.
                let code = line.split('"').step_by(2).collect::<Vec<_>>().concat();
                has_hook |= code.contains(" hook ");
                sets |= code.contains("meta mark set") || code.contains("ct mark set");
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_nft_itself_are_told_from_those_of_iptables() {
        let chain =
            "\tchain a {\n\t\ttype filter hook prerouting priority mangle; policy accept;\n\t\t";
        let table = |name: &str, rule: &str| format!("table {name} {{\n{chain}{rule}\n\t}}\n}}\n");
        for (text, expected) in [
            (
                table("inet own", "iif \"lo\" meta mark set 0x7"),
                vec!["inet own"],
            ),
            (
                table("ip own", "tcp dport 80 ct mark set meta mark"),
                vec!["ip own"],
            ),
            (
                table("inet mangle", "meta mark set 0x7"),
                vec!["inet mangle"],
            ),
            (table("ip mangle", "meta mark set 0x7"), vec![]),
            (table("inet own", "meta mark 0x7 accept"), vec![]),
            (
                table("inet own", "accept comment \"meta mark set 1\""),
                vec![],
            ),
            (
                "table inet a {\n\tchain b {\n\t\tmeta mark set 1\n\t}\n}\n".to_owned(),
                vec![],
            ),
            (
                table("ip nat", "masquerade")
                    + &table("ip6 b", "meta mark set 1")
                    + &table("inet c", "drop"),
                vec!["ip6 b"],
            ),
            (String::new(), vec![]),
        ] {
            assert_eq!(native_marks(&text), expected, "{text}");
        }
    }
}
