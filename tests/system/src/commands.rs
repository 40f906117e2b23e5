// SPDX-License-Identifier: GPL-2.0-only

//! All commands that take or show a rule: iptables, iptables-save, iptables-restore and
//! iptables-restore-translate of either family and backend, with the stock library and ours.

use std::fs;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::command::run;
use testbed::family::{Commands, Family};
use testbed::iptables;
use testbed::note;
use testbed::side::Side;
use testbed::trial::families;
use testbed::trials;

use crate::backend::Backend;
use crate::firewall::{Firewall, PARAMETER_PROBLEM};
use crate::trial::backends;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![backends(equal, help), families(translated)]
}

/// Complete rules that both libraries accept: the parts before and after `-j HMARK`.
const FLOW: [&str; 2] = [
    "",
    "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4 --hmark-offset 100 \
     --hmark-rnd 0xc175a3b8",
];
const WEB: [&str; 2] = [
    "-p tcp -m tcp --dport 80 -m mark --mark 0x7",
    "--hmark-src-prefix 24 --hmark-sport-mask 0xff00 --hmark-mod 70 --hmark-rnd 1",
];
const ESP: [&str; 2] = [
    "-p esp",
    "--hmark-spi-mask 0xffff --hmark-proto-mask 0xff --hmark-mod 2 --hmark-rnd 2",
];
const TRACKED: [&str; 2] = [
    "-m conntrack --ctstate NEW",
    "--hmark-tuple ct,src,dst --hmark-mod 3 --hmark-rnd 3",
];

/// The text of a rule after its chain.
fn rule([matches, options]: [&str; 2]) -> String {
    format!("{matches} -j HMARK {options}")
}

/// A command, and the parts of its result that must be the same with both libraries.
#[derive(PartialEq)]
struct Step {
    command: String,
    status: i32,
    stdout: String,
}

/// A sequence of commands with one library, in a namespace of its own.
struct Session {
    firewall: Firewall,
    library: Side,
    steps: Vec<Step>,
}

impl Session {
    fn new(family: Family, backend: Backend, library: Side) -> Result<Self> {
        Ok(Self {
            firewall: Firewall::new(family, backend)?,
            library,
            steps: Vec::new(),
        })
    }

    /// Runs a program, such as iptables-save for `-save`, and checks its exit status. Returns its
    /// standard output, without the comments that name the time, and its standard error.
    fn run(
        &mut self,
        suffix: &str,
        arguments: &str,
        input: &str,
        status: i32,
    ) -> Result<[String; 2]> {
        let answer = self
            .firewall
            .answer(self.library, suffix, arguments, input)?;
        ensure!(
            answer.status == status,
            "{:?}: `{suffix} {arguments}`: status {}, expected {status}: {}",
            self.library,
            answer.status,
            answer.stderr
        );
        let lines = answer.stdout.split_inclusive('\n');
        let stdout: String = lines.filter(|line| !line.starts_with('#')).collect();
        self.steps.push(Step {
            command: format!("{suffix} {arguments}"),
            status,
            stdout: stdout.clone(),
        });
        Ok([stdout, answer.stderr])
    }

    /// Runs iptables on the mangle table, and returns its standard output.
    fn iptables(&mut self, arguments: &str) -> Result<String> {
        let [stdout, _] = self.run("", &format!("-t mangle {arguments}"), "", 0)?;
        Ok(stdout)
    }

    /// All tables with their counters.
    fn dump(&mut self) -> Result<String> {
        let [stdout, _] = self.run("-save", "-c", "", 0)?;
        Ok(stdout)
    }

    /// Whether this is an old version of ip6tables, with this backend.
    fn is_old_ip6tables(&self, backend: Backend) -> Result<bool> {
        let Firewall {
            family,
            backend: own,
            ..
        } = self.firewall;
        Ok(family == Family::Ipv6 && own == backend && iptables::is_old()?)
    }

    /// Checks the rules of a chain and their order. Their `--hmark-mod` tells them apart.
    fn ensure_mods(&mut self, expected: &[&str]) -> Result<()> {
        let listed = self.iptables("-S marks")?;
        let rules = listed.lines().filter(|line| line.starts_with("-A "));
        let found: Vec<_> = rules.map(modulus).collect::<Result<_>>()?;
        ensure!(
            found == expected,
            "{:?}: expected the rules of --hmark-mod {expected:?}:\n{listed}",
            self.library
        );
        Ok(())
    }

