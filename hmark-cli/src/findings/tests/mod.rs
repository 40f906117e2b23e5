// SPDX-License-Identifier: GPL-2.0-only

//! Each mistake, made on a host of the tutorials that works, is found; and on those hosts nothing is.

mod cases;
mod marks;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::scratch;
use cases::{cases, MASKS, ROUTES, RULES, RULES6};

const SELECTOR: &str = "pre-load-balancer/selector-a";
const BORDER: &str = "gateways/border";

/// All hosts of the tutorials that have HMARK.
const HOSTS: [&str; 8] = [
    SELECTOR,
    "pre-load-balancer/selector-b",
    "pre-load-balancer/selector-c",
    "pre-load-balancer/selector-s",
    "gateways/selector-a",
    "gateways/selector-b",
    BORDER,
    "router/router",
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/hosts")
        .join(name)
}

/// A host with changed files: in each, one text is replaced by another one.
fn broken(name: &str, case: &str, edits: &[(&str, &str, &str)]) -> Host {
    let copy = scratch::folder(&format!("findings-{case}"));
    fs::create_dir_all(&copy).unwrap();
    for file in fs::read_dir(folder(name)).unwrap() {
        let file = file.unwrap();
        let own = file.file_name().into_string().unwrap();
        let mut text = fs::read_to_string(file.path()).unwrap();
        for (_, from, to) in edits.iter().filter(|(file, ..)| *file == own) {
            assert!(text.contains(from), "{case}: {own} has no {from}");
            text = text.replace(from, to);
        }
        fs::write(copy.join(own), text).unwrap();
    }
    let host = Host::saved(&copy);
    fs::remove_dir_all(&copy).unwrap();
    host.unwrap()
}

fn ids(report: &Report) -> Vec<&'static str> {
    let mut ids: Vec<_> = report.findings.iter().map(|finding| finding.id).collect();
    ids.dedup();
    ids
}

#[test]
fn hosts_that_work_have_no_mistake() {
    for name in HOSTS {
        let report = check(&Host::saved(&folder(name)).unwrap());
        assert_eq!(report.findings, [], "{name}");
        assert_eq!(
            (report.missing.len(), report.broken.len()),
            (0, 0),
            "{name}: {report:?}"
        );
        assert!(report.rules > 1, "{name}");
    }
}

#[test]
fn each_mistake_is_found_with_what_to_do() {
    for (index, (id, name, edits, words)) in cases().into_iter().enumerate() {
        let edits: Vec<_> = edits
            .iter()
            .map(|(file, from, to)| (*file, *from, to.as_str()))
            .collect();
        let report = check(&broken(name, &format!("{index}-{id}"), &edits));
        let mut found = report.findings.iter().filter(|finding| finding.id == id);
        assert!(
            found.any(|finding| finding.found.sentence.contains(words)
                && !finding.found.remedy.is_empty()),
            "{id}, {words}: {:#?}",
            report.findings
        );
    }
}

#[test]
fn each_check_has_a_case() {
    let cases = cases();
    for (index, check) in CHECKS.iter().enumerate() {
        assert!(cases.iter().any(|(id, ..)| *id == check.id), "{}", check.id);
        assert!(
            CHECKS
                .iter()
                .skip(index + 1)
                .all(|other| other.id != check.id),
            "{}",
            check.id
        );
    }
}

/// Rules that look like mistakes, and are none.
#[test]
fn what_is_meant_is_not_named() {
    for (case, name, edits) in [
        (
            "unmarked",
            SELECTOR,
            (
                RULES,
                "COMMIT",
                "-A PREROUTING -m mark --mark 0x0 -j MARK --set-xmark 0x7/0xffffffff\nCOMMIT",
            ),
        ),
        (
            "other-net",
            SELECTOR,
            (
                RULES,
                "COMMIT",
                "-A PREROUTING -d 10.0.0.0/8 -j MARK --set-xmark 0x7/0xffffffff\nCOMMIT",
            ),
        ),
        (
            "not-net",
            SELECTOR,
            (
                RULES,
                "COMMIT",
                "-A PREROUTING ! -d 198.51.100.1/32 -j MARK --set-xmark 0x7/0xffffffff\nCOMMIT",
            ),
        ),
        (
            "forward",
            SELECTOR,
            (
                RULES,
                "COMMIT",
                "-A FORWARD -j MARK --set-xmark 0x7/0xffffffff\nCOMMIT",
            ),
        ),
        (
            "counted",
            SELECTOR,
            (
                RULES,
                "COMMIT",
                "-A FORWARD -m mark --mark 0x65\n-A FORWARD -m mark --mark 0x64/0xff\nCOMMIT",
            ),
        ),
        (
            "conditional",
            SELECTOR,
            (
                RULES,
                "-A PREROUTING -d",
                "-A PREROUTING -s 10.0.0.1/32 -j ACCEPT\n-A PREROUTING -d",
            ),
        ),
        (
            "errors-have-a-rule",
            "pre-load-balancer/selector-s",
            (RULES, MASKS, "--hmark-src-prefix 32 "),
        ),
        (
            "reversed",
            SELECTOR,
            (
                RULES,
                MASKS,
                "--hmark-src-prefix 32 --hmark-reverse-errors ",
            ),
        ),
        ("stale", SELECTOR, ("ip-neigh.json", "REACHABLE", "STALE")),
        (
            "other-pings",
            BORDER,
            (
                RULES6,
                "-A PREROUTING -d 2001:db8:100::1/128 -i internet -p ipv6-icmp ",
                "-A PREROUTING -d 2001:db8:100::1/128 -i internet -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j HMARK \
                 --hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-proto-mask 0xffff --hmark-rnd 0xc175a3b8 \
                 --hmark-mod 3 --hmark-offset 101 --hmark-tuple ct\n\
                 -A PREROUTING -d 2001:db8:100::1/128 -i internet -p ipv6-icmp ",
            ),
        ),
        (
            "ipv6-gateway",
            SELECTOR,
            (
                ROUTES,
                "\"gateway\":\"10.1.0.11\"",
                "\"via\":{\"family\":\"inet6\",\"host\":\"fd00:1::11\"}",
            ),
        ),
        (
            "loose",
            SELECTOR,
            ("sysctl", "src_valid_mark = 0", "src_valid_mark = 1"),
        ),
    ] {
        let report = check(&broken(name, case, &[edits]));
        // A tuple or an option of one family is of no other one.
        let others: Vec<_> = ids(&report)
            .into_iter()
            .filter(|id| *id != "twin-different")
            .collect();
        assert!(others.is_empty(), "{case}: {:#?}", report.findings);
    }
}

