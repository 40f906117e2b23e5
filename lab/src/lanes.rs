// SPDX-License-Identifier: GPL-2.0-only
//! Lanes: each is something to run, by its name, that tells whether it passed. This table is all
//! that there is to say of them.

use crate::architecture::Architecture::{self, Arm64, S390x, I386};
use crate::iptables::Release::{self, Bookworm, Testing};
use crate::kernel::Kernel::{
    self, Debian12, Debian13, Stock, Uml, UmlDebug, UmlNoConntrack, UmlNoConntrackNoIpv6,
    UmlNoIpv6, X86Debug,
};
use crate::need::Need;
use crate::product::{
    self,
    Module::{self, Fuzz, Hmark, HmarkByC, Init},
    Product,
};
use crate::symbols;
use handover::Variable;
use std::fmt;

/// Something to run that tells whether it passed.
pub struct Lane {
    pub name: &'static str,
    /// About how long it takes on 2 CPUs, beside the other lanes of its group and with nothing of
    /// its own compiled before, once all that it needs is there.
    pub seconds: u32,
    /// What it shows when it passes.
    pub about: &'static str,
    pub run: Run,
    /// The products that it needs besides those which `run` names or implies.
    products: &'static [Product],
    /// How many cores it keeps busy.
    pub cores: usize,
}

