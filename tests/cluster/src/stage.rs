// SPDX-License-Identifier: GPL-2.0-only

//! The hosts and cables of a tutorial, set up by its commands.

use std::sync::Arc;

use anyhow::{Context, Result};
use testbed::{install, kernel, module};

use crate::cables::Switches;
use crate::host::{named, Host};
use crate::narration;
use crate::tutorial::Tutorial;

/// What a stage is made from.
pub struct Props<'p> {
    /// Tells its namespaces from those of other stages.
    pub name: &'p str,
    /// The file of the text.
    pub tutorial: &'static str,
    /// Assignments after those of the text.
    pub settings: &'p str,
    /// The sections that set it up, in the order of the text.
    pub sections: &'p [&'p str],
    pub hosts: &'p [String],
    /// Each network, and the names of the hosts that are plugged into it.
    pub cables: &'static [(&'static str, &'static [&'static str])],
}

/// Hosts that have played the beginning of a tutorial.
pub struct Stage {
    pub hosts: Vec<Arc<Host>>,
    /// The cables exist as long as the switches do.
    pub switches: Switches,
    pub tutorial: Tutorial,
}

impl Stage {
    /// Installs HMARK, starts the hosts, and plays the tutorial once `prepare` has been called with
    /// them.
    ///
    /// # Errors
    /// If a command fails, or no rule loads our module.
    pub fn set_up(props: &Props, prepare: impl FnOnce(&[Arc<Host>]) -> Result<()>) -> Result<Self> {
        narration::step("install: make install-files");
        install::install()?;
        kernel::load_sctp()?;
        narration::step(format!("hosts, as namespaces: {}", props.hosts.join(" ")));
        let start = |name: &String| Ok(Arc::new(Host::start(props.name, name)?));
        let hosts = props.hosts.iter().map(start).collect::<Result<Vec<_>>>()?;
        let networks = props.cables.iter().map(|(network, _)| *network);
        let switches = Switches::install(props.name, networks.collect())?;
        for (network, patterns) in props.cables {
            for host in patterns.iter().flat_map(|pattern| named(&hosts, pattern)) {
                switches.plug(&host, network)?;
            }
        }
        prepare(&hosts)?;
        let tutorial = Tutorial::read(props.tutorial, props.settings)?;
        for section in props.sections {
            tutorial.play(section, &hosts)?;
        }
        module::check_ours().context("no rule brought our module in")?;
        Ok(Self {
            hosts,
            switches,
            tutorial,
        })
    }
}
