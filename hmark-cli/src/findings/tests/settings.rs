// SPDX-License-Identifier: GPL-2.0-only

//! Kernel settings that are mistakes by the routes of a host alone, files that are none, and advice for
//! other versions.

use super::*;

const STRICT: (&str, &str, &str) = ("sysctl", "rp_filter = 2", "rp_filter = 1");

#[test]
fn rp_filter_is_named_where_packets_are_lost() {
    let of = |name: &str, case: &str, edits: &[(&str, &str, &str)]| {
        let report = check(&broken(name, case, edits));
        let found = report.findings.into_iter();
        let found = found.filter(|finding| finding.id == "rp-filter-strict");
        found
            .map(|finding| finding.found.sentence)
            .collect::<Vec<_>>()
    };
    // All gateways and the default route are on one device.
    assert!(of("gateways/selector-a", "one-device", &[STRICT]).is_empty());
    // Replies come by the second line, and the default route is on the first.
    let lines = of("router/router", "two-lines", &[STRICT]);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("strict on line-b:"), "{lines:?}");
    // The main table has no default route at all.
    let south = of("pre-load-balancer/selector-s", "no-default", &[STRICT]);
    assert!(south[0].contains("strict on south:"), "{south:?}");
    // Ports of a bridge have no routes.
    let ports = (
        "ip-addr.json",
        "{\"ifindex\":1,",
        "{\"ifname\":\"port1\",\"flags\":[\"UP\",\"LOWER_UP\"],\"mtu\":1500,\"addr_info\":[]},{\"ifindex\":1,",
    );
    let bridge = of(SELECTOR, "bridge", &[STRICT, ports]);
    assert!(bridge[0].contains("strict on north:"), "{bridge:?}");
    let valid = ("sysctl", "src_valid_mark = 0", "src_valid_mark = 1");
    let report = check(&broken(SELECTOR, "bridge-valid", &[STRICT, valid, ports]));
    let sentences: Vec<&str> = report
        .findings
        .iter()
        .map(|finding| finding.found.sentence.as_str())
        .collect();
    assert!(
        sentences
            .iter()
            .any(|text| text.contains("is strict on front")),
        "{sentences:?}"
    );
    assert!(!sentences.concat().contains("port1"), "{sentences:?}");
}

#[test]
fn empty_files_are_damaged() {
    for (file, text) in [
        ("sysctl", ""),
        ("sysctl", "no setting = 1\n"),
        ("ip-addr.json", ""),
        ("ip-addr.json", "[]"),
        ("ip-addr.json", "eth0: up"),
        ("ip-rule.json", " \n"),
        ("ip-rule.json", "0: from all"),
    ] {
        let copy = scratch::folder("settings");
        fs::create_dir_all(&copy).unwrap();
        for own in fs::read_dir(folder(SELECTOR)).unwrap() {
            let own = own.unwrap();
            fs::copy(own.path(), copy.join(own.file_name())).unwrap();
        }
        fs::write(copy.join(file), text).unwrap();
        let report = check(&Host::saved(&copy).unwrap());
        fs::remove_dir_all(&copy).unwrap();
        assert_eq!(report.findings, [], "{file}: {text}");
        assert_eq!(report.broken.len(), 1, "{file}: {text}");
        assert!(
            report.broken[0].contains(&format!("{file}: ")),
            "{:?}",
            report.broken
        );
    }
}

#[test]
fn advice_that_needs_revision_1_says_so() {
    let drops = (
        "ip-rule.json",
        "\"fwmark\":\"0x65\",\"table\":\"101\"",
        "\"fwmark\":\"0x65\",\"action\":\"blackhole\"",
    );
    let mut report = check(&broken(SELECTOR, "old", &[drops]));
    without_revision_1(&mut report.findings, "the kernel");
    let remedies = |id: &str| {
        let of_id = report.findings.iter().find(|finding| finding.id == id);
        of_id.unwrap().found.remedy.clone()
    };
    let end = "here the kernel has revision 0 of HMARK alone, without such options";
    assert!(remedies("ip-rule-refuses").ends_with(end));
    assert!(!remedies("table-unused").ends_with(end));
}
