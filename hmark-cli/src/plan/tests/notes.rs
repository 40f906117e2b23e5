// SPDX-License-Identifier: GPL-2.0-only

//! Files that are allowed and hardly meant, and hosts whose other rules come in the way of a plan.

use hmark::Family;

use super::differences::Saved;
use super::{file, plan};
use crate::host::File;

fn doubts(text: &str) -> Vec<String> {
    let plan = plan(text);
    plan.site.doubts.iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_is_doubted_where_it_is_hardly_meant() {
    let destination = "destination = [\"198.51.100.1\", \"2001:db8:100::1\"]";
    for (to, expected) in [
        (destination.to_owned(), None),
        // Packets to one address come and go by one device, as on a selector with one.
        (format!("{destination}\nin-interface = \"north\""), None),
        ("in-interface = \"lan\"".to_owned(), None),
        ("destination = [\"0.0.0.0/0\", \"::/0\"]".to_owned(), None),
        ("destination = [\"! 10.0.0.0/8\", \"! fd00::/8\"]".to_owned(), None),
        (
            "in-interface = \"nor+\"".to_owned(),
            Some(
                "8: in-interface: packets that gateways send by nor+ come back to them: add a destination or a \
                 source",
            ),
        ),
        (
            "destination = [\"10.1.0.0/16\", \"2001:db8::/64\"]".to_owned(),
            Some(
                "8: destination: packets to gateway-0 itself (10.1.0.10), which is in 10.1.0.0/16, go to any \
                 gateway: leave its network out",
            ),
        ),
        (
            "destination = \"198.51.100.1\"".to_owned(),
            Some(
                "4: address6: no IPv6 packet is marked, since each match has addresses of the other family \
                 alone: add one of IPv6 to it, or take address6 away",
            ),
        ),
        (
            format!("{destination}\n[[match]]\n{destination}\nct = true"),
            Some("9: match: it is for the same packets as that in line 7"),
        ),
    ] {
        let found = doubts(&file(2, "").replace(destination, &to));
        assert_eq!(found, Vec::from_iter(expected), "{to}");
    }
}

/// Adds a routing rule of somebody else's.
fn with_rule(saved: &Saved, rule: &str) {
    let main = r#"{"priority":32766"#;
    saved.edit(
        File::RoutingRules(Family::Ipv4),
        main,
        &format!("{rule},{main}"),
    );
}

#[test]
fn rules_of_others_that_come_first_are_taken() {
    let plan = plan(&file(4, ""));
    let end = "delete it, or give preference a number below 100";
    for (rule, expected) in [
        // The main table has a default route here.
        (
            r#"{"priority":100,"src":"all","table":"main"}"#,
            Some("its marks: 100: from all lookup main: "),
        ),
        (
            r#"{"priority":100,"src":"all","fwmark":"0x102","fwmask":"0xff","table":"main"}"#,
            Some("the mark 0x102: 100: from all fwmark 0x102/0xff lookup main: "),
        ),
        (
            r#"{"priority":100,"not":null,"src":"all","fwmark":"0xca6c","table":"main"}"#,
            Some("its marks: 100: not from all fwmark 0xca6c lookup main: "),
        ),
        (
            r#"{"priority":100,"src":"all","fwmark":"0x100","fwmask":"0x102","action":"blackhole"}"#,
            Some("2 of its marks: 100: from all fwmark 0x100/0x102 blackhole: "),
        ),
        // These take no packet with a mark of the plan, or not all.
        (r#"{"priority":100,"src":"all","table":"52"}"#, None),
        (
            r#"{"priority":100,"src":"all","fwmark":"0x80000","fwmask":"0xff0000","table":"main"}"#,
            None,
        ),
        (
            r#"{"priority":100,"src":"10.0.0.0","srclen":8,"table":"main"}"#,
            None,
        ),
        (
            r#"{"priority":100,"src":"all","table":"main","suppress_prefixlen":0}"#,
            None,
        ),
        (r#"{"priority":9000,"src":"all","table":"main"}"#, None),
    ] {
        let saved = Saved::new(&plan, "first");
        // In the order of preferences, as the kernel lists them.
        match rule.contains(":9000") {
            true => with_rule(&saved, rule),
            false => saved.edit(
                File::RoutingRules(Family::Ipv4),
                r#"{"fwmark":"0x100""#,
                &format!("{rule},{{\"fwmark\":\"0x100\""),
            ),
        }
        let expected = expected.map(|which| {
            format!(
                "a rule of IPv4 comes before those of the plan, and takes packets with {which}{end}"
            )
        });
        assert_eq!(
            saved.compare(&plan).taken,
            Vec::from_iter(expected),
            "{rule}"
        );
    }
}

#[test]
fn chains_of_a_former_name_are_told() {
    let old = plan(&file(4, "name = \"old\""));
    let saved = Saved::new(&old, "name");
    let new = plan(&file(4, ""));
    let expected = |tables: &str, end: &str| {
        format!(
            "the chain HMARK-old of {tables} gives marks of this plan, as one does that had another name before: {end}"
        )
    };
    let found = saved.compare(&new);
    let rename = |tables: &str| {
        let command = format!("rename it: {tables} -t mangle -E HMARK-old HMARK-plan");
        expected(tables, &command)
    };
    assert_eq!(found.notes, [rename("iptables"), rename("ip6tables")]);
    assert!(found.taken.is_empty());
    // Another plan has other marks.
    let other = plan(&file(
        4,
        "offset = 0x200\nprotocol = 73\ntable = 9000\npreference = 9000",
    ));
    assert!(saved.compare(&other).notes.is_empty());
    // Both are there.
    let six = File::Rules(Family::Ipv6);
    let old = ":HMARK-old - [0:0]\n";
    saved.edit(six, old, &format!("{old}:HMARK-plan - [0:0]\n"));
    let jump = "-A PREROUTING -j HMARK-old\n";
    saved.edit(
        six,
        jump,
        &format!("-A PREROUTING -i lan -j HMARK-old\n{jump}"),
    );
    let away =
        "take it away: ip6tables -t mangle -D PREROUTING -j HMARK-old; ip6tables -t mangle -D \
                PREROUTING 1; ip6tables -t mangle -F HMARK-old; ip6tables -t mangle -X HMARK-old";
    assert_eq!(
        saved.compare(&new).notes,
        [rename("iptables"), expected("ip6tables", away)]
    );
}

#[test]
fn needless_moves_are_told() {
    let saved = Saved::new(&plan(&file(4, "")), "moves");
    let notes = |more: &str, count: usize| saved.compare(&plan(&file(count, more))).notes;
    assert_eq!(notes("from = 4", 5), [""; 0]);
    let found = notes("", 5);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("50.0 % of flows would move, and ")
            && found[0].ends_with(
                " need to: give from = 4 at the top of the file (needs revision 1 of HMARK)"
            ),
        "{found:?}"
    );
    // Connections keep their marks.
    assert_eq!(notes("sticky = true", 5), [""; 0]);
    let notes = notes("", 3);
    assert!(
        notes[0].contains("give those that go weight = 0"),
        "{notes:?}"
    );
    // The list without its second line.
    let text = file(4, "");
    let second = text.lines().nth(4).unwrap();
    let shorter = plan(&text.replace(&format!("{second}\n"), ""));
    let notes = saved.compare(&shorter).notes;
    assert!(
        notes[1].starts_with("gateway-2 has another place in the list than on the host"),
        "{notes:?}"
    );
    // A number that is taken away later moves as many.
    let grown = Saved::new(&plan(&file(5, "from = 4")), "grown");
    let notes = grown.compare(&plan(&file(5, ""))).notes;
    assert!(
        notes[0].ends_with("and 0.0 % need to: give from = 4 at the top of the file"),
        "{notes:?}"
    );
    // Other tables are no other places.
    let tables = plan(&file(4, "table = 9000"));
    assert!(saved.compare(&tables).notes.is_empty());
}

#[test]
fn devices_that_are_not_there_are_told() {
    let plan = plan(&file(2, ""));
    let saved = Saved::new(&plan, "devices");
    let links = r#"[{"ifname":"lo","flags":["UP"],"addr_info":[]},
        {"ifname":"north","flags":["UP"],"addr_info":[{"local":"10.1.0.9","prefixlen":24}]}]"#;
    saved.write(File::Links, links);
    assert_eq!(saved.compare(&plan).notes, [""; 0]);
    saved.write(File::Links, &links.replace("north", "eth7"));
    assert_eq!(
        saved.compare(&plan).notes,
        ["there is no device north, by which the gateway gateway-0 is to be reached"]
    );
    saved.write(File::Links, &links.replace("10.1.0.9", "10.1.0.11"));
    assert_eq!(
        saved.compare(&plan).notes,
        ["10.1.0.11 of the gateway gateway-1 is an address of this host itself"]
    );
}
