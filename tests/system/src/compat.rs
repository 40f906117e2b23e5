// SPDX-License-Identifier: GPL-2.0-only

//! 32-bit iptables on a 64-bit kernel (`CONFIG_NETFILTER_XTABLES_COMPAT`), whose rules are laid out
//! otherwise around the target's data. The lab says where its packages are.

use std::path::PathBuf;

use anyhow::{ensure, Context, Result};
use handover::Variable;
use libtest_mimic::Trial;
use testbed::command::{run, run_with};
use testbed::family::{Commands, Family};
use testbed::netns::Netns;
use testbed::trial::families;
use testbed::trials;

use crate::backend::Backend;

/// Rules that use every field, and the alignment after them.
const RULES: [&str; 5] = [
    "--hmark-mod 4 --hmark-offs 100",
    "--hmark-tuple ct,src,dst,sport,dport,proto --hmark-mod 70 --hmark-rnd 0xcafe",
    "--hmark-src-prefix 20 --hmark-mod 4294967295 --hmark-offset 4294967295 \
     --hmark-rnd 1",
    "--hmark-spi 0x1234abcd --hmark-spi-mask 0xffff0f0f --hmark-proto-mask 0xffff --hmark-mod 7 \
     --hmark-rnd 2",
    "--hmark-mod 250 --hmark-mask 0xff00 --hmark-offset 0x500 --hmark-from 200 --hmark-weight 249=1,0=2 \
     --hmark-key 00112233445566778899aabbccddeeff --hmark-inner gtpu,vxlan:8472 --hmark-reverse-errors",
];

/// The tests here, if the lab has packages for them.
pub fn trials() -> Vec<Trial> {
    match Variable::Root.value() {
        Some(_) => trials![families(rules_are_the_same)],
        None => vec![],
    }
}

/// 32-bit iptables as a command.
struct Compat {
    command: String,
    extensions: String,
}

impl Compat {
    fn of_lab() -> Result<Self> {
        let folder = |variable: Variable| {
            let value = variable.value().map(PathBuf::from);
            value.with_context(|| format!("{variable} is not set"))
        };
        let (root, built) = (folder(Variable::Root)?, folder(Variable::Foreign)?);
        let libraries = root.join("usr/lib/i386-linux-gnu");
        // The guest has no loader for it where the program says.
        Ok(Self {
            command: format!(
                "{0}/ld-linux.so.2 --library-path {0} {1}/usr/sbin/xtables-legacy-multi",
                libraries.display(),
                root.display()
            ),
            extensions: format!("{}:{}/xtables", built.display(), libraries.display()),
        })
    }

    /// Runs a program of its own, such as `iptables-save`.
    fn run(&self, command: &str) -> Result<String> {
        let command = format!("{} {command}", self.command);
        run_with(&command, "", &[("XTABLES_LIBDIR", &self.extensions)])
    }
}

/// Rules that 32-bit iptables adds are those that 64-bit iptables adds: each lists the other's as
/// its own, finds them and deletes them.
fn rules_are_the_same(family: Family) -> Result<()> {
    let compat = Compat::of_lab()?;
    let (name, legacy) = (family.iptables(), Backend::Legacy.program(family, ""));
    let netns = Netns::add("compat")?;
    netns.enter(|| {
        let narrow = |arguments: &str| compat.run(&format!("{name} -t mangle {arguments}"));
        let wide = |arguments: &str| run(&format!("{legacy} -t mangle {arguments}"));
        let saved = || -> Result<[String; 2]> {
            let narrow = compat.run(&format!("{name}-save -t mangle"))?;
            Ok([narrow, run(&format!("{legacy}-save -t mangle"))?].map(|text| rules(&text)))
        };
        for rule in RULES {
            wide(&format!("-A PREROUTING -j HMARK {rule}"))?;
        }
        let [narrow_list, by_wide] = saved()?;
        ensure!(narrow_list == by_wide, "{narrow_list}instead of\n{by_wide}");
        ensure!(by_wide.lines().count() == RULES.len(), "{by_wide}");
        for rule in RULES {
            narrow(&format!("-C PREROUTING -j HMARK {rule}"))?;
            narrow(&format!("-D PREROUTING -j HMARK {rule}"))?;
            narrow(&format!("-A PREROUTING -j HMARK {rule}"))?;
        }
        let [narrow_list, by_narrow] = saved()?;
        ensure!(by_narrow == by_wide, "{by_narrow}instead of\n{by_wide}");
        ensure!(narrow_list == by_wide, "{narrow_list}instead of\n{by_wide}");
        for rule in RULES {
            wide(&format!("-C PREROUTING -j HMARK {rule}"))?;
            wide(&format!("-D PREROUTING -j HMARK {rule}"))?;
        }
        Ok(())
    })
}

/// The rules of a saved table, one a line.
fn rules(saved: &str) -> String {
    let mut rules = String::new();
    for line in saved.lines().filter(|line| line.starts_with("-A")) {
        rules.extend([line, "\n"]);
    }
    rules
}
