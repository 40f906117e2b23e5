// SPDX-License-Identifier: GPL-2.0-only

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::findings::{check, compare};
use crate::scratch;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/hosts")
        .join(name)
}

/// The picture of hosts in folders, which is well-formed.
fn drawn(folders: &[PathBuf]) -> String {
    let hosts: Vec<Host> = folders
        .iter()
        .map(|path| Host::saved(path).unwrap())
        .collect();
    let reports: Vec<Report> = hosts.iter().map(check).collect();
    let svg = picture(&hosts, &reports, &compare(&hosts));
    assert_well_formed(&svg);
    svg
}

/// A copy of selector-a by another name, with a text in a file replaced by another one.
fn changed(name: &str, edits: &[(&str, &str, &str)]) -> (PathBuf, PathBuf) {
    copied("pre-load-balancer/selector-a", name, edits)
}

/// A copy of a host by another name, likewise.
fn copied(of: &str, name: &str, edits: &[(&str, &str, &str)]) -> (PathBuf, PathBuf) {
    let parent = scratch::folder("picture");
    let copy = parent.join(name);
    fs::create_dir_all(&copy).unwrap();
    for file in fs::read_dir(folder(of)).unwrap() {
        let file = file.unwrap();
        let own = file.file_name().into_string().unwrap();
        let mut text = fs::read_to_string(file.path()).unwrap();
        for (_, from, to) in edits.iter().filter(|(file, ..)| *file == own) {
            assert!(text.contains(from), "{own} has no {from}");
            text = text.replace(from, to);
        }
        fs::write(copy.join(own), text).unwrap();
    }
    (parent, copy)
}

/// The elements of a class, each with all of its text.
fn of_class<'s>(svg: &'s str, class: &str) -> Vec<Vec<&'s str>> {
    let start = format!("<g class=\"{class}\">");
    let groups = svg.split(start.as_str()).skip(1);
    let groups = groups.map(|rest| rest.split("</g>").next().unwrap());
    let texts = groups.map(|group| {
        let texts = group.split("<text ").skip(1);
        let texts = texts.map(|rest| rest.split_once('>').unwrap().1);
        texts
            .map(|rest| rest.split("</text>").next().unwrap())
            .collect()
    });
    texts.collect()
}

