// SPDX-License-Identifier: GPL-2.0-only
//! Needs: what lanes run on and with. Each is made once, however many lanes need it, and only if
//! one does.

use crate::architecture::Architecture;
use crate::command::cpus;
use crate::iptables::Release;
use crate::kernel::Kernel;
use crate::lab::Lab;
use crate::product::Product;
use crate::schedule::{self, End, Job};
use anyhow::Result;
use std::fmt;

/// Something that a lane needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The stock kernel's source.
    Source,
    /// The tree to build modules for a kernel against.
    Tree(Kernel),
    /// The machine of a guest with a kernel, which boots from no more than that.
    Machine(Kernel),
    /// The iptables of another release.
    Iptables(Release),
    /// The iptables of another architecture.
    ForeignIptables(Architecture),
    /// keepalived, unpacked.
    Keepalived,
    /// Ansible, and the ssh that it reaches hosts by.
    Ansible,
    Product(Product),
}

impl Need {
    /// What must be there before.
    pub fn needs(self) -> Vec<Need> {
        match self {
            // It is made from the packages.
            Need::Tree(kernel) if !kernel.is_compiled() => vec![],
            Need::Tree(kernel) => match kernel.base() {
                Some(base) => vec![Need::Tree(base)],
                None => vec![Need::Source],
            },
            Need::Machine(kernel) if kernel.is_compiled() => vec![Need::Tree(kernel)],
            Need::Product(product) => product.needs(),
            _ => vec![],
        }
    }

    /// What is made before it if that is needed too: `make lib` is the same for all.
    pub fn after(self, other: Need) -> bool {
        self == Need::Product(Product::Library)
            && matches!(other, Need::Product(Product::LibraryFor(_)))
    }

    /// What no two jobs use at once.
    pub fn uses(self) -> Option<&'static str> {
        match self {
            Need::Product(product) => product.uses(),
            // They unpack the packages of one Debian.
            Need::Tree(Kernel::Arm64) | Need::Machine(Kernel::Arm64) => Some("arm64"),
            _ => None,
        }
    }

    /// Whether it is a kernel that is compiled, which takes minutes.
    pub fn is_kernel(self) -> bool {
        matches!(self, Need::Tree(kernel) if kernel.is_compiled())
    }

    /// Makes it.
    pub fn make(self, lab: &Lab) -> Result<()> {
        match self {
            Need::Source => lab.source().map(drop),
            Need::Tree(kernel) => lab.tree(kernel).map(drop),
            Need::Machine(kernel) => lab.machine(kernel).map(drop),
            Need::Iptables(release) => lab.iptables(release).map(drop),
            Need::ForeignIptables(architecture) => lab.foreign_iptables(architecture).map(drop),
            Need::Keepalived => lab.keepalived().map(drop),
            Need::Ansible => lab.ansible().map(drop),
            Need::Product(product) => product.build(lab),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Need::Source => write!(f, "the kernel's source"),
            Need::Tree(kernel) => write!(f, "the tree of {kernel}"),
            Need::Machine(kernel) => write!(f, "kernel {kernel}"),
            Need::Iptables(release) => write!(f, "iptables of {release}"),
            Need::ForeignIptables(architecture) => write!(f, "iptables for {architecture}"),
            Need::Keepalived => write!(f, "keepalived"),
            Need::Ansible => f.write_str("Ansible"),
            Need::Product(product) => write!(f, "{product}"),
        }
    }
}

/// What is asked for, and all that it needs: each once, and after what it needs itself.
pub fn closure(wanted: &[Need]) -> Vec<Need> {
    fn add(need: Need, all: &mut Vec<Need>) {
        if all.contains(&need) {
            return;
        }
        for before in need.needs() {
            add(before, all);
        }
        all.push(need);
    }
    let mut all = Vec::new();
    for &need in wanted {
        add(need, &mut all);
    }
    all
}

/// The jobs that make `needs`, a closure, which begin at place `first` in a list of jobs.
/// `T` is what a job is worth to the caller.
pub fn jobs<'a, T: Default>(lab: &'a Lab, needs: &[Need], first: usize) -> Vec<Job<'a, T>> {
    let place = |need: &Need| first + needs.iter().position(|other| other == need).unwrap_or(0);
    needs
        .iter()
        .map(|&need| Job {
            name: need.to_string(),
            needs: need.needs().iter().map(place).collect(),
            after: needs
                .iter()
                .filter(|&&other| need.after(other))
                .map(place)
                .collect(),
            cores: 1,
            uses: need.uses().into_iter().collect(),
            run: Box::new(move || need.make(lab).map(|()| T::default())),
        })
        .collect()
}

/// Makes the machine of a kernel, products, and what they need.
pub fn make_for(lab: &Lab, kernel: Kernel, products: &[Product]) -> Result<()> {
    let products = products.iter().copied().map(Need::Product);
    let wanted: Vec<_> = products.chain([Need::Machine(kernel)]).collect();
    make(lab, &wanted)
}

/// Makes all that is asked for, and what it needs.
pub fn make(lab: &Lab, wanted: &[Need]) -> Result<()> {
    let needs = closure(wanted);
    let mut failed = Ok(());
    for end in schedule::run(jobs::<()>(lab, &needs, 0), cpus()) {
        if let End::Failed(error) = end {
            failed = match failed {
                Ok(()) => Err(error),
                Err(first) => Err(first.context(format!("{error:#}"))),
            };
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::Module;

    #[test]
    fn needs_come_before_what_needs_them() {
        let module = |kernel| Need::Product(Product::Module(Module::Hmark, kernel));
        let kernel = Kernel::UmlNoConntrackNoIpv6;
        assert_eq!(
            closure(&[module(kernel), module(Kernel::Uml), Need::Source]),
            [
                Need::Source,
                Need::Tree(Kernel::Uml),
                Need::Tree(kernel),
                module(kernel),
                module(Kernel::Uml),
            ]
        );
    }

    #[test]
    fn library_needs_no_kernel() {
        let library = Need::Product(Product::Library);
        assert_eq!(closure(&[library]), [library]);
    }
}
