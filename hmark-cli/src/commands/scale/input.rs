// SPDX-License-Identifier: GPL-2.0-only

//! The rules that `hmark scale` changes: one on the command line, or those of a host.

use anyhow::{Context, Result};
use hmark::rule::v1::{flag, Info};
use hmark_cli::change::commands::Place;
use hmark_cli::change::{edit, Change};
use hmark_cli::findings::{HmarkRule, Site as Side};
use hmark_cli::host::{Host, Part};
use hmark_cli::ruleset::Target;
use hmark_cli::Family;

use super::Scale;
use crate::commands::Usage;

/// A rule in its place, and what becomes of it.
pub struct Site {
    pub place: Place,
    pub change: Change,
}

/// The family that is asked for.
fn asked(scale: &Scale) -> Family {
    match scale.family.as_deref() {
        Some("6") => Family::Ipv6,
        _ => Family::Ipv4,
    }
}

/// A rule on the command line, in both families if both take it: first that which is asked for.
pub fn of_text(scale: &Scale, rule: &str) -> Result<Vec<Site>> {
    let asked = asked(scale);
    let site = |family| -> Result<Site> {
        let before = edit::read(rule, family).map_err(|error| Usage(format!("--rule: {error}")))?;
        let place = Place::unknown(family);
        changed(scale, place, &before)
    };
    let mut sites = vec![site(asked)?];
    let others = Family::ALL.into_iter().filter(|family| *family != asked);
    sites.extend(others.filter_map(|family| site(family).ok()));
    Ok(sites)
}

/// The rules of a host that change together, in both families: first the one that is asked for.
pub fn of_host(scale: &Scale, host: &Host) -> Result<Vec<Site>> {
    let sides: Vec<Side> = Family::ALL
        .iter()
        .filter_map(|family| Side::new(host, *family))
        .collect();
    if sides.is_empty() {
        host.ipv4.ruleset.known()?;
    }
    let rules: Vec<(Family, &HmarkRule)> = sides
        .iter()
        .flat_map(|side| side.hmark.iter().map(|rule| (side.family, rule)))
        .collect();
    let chosen = chosen(scale, host, &rules)?;
    let (family, rule) = chosen;
    let mut sites = vec![site(scale, family, rule)?];
    let is_other = |other: &HmarkRule| !std::ptr::eq(other.rule, rule.rule);
    let go_together = |other: &HmarkRule| match scale.to {
        // All options change: those of rules that have other ones stay.
        Some(_) => options(other.info) == options(rule.info),
        None => marks(other.info) == marks(rule.info),
    };
    for (family, other) in rules
        .iter()
        .filter(|(_, other)| is_other(other) && go_together(other))
    {
        sites.push(site(scale, *family, other)?);
    }
    Ok(sites)
}

/// The rule that is asked for. If nothing is, all rules must have the same marks.
fn chosen<'r, 'h>(
    scale: &Scale,
    host: &Host,
    rules: &[(Family, &'r HmarkRule<'h>)],
) -> Result<(Family, &'r HmarkRule<'h>)> {
    if let Some(number) = scale.number {
        let rule = number.checked_sub(1).and_then(|number| rules.get(number));
        return rule.copied().ok_or_else(|| {
            Usage(format!(
                "--number: there is no rule {number}: {}",
                list(rules)
            ))
            .into()
        });
    }
    let of_family = scale.family.as_ref().map(|_| asked(scale));
    let candidates: Vec<_> = rules
        .iter()
        .filter(|(family, _)| of_family.is_none_or(|asked| *family == asked))
        .collect();
    let Some(first) = candidates.first() else {
        return Err(Usage(format!("{} has no HMARK rule: give --rule", host.name)).into());
    };
    match candidates
        .iter()
        .all(|(_, rule)| marks(rule.info) == marks(first.1.info))
    {
        true => Ok(**first),
        false => Err(Usage(format!("choose a rule by --number: {}", list(rules))).into()),
    }
}

/// The rules, numbered, one a line. Their keys are not shown, and seeds are where they differ.
fn list(rules: &[(Family, &HmarkRule<'_>)]) -> String {
    let seeds = rules.iter().map(|(_, rule)| rule.info.masked.v0.hashrnd);
    let differ = seeds.clone().min() != seeds.max();
    let shown = rules.iter().enumerate().map(|(index, (family, rule))| {
        let v0 = &rule.info.masked.v0;
        let hash = match (rule.info.has(flag::KEY), differ) {
            (true, _) => " --hmark-key ...".to_owned(),
            (false, true) => format!(" --hmark-rnd {:#x}", v0.hashrnd),
            (false, false) => String::new(),
        };
        let marks = format!(
            "--hmark-mod {} --hmark-offset {}{hash}",
            v0.hmodulus, v0.hoffset
        );
        format!("\n  {}: {family} {} ({marks})", index + 1, rule.place())
    });
    match rules.is_empty() {
        true => "there is no HMARK rule".to_owned(),
        false => shown.collect(),
    }
}

/// The options that decide which marks there are, and by which hash they are chosen.
fn marks(rule: &Info) -> Info {
    let mut marks = Info {
        masked: rule.masked,
        from: rule.from,
        key: rule.key,
        less: rule.less,
        ..Info::default()
    };
    let v0 = &mut marks.masked.v0;
    (v0.src_mask, v0.dst_mask, v0.port_mask, v0.port_set) = Default::default();
    (v0.proto_mask, v0.flags) = (0, 0);
    marks
}

/// All options, with netmasks that both families have.
fn options(rule: &Info) -> Info {
    let mut options = *rule;
    let v0 = &mut options.masked.v0;
    for mask in [&mut v0.src_mask, &mut v0.dst_mask] {
        // A prefix of all bits, in either family.
        if *mask == [u32::MAX, 0, 0, 0] {
            *mask = [u32::MAX; 4];
        }
    }
    options
}

fn site(scale: &Scale, family: Family, rule: &HmarkRule<'_>) -> Result<Site> {
    let place = Place::of(family, &rule.table.name, &rule.chain.name, rule.rule);
    changed(scale, place, rule.info)
}

/// A rule and the change.
fn changed(scale: &Scale, place: Place, before: &Info) -> Result<Site> {
    let family = place.family;
    let usage = |option: &str, error| Usage(format!("{option}{error}"));
    let after = match &scale.to {
        Some(text) => edit::read(text, family).map_err(|error| usage("--to: ", error))?,
        None => scale
            .edit()
            .apply(before, family)
            .map_err(|error| usage("", error))?,
    };
    let change = Change {
        family,
        before: *before,
        after,
    };
    Ok(Site { place, change })
}

/// A host whose rules are changed.
pub fn changed_host(host: &Host, sites: &[Site]) -> Result<Host> {
    let mut host = host.clone();
    for Site { place, change } in sites {
        let side = match place.family {
            Family::Ipv4 => &mut host.ipv4,
            Family::Ipv6 => &mut host.ipv6,
        };
        let Part::Known(rules) = &mut side.ruleset else {
            continue;
        };
        let table = rules
            .tables
            .iter_mut()
            .find(|table| table.name == place.table);
        let chain = table.and_then(|table| {
            table
                .chains
                .iter_mut()
                .find(|chain| chain.name == place.chain)
        });
        let rule = chain.and_then(|chain| {
            chain
                .rules
                .iter_mut()
                .find(|rule| Some(rule.number) == place.number)
        });
        rule.context("the rule is gone")?.target = Target::Hmark(Box::new(change.after));
    }
    Ok(host)
}
