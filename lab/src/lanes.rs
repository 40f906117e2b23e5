// SPDX-License-Identifier: GPL-2.0-only
//! Lanes: each is something to run, by its name, that tells whether it passed. This table is all
//! that there is to say of them.

use crate::architecture::Architecture::{self, Arm64, S390x, I386};
use crate::iptables::Release::{self, Bookworm, Testing};
use crate::kernel::Kernel::{
    self, Stock, Uml, UmlDebug, UmlNoConntrack, UmlNoConntrackNoIpv6, UmlNoIpv6, UmlSize, X86Debug,
};
use crate::need::Need;
use crate::product::{
    self,
    Module::{self, Fuzz, Hmark, Init},
    Product,
};
use handover::Variable;
use std::fmt;

/// Something to run that tells whether it passed.
pub struct Lane {
    pub name: &'static str,
    /// What it shows when it passes.
    pub about: &'static str,
    pub run: Run,
    /// The products that it needs besides those which `run` names.
    products: &'static [Product],
    /// Whether its output has result lines that count tests. It is one test otherwise.
    pub counts: bool,
    /// About how long it takes on 2 idle CPUs once all that it needs is there.
    pub seconds: u32,
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
}

/// Lanes that run together.
pub struct Group {
    /// As in `make NAME`.
    pub name: &'static str,
    pub lanes: &'static [Lane],
}

/// All lanes. `make check` runs those of the first group if none is named.
pub const GROUPS: [Group; 4] = [
    Group {
        name: "check",
        lanes: CHECK,
    },
    Group {
        name: "check-debug",
        lanes: DEBUG,
    },
    Group {
        name: "check-arm64",
        lanes: ARM64,
    },
    Group {
        name: "check-large",
        lanes: LARGE,
    },
];

