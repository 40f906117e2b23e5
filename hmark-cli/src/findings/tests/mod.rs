// SPDX-License-Identifier: GPL-2.0-only

//! Each mistake, made on a host of the tutorials that works, is found; and on those hosts nothing is.

mod cases;

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use super::*;
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
    let copy = std::env::temp_dir().join(format!("hmark-findings-{}-{case}", process::id()));
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
    let found = compare(&[host(SELECTOR), seed]);
    assert_eq!(
        found.iter().map(|finding| finding.id).collect::<Vec<_>>(),
        ["seeds-differ", "digests-differ"]
    );
    assert!(
        found[0].found.sentence.contains("seed 0x00000007"),
        "{found:?}"
    );
    let route = broken(SELECTOR, "route", &[(ROUTES, "10.1.0.12", "10.1.0.13")]);
    let found = compare(&[host(SELECTOR), route]);
    assert_eq!(
        found.iter().map(|finding| finding.id).collect::<Vec<_>>(),
        ["digests-differ"]
    );
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
    let empty = std::env::temp_dir().join(format!("hmark-findings-{}-empty", process::id()));
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
