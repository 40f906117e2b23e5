// SPDX-License-Identifier: GPL-2.0-only

//! The rules that `hmark scale` changes: one on the command line, or those of a host.

use anyhow::{anyhow, bail, Context, Result};
use hmark_cli::change::commands::Place;
use hmark_cli::change::{edit, Change};
use hmark_cli::Family;

use super::Scale;

/// A rule in its place, and what becomes of it.
pub struct Site {
    pub place: Place,
    pub change: Change,
}

/// The rules that change: first that of the family that is asked for.
pub fn sites(scale: &Scale) -> Result<Vec<Site>> {
    if scale.to.is_none() && scale.edit().is_empty() {
        bail!("nothing changes: give --mod, --weight, --from-marks, --rnd, --key or --to");
    }
    match &scale.rule {
        Some(rule) => of_text(scale, rule),
        None => bail!("give --rule"),
    }
}

/// The family that is asked for.
fn family(scale: &Scale) -> Family {
    match scale.family.as_str() {
        "6" => Family::Ipv6,
        _ => Family::Ipv4,
    }
}

/// A rule on the command line, in both families if both take it.
fn of_text(scale: &Scale, rule: &str) -> Result<Vec<Site>> {
    let asked = family(scale);
    let other = match asked {
        Family::Ipv4 => Family::Ipv6,
        Family::Ipv6 => Family::Ipv4,
    };
    let site = |family| -> Result<Site> {
        let before = edit::read(rule, family).context("--rule")?;
        Ok(Site {
            place: Place::unknown(family),
            change: Change {
                family,
                before,
                after: after(scale, &before, family)?,
            },
        })
    };
    let mut sites = vec![site(asked)?];
    sites.extend(site(other).ok());
    Ok(sites)
}

/// A rule after the change.
fn after(
    scale: &Scale,
    before: &hmark::rule::v1::Info,
    family: Family,
) -> Result<hmark::rule::v1::Info> {
    match &scale.to {
        Some(text) => edit::read(text, family).context("--to"),
        None => scale
            .edit()
            .apply(before, family)
            .map_err(|error| anyhow!("{error}")),
    }
}