/// Lanes begin in this order, as far as cores are free and what they need is there.
const CHECK: &[Lane] = &[
    lane(
        "format",
        "every crate is formatted",
        2,
        Run::Cargo("fmt --all --check", None),
    ),
    lane(
        "module-format",
        "so are the modules, which are no crates",
        1,
        Run::Script(MODULE_FORMAT),
    ),
    lane(
        "shellcheck",
        "no script has what shellcheck finds",
        1,
        Run::Script(SCRIPTS),
    ),
    lane(
        "man-pages",
        "the manual page is valid",
        1,
        Run::Script("mandoc -T lint -W error man/*.8"),
    ),
    lane(
        "drawings",
        "each drawing is of its source",
        1,
        Run::Script(DRAWINGS),
    ),
    lane(
        "pages",
        "documentation becomes HTML, and no link is broken",
        1,
        Run::Script("docs/html.sh target/lab/pages"),
    ),
    lane(
        "clippy",
        "no crate has what clippy finds",
        45,
        Run::Cargo(CLIPPY, Some("debug")),
    ),
    lane(
        "text",
        "options are read, saved, listed and translated as they should",
        8,
        Run::Cargo("test --package hmark-text", Some("debug")),
    )
    .counted(),
    lane(
        "host-tests",
        "unit tests of all else, and known marks",
        60,
        Run::Cargo(HOST_TESTS, Some("debug")),
    )
    .counted(),
    lane(
        "exhaustive-tests",
        "every hash, and every bucket of many",
        40,
        Run::Cargo(EXHAUSTIVE, Some("tools")),
    )
    .counted(),
    lane(
        "big-endian-tests",
        "tests of hmark on s390x",
        100,
        Run::Emulated(EMULATED, S390x),
    )
    .counted(),
    lane(
        "aarch64-tests",
        "tests of hmark on aarch64",
        100,
        Run::Emulated(EMULATED, Arm64),
    )
    .counted(),
    lane(
        "module-clippy",
        "xt_HMARK.ko has nothing that clippy finds",
        5,
        Run::Clippy(Hmark),
    ),
    lane(
        "fuzz-clippy",
        "hmark_fuzz.ko has nothing that clippy finds",
        5,
        Run::Clippy(Fuzz),
    ),
    lane(
        "init-clippy",
        "hmark_init.ko has nothing that clippy finds",
        5,
        Run::Clippy(Init),
    ),
    lane(
        "instructions",
        "instructions a packet are within their limits",
        50,
        Run::Program("hmark-instructions"),
    )
    .counted(),
    lane(
        "hostile-values",
        "values that no user means are refused, under valgrind",
        70,
        Run::Program("hmark-hostile"),
    )
    .counted()
    .with(&[LIBRARY]),
    lane(
        "library-size",
        "libraries are small, and need what iptables does",
        1,
        Run::Script(LIBRARY_SIZE),
    )
    .with(&[
        LIBRARY,
        Product::ForeignLibrary(Arm64),
        Product::ForeignLibrary(I386),
        Product::ForeignLibrary(S390x),
    ]),
    lane(
        "arm64-iptables-tests",
        "rule text with iptables for arm64",
        60,
        Run::Foreign(Arm64),
    )
    .counted()
    .with(&[
        LIBRARY,
        Product::ForeignLibrary(Arm64),
        Product::Tables(Arm64),
    ]),
    lane(
        "i386-iptables-tests",
        "rule text with 32-bit iptables",
        60,
        Run::Foreign(I386),
    )
    .counted()
    .with(&[
        LIBRARY,
        Product::ForeignLibrary(I386),
        Product::Tables(I386),
    ]),
    lane(
        "s390x-iptables-tests",
        "rule text with iptables for s390x",
        60,
        Run::Foreign(S390x),
    )
    .counted()
    .with(&[
        LIBRARY,
        Product::ForeignLibrary(S390x),
        Product::Tables(S390x),
    ]),
    lane(
        "module-no-panic",
        "no module for speed or for size refers to a panic",
        1,
        Run::Symbols(&[Stock, Uml, UmlSize]),
    ),
    lane(
        "kernel-bindings",
        "the module's bindings are built as the kernel's own",
        1,
        Run::Script("lab/bindings.sh /var/cache/hmark-lab/tree/[0-9]*"),
    )
    .with(&[module(Hmark, Stock)]),
    lane(
        "stock-guest-tests",
        "module and library on the stock kernel",
        240,
        tests(Stock),
    )
    .counted()
    .with(&[LIBRARY, OLD, NEW, module(Hmark, Stock), module(Init, Stock)]),
    lane(
        "stock-fuzz",
        "marks of random packets on the stock kernel",
        18,
        few(Stock),
    )
    .with(&[module(Hmark, Stock), module(Fuzz, Stock)]),
    lane(
        "stock-cluster-tests",
        "the tutorials on the stock kernel",
        350,
        Run::Guest(Guest {
            variables: &[(Variable::Flows, 20), (Variable::Load, 200)],
            ..guest(Stock, "hmark-cluster")
        }),
    )
    .counted()
    .with(&[LIBRARY, module(Hmark, Stock)]),
    lane(
        "uml-guest-tests",
        "module and library on the UML kernel",
        100,
        tests(Uml),
    )
    .counted()
    .with(&[LIBRARY, OLD, NEW, module(Hmark, Uml), module(Init, Uml)]),
    lane(
        "bookworm-iptables-tests",
        "rule text with iptables of Debian 12",
        60,
        with_iptables(Bookworm),
    )
    .counted()
    .with(&[LIBRARY, OLD, NEW, module(Hmark, Uml)]),
    lane(
        "testing-iptables-tests",
        "rule text with iptables of Debian testing",
        60,
        with_iptables(Testing),
    )
    .counted()
    .with(&[LIBRARY, OLD, NEW, module(Hmark, Uml)]),
    lane(
        "cluster-tests",
        "the tutorials, at their usual size",
        70,
        Run::Guest(guest(Uml, "hmark-cluster")),
    )
    .counted()
    .with(&[LIBRARY, module(Hmark, Uml)]),
    lane("fuzz", "marks of random packets", 2, Run::Fuzz(5_000_000))
        .on_all_cores()
        .with(&[module(Hmark, Uml), module(Fuzz, Uml)]),
    lane(
        "no-conntrack-tests",
        "module and library without conntrack",
        40,
        tests(UmlNoConntrack),
    )
    .counted()
    .with(&[LIBRARY, module(Hmark, UmlNoConntrack)]),
    lane(
        "no-conntrack-fuzz",
        "marks of random packets without conntrack",
        1,
        few(UmlNoConntrack),
    )
    .with(&[module(Hmark, UmlNoConntrack), module(Fuzz, UmlNoConntrack)]),
    lane(
        "no-ipv6-tests",
        "module and library without IPv6",
        7,
        tests(UmlNoIpv6),
    )
    .counted()
    .with(&[LIBRARY, module(Hmark, UmlNoIpv6)]),
    lane(
        "no-ipv6-fuzz",
        "marks of random packets without IPv6",
        1,
        few(UmlNoIpv6),
    )
    .with(&[module(Hmark, UmlNoIpv6), module(Fuzz, UmlNoIpv6)]),
    lane(
        "no-conntrack-no-ipv6-tests",
        "module and library without either",
        30,
        tests(UmlNoConntrackNoIpv6),
    )
    .counted()
    .with(&[LIBRARY, module(Hmark, UmlNoConntrackNoIpv6)]),
    lane(
        "no-conntrack-no-ipv6-fuzz",
        "marks of random packets without either",
        1,
        few(UmlNoConntrackNoIpv6),
    )
    .with(&[
        module(Hmark, UmlNoConntrackNoIpv6),
        module(Fuzz, UmlNoConntrackNoIpv6),
    ]),
];

