// SPDX-License-Identifier: GPL-2.0-only

//! `hmark plan`: a cluster's file, as all that a host needs for it.

use std::fs;
use std::io::{stdout, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use clap::{Args, ValueEnum};
use hmark_cli::host::Host;
use hmark_cli::plan::difference::{difference, Difference};
use hmark_cli::plan::{files, networkd, shell, Plan};
use serde_json::{json, Value};

use super::{Status, Usage};
use crate::output::difference::lines;
use crate::output::say::say;

/// Sets hosts up from a file of gateways and addresses
///
/// Prints a script, or writes files, with the rules, routing rules and routes that spread flows over the
/// gateways. Nothing is changed on this host. Weights, from, mask, key, inner and reverse-errors need revision 1
/// of HMARK, which the kernel's own module refuses. Exit status: 0 fine; with --diff 1 if the host differs, 2
/// if somebody else has what the plan needs.
#[derive(Args)]
#[command(after_help = "\
A file, for IPv4 and IPv6 packets to one address over four gateways:
    device = \"north\"
    gateways = [
      { name = \"gateway-0\", address4 = \"10.1.0.10\", address6 = \"fd00:1::10\" },
      { name = \"gateway-1\", address4 = \"10.1.0.11\", address6 = \"fd00:1::11\" },
      { name = \"gateway-2\", address4 = \"10.1.0.12\", address6 = \"fd00:1::12\", weight = 50 },
      { name = \"gateway-3\", address4 = \"10.1.0.13\", address6 = \"fd00:1::13\" },
    ]
    [[match]]
    destination = [\"198.51.100.1\", \"2001:db8:100::1\"]

Examples:
  Look at the script, then run it:
    hmark plan cluster.toml | less
    hmark plan cluster.toml | ssh root@selector-a sh
  Is this host as the file says, and if not, in what?
    hmark plan cluster.toml --diff
  Take it back:
    hmark plan cluster.toml --remove | sh
  Files for boot:
    hmark plan cluster.toml --format networkd /tmp/selector-a")]
pub struct PlanCommand {
    /// The file; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The folder that files are written to, which is made if there is none
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// A script, files for iptables-restore and ip -batch, or files for systemd-networkd
    #[arg(long, value_enum, default_value_t = Format::Shell)]
    format: Format,
    /// Compare this host with the plan
    #[arg(long, conflicts_with_all = ["format", "folder", "remove"])]
    diff: bool,
    /// Compare a saved host (see hmark save) in place of this one
    #[arg(long, value_name = "DIR", requires = "diff")]
    from: Option<PathBuf>,
    /// Print the script that takes the plan from a host
    #[arg(long, conflicts_with_all = ["format", "folder"])]
    remove: bool,
    /// Answer as JSON
    #[arg(long, conflicts_with_all = ["format", "folder", "remove"])]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Shell,
    Files,
    Networkd,
}

/// The most bytes that are read of a file: more than are taken.
const MOST: u64 = 1 << 21;

impl PlanCommand {
    /// Prints the script, writes the files, or says what differs.
    pub fn run(self) -> Result<Status> {
        let name = self.file.display().to_string();
        match (self.format, &self.folder) {
            (Format::Shell, Some(_)) => {
                let sentence = "a folder is for --format files or networkd: a script is printed";
                return Err(Usage(sentence.to_string()).into());
            }
            (Format::Files | Format::Networkd, None) => {
                let sentence = "give the folder to write to: hmark plan FILE --format files DIR";
                return Err(Usage(sentence.to_string()).into());
            }
            _ => {}
        }
        let plan = match Plan::read(&read(&self.file)?) {
            Ok(plan) => plan,
            Err(mistake) if mistake.line > 0 => bail!("{name}:{mistake}"),
            Err(mistake) => bail!("{name}: {mistake}"),
        };
        for doubt in &plan.site.doubts {
            say(format_args!("note: {name}:{doubt}"));
        }
        if self.diff {
            return self.compare(&plan);
        }
        let mut out = stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &as_json(&plan))
                .map_err(std::io::Error::from)?;
            writeln!(out)?;
            return Ok(Status::Fine);
        }
        let written = match (self.format, &self.folder) {
            (Format::Files, Some(folder)) => (files::files(&plan), folder),
            (Format::Networkd, Some(folder)) => (networkd::files(&plan), folder),
            _ => {
                let script = match self.remove {
                    true => shell::remove(&plan, &name),
                    false => shell::apply(&plan, &name),
                };
                out.write_all(script.as_bytes())?;
                return Ok(Status::Fine);
            }
        };
        let (files, folder) = written;
        write(&files, folder)?;
        for (name, _) in &files {
            writeln!(out, "{}", folder.join(name).display())?;
        }
        Ok(Status::Fine)
    }

    fn compare(&self, plan: &Plan) -> Result<Status> {
        let host = match &self.from {
            Some(folder) => Host::saved(folder)?,
            None => Host::live(),
        };
        let found = difference(plan, &host)?;
        let mut out = stdout().lock();
        match self.json {
            true => {
                let answer = difference_as_json(&host.name, &found);
                serde_json::to_writer_pretty(&mut out, &answer).map_err(std::io::Error::from)?;
                writeln!(out)?;
            }
            false => text(&host.name, &self.file, plan, &found, &mut out)?,
        }
        Ok(match &found {
            found if !found.taken.is_empty() => Status::Errors,
            found if !found.missing.is_empty() => Status::CannotTell,
            found if !found.is_empty() => Status::No,
            _ => Status::Fine,
        })
    }
}

/// The text of a file.
fn read(file: &Path) -> Result<String> {
    let cannot = || format!("cannot read {}", file.display());
    let mut text = Vec::new();
    match file == Path::new("-") {
        true => std::io::stdin().take(MOST).read_to_end(&mut text),
        false => fs::File::open(file)
            .with_context(cannot)?
            .take(MOST)
            .read_to_end(&mut text),
    }
    .with_context(cannot)?;
    match String::from_utf8(text) {
        Ok(text) => Ok(text),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let before = error.as_bytes().get(..valid).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count();
            bail!(
                "{}:{}: this is not UTF-8",
                file.display(),
                line.saturating_add(1)
            )
        }
    }
}

/// Writes files into a folder.
fn write(files: &[files::Written], folder: &Path) -> Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        let cannot = || format!("cannot write {}", path.display());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(cannot)?;
        }
        fs::write(&path, text).with_context(cannot)?;
    }
    Ok(())
}