/// Tags are closed in order, attributes quoted, and `&` and `<` only there for markup.
fn assert_well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut rest = rest.unwrap();
    let is_text = |text: &str| {
        let mut parts = text.split('&');
        let first = parts.next().unwrap();
        let is_known = |part: &str| {
            ["lt;", "gt;", "amp;", "quot;", "#39;"]
                .iter()
                .any(|name| part.starts_with(name))
        };
        assert!(!first.contains('>') && parts.all(is_known), "{text}");
        assert!(
            text.chars()
                .all(|letter| letter == '\n' || !letter.is_control()),
            "{text:?}"
        );
    };
    let mut elements = 0;
    while let Some((text, tag)) = rest.split_once('<') {
        is_text(text);
        let (tag, after) = tag.split_once('>').unwrap();
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        assert!(!open.is_empty() || elements == 0, "one root");
        elements += 1;
        let (tag, is_empty) = match tag.strip_suffix('/') {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(
            name.chars().all(|letter| letter.is_ascii_alphabetic()),
            "{name}"
        );
        while !attributes.trim().is_empty() {
            let (name, more) = attributes.split_once("=\"").unwrap();
            assert!(
                name.trim()
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || letter == '-'),
                "{name}"
            );
            let (value, more) = more.split_once('"').unwrap();
            is_text(value);
            assert!(!value.contains("NaN") && !value.contains("inf"), "{value}");
            attributes = more;
        }
        if !is_empty {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn hosts_that_agree_have_one_picture() {
    let names = ["a", "b", "c"].map(|name| folder(&format!("pre-load-balancer/selector-{name}")));
    let svg = drawn(&names);
    assert!(svg.contains("<title>HMARK: where marks lead, IPv4 and IPv6</title>"));
    assert_eq!(
        of_class(&svg, "host"),
        [["selector-a"], ["selector-b"], ["selector-c"]]
    );
    let marks = [["100: 25 %"], ["101: 25 %"], ["102: 25 %"], ["103: 25 %"]];
    assert_eq!(of_class(&svg, "mark"), marks);
    assert_eq!(
        of_class(&svg, "table"),
        [["100"], ["101"], ["102"], ["103"]]
    );
    let gateways = of_class(&svg, "gateway");
    assert_eq!(gateways.len(), 4);
    assert_eq!(
        gateways[2],
        ["10.1.0.12", "fd00:1::12", "dev north", "25 %"]
    );
    let rules = of_class(&svg, "rule");
    assert_eq!(rules.len(), 2);
    assert!(rules[0].contains(&"-d 198.51.100.1/32"), "{rules:?}");
    assert!(rules[1].contains(&"mod 4 offset 100"), "{rules:?}");
    assert!(!svg.contains(" stroke=\"#bc4c00\""));
}

#[test]
fn marks_with_one_gateway_share_its_box() {
    let svg = drawn(&[folder("router/router")]);
    assert_eq!(of_class(&svg, "mark").len(), 4);
    assert_eq!(of_class(&svg, "table"), [["201"], ["202"]]);
    assert_eq!(
        of_class(&svg, "gateway"),
        [
            ["192.0.2.1", "2001:db8:a::1", "dev line-a", "75 %"],
            ["198.51.100.1", "2001:db8:b::1", "dev line-b", "25 %"]
        ]
    );
}

#[test]
fn families_that_differ_have_a_picture_each_and_findings_are_where_they_belong() {
    let (parent, copy) = changed(
        "broken",
        &[
            (
                "iptables-save",
                "--hmark-mod 4",
                "--hmark-mod 4 --hmark-weight 1=50",
            ),
            (
                "ip-rule.json",
                r#"{"priority":32763,"src":"all","fwmark":"0x66","table":"102"},"#,
                "",
            ),
            ("sysctl", "rp_filter = 2", "rp_filter = 1"),
        ],
    );
    let svg = drawn(&[copy]);
    fs::remove_dir_all(&parent).unwrap();
    assert!(svg.contains(">IPv4</text>") && svg.contains(">IPv6</text>"));
    let marks = of_class(&svg, "mark");
    assert_eq!(marks.len(), 8);
    // By the weights, 1 to 7 of half a share.
    assert_eq!(marks[..2], [["100: 28.57 %"], ["101: 14.29 %"]]);
    assert_eq!(marks[2][0], "102: 28.57 %");
    assert_eq!(marks[2][1..].concat(), "mark-without-ip-rule");
    assert!(marks[3..].iter().all(|mark| mark.len() == 1), "{marks:?}");
    // Its packets go by the main table.
    assert_eq!(of_class(&svg, "table")[2], ["main"]);
    assert_eq!(
        of_class(&svg, "gateway")[2],
        ["192.0.2.254", "dev front", "28.57 %"]
    );
    let rules = of_class(&svg, "rule").concat();
    assert!(rules.contains(&"twin-different"), "{rules:?}");
    assert!(of_class(&svg, "host")
        .concat()
        .contains(&"rp-filter-strict"));
    assert!(svg.contains("no ip rule is for mark 102"));
}

/// The main table of the border has a route to the blades, and no default route: a mark without an ip rule
/// goes by that route, as predict says.
#[test]
fn a_mark_without_rule_is_drawn_as_it_is_looked_up() {
    let (parent, copy) = copied(
        "gateways/border",
        "border-without",
        &[(
            "ip-rule.json",
            r#"{"priority":32764,"src":"all","fwmark":"0x66","table":"102"},"#,
            "",
        )],
    );
    let svg = drawn(&[copy]);
    fs::remove_dir_all(&parent).unwrap();
    let tables = of_class(&svg, "table").concat();
    assert!(
        tables.contains(&"main") && !tables.contains(&"-"),
        "{tables:?}"
    );
    // 10.2.0.11 has its own share, and that of the mark without a rule.
    let gateways = of_class(&svg, "gateway");
    assert!(gateways[0][0].starts_with("10.2.0.11"), "{gateways:?}");
    assert!(!svg.contains("no route"), "{gateways:?}");
}

#[test]
fn no_name_becomes_markup() {
    let (parent, copy) = changed(
        "<b x=\"&\u{1b}\u{202e}",
        &[
            (
                "iptables-save",
                "-d 198",
                "-m comment --comment \"</text><script>\" -d 198",
            ),
            ("ip-route.json", "\"dev\":\"north\"", "\"dev\":\"<i>&'\""),
            (
                "ip-rule.json",
                "\"table\":\"101\"",
                "\"table\":\"]]>\\u0000\"",
            ),
        ],
    );
    let svg = drawn(&[copy]);
    fs::remove_dir_all(&parent).unwrap();
    let hosts = of_class(&svg, "host");
    assert!(
        hosts[0]
            .concat()
            .starts_with("&lt;b x=&quot;&amp;\u{fffd}\u{fffd}"),
        "{hosts:?}"
    );
    assert!(!svg.contains("<script") && !svg.contains("<i>") && !svg.contains("]]>"));
    assert!(svg.contains("dev &lt;i&gt;&amp;&#39;"));
}

#[test]
fn no_key_is_drawn() {
    let key = "00112233445566778899aabbccddeeff";
    let with_key = format!("--hmark-key {key}");
    let edits = ["iptables-save", "ip6tables-save"]
        .map(|file| (file, "--hmark-rnd 0xc175a3b8", with_key.as_str()));
    let (parent, copy) = changed("key", &edits);
    let svg = drawn(&[copy]);
    fs::remove_dir_all(&parent).unwrap();
    assert_eq!(of_class(&svg, "mark").len(), 4);
    assert!(!svg.contains(&key[..8]), "{svg}");
}

#[test]
fn many_marks_are_folded() {
    let edits =
        ["iptables-save", "ip6tables-save"].map(|file| (file, "--hmark-mod 4", "--hmark-mod 70"));
    let (parent, copy) = changed("many-marks", &edits);
    let svg = drawn(&[copy]);
    fs::remove_dir_all(&parent).unwrap();
    let marks = of_class(&svg, "mark");
    assert_eq!(marks.len(), fold::MOST_ROWS);
    assert_eq!(marks.last().unwrap()[..2].concat(), "55 others:78.57 %");
    // Those that have no ip rule come first, and all go by the main table.
    assert_eq!(marks[0][0], "104: 1.43 %");
    assert_eq!(of_class(&svg, "gateway")[0][2..], ["dev front", "94.29 %"]);
    // There are too many.
    let edits =
        ["iptables-save", "ip6tables-save"].map(|file| (file, "--hmark-mod 4", "--hmark-mod 5000"));
    let (parent, copy) = changed("too-many-marks", &edits);
    let svg = drawn(&[copy]);
    fs::remove_dir_all(&parent).unwrap();
    assert!(of_class(&svg, "mark").is_empty() && svg.contains("too many marks to draw"));
}

#[test]
fn hosts_without_anything_can_be_drawn() {
    let (parent, copy) = changed("none", &[]);
    for file in fs::read_dir(&copy).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    let svg = drawn(&[copy]);
    fs::remove_dir_all(&parent).unwrap();
    assert!(svg.contains("none: no HMARK rule") && svg.contains("cannot tell all"));
    assert_well_formed(&picture(&[], &[], &[]));
}