/// The debug kernels, whose lanes fail for what such a kernel reports too.
const DEBUG: &[Lane] = &[
    lane(
        "debug-no-panic",
        "the modules refer to no panic but those of the kernels' own checks",
        1,
        Run::Symbols(&[UmlDebug, X86Debug]),
    ),
    lane(
        "uml-debug-fuzz",
        "marks of random packets under KASAN and UBSAN",
        60,
        Run::Guest(Guest {
            arguments: "0 10000000",
            ..guest(UmlDebug, "hmark-fuzz")
        }),
    )
    .with(&[module(Hmark, UmlDebug), module(Fuzz, UmlDebug)]),
    lane(
        "uml-debug-tests",
        "module and library under KASAN, UBSAN and kmemleak",
        90,
        tests(UmlDebug),
    )
    .counted()
    .with(&[LIBRARY, module(Hmark, UmlDebug), module(Init, UmlDebug)]),
    // However few CPUs there are: four wait for each other's locks.
    lane(
        "x86-debug-tests",
        "module and library under lockdep, KASAN and kmemleak",
        480,
        Run::Guest(Guest {
            options: "--cpus=4",
            ..guest(X86Debug, "hmark-system")
        }),
    )
    .counted()
    .with(&[LIBRARY, module(Hmark, X86Debug), module(Init, X86Debug)]),
];

const ARM64: &[Lane] = &[
    lane(
        "arm64-no-panic",
        "the module for arm64 refers to no panic",
        1,
        Run::Symbols(&[Kernel::Arm64]),
    ),
    lane(
        "arm64-guest-tests",
        "module and library on the stock kernel for arm64",
        480,
        tests(Kernel::Arm64),
    )
    .counted()
    .with(&[
        Product::ForeignLibrary(Arm64),
        module(Hmark, Kernel::Arm64),
        module(Init, Kernel::Arm64),
    ]),
    lane(
        "arm64-fuzz",
        "marks of random packets on arm64",
        120,
        Run::Guest(Guest {
            arguments: "0 2000000",
            ..guest(Kernel::Arm64, "hmark-fuzz")
        }),
    )
    .with(&[module(Hmark, Kernel::Arm64), module(Fuzz, Kernel::Arm64)]),
];

const LARGE: &[Lane] = &[lane(
    "large-cluster-tests",
    "a tutorial with 70 gateways and 100,000 connections",
    220,
    Run::Guest(Guest {
        variables: &[
            (Variable::Gateways, 70),
            (Variable::Flows, 2000),
            (Variable::Load, 100_000),
        ],
        options: "--memory=6144",
        ..guest(Uml, "hmark-cluster")
    }),
)
.counted()
.with(&[LIBRARY, module(Hmark, Uml)])];

/// The library for the chroot's iptables, an older and a newer one: each says so to the others.
const LIBRARY: Product = Product::Library;
const OLD: Product = Product::LibraryFor(Bookworm);
const NEW: Product = Product::LibraryFor(Testing);

/// Looks over every shell script of the repository.
const SCRIPTS: &str = "find . -path ./target -prune -o -path ./.git -prune -o -type f -print0 |
    xargs -0 grep -lZ -m 1 -E '^#!/bin/(ba)?sh( -e)?$|^# shellcheck shell=' | xargs -0 shellcheck";

/// Looks over the modules' sources.
const MODULE_FORMAT: &str =
    "rustfmt --edition 2021 --check xt_hmark_kmod/xt_HMARK.rs tests/kmod/fuzz.rs \
    tests/kmod/bench.rs tests/kmod-init/hmark_init.rs";

const CLIPPY: &str = "clippy --workspace --all-targets -- -D warnings";

/// The other tests that run on this machine.
const HOST_TESTS: &str = "test --workspace --exclude hmark-text";

/// The tests of `hmark` that are for an optimised build.
const EXHAUSTIVE: &str = "test --profile tools --package hmark --lib -- --ignored";

