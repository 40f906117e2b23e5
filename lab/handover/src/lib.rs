// SPDX-License-Identifier: GPL-2.0-only

//! The contract between the lab and the programs that it runs (`tests/`): variables of the
//! environment, folders of products, and parts that a kernel may lack. Both sides use these names, and no others.
//!
//! A program in a guest finds the repository at `/srv/hmark`, which is its working directory, a
//! folder of the guest's own at `/run/lab`, and `CARGO_TARGET_DIR`, the folder of products.

use std::env;
use std::fmt;
use std::str::FromStr;

/// A variable of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// The Debian release whose iptables replaces the guest's own. `lab run --iptables` sets it.
    Iptables,
    /// Anything, if there is Ansible. `lab run --ansible` sets it.
    Ansible,
    /// Anything, if packages have installed the module and the library under test. `make
    /// check-install` sets it.
    Installed,
    /// Anything, if the module with the glue in C is under test. Lanes of that module set it.
    GlueC,
    /// The machine that qemu-user emulates, as qemu calls it. Lanes of other architectures set it.
    Machine,
    /// The folder of the unpacked packages of another architecture.
    Root,
    /// The folder of our library, and of `libtables.so`, for that architecture.
    Foreign,
    /// The file in which `libtables.so` keeps its table. The tests themselves set it.
    Table,
    /// The gateways of a cluster.
    Gateways,
    /// The servers of a cluster.
    Servers,
    /// The flows of each family and transport in a cluster.
    Flows,
    /// The flows of a cluster that are open at once.
    Load,
    /// The seed of packets and rules. Only a person sets it.
    Seed,
    /// The rounds of the races. Only a person sets it.
    Rounds,
    /// The marks of random packets of each family that are compared with the C module's. Lanes for kernels
    /// that take no Rust modules set it.
    Marks,
}

impl Variable {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Iptables,
        Self::Ansible,
        Self::Installed,
        Self::GlueC,
        Self::Machine,
        Self::Root,
        Self::Foreign,
        Self::Table,
        Self::Gateways,
        Self::Servers,
        Self::Flows,
        Self::Load,
        Self::Seed,
        Self::Rounds,
        Self::Marks,
    ];

    /// Its name in the environment.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iptables => "HMARK_IPTABLES",
            Self::Ansible => "HMARK_ANSIBLE",
            Self::Installed => "HMARK_INSTALLED",
            Self::GlueC => "HMARK_GLUE_C",
            Self::Machine => "HMARK_MACHINE",
            Self::Root => "HMARK_ROOT",
            Self::Foreign => "HMARK_FOREIGN",
            Self::Table => "HMARK_TABLE",
            Self::Gateways => "HMARK_GATEWAYS",
            Self::Servers => "HMARK_SERVERS",
            Self::Flows => "HMARK_FLOWS",
            Self::Load => "HMARK_LOAD",
            Self::Seed => "HMARK_SEED",
            Self::Rounds => "HMARK_ROUNDS",
            Self::Marks => "HMARK_MARKS",
        }
    }

    /// Its value, if it is set.
    pub fn value(self) -> Option<String> {
        env::var(self.name()).ok()
    }

    /// Its value as a number, or `default` if it is not set.
    ///
    /// # Errors
    /// If the value is not such a number.
    pub fn number<T: FromStr>(self, default: T) -> Result<T, NoNumber> {
        match self.value() {
            Some(value) => value.parse().map_err(|_| NoNumber(self)),
            None => Ok(default),
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The value of this variable is not a number that it can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoNumber(Variable);

impl fmt::Display for NoNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a number", self.0)
    }
}

impl std::error::Error for NoNumber {}

/// A part of the network stack that a kernel may be built without, and the module can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `CONFIG_NF_CONNTRACK`.
    Conntrack,
    /// `CONFIG_IPV6`.
    Ipv6,
}

impl Part {
    /// Both parts.
    pub const ALL: [Self; 2] = [Self::Conntrack, Self::Ipv6];

    /// The end of the name and of the release of a kernel without the part. A kernel without both
    /// has both, in this order.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Conntrack => "-no-conntrack",
            Self::Ipv6 => "-no-ipv6",
        }
    }
}

/// The folder of the packages of keepalived, unpacked, with `usr` in it. A guest for the clusters has it.
pub const KEEPALIVED: &str = "/var/cache/hmark-lab/keepalived";

/// The folder, below that of products, of the library for the iptables of a release or for an
/// architecture; `None` for the chroot's own iptables.
pub fn library_folder(iptables: Option<&str>) -> String {
    iptables.map_or_else(
        || "release".to_owned(),
        |iptables| format!("iptables-{iptables}"),
    )
}

/// The folder, below that of products, of a module for a kernel, which the lab's name stands for.
/// Modules are `kmod`, which is `xt_HMARK.ko`, and the same with the glue in C, `kmod-c`; for tests,
/// `fuzz` and `init`.
pub fn module_folder(module: &str, kernel: &str) -> String {
    format!("{module}-{kernel}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn names_are_unique() {
        let mut names = Variable::ALL.map(Variable::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn scripts_set_known_variables() {
        for (script, variable) in [
            ("../guest/iptables.sh", Variable::Iptables),
            ("../guest/ansible.sh", Variable::Ansible),
            ("../installation/marks.sh", Variable::Installed),
        ] {
            let text = fs::read_to_string(script).unwrap();
            assert!(text.contains(variable.name()), "{script}");
        }
    }

    #[test]
    fn unset_variable_has_its_default() {
        assert_eq!(Variable::Rounds.value(), None);
        assert_eq!(Variable::Rounds.number(3), Ok(3));
    }
}
