// SPDX-License-Identifier: GPL-2.0-only

//! Revisions of the target: a rule with an option of revision 1 is found, shown and restored by every command,
//! one without stays what it was, and a module that has revision 0 alone refuses the new options.

use anyhow::{ensure, Context, Result};
use fastrand::Rng;
use hmark::rule::v1;
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::iptables;
use testbed::module;
use testbed::netns::Netns;
use testbed::note;
use testbed::side::Side;
use testbed::text::candidate::Candidate;
use testbed::text::generator;
use testbed::text::runner::Iptables;
use testbed::trials;

use crate::backend::Backend;
use crate::firewall::{Firewall, PARAMETER_PROBLEM};
use crate::seed;
use crate::trial::backends;

/// A rule of revision 0 that means the same to both libraries, as it is saved.
const OLD: &str =
    "-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-offset 100";

/// A rule of revision 1 with most of its options, likewise.
const NEW: &str =
    "-j HMARK --hmark-sport-mask 0xffff --hmark-key 00112233445566778899aabbccddeeff \
                   --hmark-mod 70 --hmark-offset 256 --hmark-mask 0x7f00 --hmark-from 64 \
                   --hmark-weight 12=50,35=0,64-69=25 --hmark-inner gtpu,vxlan:8472 \
                   --hmark-reverse-errors";

/// What `-L` shows of it.
const NEW_LISTED: &str =
    "HMARK mod 70 + 0x100 mask 0x7f00 from 64 weight 12=50,35=0,64-69=25 inner \
                          gtpu,vxlan:8472 reverse-errors sport-mask 0xffff key \
                          00112233445566778899aabbccddeeff ";

/// Number of random rules.
const RANDOM: usize = 300;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![backends(
        by_each_command,
        between_the_libraries,
        restored,
        deleted_together,
        longest,
        refused_by_revision_0,
    )]
}

/// Runs commands on the mangle table with our library.
struct Commands {
    firewall: Firewall,
}

impl Commands {
    fn new(family: Family, backend: Backend) -> Result<Self> {
        let firewall = Firewall::new(family, backend)?;
        Ok(Self { firewall })
    }

    /// Runs a command of our library, and returns its standard output.
    fn run(&self, arguments: &str) -> Result<String> {
        let arguments = format!("-t mangle {arguments}");
        self.firewall.run(Side::Ours, "", &arguments, "")
    }

    /// Checks that a library finds a rule, or does not.
    fn ensure_found(&self, library: Side, rule: &str, is_there: bool) -> Result<()> {
        // Up to 1.8.9, ip6tables-legacy -C compares no targets: its answer says nothing.
        let Firewall {
            family, backend, ..
        } = self.firewall;
        if (family, backend) == (Family::Ipv6, Backend::Legacy) && iptables::is_old()? {
            return Ok(());
        }
        let found = self
            .firewall
            .mangle(library, &format!("-C PREROUTING {rule}"))?;
        ensure!(
            (found.status == 0) == is_there,
            "{library:?} finds `{rule}`: status {}: {}",
            found.status,
            found.stderr
        );
        Ok(())
    }

    /// Checks the rules and their order.
    fn ensure_rules(&self, rules: &[&str]) -> Result<()> {
        let expected: Vec<_> = rules
            .iter()
            .map(|rule| format!("-A PREROUTING {rule}"))
            .collect();
        let listed = self.run("-S PREROUTING")?;
        let listed: Vec<_> = listed
            .lines()
            .filter(|line| line.starts_with("-A"))
            .collect();
        let saved = self.firewall.rules(Side::Ours)?;
        ensure!(
            listed == expected && saved == expected,
            "expected {expected:#?}, listed {listed:#?}, saved {saved:#?}"
        );
        Ok(())
    }
}

