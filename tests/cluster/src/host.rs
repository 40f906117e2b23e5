// SPDX-License-Identifier: GPL-2.0-only

//! Hosts: namespaces with a network, a host name, and their own `/etc` and `/run`, like machines.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{anyhow, ensure, Context, Result};
use testbed::command;
use testbed::netns::Netns;

/// Keeps a host's name, `/etc` and `/run`, which exist as long as a process uses them.
const KEEPER: &str = "exec 2>&1
    hostname \"$0\"
    mount -t tmpfs tmpfs /run
    mkdir /run/etc /run/work
    mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work overlay /etc
    echo up
    exec sleep infinity";

/// A host without cables, removed on drop.
pub struct Host {
    name: String,
    netns: Netns,
    keeper: Child,
}

impl Host {
    /// Starts the host `name`. Hosts of another `site` may have the same name.
    ///
    /// # Errors
    /// If the host exists, or its namespaces cannot be made.
    pub fn start(site: &str, name: &str) -> Result<Self> {
        let netns = Netns::add(&format!("{site}-{name}"))?;
        // As Debian sets it at boot; a new namespace has the kernel's initial value.
        netns.sysctl("ipv4/conf/all/rp_filter", "2")?;
        // No two hosts share an address, so none has to wait for duplicate address detection.
        for scope in ["all", "default"] {
            netns.sysctl(&format!("ipv6/conf/{scope}/accept_dad"), "0")?;
        }
        let mut keeper = Command::new("ip")
            .args(["netns", "exec", netns.name()])
            .args(["unshare", "--uts", "--mount", "sh", "-euc", KEEPER, name])
            .stdout(Stdio::piped())
            // The keeper may outlive the tests, and nobody should wait for its output.
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run ip")?;
        let mut line = String::new();
        if let Some(stdout) = keeper.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let host = Self {
            name: name.to_owned(),
            netns,
            keeper,
        };
        ensure!(line == "up\n", "{name} did not start: {line}");
        Ok(host)
    }

    /// The host's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host's network namespace.
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// The hardware address of an interface.
    ///
    /// # Errors
    /// If the host has no such interface.
    pub fn mac(&self, interface: &str) -> Result<[u8; 6]> {
        let text = self.run(&format!("cat /sys/class/net/{interface}/address"))?;
        let bytes = text
            .trim()
            .split(':')
            .map(|byte| u8::from_str_radix(byte, 16));
        let bytes: Vec<_> = bytes.collect::<Result<_, _>>()?;
        bytes
            .try_into()
            .map_err(|_| anyhow!("an address is not {text}"))
    }

    /// Runs a shell script as the host's root would, and returns its output.
    ///
    /// # Errors
    /// If a command of the script fails. The error has its standard error.
    pub fn run(&self, script: &str) -> Result<String> {
        let pid = self.keeper.id();
        let shell = format!("nsenter --target {pid} --mount --uts --net sh -eu");
        command::run_with(&shell, script, &[]).with_context(|| format!("on {}", self.name))
    }
}

/// Those of `hosts` with this name, which may end in `*`.
pub fn named(hosts: &[Arc<Host>], pattern: &str) -> Vec<Arc<Host>> {
    let named = hosts.iter().filter(|host| is_named(&host.name, pattern));
    named.cloned().collect()
}

/// Whether a name is this one, or begins as one that ends in `*` does.
pub fn is_named(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(begin) => name.starts_with(begin),
        None => name == pattern,
    }
}

/// The host with this name.
///
/// # Errors
/// If there is none.
pub fn one(hosts: &[Arc<Host>], name: &str) -> Result<Arc<Host>> {
    let host = hosts.iter().find(|host| host.name == name);
    host.cloned().with_context(|| format!("no host {name}"))
}

impl Drop for Host {
    fn drop(&mut self) {
        // The keeper has nothing to finish, and processes that it started end with the guest.
        let _ = self.keeper.kill().and_then(|()| self.keeper.wait());
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn names_match_whole_or_by_their_beginning() {
        assert!(is_named("gateway-3", "gateway-*"));
        assert!(is_named("client", "client"));
        assert!(!is_named("client-2", "client"));
    }
}
