// SPDX-License-Identifier: GPL-2.0-only

//! `hmark check`: what is wrong with hosts, and what to do.

use std::fs;
use std::io::{stdout, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use hmark_cli::drawing::picture::picture;
use hmark_cli::findings::{check, compare, revisions, Finding, Report, Severity, Site, CHECKS};
use hmark_cli::host::Host;
use hmark_cli::Family;
use serde_json::{json, Value};

use super::Status;

/// What is wrong with hosts that route by the marks of HMARK, and what is to be done?
///
/// Looks at marks, ip rules, tables, gateways, the order of rules, other users of marks, kernel settings,
/// and both families; of several hosts also whether they agree. Exit status: 0 if nothing is found, 1 if
/// there are warnings, 2 if there are errors, 3 if files are missing.
#[derive(Args)]
#[command(after_help = "\
Examples:
  This host (as root):
    hmark check
  All hosts of one role, saved by hmark save:
    hmark check selector-a selector-b selector-c
  A picture of them, with shares, and what is wrong:
    hmark check --svg selectors.svg selector-a selector-b selector-c
  What is looked for:
    hmark check --list")]
pub struct Check {
    /// Folders of files saved on hosts (see hmark save); without any, this host
    #[arg(value_name = "DIR")]
    hosts: Vec<PathBuf>,
    /// List the mistakes that are looked for
    #[arg(long, conflicts_with = "hosts")]
    list: bool,
    /// A picture of the hosts, their rules, marks, tables and gateways, with shares and findings
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    svg: Option<PathBuf>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

/// The lists of the targets that the running kernel has.
const TARGETS: [(Family, &str); 2] = [
    (Family::Ipv4, "/proc/net/ip_tables_targets"),
    (Family::Ipv6, "/proc/net/ip6_tables_targets"),
];

impl Check {
    /// Prints the findings.
    pub fn run(self) -> Result<Status> {
        if self.list {
            return list(self.json);
        }
        let hosts = super::hosts(&self.hosts)?;
        let mut reports: Vec<Report> = hosts.iter().map(check).collect();
        if let (true, [host], [report]) = (self.hosts.is_empty(), &hosts[..], &mut reports[..]) {
            report.findings.extend(of_kernel(host));
        }
        let between = compare(&hosts);
        match self.json {
            true => json(&hosts, &reports, &between)?,
            false => text(&hosts, &reports, &between)?,
        }
        if let Some(file) = &self.svg {
            let svg = picture(&hosts, &reports, &between);
            fs::write(file, svg).with_context(|| format!("cannot write {}", file.display()))?;
        }
        let findings = reports
            .iter()
            .flat_map(|report| &report.findings)
            .chain(&between);
        let worst = findings.map(|finding| finding.severity).max();
        let is_any = |list: fn(&Report) -> &Vec<String>| {
            reports.iter().any(|report| !list(report).is_empty())
        };
        Ok(match worst {
            Some(Severity::Error) => Status::Errors,
            _ if is_any(|report| &report.broken) => Status::Errors,
            _ if is_any(|report| &report.missing) => Status::CannotTell,
            Some(Severity::Warning) => Status::No,
            None => Status::Fine,
        })
    }
}

/// What is wrong with the running kernel.
fn of_kernel(host: &Host) -> Vec<Finding> {
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

fn list(is_json: bool) -> Result<Status> {
    let mut out = stdout().lock();
    let rows = CHECKS
        .iter()
        .map(|check| (check.id, check.severity, check.about))
        .chain([
            (
                "seeds-differ",
                Severity::Error,
                "hosts have different seeds or keys",
            ),
            (
                "digests-differ",
                Severity::Warning,
                "hosts send flows different ways",
            ),
            (
                "kernel-without-target",
                Severity::Error,
                "the running kernel lacks HMARK, or its revision 1",
            ),
        ]);
    if is_json {
        let rows: Vec<_> = rows
            .map(|(id, severity, about)| json!({"id": id, "severity": severity.to_string(), "about": about}))
            .collect();
        let report = json!({"version": 1, "command": "check", "checks": rows});
        serde_json::to_writer_pretty(&mut out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(Status::Fine);
    }
    for (id, severity, about) in rows {
        let severity = severity.to_string();
        writeln!(out, "{id:<24}{severity:<9}{about}")?;
    }
    Ok(Status::Fine)
}

fn text(hosts: &[Host], reports: &[Report], between: &[Finding]) -> Result<()> {
    let mut out = stdout().lock();
    for (host, report) in hosts.iter().zip(reports) {
        for broken in &report.broken {
            writeln!(out, "{}: error: {broken}", host.name)?;
        }
        for finding in &report.findings {
            write_finding(finding, &mut out)?;
        }
        for missing in &report.missing {
            writeln!(out, "{}: cannot tell all: {missing}", host.name)?;
        }
        let is_fine =
            report.findings.is_empty() && report.broken.is_empty() && report.missing.is_empty();
        match (is_fine, report.rules) {
            (true, 0) => writeln!(out, "{}: no HMARK rule, so nothing to check", host.name)?,
            (true, rules) => writeln!(out, "{}: nothing found ({rules} HMARK rules)", host.name)?,
            (false, _) => {}
        }
    }
    for finding in between {
        write_finding(finding, &mut out)?;
    }
    Ok(())
}

fn write_finding(finding: &Finding, out: &mut impl Write) -> Result<()> {
    let Finding {
        id,
        severity,
        host,
        family,
        found,
    } = finding;
    let family = family.map_or(String::new(), |family| format!(" {family}"));
    let place = found
        .place
        .as_ref()
        .map_or(String::new(), |place| format!(" {place}:"));
    writeln!(
        out,
        "{host}:{family} {severity} [{id}]{place} {}",
        found.sentence
    )?;
    writeln!(out, "    {}", found.remedy)?;
    for command in &found.commands {
        writeln!(out, "    # {command}")?;
    }
    Ok(())
}

fn json(hosts: &[Host], reports: &[Report], between: &[Finding]) -> Result<()> {
    let hosts: Vec<Value> = hosts
        .iter()
        .zip(reports)
        .map(|(host, report)| {
            json!({
                "host": host.name,
                "hmark_rules": report.rules,
                "findings": report.findings.iter().map(value).collect::<Vec<_>>(),
                "missing": report.missing,
                "broken": report.broken,
            })
        })
        .collect();
    let between: Vec<_> = between.iter().map(value).collect();
    let report =
        json!({"version": 1, "command": "check", "hosts": hosts, "between_hosts": between});
    let mut out = stdout().lock();
    serde_json::to_writer_pretty(&mut out, &report).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

fn value(finding: &Finding) -> Value {
    json!({
        "id": finding.id,
        "severity": finding.severity.to_string(),
        "family": finding.family.map(|family| match family {
            Family::Ipv4 => "ipv4",
            Family::Ipv6 => "ipv6",
        }),
        "place": finding.found.place,
        "sentence": finding.found.sentence,
        "remedy": finding.found.remedy,
        "commands": finding.found.commands,
    })
}