/// Rules of both revisions, added, shown, found, replaced and deleted by single commands. With `-v`, each
/// command also shows the rule that it is given.
fn by_each_command(family: Family, backend: Backend) -> Result<()> {
    let commands = Commands::new(family, backend)?;
    let other = NEW.replace("aabbccddeeff", "aabbccddeefe");
    let shown = commands.run(&format!("-v -A PREROUTING {NEW}"))?;
    ensure!(shown.contains(NEW_LISTED), "shown: {shown}");
    let shown = commands.run(&format!("-v -I PREROUTING {OLD}"))?;
    ensure!(
        shown.contains("HMARK mod 4 + 0x64 sport-mask"),
        "shown: {shown}"
    );
    commands.run(&format!("-v -A PREROUTING {OLD}"))?;
    commands.ensure_rules(&[OLD, NEW, OLD])?;
    let listed = commands.run("-n -v -L PREROUTING")?;
    ensure!(
        listed.contains(NEW_LISTED) && listed.matches("HMARK mod 4 + 0x64 ").count() == 2,
        "listed: {listed}"
    );

    for (rule, is_there) in [(OLD, true), (NEW, true), (&other, false)] {
        commands.ensure_found(Side::Ours, rule, is_there)?;
    }
    let weights = NEW.replace("69=25", "69=26");
    commands.ensure_found(Side::Ours, &weights, false)?;
    commands.ensure_found(Side::Ours, &OLD.replace("offset 100", "offset 101"), false)?;
    // Its fields are all those of the old rule and nothing else.
    commands.ensure_found(Side::Ours, &format!("{OLD} --hmark-from 4"), false)?;

    commands.run(&format!("-v -R PREROUTING 1 {other}"))?;
    commands.run(&format!("-v -R PREROUTING 2 {OLD}"))?;
    commands.ensure_rules(&[&other, OLD, OLD])?;
    commands.run(&format!("-v -D PREROUTING {OLD}"))?;
    commands.ensure_rules(&[&other, OLD])?;
    commands.run(&format!("-v -D PREROUTING {other}"))?;
    commands.run(&format!("-v -D PREROUTING {OLD}"))?;
    commands.ensure_rules(&[])
}

/// Rules without a new option are of revision 0: each library finds those that the other added, also with rules
/// of revision 1 around them. What the stock library shows of the latter is a difference that the man page
/// names.
fn between_the_libraries(family: Family, backend: Backend) -> Result<()> {
    let commands = Commands::new(family, backend)?;
    for (writer, reader) in [(Side::Stock, Side::Ours), (Side::Ours, Side::Stock)] {
        commands.run(&format!("-A PREROUTING {NEW}"))?;
        let added = commands
            .firewall
            .mangle(writer, &format!("-A PREROUTING {OLD}"))?;
        ensure!(added.status == 0, "{writer:?}: {}", added.stderr);
        commands.run(&format!("-A PREROUTING {NEW}"))?;
        commands.ensure_rules(&[NEW, OLD, NEW])?;
        commands.ensure_found(reader, OLD, true)?;
        let deleted = commands
            .firewall
            .mangle(reader, &format!("-D PREROUTING {OLD}"))?;
        ensure!(deleted.status == 0, "{reader:?}: {}", deleted.stderr);
        commands.ensure_rules(&[NEW, NEW])?;

        let stock = commands.firewall.mangle(Side::Stock, "-S PREROUTING")?;
        let of_stock = match backend {
            Backend::Legacy => "-j HMARK [unsupported revision]",
            // iptables-nft does not look at the revision. The rest of the rule is not shown.
            Backend::Nft => "-j HMARK --hmark-sport-mask 0xffff --hmark-mod 70 --hmark-offset 256",
        };
        ensure!(
            stock.stdout.matches(of_stock).count() == 2,
            "the stock library shows rules of revision 1 as {}",
            stock.stdout
        );
        commands.run("-F PREROUTING")?;
    }
    Ok(())
}