fn text(
    host: &str,
    file: &Path,
    plan: &Plan,
    found: &Difference,
    out: &mut impl Write,
) -> Result<()> {
    for sentence in found.taken.iter().chain(&found.notes) {
        writeln!(out, "{host}: {sentence}")?;
    }
    if !found.parts.is_empty() {
        writeln!(out, "--- {host}")?;
        writeln!(out, "+++ {}", file.display())?;
        for part in &found.parts {
            writeln!(out, "@@ {} @@", part.of)?;
            for line in lines(part) {
                writeln!(out, "{line}")?;
            }
        }
    }
    for reason in &found.missing {
        say(format_args!("cannot tell all: {reason}"));
    }
    if found.is_empty() {
        let gateways = plan.site.gateways.len();
        writeln!(out, "{host}: as planned ({gateways} gateways)")?;
    }
    Ok(())
}

fn difference_as_json(host: &str, found: &Difference) -> Value {
    let parts: Vec<_> = found
        .parts
        .iter()
        .map(|part| json!({"of": part.of, "gone": part.gone, "new": part.new}))
        .collect();
    let missing: Vec<_> = found.missing.iter().map(ToString::to_string).collect();
    json!({
        "version": 1,
        "command": "plan",
        "host": host,
        "equal": found.is_empty(),
        "differences": parts,
        "taken": found.taken,
        "notes": found.notes,
        "missing": missing,
    })
}

fn as_json(plan: &Plan) -> Value {
    let site = &plan.site;
    let gateways: Vec<_> = site
        .gateways
        .iter()
        .zip(site.marks.all())
        .zip(site.table..)
        .map(|((gateway, mark), table)| {
            json!({
                "name": gateway.name,
                "mark": mark,
                "table": table,
                "weight": gateway.weight,
                "address4": gateway.address4,
                "address6": gateway.address6,
                "device": gateway.device,
            })
        })
        .collect();
    let rules: Vec<_> = plan
        .rules
        .iter()
        .map(|rule| json!({"preference": rule.preference, "rule": rule.text()}))
        .collect();
    let sides: Vec<_> = plan
        .sides
        .iter()
        .map(|side| {
            let chains = side.chains.0.iter().flat_map(|chain| chain.lines());
            json!({
                "family": side.family.to_string().to_lowercase(),
                "routes": side.routes.iter().map(|route| route.text()).collect::<Vec<_>>(),
                "chains": chains.collect::<Vec<_>>(),
            })
        })
        .collect();
    let nexthops: Vec<_> = plan.nexthops.iter().map(|own| own.text()).collect();
    let notes: Vec<_> = site.doubts.iter().map(ToString::to_string).collect();
    let settings: Vec<_> = plan
        .sysctls
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    json!({
        "version": 1,
        "command": "plan",
        "name": site.name,
        "protocol": site.protocol,
        "mask": site.marks.mask,
        "gateways": gateways,
        "rules": rules,
        "rules_met": plan.most_rules_met(),
        "rules_met_by_others": plan.rules_met_by_others(),
        "nexthops": nexthops,
        "families": sides,
        "sysctls": settings,
        "notes": notes,
    })
}
