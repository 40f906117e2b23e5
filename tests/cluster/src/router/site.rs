// SPDX-License-Identifier: GPL-2.0-only

//! The hosts and cables of the tutorial, set up by its commands.

use std::sync::{Arc, OnceLock};

use anyhow::{anyhow, Context, Result};
use testbed::{install, module};

use crate::cables::Switches;
use crate::host::{named, Host};
use crate::tutorial::Tutorial;

/// The sections that set the router up, in the order of the text.
const SET_UP: [&str; 4] = ["Client", "Outside", "Router", "Rules"];

const HOSTS: [&str; 5] = ["client", "router", "isp-a", "isp-b", "web"];

/// Each network, and the hosts that are plugged into it.
const CABLES: [(&str, &[&str]); 4] = [
    ("lan", &["client", "router"]),
    ("line-a", &["router", "isp-a"]),
    ("line-b", &["router", "isp-b"]),
    ("internet", &["isp-*", "web"]),
];

/// The router, and all around it.
pub struct Site {
    pub hosts: Vec<Arc<Host>>,
    pub tutorial: Tutorial,
    /// The cables exist as long as the switches do.
    _switches: Switches,
}

static SITE: OnceLock<Result<Site, String>> = OnceLock::new();

/// The site, which the first test that needs it sets up.
///
/// # Errors
/// If it could not be set up.
pub fn site() -> Result<&'static Site> {
    let site = SITE.get_or_init(|| Site::set_up().map_err(|error| format!("{error:#}")));
    site.as_ref().map_err(|error| anyhow!("no router: {error}"))
}

impl Site {
    fn set_up() -> Result<Self> {
        install::install()?;
        let start = |name| Ok(Arc::new(Host::start("lines", name)?));
        let hosts = HOSTS.into_iter().map(start).collect::<Result<Vec<_>>>()?;
        let switches = Switches::install("lines", CABLES.map(|(network, _)| network).into())?;
        for (network, patterns) in CABLES {
            for host in patterns.iter().flat_map(|pattern| named(&hosts, pattern)) {
                switches.plug(&host, network)?;
            }
        }
        let tutorial = Tutorial::read("docs/router.md", "")?;
        for section in SET_UP {
            tutorial.play(section, &hosts)?;
        }
        module::check_ours().context("no rule brought our module in")?;
        Ok(Self {
            hosts,
            tutorial,
            _switches: switches,
        })
    }
}