/// Random rules with new options and without are restored, saved and restored again, appended without a
/// flush, and deleted by the text that they were added by.
fn restored(family: Family, backend: Backend) -> Result<()> {
    let firewall = Firewall::new(family, backend)?;
    let mut rng = Rng::with_seed(seed()?);
    let count = match backend {
        Backend::Legacy => RANDOM,
        // -D looks at one rule after the other, and the nf_tables one takes long for each.
        Backend::Nft => RANDOM / 3,
    };
    let rules: Vec<_> = (0..count)
        .map(|_| match rng.u32(..4) {
            0 => generator::correct(&mut rng, family),
            _ => generator::revision_1(&mut rng, family),
        })
        .collect();
    let input = |command: &str, rules: &mut dyn Iterator<Item = String>| {
        let lines = rules.map(|rule| format!("{command} PREROUTING {rule}\n"));
        format!("*mangle\n{}COMMIT\n", lines.collect::<String>())
    };
    let texts = || rules.iter().map(|rule| format!("-j HMARK {rule}"));
    let restore =
        |arguments: &str, input: &str| firewall.run(Side::Ours, "-restore", arguments, input);

    restore("", &input("-A", &mut texts()))?;
    let saved = firewall.rules(Side::Ours)?;
    ensure!(
        saved.len() == count,
        "{} of {count} rules saved",
        saved.len()
    );
    for (rule, saved) in rules.iter().zip(&saved) {
        let expected = format!("-A PREROUTING -j HMARK{}", rule.saved(family)?);
        ensure!(*saved == expected, "`{rule}` is saved as `{saved}`");
    }
    let dump = firewall.run(Side::Ours, "-save", "", "")?;
    restore("", &dump)?;
    let again = firewall.rules(Side::Ours)?;
    for (one, other) in saved.iter().zip(&again) {
        ensure!(one == other, "`{one}` is restored as `{other}`");
    }
    restore("--noflush", &input("-A", &mut texts().take(10)))?;
    // iptables-nft before 1.8.11 finds none of revision 0 where some of revision 1 are deleted, too.
    let is_new = |rule: &&Candidate| rule.gives(v1::flag::NEW);
    let (new, old): (Vec<_>, Vec<_>) = rules.iter().partition(is_new);
    let inputs = match compares_rules_of_one_revision(backend)? {
        true => vec![new, old],
        false => vec![rules.iter().collect()],
    };
    for rules in inputs {
        let mut texts = rules.iter().map(|rule| format!("-j HMARK {rule}"));
        restore("--noflush", &input("-D", &mut texts))?;
    }
    let left = firewall.rules(Side::Ours)?;
    ensure!(left.len() == 10, "left: {left:?}");
    let new = saved.iter().filter(|rule| rule.len() > 300).count();
    note!("{family}, {backend}: {count} random rules restored and deleted, {new} of them long");
    Ok(())
}

/// Whether this iptables compares all rules of an input over one size.
fn compares_rules_of_one_revision(backend: Backend) -> Result<bool> {
    Ok(backend == Backend::Nft && iptables::is_old()?)
}

/// Of rules that differ only in what follows revision 0, those that are named are deleted, whatever else is in
/// the input.
fn deleted_together(family: Family, backend: Backend) -> Result<()> {
    let commands = Commands::new(family, backend)?;
    let other = NEW.replace("12=50", "12=51");
    let rules = [NEW, &other, OLD, NEW, &other, OLD];
    for rule in rules {
        commands.run(&format!("-A PREROUTING {rule}"))?;
    }
    let lines = [&other, OLD].map(|rule| format!("-D PREROUTING {rule}\n"));
    let delete = |lines: &str| {
        let input = format!("*mangle\n{lines}COMMIT\n");
        let firewall = &commands.firewall;
        firewall.answer(Side::Ours, "-restore", "--noflush", &input)
    };
    let answer = delete(&lines.concat())?;
    if compares_rules_of_one_revision(backend)? {
        // Then all is as it was, and each revision's rules want an input of their own.
        ensure!(answer.status == 1, "restored: {}", answer.stderr);
        commands.ensure_rules(&rules)?;
        for line in &lines {
            let answer = delete(line)?;
            ensure!(answer.status == 0, "{line}: {}", answer.stderr);
        }
    } else {
        ensure!(answer.status == 0, "{}", answer.stderr);
    }
    commands.ensure_rules(&[NEW, NEW, &other, OLD])
}