/// The tests of `hmark`, its corpora, and those of `hmark-text`.
const EMULATED: &str =
    "test --package hmark --package hmark-libfuzzer --package packets --package hmark-text";

/// Fails if the library of a folder is over 20 KiB, needs another library than iptables does, or
/// wants an executable stack.
const LIBRARY_SIZE: &str = "for folder in release iptables-arm64 iptables-i386 iptables-s390x; do
    library=target/lab/$folder/libxt_HMARK.so
    dynamic=$(readelf --wide --dynamic --segments $library)
    echo \"$dynamic\"
    wc -c $library
    test $(stat -c %s $library) -le 20480
    needed=$(echo \"$dynamic\" | sed -n 's/.*Shared library: .\\([a-z]*\\).*/\\1/p' | sort | xargs)
    test \"$needed\" = 'libc libxtables'
    ! echo \"$dynamic\" | grep 'GNU_STACK.* RWE' || exit 1
    done";

/// Fails if a drawing is not what Graphviz makes of its source.
const DRAWINGS: &str = "for source in docs/*.dot; do
        dot -Tsvg \"$source\" | cmp - \"${source%.dot}.svg\"
    done";

/// A lane of one core that counts as one test.
const fn lane(name: &'static str, about: &'static str, seconds: u32, run: Run) -> Lane {
    Lane {
        name,
        about,
        run,
        products: &[],
        counts: false,
        seconds,
        cores: 1,
    }
}

impl Lane {
    const fn counted(mut self) -> Lane {
        self.counts = true;
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
        let mut needs = match self.run {
            Run::Script(_) | Run::Cargo(..) | Run::Emulated(..) => vec![],
            Run::Clippy(_) => vec![Need::Tree(Stock)],
            Run::Symbols(kernels) => {
                let module = |&kernel| Need::Product(module(Hmark, kernel));
                kernels.iter().map(module).collect()
            }
            Run::Program(name) => vec![Need::Product(Product::Program(name))],
            Run::Foreign(architecture) => vec![
                Need::ForeignIptables(architecture),
                Need::Product(Product::Program("hmark-foreign")),
            ],
            Run::Fuzz(_) => vec![
                Need::Machine(Uml),
                Need::Product(Product::Program("hmark-fuzz")),
            ],
            Run::Guest(guest) => {
                let mut needs = vec![Need::Machine(guest.kernel), Need::Product(guest.product())];
                needs.extend(guest.iptables.map(Need::Iptables));
                needs
            }
        };
        needs.extend(self.products.iter().copied().map(Need::Product));
        needs
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

impl Guest {
    fn product(&self) -> Product {
        match self.kernel {
            Kernel::Arm64 => Product::ForeignProgram(self.program, Arm64),
            _ => Product::Program(self.program),
        }
    }

    /// The program's file.
    pub fn file(&self) -> String {
        match self.kernel {
            Kernel::Arm64 => product::foreign_program(self.program, Arm64),
            _ => product::program(self.program),
        }
    }
}

const fn module(module: Module, kernel: Kernel) -> Product {
    Product::Module(module, kernel)
}

const fn guest(kernel: Kernel, program: &'static str) -> Guest {
    Guest {
        kernel,
        program,
        arguments: "",
        variables: &[],
        options: "",
        iptables: None,
    }
}

/// The tests of module, library and marks on a kernel.
const fn tests(kernel: Kernel) -> Run {
    Run::Guest(guest(kernel, "hmark-system"))
}

/// The tests of the extension, with the iptables of another release.
const fn with_iptables(release: Release) -> Run {
    let mut guest = guest(Uml, "hmark-system");
    guest.iptables = Some(release);
    Run::Guest(guest)
}

/// Fewer packets, for a kernel that lacks a part, or whose machine may be emulated. They are the
/// same in every run.
const fn few(kernel: Kernel) -> Run {
    let mut guest = guest(kernel, "hmark-fuzz");
    guest.arguments = "0 500000";
    Run::Guest(guest)
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
            assert!(lane.seconds > 0 && !lane.about.is_empty(), "{}", lane.name);
        }
    }

    #[test]
    fn every_guest_has_the_module_of_its_kernel() {
        for lane in all() {
            let kernel = match lane.run {
                Run::Guest(guest) => guest.kernel,
                Run::Fuzz(_) => Uml,
                _ => continue,
            };
            let module = Need::Product(module(Hmark, kernel));
            assert!(lane.needs().contains(&module), "{}", lane.name);
        }
    }

    #[test]
    fn every_kernel_has_a_lane() {
        for kernel in Kernel::value_variants() {
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
