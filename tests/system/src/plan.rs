// SPDX-License-Identifier: GPL-2.0-only

//! The script of `hmark plan` on a host that it does not fit: it says why in one line and changes nothing, or
//! it leaves out what cannot be.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{self, Output};

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::command::{output, run_with};
use testbed::module;
use testbed::netns::Netns;
use testbed::trial::single;
use testbed::trials;

/// Two gateways, each on a device of its own.
const PLAN: &str = r#"
name = "one"
gateways = [
  { name = "a", address4 = "10.1.0.10", address6 = "fd00:1::10", device = "north" },
  { name = "b", address4 = "10.2.0.10", address6 = "fd00:2::10", device = "south" },
]
[[match]]
destination = ["198.51.100.1", "2001:db8:100::1"]
"#;

/// The devices, and what others have.
const HOST: &str = "\
link add north type dummy
link add south type dummy
link set north up
link set south up
address add 10.1.0.1/24 dev north
address add 10.2.0.1/24 dev south
address add fd00:1::1/64 dev north nodad
address add fd00:2::1/64 dev south nodad
rule add pref 100 from 10.9.0.0/16 lookup 1000
route add 10.9.0.0/16 dev north table 1000
nexthop add id 5 via 10.1.0.9 dev north
";

/// The commands that show what the script may change.
const SHOWN: [&str; 7] = [
    "ip -N -4 rule",
    "ip -N -6 rule",
    "ip -N nexthop",
    "ip -N -4 route show table all",
    "ip -N -6 route show table all",
    "iptables-save -t mangle",
    "ip6tables-save -t mangle",
];

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![
        single(others_are_not_touched),
        single(no_plan_takes_over_another),
        single(device_that_is_down_is_left_out),
    ]
}

/// A namespace with the devices.
struct Host {
    netns: Netns,
    /// The folder of scripts.
    folder: PathBuf,
}

impl Host {
    fn new(name: &str) -> Result<Self> {
        module::load_ours()?;
        let folder = env::temp_dir().join(format!("{name}-{}", process::id()));
        fs::create_dir_all(&folder)?;
        let netns = Netns::add(name)?;
        netns.ip(HOST)?;
        Ok(Self { netns, folder })
    }

    /// The file of a script of the plan.
    fn script(&self, options: &str, plan: &str) -> Result<String> {
        let script = run_with(&format!("hmark plan {options} -"), plan, &[])?;
        let path = self.folder.join("script");
        fs::write(&path, script)?;
        Ok(path.display().to_string())
    }

    fn play(&self, by: &str, options: &str, plan: &str) -> Result<Output> {
        let script = self.script(options, plan)?;
        self.netns
            .enter(|| output(&format!("{by} {script}"), "", &[]))
    }

    /// The output of a script, which must succeed: standard output and error.
    fn plays(&self, options: &str, plan: &str) -> Result<(String, String)> {
        let output = self.play("sh", options, plan)?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(output.status.success(), "{}: {said}", output.status);
        Ok((String::from_utf8(output.stdout)?, said))
    }

    /// A script must fail with one line that has this in it, and change nothing.
    fn refuses(&self, by: &str, options: &str, plan: &str, reason: &str) -> Result<()> {
        let before = self.shown()?;
        let output = self.play(by, options, plan)?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(
            output.status.code() == Some(2) && said.lines().count() == 1 && said.contains(reason),
            "{}: {said}",
            output.status
        );
        let after = self.shown()?;
        ensure!(before == after, "{reason}: {after:#?}, and not {before:#?}");
        Ok(())
    }

