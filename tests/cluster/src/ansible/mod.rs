// SPDX-License-Identifier: GPL-2.0-only

//! The Ansible role in `packaging/ansible/`, played on selectors that ssh reaches.

mod controller;
mod moves;
mod site;

use anyhow::{ensure, Context, Result};
use handover::Variable;
use libtest_mimic::Trial;
use testbed::trial::single;
use testbed::trials;
use testbed::{module, note};

use controller::Played;
use moves::moves;
use site::{Site, SELECTORS};

/// The gateways at first, and one more.
const FEW: usize = 4;
const MORE: usize = FEW + 1;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    match Variable::Ansible.value() {
        Some(_) => trials![single(plays)],
        None => Vec::new(),
    }
}

/// Plays the role over and over on the same hosts, each time with what the last play left.
fn plays() -> Result<()> {
    let site = Site::set_up()?;
    rolls_out(&site)?;
    changes_nothing_twice(&site)?;
    lasts(&site)?;
    changes_what_it_says(&site)?;
    stops_at_a_fault(&site)?;
    stops_unreached(&site)?;
    finds_who_differs(&site)
}

fn rolls_out(site: &Site) -> Result<()> {
    site.controller.write_plan(&file(FEW, "", ""))?;
    let played = site.controller.play("")?;
    played.check()?;
    for selector in SELECTORS {
        ensure!(played.count(selector, "changed") > Some(0), "{played}");
    }
    module::check_ours().context("no rule brought our module in")?;
    tell("first", &played);
    Ok(())
}

fn changes_nothing_twice(site: &Site) -> Result<()> {
    let played = site.controller.play("")?;
    played.check()?;
    for selector in SELECTORS {
        ensure!(played.count(selector, "changed") == Some(0), "{played}");
        ensure!(played.count(selector, "ok") > Some(0), "{played}");
    }
    tell("second", &played);
    Ok(())
}

/// Notes what a play of all selectors did.
fn tell(place: &str, played: &Played) {
    note!(
        "the role's {place} play took {:.1} s:\n{}",
        played.seconds,
        played.recap().unwrap_or_default()
    );
}

/// The script that it left makes a host as planned that has nothing of the plan, as at boot.
fn lasts(site: &Site) -> Result<()> {
    let selector = &site.selectors[0];
    selector.run(
        "hmark plan --remove /etc/hmark/plan.toml | sh
        hmark plan --diff /etc/hmark/plan.toml && exit 1
        /etc/hmark/plan.sh
        hmark plan --diff /etc/hmark/plan.toml",
    )?;
    Ok(())
}

/// With a gateway more, a trial run changes nothing and says what would change; then all selectors
/// change, and move the flows that `hmark scale` said.
fn changes_what_it_says(site: &Site) -> Result<()> {
    let before = site.places()?;
    let expected = moves(&site.selectors[0], &site.flows, FEW, MORE)?;
    site.controller.write_plan(&file(MORE, "", ""))?;

    let tried = site.controller.play("--check --diff --limit selector-1")?;
    tried.check()?;
    ensure!(tried.count("selector-1", "changed") > Some(0), "{tried}");
    ensure!(tried.text.contains("--hmark-mod 5"), "{tried}");
    ensure!(!is_planned(site, 0, MORE)?, "a trial run changed the host");

    let played = site.controller.play("")?;
    played.check()?;
    for (place, selector) in SELECTORS.into_iter().enumerate() {
        ensure!(played.count(selector, "changed") > Some(0), "{played}");
        ensure!(is_planned(site, place, MORE)?, "{selector}: {played}");
    }
    let after = site.places()?;
    let moved = moves::between(&before, &after);
    ensure!(moved == expected, "{moved:?} moved, not {expected:?}");
    note!(
        "a gateway more moved {} of {} flows on {} selectors, as hmark scale said",
        moved.values().sum::<usize>(),
        before.len(),
        SELECTORS.len()
    );
    Ok(())
}

