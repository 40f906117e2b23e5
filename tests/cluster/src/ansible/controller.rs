// SPDX-License-Identifier: GPL-2.0-only

//! The host that Ansible runs on, as on an operator's machine: with a key, and a copy of
//! `packaging/ansible/`.

use std::env;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{ensure, Context, Result};

use crate::host::Host;

/// Makes a key, and a copy of the repository's playbook.
const SET_UP: &str = "
    mkdir /run/ssh
    ssh-keygen -q -t ed25519 -N '' -f /run/ssh/key
    cp -r \"$REPOSITORY/packaging/ansible\" /run/play
    cat /run/ssh/key.pub
    ";

/// Makes a host one that the key of `$KEY` can log in to as root, and prints its own key.
const SERVE: &str = "
    mkdir /run/ssh /run/sshd
    echo 'sshd:x:990:65534::/run/sshd:/usr/sbin/nologin' >> /etc/passwd
    ssh-keygen -q -t ed25519 -N '' -f /run/ssh/own
    echo \"$KEY\" > /run/ssh/authorized
    /usr/sbin/sshd -f /dev/null -o HostKey=/run/ssh/own -o AuthorizedKeysFile=/run/ssh/authorized \
        -o UsePAM=no -o StrictModes=no -o PidFile=none -o LoginGraceTime=0 \
        -o Subsystem='sftp internal-sftp'
    cat /run/ssh/own.pub
    ";

/// The variables of all hosts. Namespaces have no packages and no systemd of their own, and a busy machine takes
/// longer than ten seconds to answer.
const VARIABLES: &str = "  vars:
    ansible_user: root
    ansible_python_interpreter: /usr/bin/python3
    ansible_ssh_private_key_file: /run/ssh/key
    ansible_ssh_common_args: -o UserKnownHostsFile=/run/ssh/known_hosts
    ansible_pipelining: true
    ansible_remote_tmp: /run/ansible
    ansible_timeout: 300
    hmark_install: false
    hmark_boot: false
";

/// The host that Ansible runs on.
pub struct Controller(Arc<Host>);

/// What a play said.
pub struct Played {
    /// The exit status of ansible-playbook.
    pub status: i32,
    pub text: String,
    pub seconds: f32,
}

impl Controller {
    /// Makes `host` the controller of `hosts`, each with its address.
    ///
    /// # Errors
    /// If ssh or its server cannot be set up.
    pub fn set_up(host: Arc<Host>, hosts: &[(Arc<Host>, String)]) -> Result<Self> {
        let repository = env::current_dir()?;
        let key = host.run(&format!("REPOSITORY={}\n{SET_UP}", repository.display()))?;
        let mut inventory = "selectors:\n  hosts:\n".to_owned();
        let mut known = String::new();
        for (host, address) in hosts {
            let own = host.run(&format!("KEY='{}'\n{SERVE}", key.trim()))?;
            known += &format!("{address} {own}");
            inventory += &format!("    {}: {{ansible_host: {address}}}\n", host.name());
        }
        inventory += VARIABLES;
        host.run(&format!(
            "cat > /run/ssh/known_hosts <<'END'\n{known}END\n\
             cat > /run/play/inventory.yml <<'END'\n{inventory}END\n"
        ))?;
        Ok(Self(host))
    }

    /// Writes the file of the plan, in which Ansible replaces variables.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_plan(&self, file: &str) -> Result<()> {
        let script = format!("cat > /run/play/selectors.toml.j2 <<'END'\n{file}\nEND\n");
        self.0.run(&script).map(drop)
    }

    /// Plays `site.yml`.
    ///
    /// # Errors
    /// If Ansible is not there. If it fails, its status says so.
    pub fn play(&self, options: &str) -> Result<Played> {
        let begun = Instant::now();
        let said = self.0.run(&format!(
            "cd /run/play
            HOME=/run
            export HOME
            status=0
            ansible-playbook -i inventory.yml site.yml {options} > said 2>&1 || status=$?
            echo $status
            cat said"
        ))?;
        let (status, text) = said.split_once('\n').context("no status")?;
        Ok(Played {
            status: status.parse()?,
            text: text.to_owned(),
            seconds: begun.elapsed().as_secs_f32(),
        })
    }
}

impl Played {
    /// Checks that the play succeeded.
    ///
    /// # Errors
    /// If not.
    pub fn check(&self) -> Result<()> {
        ensure!(self.status == 0, "{self}");
        Ok(())
    }

    /// The line of each host at the end; [`None`] if the play did not come that far.
    pub fn recap(&self) -> Option<&str> {
        let (_, recap) = self.text.split_once("\nPLAY RECAP ")?;
        let (_, lines) = recap.split_once('\n')?;
        Some(lines.trim())
    }

    /// The number of a host's tasks that were `ok`, `changed`, `failed` and so on, by the recap;
    /// [`None`] if the host was not reached.
    pub fn count(&self, host: &str, what: &str) -> Option<u32> {
        let counts = self.recap()?.lines().find_map(|line| {
            let (name, counts) = line.split_once(':')?;
            (name.trim() == host).then_some(counts)
        })?;
        let mut counts = counts.split_whitespace();
        let count = counts.find_map(|count| count.strip_prefix(what)?.strip_prefix('='))?;
        count.parse().ok()
    }
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ansible ended with {}:\n{}", self.status, self.text)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn recap_is_read() {
        let played = Played {
            status: 2,
            text: "changed: [a]\n\nPLAY RECAP ****\n\
                   a-1      : ok=12   changed=3    unreachable=0    failed=1    skipped=2\n"
                .to_owned(),
            seconds: 0.0,
        };
        assert_eq!(played.count("a-1", "ok"), Some(12));
        assert_eq!(played.count("a-1", "changed"), Some(3));
        assert_eq!(played.count("a-1", "failed"), Some(1));
        assert_eq!(played.count("a", "ok"), None);
        assert!(played
            .recap()
            .is_some_and(|lines| lines.starts_with("a-1 ")));
        assert!(played.check().is_err());
    }
}