    /// Rules, routes and nexthops, without the host's own addresses: a host that forwards has more of them.
    fn shown(&self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        for command in SHOWN {
            let shown = self.netns.run(command)?;
            // Counters stand in brackets, and the empty table may be there or not.
            let lines = shown.lines().filter(|line| {
                let is_ours = line.contains("HMARK");
                let is_of_tables = command.contains("tables") && !line.starts_with("-A");
                is_ours || !(is_of_tables || line.contains(" table 255 "))
            });
            all.extend(lines.map(|line| match line.split_once(" [") {
                Some((line, _)) => line.trim_end().to_owned(),
                None => line.trim_end().to_owned(),
            }));
        }
        Ok(all)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The script does not touch what somebody else has in the plan's places, and leaves nothing of the plan.
fn others_are_not_touched() -> Result<()> {
    let host = Host::new("hmark-plan-others")?;
    let refuses = |plan: &str, reason: &str| host.refuses("sh", "", plan, reason);
    let before = host.shown()?;
    for (what, reason) in [
        (
            "rule pref 7201 from 10.8.0.0/16 lookup 1000",
            "a preference is taken",
        ),
        ("route 10.8.0.0/16 dev north table 7201", "a table is taken"),
        (
            "nexthop id 7201 via 10.1.0.8 dev north",
            "a nexthop is taken",
        ),
    ] {
        let (object, rest) = what.split_once(' ').context("no object")?;
        host.netns.ip(&format!("{object} add {rest}"))?;
        refuses(PLAN, reason)?;
        let gone = match object {
            "nexthop" => "id 7201".to_owned(),
            _ => rest.to_owned(),
        };
        host.netns.ip(&format!("{object} del {gone}"))?;
    }
    refuses(
        &PLAN.replace("\"south\"", "\"west\""),
        "there is no device west",
    )?;
    let by_others = "setpriv --reuid 65534 --clear-groups sh";
    host.refuses(by_others, "", PLAN, "run this as root")?;
    // A gateway that is not on a network of its device is seen on the way: all is taken back.
    let strange = PLAN.replace("fd00:2::10", "fd00:3::10");
    let output = host.play("sh", "", &strange)?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(
        output.status.code() == Some(2)
            && said.ends_with("hmark plan one: it failed, and was taken back\n"),
        "{}: {said}",
        output.status
    );
    ensure!(host.shown()? == before, "{:#?}", host.shown()?);
    // Then it can be set up, and taken back.
    let (done, said) = host.plays("", PLAN)?;
    ensure!(
        done.contains("changed nexthops") && said.is_empty(),
        "{done}{said}"
    );
    let (done, _) = host.plays("", PLAN)?;
    ensure!(done.ends_with("nothing to change\n"), "{done}");
    host.plays("--remove", PLAN)?;
    ensure!(host.shown()? == before, "{:#?}", host.shown()?);
    Ok(())
}

/// A plan of another name with the same numbers is not set up in place of one, and takes nothing of it away;
/// one that was renamed goes on with what it has, once its chains are renamed.
fn no_plan_takes_over_another() -> Result<()> {
    let host = Host::new("hmark-plan-two")?;
    host.plays("", PLAN)?;
    let two = PLAN.replace("\"one\"", "\"two\"");
    let reason = "protocol 72 is that of the plan with the chain HMARK-one: ";
    host.refuses("sh", "", &two, reason)?;
    host.refuses("sh", "--remove", &two, reason)?;
    for tables in ["iptables", "ip6tables"] {
        let rename = format!("{tables} -t mangle -E HMARK-one HMARK-two");
        host.netns.run(&rename)?;
    }
    let (done, said) = host.plays("", &two)?;
    ensure!(
        done == "hmark plan two: nothing to change\n" && said.is_empty(),
        "{done}{said}"
    );
    // With numbers of its own, it stands beside the other.
    let one = format!("protocol = 73\noffset = 0x200\ntable = 7300\npreference = 7300\n{PLAN}");
    let (done, _) = host.plays("", &one)?;
    ensure!(done.contains("changed nexthops"), "{done}");
    let (done, _) = host.plays("", &two)?;
    ensure!(done.ends_with("nothing to change\n"), "{done}");
    Ok(())
}

/// A gateway whose device is down is left out, and the others are set up; it comes back with the next run.
fn device_that_is_down_is_left_out() -> Result<()> {
    let host = Host::new("hmark-plan-down")?;
    host.plays("", PLAN)?;
    let whole = host.shown()?;
    host.netns.ip("link set south down")?;
    for _ in 0..2 {
        let (_, said) = host.plays("", PLAN)?;
        ensure!(
            said.lines().count() == 1 && said.contains("the device south is down"),
            "{said}"
        );
        let shown = host.shown()?.join("\n");
        ensure!(
            shown.contains("nhid 7200") && !shown.contains("nhid 7201"),
            "{shown}"
        );
    }
    host.netns
        .ip("link set south up\naddress replace fd00:2::1/64 dev south nodad\n")?;
    let (done, said) = host.plays("", PLAN)?;
    ensure!(
        done.contains("changed nexthops") && said.is_empty(),
        "{done}{said}"
    );
    let shown = host.shown()?;
    ensure!(shown == whole, "{shown:#?}, and not {whole:#?}");
    host.netns.ip("link set north down\nlink set south down")?;
    host.refuses("sh", "", PLAN, "no device of a gateway is up")
}