/// The longest rule that there is, with 256 weights no two of which are neighbours of one value, is saved,
/// restored and found.
fn longest(family: Family, backend: Backend) -> Result<()> {
    let commands = Commands::new(family, backend)?;
    let weights = (0..256).map(|mark| format!("{mark}={}", 10 + mark % 2));
    let weights = weights.collect::<Vec<_>>().join(",");
    let rule = format!(
        "-j HMARK --hmark-tuple src,dst,proto --hmark-sport-mask 1 --hmark-dport-mask 1 --hmark-sport 1 \
         --hmark-dport 1 --hmark-key {} --hmark-mod 256 --hmark-offset 0 --hmark-mask 0xff000000 \
         --hmark-from 255 --hmark-inner gtpu:10000,vxlan:20000,geneve:30000,gre,ipip \
         --hmark-reverse-errors --hmark-weight {weights}",
        "f".repeat(32)
    );
    commands.run(&format!("-A PREROUTING {rule}"))?;
    let saved = commands.firewall.rules(Side::Ours)?;
    let [text] = &saved[..] else {
        anyhow::bail!("not one rule: {saved:?}");
    };
    let words = text.split(' ').filter(|word| word.contains('='));
    let list = words.collect::<Vec<_>>().join(",");
    ensure!(list == weights, "saved: {text}");
    let dump = commands.firewall.run(Side::Ours, "-save", "", "")?;
    commands.run("-F")?;
    commands.firewall.run(Side::Ours, "-restore", "", &dump)?;
    ensure!(
        commands.firewall.rules(Side::Ours)? == saved,
        "restored otherwise"
    );
    let listed = commands.run("-n -L PREROUTING")?;
    ensure!(listed.contains(&weights), "listed: {listed}");
    commands.run(&format!("-D PREROUTING {rule}"))?;
    commands.ensure_rules(&[])
}

/// On a module that has revision 0 alone, as the kernel's own has, a new option is refused by an error that
/// says so, and all else is as with revision 1.
fn refused_by_revision_0(family: Family, backend: Backend) -> Result<()> {
    module::load_c()?;
    let netns = Netns::add("hmark-revision-0")?;
    let run = |suffix: &str, arguments: &str, input: &str| {
        let command = format!("{} {arguments}", backend.program(family, suffix));
        netns.enter(|| testbed::command::output(&command, input, &[]))
    };
    for (option, name) in [
        ("--hmark-mask 0xff", "mask"),
        ("--hmark-reverse-errors --hmark-from 2", "from"),
        ("--hmark-key 00112233445566778899aabbccddeeff", "key"),
        ("--hmark-weight 1=5", "weight"),
        ("--hmark-inner gre", "inner"),
        ("--hmark-reverse-errors", "reverse-errors"),
    ] {
        let rule = format!("-t mangle -A PREROUTING -j HMARK --hmark-mod 4 {option}");
        let refused = run("", &rule, "")?;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        let expected = format!(
            "HMARK: option \"--hmark-{name}\" needs revision 1 of the target, but the xt_HMARK that is loaded \
             has only revision 0: install the module of this library's version, flush all HMARK rules, and run \
             modprobe -r xt_HMARK\n"
        );
        ensure!(
            refused.status.code() == Some(PARAMETER_PROBLEM) && said.contains(&expected),
            "{option}: {}: {said}",
            refused.status
        );
    }
    // libxtables itself would ask the kernel for revision 1 at each rule, and warn each time.
    let input = format!(
        "*mangle\n{}COMMIT\n",
        format!("-A PREROUTING {OLD}\n").repeat(3)
    );
    let restored = run("-restore", "", &input)?;
    let said = String::from_utf8_lossy(&restored.stderr);
    ensure!(
        restored.status.success() && said.is_empty(),
        "restored: {said}"
    );
    let saved = run("-save", "-t mangle", "")?;
    let saved = String::from_utf8(saved.stdout).context("saved no text")?;
    ensure!(saved.matches(OLD).count() == 3, "saved: {saved}");
    drop(netns);
    module::load_ours()
}
