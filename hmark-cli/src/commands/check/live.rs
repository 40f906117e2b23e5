// SPDX-License-Identifier: GPL-2.0-only

//! Checks that only the running host allows: of its kernel, its library, and the rules of nft.

use std::fs;
use std::path::Path;

use hmark_cli::findings::{native_marks, revisions, Finding, Severity, Site};
use hmark_cli::host::{program, Host};
use hmark_cli::Family;

/// The lists of the targets that the running kernel has.
const TARGETS: [(Family, &str); 2] = [
    (Family::Ipv4, "/proc/net/ip_tables_targets"),
    (Family::Ipv6, "/proc/net/ip6_tables_targets"),
];

/// The mistakes of the running kernel.
pub fn of_kernel(host: &Host) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (family, path) in TARGETS {
        // The file is there as soon as iptables-legacy is used, and for root alone.
        let (Ok(targets), Some(site)) = (fs::read_to_string(path), Site::new(host, family)) else {
            continue;
        };
        findings.extend(revisions(&site, &targets).map(|found| Finding {
            id: "kernel-without-target",
            severity: Severity::Error,
            host: host.name.clone(),
            family: Some(family),
            found,
        }));
    }
    findings
}

/// The part of this host that has revision 0 of HMARK alone, if one has.
pub fn lacks_revision_1(host: &Host) -> Option<&'static str> {
    let has_rules =
        |family: &Family| Site::new(host, *family).is_some_and(|site| !site.hmark.is_empty());
    if !Family::ALL.iter().any(has_rules) {
        return None;
    }
    // The kernel's own module has no version, and its 0.1.0 no revision 1; a kernel that has HMARK built in
    // has no folder.
    let module = Path::new("/sys/module/xt_HMARK");
    let version = fs::read_to_string(module.join("version"));
    let is_old = version.map_or(true, |version| version.starts_with("0.1."));
    if module.exists() && is_old {
        return Some("the kernel");
    }
    let help = output(&["iptables", "-j", "HMARK", "--help"])?;
    let has = |option: &str| help.contains(option);
    (has("--hmark-mod") && !has("--hmark-weight")).then_some("the library of iptables")
}

/// Sentences about rules of nft itself that set marks.
pub fn of_nft() -> Vec<String> {
    let tables = output(&["nft", "list", "ruleset"]).map_or(Vec::new(), |text| native_marks(&text));
    let sentences = tables.iter().map(|table| {
        format!("the table {table} of nft sets marks, and rules of nft itself are not looked at")
    });
    sentences.collect()
}

/// The output of a program that succeeds.
fn output(words: &[&str]) -> Option<String> {
    let output = program::run(words, b"").ok()?;
    Some(String::from_utf8_lossy(&output).into_owned())
}