/// A selector on which somebody overwrites the marks is the last that is changed. The first one, which would
/// only take its time, is left out.
fn stops_at_a_fault(site: &Site) -> Result<()> {
    const FAULT: &str = "PREROUTING -d 198.51.100.1 -j MARK --set-mark 7";
    let [_, faulty, spared @ ..] = &*site.selectors else {
        unreachable!("there are four selectors")
    };
    faulty.run(&format!("iptables -t mangle -A {FAULT}"))?;
    site.controller
        .write_plan(&file(MORE, ", weight = 50", ""))?;
    let played = site.controller.play("--limit '!selector-1'")?;
    ensure!(played.status != 0, "the fault was not found: {played}");
    ensure!(played.count(SELECTORS[1], "failed") == Some(1), "{played}");
    ensure!(
        played
            .text
            .contains("selector-2 has the plan, but hmark check finds mistakes"),
        "{played}"
    );
    for (host, name) in spared.iter().zip(&SELECTORS[2..]) {
        ensure!(played.count(name, "ok").is_none(), "{played}");
        let rules = host.run("iptables -t mangle -S; cat /etc/hmark/plan.toml")?;
        ensure!(!rules.contains("weight"), "{name} was changed: {rules}");
    }
    faulty.run(&format!("iptables -t mangle -D {FAULT}"))?;

    // Somebody's rule has a place that the plan needs: nothing is changed at all.
    let first = &site.selectors[0];
    first.run("ip rule add pref 7201 from 192.0.2.99 lookup main")?;
    site.controller.write_plan(&file(FEW, "", ""))?;
    let played = site.controller.play("")?;
    ensure!(played.count(SELECTORS[0], "failed") == Some(1), "{played}");
    ensure!(played.count(SELECTORS[0], "changed") == Some(0), "{played}");
    ensure!(
        played.text.contains("the preference 7201 of IPv4 is taken"),
        "{played}"
    );
    first.run("ip rule del pref 7201")?;
    Ok(())
}

/// A selector that ssh does not reach stops the play, too, and no selector after it is touched.
fn stops_unreached(site: &Site) -> Result<()> {
    // Nobody listens there.
    const PORT: &str = r#"--limit '!selector-1' -e '{"ansible_port":
        "{{ 1 if inventory_hostname == \"selector-2\" else 22 }}"}'"#;
    site.controller.write_plan(&file(MORE, "", ""))?;
    let played = site.controller.play(PORT)?;
    ensure!(played.status != 0, "nobody missed a selector: {played}");
    let unreachable = played.count(SELECTORS[1], "unreachable");
    ensure!(unreachable == Some(1), "{played}");
    for name in &SELECTORS[2..] {
        ensure!(played.count(name, "ok").is_none(), "{played}");
    }
    Ok(())
}

/// A plan by which one selector hashes flows in its own way is found by the digests of all.
fn finds_who_differs(site: &Site) -> Result<()> {
    let seed = "{% if inventory_hostname == 'selector-4' %}[hash]\nseed = 7\n{% endif %}";
    site.controller.write_plan(&file(MORE, "", seed))?;
    let played = site.controller.play("--limit '!selector-1'")?;
    ensure!(played.status != 0, "no difference was found: {played}");
    // A line of the message is a string of JSON.
    let has = |end: &str| played.text.contains(&format!("{end}\""));
    ensure!(has(": selector-2 selector-3"), "{played}");
    ensure!(has(": selector-4"), "{played}");
    Ok(())
}

/// The plan's file, with gateways of which the last has `more`, and an `end`.
fn file(gateways: usize, more: &str, end: &str) -> String {
    let mut text = format!("device = \"north\"\nfrom = {FEW}\ngateways = [\n");
    for number in 0..gateways {
        let more = if number + 1 == gateways { more } else { "" };
        text += &format!(
            "  {{ name = \"gateway-{number}\", address4 = \"10.1.0.1{number}\", \
             address6 = \"fd00:1::1{number}\"{more} }},\n"
        );
    }
    text + "]\n[[match]]\ndestination = [\"198.51.100.1\", \"2001:db8:100::1\"]\n" + end
}

/// Whether a selector has a plan of so many gateways.
fn is_planned(site: &Site, selector: usize, gateways: usize) -> Result<bool> {
    let file = file(gateways, "", "");
    let said = site.selectors[selector].run(&format!(
        "hmark plan --diff - <<'END' || [ $? = 1 ]\n{file}END\n"
    ))?;
    Ok(said.contains(": as planned"))
}
