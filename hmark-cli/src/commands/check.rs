// SPDX-License-Identifier: GPL-2.0-only

//! `hmark check`: what is wrong with hosts, and what to do.

pub mod live;

use std::fs;
use std::io::{stdout, Write};
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use clap::Args;
use hmark_cli::drawing::picture::picture;
use hmark_cli::findings::{
    check, compare, fill_in, roles, without_revision_1, Finding, Report, Severity, CHECKS,
};
use hmark_cli::host::{File, Host};
use hmark_cli::Family;
use serde_json::{json, Value};

use super::{Status, Usage};
use live::{lacks_revision_1, of_kernel, of_nft};

/// What is wrong with hosts that route by the marks of HMARK, and what is to be done?
///
/// Looks at marks, ip rules, tables, gateways, the order of rules, other users of marks, kernel settings,
/// and both families; of several hosts also whether they agree: those with the same HMARK rules are of one
/// role, and are to send each flow the same way; those that share marks are to give each flow the same one. Exit status: 0 if nothing is found, 1 if
/// there are warnings, 2 if there are errors, 3 if files are missing.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  This host (as root):
    hmark check
  All hosts of a cluster, saved by hmark save:
    hmark check selector-a selector-b border
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
    /// A picture of the hosts, their rules, marks, tables and gateways, with shares and findings, but no keys
    /// of --hmark-key
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    svg: Option<PathBuf>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

/// The most folders that an error names.
const MOST_NAMES: usize = 8;

impl Check {
    /// Prints the findings.
    pub fn run(self) -> Result<Status> {
        if self.list {
            return list(self.json);
        }
        if self.svg.as_deref() == Some(Path::new("-")) {
            return Err(Usage(
                "--svg takes a file: the findings go to the standard output".to_owned(),
            )
            .into());
        }
        for folder in &self.hosts {
            is_of_host(folder)?;
        }
        let hosts = super::hosts(&self.hosts)?;
        let mut reports: Vec<Report> = hosts.iter().map(check).collect();
        fill_in(&hosts, &mut reports);
        if let (true, [host], [report]) = (self.hosts.is_empty(), &hosts[..], &mut reports[..]) {
            report.findings.extend(of_kernel(host));
            if let Some(what) = lacks_revision_1(host) {
                without_revision_1(&mut report.findings, what);
            }
            if report.rules > 0 {
                report.missing.extend(of_nft());
            }
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

/// Checks that a folder has files of a host.
///
/// # Errors
///
/// If it has none, but its own folders have.
fn is_of_host(folder: &Path) -> Result<()> {
    let has_files = |folder: &Path| {
        File::ALL
            .iter()
            .any(|file| folder.join(file.name()).exists())
    };
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    if has_files(folder) {
        return Ok(());
    }
    let paths = entries.flatten().map(|entry| entry.path());
    let mut hosts: Vec<String> = paths
        .filter(|path| has_files(path))
        .map(|path| path.display().to_string())
        .collect();
    hosts.sort();
    if hosts.is_empty() {
        return Ok(());
    }
    let more = hosts.len().saturating_sub(MOST_NAMES);
    hosts.truncate(MOST_NAMES);
    if more > 0 {
        hosts.push(format!("and {more} more"));
    }
    bail!(
        "{} has no files of a host, but its folders have: did you mean {}?",
        folder.display(),
        hosts.join(" ")
    )
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
                "hosts have different seeds, keys or weights for the same marks",
            ),
            (
                "digests-differ",
                Severity::Warning,
                "hosts of one role send flows different ways",
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
            (true, 1) => writeln!(out, "{}: nothing found (1 HMARK rule)", host.name)?,
            (true, rules) => writeln!(out, "{}: nothing found ({rules} HMARK rules)", host.name)?,
            (false, _) => {}
        }
        for note in &report.notes {
            writeln!(out, "{}: note: {note}", host.name)?;
        }
    }
    let roles = role_names(hosts);
    if roles.len() > 1 {
        let names = roles.iter().map(|names| names.join(", "));
        writeln!(
            out,
            "roles, hosts with the same HMARK rules: {}",
            names.collect::<Vec<_>>().join("; ")
        )?;
    }
    for finding in between {
        write_finding(finding, &mut out)?;
    }
    Ok(())
}

/// The names of the hosts of each role.
fn role_names(hosts: &[Host]) -> Vec<Vec<&str>> {
    let roles = roles(hosts).into_iter();
    let names = roles.map(|role| role.iter().map(|host| host.name.as_str()).collect());
    names.collect()
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
    let roles = role_names(hosts);
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
                "notes": report.notes,
            })
        })
        .collect();
    let between: Vec<_> = between.iter().map(value).collect();
    let report = json!({
        "version": 1,
        "command": "check",
        "hosts": hosts,
        "roles": roles,
        "between_hosts": between,
    });
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