    /// Runs commands that change a chain rule by rule, and show it.
    fn edit(&mut self) -> Result<()> {
        self.iptables("-N marks")?;
        self.iptables("-A PREROUTING -j marks")?;
        self.iptables(&format!("-A marks {}", rule(FLOW)))?;
        self.iptables(&format!("-I marks {}", rule(WEB)))?;
        self.iptables(&format!("-I marks 2 {}", rule(ESP)))?;
        self.ensure_mods(&["70", "2", "4"])?;

        self.iptables(&format!("-C marks {}", rule(WEB)))?;
        let other = rule(WEB).replace("--hmark-mod 70", "--hmark-mod 71");
        // Up to 1.8.9, ip6tables-legacy compares no targets, and finds rules that are not there.
        let found = self.is_old_ip6tables(Backend::Legacy)?;
        let status = i32::from(!found);
        self.run("", &format!("-t mangle -C marks {other}"), "", status)?;

        self.iptables(&format!("-R marks 2 {}", rule(TRACKED)))?;
        self.ensure_mods(&["70", "3", "4"])?;
        let listed = self.iptables("-L marks -v -n --line-numbers")?;
        for (number, shown) in [(1, "HMARK mod 70"), (2, "HMARK mod 3"), (3, "HMARK mod 4")] {
            let found = listed
                .lines()
                .any(|line| line.starts_with(&format!("{number} ")) && line.contains(shown));
            ensure!(found, "no `{shown}` in line {number}:\n{listed}");
        }
        self.iptables("-L")?;

        self.iptables("-D marks 2")?;
        self.iptables(&format!("-D marks {}", rule(FLOW)))?;
        self.ensure_mods(&["70"])?;
        self.iptables("-F marks")?;
        self.ensure_mods(&[])
    }

    /// Runs iptables-save and iptables-restore, for one table and for two.
    fn restore(&mut self) -> Result<()> {
        let full = format!(
            "*raw\n[5:300] -A PREROUTING {}\nCOMMIT\n\
             *mangle\n:marks - [0:0]\n[7:420] -A PREROUTING -j marks\n\
             [6:360] -A marks {}\nCOMMIT\n",
            rule(FLOW),
            rule(WEB)
        );
        self.run("-restore", "--counters", &full, 0)?;
        let before = self.dump()?;
        // Up to 1.8.9 ip6tables-nft-restore forgets them.
        let forgets = self.is_old_ip6tables(Backend::Nft)?;
        for (counters, mark) in [("[5:300]", "--hmark-mod 4 "), ("[6:360]", "--hmark-mod 70")] {
            let found = before
                .lines()
                .any(|line| line.starts_with(counters) && line.contains(mark));
            ensure!(found != forgets, "counters are not restored:\n{before}");
        }

        // Input that is only tested, or that has a bad line between good ones, changes nothing. The
        // same goes for a rule that the stock library leaves to the kernel to refuse.
        let table = |middle: &str| {
            let [first, last] = [rule(ESP), rule(TRACKED)];
            format!(
                "*mangle\n-A PREROUTING {first}\n-A PREROUTING {middle}\n\
                 -A PREROUTING {last}\nCOMMIT\n"
            )
        };
        self.run("-restore", "--test", &table(&rule(FLOW)), 0)?;
        let bad = table("-j HMARK --hmark-tuple src --hmark-mod 0 --hmark-rnd 1");
        let [_, why] = self.run("-restore", "", &bad, PARAMETER_PROBLEM)?;
        ensure!(
            why.contains("line: 3") || why.contains("line 3"),
            "no line is to blame: {why}"
        );
        let bad = table("-j HMARK --hmark-spi 1 --hmark-sport 1 --hmark-mod 4 --hmark-rnd 1");
        let status = match (self.library, self.firewall.backend) {
            (Side::Ours, _) => PARAMETER_PROBLEM,
            (Side::Stock, Backend::Legacy) => 1,
            (Side::Stock, Backend::Nft) => 4,
        };
        self.run("-restore", "--noflush", &bad, status)?;
        self.steps.pop();
        let after = self.dump()?;
        ensure!(before == after, "changed:\n{before}\nto\n{after}");

        // Only one of the two tables replaces the present rules; then one more rule is appended.
        let [mangle, _] = self.run("-save", "-t mangle", "", 0)?;
        let other = full.replace("--hmark-mod 4 ", "--hmark-mod 5 ");
        let other = other.replace("--hmark-mod 70", "--hmark-mod 71");
        self.run("-restore", "-T raw", &other, 0)?;
        let more = format!("*raw\n-A PREROUTING {}\nCOMMIT\n", rule(ESP));
        self.run("-restore", "--noflush", &more, 0)?;
        let [again, _] = self.run("-save", "-t mangle", "", 0)?;
        ensure!(mangle == again, "not left alone:\n{mangle}\n{again}");
        let [raw, _] = self.run("-save", "-t raw", "", 0)?;
        let rules = raw.lines().filter(|line| line.starts_with("-A "));
        let mods: Vec<_> = rules.map(modulus).collect::<Result<_>>()?;
        ensure!(mods == ["5", "2"], "expected two rules:\n{raw}");

        self.iptables("-Z")?;
        let zeroed = self.iptables("-S marks -v")?;
        ensure!(
            zeroed.contains("-c 0 0 -j HMARK") && !zeroed.contains("-c 6 360"),
            "not set to zero:\n{zeroed}"
        );
        self.iptables("-F")?;
        self.iptables("-X marks")?;
        Ok(())
    }
}