#[test]
fn hosts_are_compared() {
    let host = |name: &str| Host::saved(&folder(name)).unwrap();
    let same = [
        host(SELECTOR),
        host("pre-load-balancer/selector-b"),
        host("pre-load-balancer/selector-c"),
    ];
    assert_eq!(compare(&same), []);
    let seed = broken(
        "pre-load-balancer/selector-b",
        "seed",
        &[
            (RULES, "0xc175a3b8", "0x00000007"),
            (RULES6, "0xc175a3b8", "0x00000007"),
        ],
    );
    let ids = |found: &[Finding]| found.iter().map(|finding| finding.id).collect::<Vec<_>>();
    // The rules are others: their digests say nothing.
    let found = compare(&[host(SELECTOR), seed]);
    assert_eq!(ids(&found), ["seeds-differ", "seeds-differ"]);
    assert_eq!(found[1].family, Some(Family::Ipv6));
    let sentence = &found[0].found.sentence;
    let expected = "seed 0xc175a3b8 on selector-a (mangle PREROUTING rule 1";
    assert!(sentence.contains(expected), "{sentence}");
    assert!(
        sentence.contains("; seed 0x00000007 on hmark-"),
        "{sentence}"
    );
    let route = broken(SELECTOR, "route", &[(ROUTES, "10.1.0.12", "10.1.0.13")]);
    let [_, b, c] = same;
    let found = compare(&[route, b, c]);
    assert_eq!(ids(&found), ["digests-differ"]);
    // The one that differs is named, and others are compared with one of those that agree.
    assert!(found[0].host.ends_with("-route"), "{found:?}");
    assert!(
        found[0].found.commands[0].contains("selector-b) <("),
        "{found:?}"
    );
}

/// Both ends of a cluster share marks, and nothing else.
#[test]
fn hosts_of_other_roles_can_agree() {
    let host = |name: &str| Host::saved(&folder(name)).unwrap();
    let all = [
        host("gateways/selector-a"),
        host(BORDER),
        host("gateways/selector-b"),
    ];
    assert_eq!(compare(&all), []);
    let names = |roles: Vec<Vec<&Host>>| {
        let roles = roles.into_iter();
        roles
            .map(|role| role.iter().map(|host| host.name.clone()).collect())
            .collect::<Vec<Vec<String>>>()
    };
    assert_eq!(
        names(roles(&all)),
        [vec!["selector-a", "selector-b"], vec!["border"]]
    );
    // One of several rules of the border has another weight.
    let weights = broken(
        BORDER,
        "weights",
        &[(
            RULES,
            "--hmark-offset 101\n",
            "--hmark-offset 101 --hmark-weight 1=50\n",
        )],
    );
    let [a, ..] = all;
    let found = compare(&[a, weights]);
    assert_eq!(found.len(), 1, "{found:?}");
    let sentence = &found[0].found.sentence;
    assert!(sentence.contains("--hmark-weight 1=50 on "), "{sentence}");
    assert!(sentence.contains("(mangle OUTPUT rule 1)"), "{sentence}");
}

#[test]
fn revisions_of_the_kernel_are_counted() {
    let old = Host::saved(&folder(SELECTOR)).unwrap();
    let new = broken(
        SELECTOR,
        "weights",
        &[(RULES, "--hmark-mod 4", "--hmark-mod 4 --hmark-weight 1=0")],
    );
    let found = |host: &Host, text: &str| {
        revisions(&Site::new(host, Family::Ipv4).unwrap(), text).map(|found| found.sentence)
    };
    assert_eq!(found(&old, "MARK\nHMARK\nERROR\n"), None);
    assert_eq!(found(&new, "HMARK\nMARK\nHMARK\n"), None);
    assert!(found(&old, "MARK\n").unwrap().contains("has no HMARK"));
    assert!(found(&new, "MARK\nHMARK\n").unwrap().contains("revision 1"));
}

#[test]
fn what_is_missing_is_said() {
    let host = broken(SELECTOR, "missing", &[]);
    assert!(check(&host).missing.is_empty());
    let empty = scratch::folder("empty");
    fs::create_dir_all(&empty).unwrap();
    let report = check(&Host::saved(&empty).unwrap());
    fs::remove_dir_all(&empty).unwrap();
    assert!(report.missing.len() > 5, "{:?}", report.missing);
    assert_eq!((report.rules, report.findings.len()), (0, 0));
}

#[test]
fn the_man_page_has_each_check() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../man/hmark-check.8");
    let page = fs::read_to_string(page).unwrap();
    for check in &CHECKS {
        let line = format!(".It Cm {} Pq {}\n", check.id, check.severity);
        assert!(page.contains(&line), "{line}");
    }
}