/// What a lane runs.
#[derive(Clone, Copy)]
pub enum Run {
    /// A shell script.
    Script(&'static str),
    /// cargo with these arguments, and the folder below `target/lab` that it locks, if it does.
    Cargo(&'static str, Option<&'static str>),
    /// `cargo test` with these arguments for another architecture, whose programs qemu-user runs.
    Emulated(&'static str, Architecture),
    /// The build of a module by clippy, for which any warning is an error.
    Clippy(Module),
    /// A look for panics in the module for each kernel.
    Symbols(&'static [Kernel]),
    /// A program of `tests/`, on this machine.
    Program(&'static str),
    /// The program that runs iptables of another architecture.
    Foreign(Architecture),
    /// `lab fuzz`, with this number of packets and a guest for each CPU.
    Fuzz(u64),
    /// A program of `tests/` in a guest.
    Guest(Guest),
}

/// A program in a guest.
#[derive(Clone, Copy)]
pub struct Guest {
    pub kernel: Kernel,
    pub program: &'static str,
    pub arguments: &'static str,
    /// What is set in its environment.
    pub variables: &'static [(Variable, u32)],
    /// Options of `lab run`.
    pub options: &'static str,
    /// The iptables in place of the guest's own.
    pub iptables: Option<Release>,
    /// The iptables of an architecture whose programs the kernel runs too.
    pub foreign: Option<Architecture>,
    /// Whether Ansible is there, too.
    pub ansible: bool,
    /// The module under test.
    pub module: Module,
}

/// Lanes that run together.
pub struct Group {
    /// As in `make NAME`.
    pub name: &'static str,
    pub lanes: &'static [Lane],
}

/// All lanes. `make check` runs those of the first group if none is named.
pub const GROUPS: [Group; 6] = [
    Group {
        name: "check",
        lanes: CHECK,
    },
    Group {
        name: "check-debug",
        lanes: DEBUG,
    },
    Group {
        name: "check-older",
        lanes: OLDER,
    },
    Group {
        name: "check-arm64",
        lanes: ARM64,
    },
    Group {
        name: "check-large",
        lanes: LARGE,
    },
    Group {
        name: "check-packages",
        lanes: PACKAGES,
    },
];

/// Lanes begin in this order, as far as cores are free and what they need is there.
const CHECK: &[Lane] = &[
    lane("format", 1)
        .shows("every crate is formatted")
        .runs(Run::Cargo("fmt --all --check", None)),
    lane("module-format", 1)
        .shows("so are the modules, which are no crates")
        .runs(Run::Script(MODULE_FORMAT)),
    lane("shellcheck", 1)
        .shows("no script has what shellcheck finds")
        .runs(Run::Script(SCRIPTS)),
    lane("man-pages", 1)
        .shows("the manual pages are valid")
        .runs(Run::Script("mandoc -T lint -W error man/*.8")),
    lane("drawings", 1)
        .shows("each drawing is of its source")
        .runs(Run::Script(DRAWINGS)),
    lane("pages", 1)
        .shows("documentation becomes HTML, and no link is broken")
        .runs(Run::Script("docs/html.sh target/lab/pages")),
    lane("clippy", 140)
        .shows("no crate has what clippy finds")
        .runs(Run::Cargo(CLIPPY, Some("debug"))),
    lane("text", 40)
        .shows("options are read, saved, listed and translated as they should")
        .runs(Run::Cargo("test --package hmark-text", Some("debug"))),
    lane("host-tests", 110)
        .shows("unit tests of all else, and known marks")
        .runs(Run::Cargo(HOST_TESTS, Some("debug"))),
    lane("exhaustive-tests", 60)
        .shows("every hash, and every bucket of many")
        .runs(Run::Cargo(EXHAUSTIVE, Some("tools"))),
    lane("big-endian-tests", 160)
        .shows("tests of hmark on s390x")
        .runs(Run::Emulated(EMULATED, S390x)),
    lane("i386-tests", 80)
        .shows("tests of hmark on 32-bit i386")
        .runs(Run::Emulated(EMULATED, I386)),
    lane("module-clippy", 10)
        .shows("xt_HMARK.ko has nothing that clippy finds")
        .runs(Run::Clippy(Hmark)),
    lane("fuzz-clippy", 13)
        .shows("hmark_fuzz.ko has nothing that clippy finds")
        .runs(Run::Clippy(Fuzz)),
    lane("init-clippy", 5)
        .shows("hmark_init.ko has nothing that clippy finds")
        .runs(Run::Clippy(Init)),
    lane("instructions", 30)
        .shows("instructions a packet are within their limits")
        .runs(Run::Program("hmark-instructions")),
    lane("hostile-values", 60)
        .shows("values that no user means are refused, under valgrind")
        .runs(Run::Program("hmark-hostile"))
        .with(&[Product::Library]),
    lane("library-size", 1)
        .shows("libraries are small, and need what iptables does")
        .runs(Run::Script(LIBRARY_SIZE))
        .with(&[
            Product::Library,
            Product::ForeignLibrary(Arm64),
            Product::ForeignLibrary(I386),
            Product::ForeignLibrary(S390x),
        ]),
    lane("tool", 1)
        .shows("hmark is small, and runs where there is nothing else, nor root")
        .runs(Run::Script(TOOL))
        .with(&[Product::Tool]),
    lane("arm64-iptables-tests", 25)
        .shows("rule text with iptables for arm64")
        .runs(Run::Foreign(Arm64)),
    lane("i386-iptables-tests", 30)
        .shows("rule text with 32-bit iptables")
        .runs(Run::Foreign(I386)),
    lane("s390x-iptables-tests", 20)
        .shows("rule text with iptables for s390x")
        .runs(Run::Foreign(S390x)),
    lane("module-no-panic", 1)
        .shows("no module for speed or for size refers to a panic")
        .runs(Run::Symbols(&[Stock, Uml])),
    lane("kernel-bindings", 1)
        .shows("the module's bindings are built as the kernel's own")
        .runs(Run::Script(
            "lab/bindings.sh /var/cache/hmark-lab/tree/[0-9]*",
        ))
        .with(&[Product::Module(Hmark, Stock)]),
    lane("by-hand", 60)
        .shows("the ways without packages of README.md and docs/install.md")
        .runs(Run::Script(
            "unshare --mount --propagation=unchanged lab/by-hand.sh",
        ))
        .with(&[Product::Module(Hmark, Stock)]),
    lane("stock-guest-tests", 490)
        .shows("module and library on the stock kernel")
        .runs(system(Stock))
        .with(&[OLD, NEW, Product::Module(Init, Stock)]),
    lane("stock-fuzz", 11)
        .shows("marks of random packets on the stock kernel")
        .runs(fuzz(Stock, FEW)),
    lane("stock-cluster-tests", 500)
        .shows("the tutorials on the stock kernel")
        .runs(cluster(
            Stock,
            &[(Variable::Flows, 20), (Variable::Load, 200)],
        )),
    lane("debian13-tests", 260)
        .shows("the module with the glue in C on the kernel of Debian 13, 6.12")
        .runs(by_c(system(Debian13)))
        .with(&[OLD, NEW]),
    lane("uml-guest-tests", 85)
        .shows("module and library on the UML kernel")
        .runs(system(Uml))
        .with(&[OLD, NEW, Product::Module(Init, Uml)]),
    lane("c-glue-fuzz", 2)
        .shows("marks of random packets, of the module with the glue in C")
        .runs(by_c(fuzz(Uml, "0 2000000"))),
    lane("bookworm-iptables-tests", 45)
        .shows("rule text with iptables of Debian 12")
        .runs(with_iptables(Bookworm))
        .with(&[OLD, NEW]),
    lane("testing-iptables-tests", 50)
        .shows("rule text with iptables of Debian testing")
        .runs(with_iptables(Testing))
        .with(&[OLD, NEW]),
    lane("cluster-tests", 210)
        .shows("the tutorials, at their usual size")
        .runs(cluster(Uml, &[])),
    lane("fuzz", 2)
        .shows("marks of random packets")
        .runs(Run::Fuzz(5_000_000))
        .on_all_cores(),
    lane("no-conntrack-tests", 9)
        .shows("module and library without conntrack")
        .runs(system(UmlNoConntrack)),
    lane("no-conntrack-fuzz", 1)
        .shows("marks of random packets without conntrack")
        .runs(fuzz(UmlNoConntrack, FEW)),
    lane("no-ipv6-tests", 8)
        .shows("module and library without IPv6")
        .runs(system(UmlNoIpv6)),
    lane("no-ipv6-fuzz", 1)
        .shows("marks of random packets without IPv6")
        .runs(fuzz(UmlNoIpv6, FEW)),
];

/// Kernels that are seldom built: the one that lacks most, and the debug kernels, whose lanes fail
/// for what such a kernel reports too.
const DEBUG: &[Lane] = &[
    lane("no-conntrack-no-ipv6-tests", 4)
        .shows("module and library without conntrack and IPv6")
        .runs(system(UmlNoConntrackNoIpv6)),
    lane("no-conntrack-no-ipv6-fuzz", 1)
        .shows("marks of random packets without conntrack and IPv6")
        .runs(fuzz(UmlNoConntrackNoIpv6, FEW)),
    lane("debug-no-panic", 1)
        .shows("the modules refer to no panic but the kernels' own checks")
        .runs(Run::Symbols(&[UmlDebug, X86Debug])),
    lane("uml-debug-fuzz", 60)
        .shows("marks of random packets under KASAN and UBSAN")
        .runs(fuzz(UmlDebug, "0 10000000")),
    lane("uml-debug-tests", 90)
        .shows("module and library under KASAN, UBSAN and kmemleak")
        .runs(system(UmlDebug))
        .with(&[Product::Module(Init, UmlDebug)]),
    // However few CPUs there are: four wait for each other's locks.
    lane("x86-debug-tests", 480)
        .shows("module and library under lockdep, KASAN, kCFI, kmemleak")
        .runs(Run::Guest(Guest {
            options: "--cpus=4",
            foreign: Some(I386),
            ..guest(X86Debug, SYSTEM)
        }))
        .with(&[Product::Module(Init, X86Debug)]),
];

/// Kernels that take no Rust modules: that of Debian 12, and longer tests of both.
const OLDER: &[Lane] = &[
    lane("debian12-tests", 290)
        .shows("the module with the glue in C on the kernel of Debian 12, 6.1")
        .runs(by_c(system(Debian12)))
        .with(&[OLD, NEW]),
    lane("debian12-marks", 1000)
        .shows("2 million marks of random packets on the kernel of Debian 12")
        .runs(marks(Debian12)),
    lane("debian13-marks", 1000)
        .shows("2 million marks of random packets on the kernel of Debian 13")
        .runs(marks(Debian13)),
];

const ARM64: &[Lane] = &[
    lane("aarch64-tests", 160)
        .shows("tests of hmark on aarch64")
        .runs(Run::Emulated(EMULATED, Arm64)),
    lane("arm64-no-panic", 1)
        .shows("the module for arm64 refers to no panic")
        .runs(Run::Symbols(&[Kernel::Arm64])),
    lane("arm64-guest-tests", 480)
        .shows("module and library on the stock kernel for arm64")
        .runs(system(Kernel::Arm64))
        .with(&[Product::Module(Init, Kernel::Arm64)]),
    lane("arm64-fuzz", 120)
        .shows("marks of random packets on arm64")
        .runs(fuzz(Kernel::Arm64, "0 2000000")),
];

const LARGE: &[Lane] = &[lane("large-cluster-tests", 340)
    .shows("a tutorial with 70 gateways and 100,000 connections")
    .runs(Run::Guest(Guest {
        variables: &[
            (Variable::Gateways, 70),
            (Variable::Flows, 2000),
            (Variable::Load, 100_000),
        ],
        options: "--memory=6144",
        ..guest(Uml, CLUSTER)
    }))];

/// Packages of other distributions, whose tools the chroot does not have.
const PACKAGES: &[Lane] = &[lane("other-packages", 200)
    .shows("rpmbuild and makepkg take the packages of other distributions")
    .runs(Run::Script(
        "unshare --mount --propagation=unchanged lab/packagers.sh",
    ))];

/// The programs that test on a kernel: module, library and marks; the tutorials; and the module by
/// random packets.
const SYSTEM: &str = "hmark-system";
const CLUSTER: &str = "hmark-cluster";
const FUZZ: &str = "hmark-fuzz";

/// The libraries for an older iptables than the chroot's and a newer one: each says so to others.
const OLD: Product = Product::LibraryFor(Bookworm);
const NEW: Product = Product::LibraryFor(Testing);

/// Looks over every shell script of the repository.
const SCRIPTS: &str =
    "find . -path ./target -prune -o -path ./.git -prune -o -type f ! -name '*.md' -print0 |
    xargs -0 grep -lZ -m 1 -E '^#!/bin/(ba)?sh( -e)?$|^# shellcheck shell=' | xargs -0 shellcheck";

/// Looks over the modules' sources.
const MODULE_FORMAT: &str =
    "rustfmt --edition 2021 --check xt_hmark_kmod/xt_HMARK.rs xt_hmark_shim/core.rs tests/kmod/fuzz.rs \
    tests/kmod/bench.rs tests/kmod-init/hmark_init.rs";

const CLIPPY: &str = "clippy --workspace --all-targets -- -D warnings";

/// The other tests that run on this machine.
const HOST_TESTS: &str = "test --workspace --exclude hmark-text";

/// The tests of `hmark` that are for an optimised build.
const EXHAUSTIVE: &str = "test --profile tools --package hmark --lib -- --ignored";

/// The tests of `hmark`, its corpora, and those of `hmark-text`.
const EMULATED: &str =
    "test --package hmark --package hmark-libfuzzer --package naive --package packets \
     --package hmark-text";

/// Fails if the library of a folder is over 32 KiB, needs another library than iptables does, or
/// wants an executable stack.
const LIBRARY_SIZE: &str = "for folder in release iptables-arm64 iptables-i386 iptables-s390x; do
    library=target/lab/$folder/libxt_HMARK.so
    dynamic=$(readelf --wide --dynamic --segments $library)
    echo \"$dynamic\"
    wc -c $library
    test $(stat -c %s $library) -le 32768
    needed=$(echo \"$dynamic\" | sed -n 's/.*Shared library: .\\([a-z]*\\).*/\\1/p' | sort | xargs)
    test \"$needed\" = 'libc libxtables'
    ! echo \"$dynamic\" | grep 'GNU_STACK.* RWE' || exit 1
    done";

/// Fails if `hmark` is over 6 MB, is no static-pie, or does not answer as nobody in an empty root.
const TOOL: &str = "tool=target/lab/release/hmark
    wc -c $tool
    test $(stat -c %s $tool) -le 6000000
    headers=$(readelf --wide --file-header --dynamic --segments $tool)
    echo \"$headers\" | grep 'Type: .*DYN'
    ! echo \"$headers\" | grep -E 'INTERP|NEEDED' || exit 1
    root=$(mktemp -d)
    trap 'rm -r $root' EXIT
    cp $tool $root/hmark
    cp -r hmark-cli/tests/hosts/gateways $root
    chmod -R a+rX $root
    hmark() { chroot --userspec=65534:65534 $root /hmark \"$@\"; }
    hmark predict --from gateways/selector-a -i blades tcp 10.3.0.11:5555 203.0.113.80:80
    hmark scale --from gateways/selector-a --mod 4
    hmark check gateways/selector-a gateways/selector-b";

/// Fails if a drawing is not what Graphviz makes of its source.
const DRAWINGS: &str = "for source in docs/*.dot; do
        dot -Tsvg \"$source\" | cmp - \"${source%.dot}.svg\"
    done";

/// A lane of one core, before it is said what it shows and runs.
const fn lane(name: &'static str, seconds: u32) -> Lane {
    Lane {
        name,
        seconds,
        about: "",
        run: Run::Script(""),
        products: &[],
        cores: 1,
    }
}

impl Lane {
    const fn shows(mut self, about: &'static str) -> Lane {
        self.about = about;
        self
    }

    const fn runs(mut self, run: Run) -> Lane {
        self.run = run;
        self
    }

    const fn with(mut self, products: &'static [Product]) -> Lane {
        self.products = products;
        self
    }

    const fn on_all_cores(mut self) -> Lane {
        self.cores = usize::MAX;
        self
    }

    /// All that must be there before it runs.
    pub fn needs(&self) -> Vec<Need> {
        let products = self.products.iter().copied().map(Need::Product);
        self.run.needs().into_iter().chain(products).collect()
    }

    /// What no two jobs use at once: folders that cargo locks.
    pub fn uses(&self) -> Option<&'static str> {
        match self.run {
            Run::Cargo(_, folder) => folder,
            Run::Emulated(_, architecture) => Some(architecture.machine()),
            _ => None,
        }
    }
}

impl Run {
    /// Whether its output has result lines that count tests. It is one test otherwise.
    pub fn counts(self) -> bool {
        match self {
            Run::Cargo(arguments, _) => arguments.starts_with("test "),
            Run::Emulated(..) | Run::Program(_) | Run::Foreign(_) => true,
            Run::Guest(guest) => guest.program != FUZZ,
            Run::Script(_) | Run::Clippy(_) | Run::Symbols(_) | Run::Fuzz(_) => false,
        }
    }

    /// What must be there for it.
    fn needs(self) -> Vec<Need> {
        let products = |products: &[Product]| products.iter().copied().map(Need::Product).collect();
        match self {
            Run::Script(_) | Run::Cargo(..) | Run::Emulated(..) => vec![],
            Run::Clippy(_) => vec![Need::Tree(Stock)],
            Run::Symbols(kernels) => {
                let modules = |&kernel| {
                    symbols::builds(kernel)
                        .iter()
                        .map(move |&build| (build, kernel))
                };
                let need = |(build, kernel)| Need::Product(Product::Module(build, kernel));
                kernels.iter().flat_map(modules).map(need).collect()
            }
            Run::Program(name) => products(&[Product::Program(name)]),
            Run::Foreign(architecture) => {
                let mut needs: Vec<_> = products(&[
                    Product::Program("hmark-foreign"),
                    Product::Library,
                    Product::ForeignLibrary(architecture),
                    Product::Tables(architecture),
                ]);
                needs.push(Need::ForeignIptables(architecture));
                needs
            }
            Run::Fuzz(_) => guest(Uml, FUZZ).needs(),
            Run::Guest(guest) => guest.needs(),
        }
    }
}

impl Guest {
    /// The kernel and the module for it, and the program and what that tests besides.
    fn needs(self) -> Vec<Need> {
        let kernel = self.kernel;
        let (program, library) = match kernel {
            Kernel::Arm64 => (
                Product::ForeignProgram(self.program, Arm64),
                Product::ForeignLibrary(Arm64),
            ),
            _ => (Product::Program(self.program), Product::Library),
        };
        let tested = match self.program {
            FUZZ => Product::Module(Fuzz, kernel),
            _ => library,
        };
        let products = [program, Product::Module(self.module, kernel), tested];
        let mut needs = vec![Need::Machine(kernel)];
        needs.extend(products.map(Need::Product));
        // The tool is built for this machine's architecture alone.
        if self.program == CLUSTER || (self.program == SYSTEM && kernel != Kernel::Arm64) {
            needs.push(Need::Product(Product::Tool));
        }
        // The test with it would take an emulated guest long.
        if self.program == CLUSTER && kernel == Uml {
            needs.push(Need::Keepalived);
        }
        needs.extend(self.iptables.map(Need::Iptables));
        if self.ansible {
            needs.push(Need::Ansible);
        }
        if let Some(architecture) = self.foreign {
            needs.push(Need::ForeignIptables(architecture));
            needs.push(Need::Product(Product::ForeignLibrary(architecture)));
        }
        needs
    }

    /// The program's file.
    pub fn file(&self) -> String {
        match self.kernel {
            Kernel::Arm64 => product::foreign_program(self.program, Arm64),
            _ => product::program(self.program),
        }
    }
}

const fn guest(kernel: Kernel, program: &'static str) -> Guest {
    Guest {
        kernel,
        program,
        arguments: "",
        variables: &[],
        options: "",
        iptables: None,
        foreign: None,
        ansible: false,
        module: Hmark,
    }
}

/// As many marks of random packets of each family as [`MARKS`] says, compared with the C module's.
const fn marks(kernel: Kernel) -> Run {
    Run::Guest(Guest {
        arguments: "many::",
        variables: MARKS,
        module: HmarkByC,
        ..guest(kernel, SYSTEM)
    })
}

/// The same with the module whose glue is in C.
const fn by_c(run: Run) -> Run {
    match run {
        Run::Guest(guest) => Run::Guest(Guest {
            variables: &[(Variable::GlueC, 1)],
            module: HmarkByC,
            ..guest
        }),
        run => run,
    }
}

/// The tests of module, library and marks on a kernel.
const fn system(kernel: Kernel) -> Run {
    Run::Guest(guest(kernel, SYSTEM))
}

/// The tests of the extension, with the iptables of another release.
const fn with_iptables(release: Release) -> Run {
    Run::Guest(Guest {
        iptables: Some(release),
        ..guest(Uml, SYSTEM)
    })
}

/// The tutorials, of a size that is set by variables.
const fn cluster(kernel: Kernel, variables: &'static [(Variable, u32)]) -> Run {
    Run::Guest(Guest {
        variables,
        ..guest(kernel, CLUSTER)
    })
}

/// A case and a number of packets for [`FUZZ`], the same in every run: for a kernel that lacks a
/// part, or whose machine may be emulated.
const FEW: &str = "0 500000";

/// The same for kernels that take no module that compares in the kernel.
const MARKS: &[(Variable, u32)] = &[(Variable::GlueC, 1), (Variable::Marks, 1_000_000)];

/// Random packets from a case on, and how many.
const fn fuzz(kernel: Kernel, arguments: &'static str) -> Run {
    Run::Guest(Guest {
        arguments,
        ..guest(kernel, FUZZ)
    })
}

/// All lanes, of any group.
pub fn all() -> impl Iterator<Item = &'static Lane> {
    GROUPS.iter().flat_map(|group| group.lanes)
}

/// A name that no lane and no group has.
#[derive(Debug, PartialEq)]
pub struct Unknown {
    name: String,
    near: Vec<&'static str>,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "there is no lane {}", self.name)?;
        if !self.near.is_empty() {
            write!(f, "; near are: {}", self.near.join(", "))?;
        }
        f.write_str("; `make lanes` lists all")
    }
}

/// The lanes of these names, each once and in the table's order. A group's name stands for its
/// lanes; no name at all for the first group.
pub fn named(names: &[String]) -> Result<Vec<&'static Lane>, Unknown> {
    let first = [GROUPS[0].name.to_owned()];
    let names = if names.is_empty() { &first } else { names };
    for name in names {
        let is_group = GROUPS.iter().any(|group| group.name == name);
        if !is_group && !all().any(|lane| lane.name == name) {
            return Err(unknown(name));
        }
    }
    let wanted = |name: &str| names.iter().any(|wanted| wanted == name);
    let lanes = GROUPS.iter().flat_map(|group| {
        let lanes = group.lanes.iter();
        lanes.filter(move |lane| wanted(group.name) || wanted(lane.name))
    });
    Ok(lanes.collect())
}

fn unknown(name: &str) -> Unknown {
    let known = GROUPS.iter().map(|group| group.name);
    let known = known.chain(all().map(|lane| lane.name));
    let is_near = |other: &&str| {
        other
            .split('-')
            .any(|word| name.split('-').any(|part| part == word))
            || distance(name, other) <= 1 + name.len() / 4
    };
    Unknown {
        name: name.to_owned(),
        near: known.filter(is_near).collect(),
    }
}

/// How many letters one must add, remove or replace to make one word of another.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = index + 1;
        for (column, &expected) in other.iter().enumerate() {
            let replaced = corner + usize::from(letter != expected);
            corner = row[column + 1];
            row[column + 1] = replaced.min(corner + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

/// Prints all lanes: how long each takes, the kernels that it needs, and what it shows.
pub fn list() {
    for group in &GROUPS {
        println!("{}:", group.name);
        for lane in group.lanes {
            let needs: Vec<String> = lane.needs().iter().map(Need::to_string).collect();
            println!(
                "  {:<28} {:>4} s  {}; needs {}",
                lane.name,
                lane.seconds,
                lane.about,
                if needs.is_empty() {
                    "nothing".to_owned()
                } else {
                    needs.join(", ")
                }
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::need;
    use clap::ValueEnum;

    fn names(wanted: &[&str]) -> Result<Vec<&'static str>, Unknown> {
        let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        Ok(named(&wanted)?.iter().map(|lane| lane.name).collect())
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = GROUPS.iter().map(|group| group.name).collect();
        names.extend(all().map(|lane| lane.name));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_row_is_whole() {
        for lane in all() {
            let is_script = !matches!(lane.run, Run::Script(""));
            let is_told = lane.seconds > 0 && !lane.about.is_empty();
            assert!(is_told && is_script, "{}", lane.name);
        }
    }

    #[test]
    fn command_implies_what_it_tests() {
        let needs = |run: Run, product| run.needs().contains(&Need::Product(product));
        assert!(needs(system(Uml), Product::Module(Hmark, Uml)));
        assert!(needs(system(Uml), Product::Library));
        assert!(needs(system(Kernel::Arm64), Product::ForeignLibrary(Arm64)));
        assert!(needs(fuzz(Stock, FEW), Product::Module(Fuzz, Stock)));
        assert!(needs(Run::Fuzz(1), Product::Module(Fuzz, Uml)));
        assert!(system(Uml).counts() && !fuzz(Uml, FEW).counts());
    }

    #[test]
    fn every_kernel_has_a_lane() {
        // `make bench` alone runs on the one for size.
        let tested = |kernel: &&Kernel| **kernel != Kernel::UmlSize;
        for kernel in Kernel::value_variants().iter().filter(tested) {
            let on = |lane: &Lane| need::closure(&lane.needs()).contains(&Need::Tree(*kernel));
            assert!(all().any(on), "{kernel}");
        }
    }

    #[test]
    fn lanes_are_chosen_by_name() {
        assert_eq!(names(&["clippy"]), Ok(vec!["clippy"]));
        let twice = names(&["pages", "format", "pages"]);
        assert_eq!(twice, Ok(vec!["format", "pages"]));
        assert_eq!(names(&[]), names(&["check"]));
        assert_eq!(names(&["check"]).unwrap().len(), CHECK.len());
        let debug = names(&["check-debug", "format"]).unwrap();
        assert_eq!(debug.len(), 1 + DEBUG.len());
    }

    #[test]
    fn unknown_name_has_near_ones() {
        let unknown = names(&["format", "clipy"]).unwrap_err();
        assert_eq!(unknown.near, ["clippy"]);
        assert_eq!(
            unknown.to_string(),
            "there is no lane clipy; near are: clippy; `make lanes` lists all"
        );
        let fuzz = names(&["fuzzing"]).unwrap_err();
        assert!(!fuzz.near.contains(&"format"), "{fuzz}");
        let near = names(&["no-ipv6"]).unwrap_err().near;
        assert!(near.contains(&"no-ipv6-tests") && near.contains(&"no-ipv6-fuzz"));
        let far = names(&["xyz"]).unwrap_err();
        assert_eq!(
            far.to_string(),
            "there is no lane xyz; `make lanes` lists all"
        );
    }

    #[test]
    fn lane_builds_only_its_kernels() {
        let kernels = |name: &str| {
            let lane = all().find(|lane| lane.name == name).unwrap();
            let mut needs = need::closure(&lane.needs());
            needs.retain(|need| matches!(need, Need::Tree(_) | Need::Machine(_)));
            needs
        };
        assert_eq!(kernels("clippy"), []);
        assert_eq!(kernels("hostile-values"), []);
        assert_eq!(kernels("module-clippy"), [Need::Tree(Stock)]);
        let both = [Need::Tree(Uml), Need::Machine(Uml)];
        assert_eq!(kernels("bookworm-iptables-tests"), both);
    }

    #[test]
    fn letters_are_counted() {
        assert_eq!(distance("clipy", "clippy"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