/// The value of `--hmark-mod` in a saved rule.
fn modulus(rule: &str) -> Result<&str> {
    let mut words = rule.split(' ').skip_while(|&word| word != "--hmark-mod");
    words.nth(1).with_context(|| format!("no mod in {rule}"))
}

/// With either library, every command has the same result and output.
fn equal(family: Family, backend: Backend) -> Result<()> {
    let session = |library| -> Result<_> {
        let mut session = Session::new(family, backend, library)?;
        session.edit()?;
        session.restore()?;
        Ok(session.steps)
    };
    let [stock, ours] = [session(Side::Stock)?, session(Side::Ours)?];
    ensure!(stock.len() == ours.len(), "not as many commands");
    for (stock, ours) in stock.iter().zip(&ours) {
        ensure!(
            stock == ours,
            "`{}`: the stock library printed\n{}\nours\n{}",
            ours.command,
            stock.stdout,
            ours.stdout
        );
    }
    note!("{family}, {backend}: {} commands alike", ours.len());
    Ok(())
}

/// `-j HMARK --help` succeeds, and lists our options after those of iptables.
fn help(family: Family, backend: Backend) -> Result<()> {
    let mut session = Session::new(family, backend, Side::Ours)?;
    let [ours, _] = session.run("", "-j HMARK --help", "", 0)?;
    for option in ["--hmark-mod N", "--hmark-offs\n", "--hmark-tuple LIST"] {
        ensure!(ours.contains(option), "no {option:?} in the help:\n{ours}");
    }
    session.library = Side::Stock;
    let [stock, _] = session.run("", "-j HMARK --help", "", 0)?;
    ensure!(
        !stock.contains("--hmark-offs\n"),
        "the stock library's is ours"
    );
    Ok(())
}

/// iptables-restore-translate translates the rules that iptables-save saved with our library.
fn translated(family: Family) -> Result<()> {
    const FILE: &str = "/run/hmark-commands";
    let input = format!(
        "*mangle\n:marks - [0:0]\n-A PREROUTING -p tcp -m multiport --dports 80,443 -j marks\n\
         -A marks -p tcp -m multiport --sports 1024:65535 {}\nCOMMIT\n",
        rule(FLOW)
    );
    fs::write(FILE, input)?;
    let nft = run(&format!(
        "{}-restore-translate -f {FILE}",
        family.iptables()
    ))?;
    ensure!(
        nft.lines().any(|line| {
            line.contains(" mangle marks ")
                && line.contains("sport 1024-65535")
                && line.ends_with("meta mark set symhash mod 4 offset 100")
        }),
        "translated to:\n{nft}"
    );
    Ok(())
}
