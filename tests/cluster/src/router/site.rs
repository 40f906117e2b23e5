// SPDX-License-Identifier: GPL-2.0-only

//! The hosts and cables of the tutorial, set up by its commands.

use anyhow::{Context, Result};
use testbed::once::{once, Once};

use crate::host::one;
use crate::stage::{Props, Stage};

/// The sections that set the router up, in the order of the text.
const SET_UP: [&str; 4] = ["Client", "Outside", "Router", "Rules"];

const HOSTS: [&str; 5] = ["client", "router", "isp-a", "isp-b", "web"];

/// Each network, and the hosts that are plugged into it.
const CABLES: &[(&str, &[&str])] = &[
    ("lan", &["client", "router"]),
    ("line-a", &["router", "isp-a"]),
    ("line-b", &["router", "isp-b"]),
    ("internet", &["isp-*", "web"]),
];

static SITE: Once<Stage> = Once::new();

/// The router and all around it, which the first test that needs it sets up.
///
/// # Errors
/// If it could not be set up.
pub fn site() -> Result<&'static Stage> {
    once(&SITE, set_up).context("no router")
}

fn set_up() -> Result<Stage> {
    let props = Props {
        name: "lines",
        tutorial: "docs/router.md",
        settings: "",
        sections: &SET_UP,
        hosts: &HOSTS.map(str::to_owned),
        cables: CABLES,
    };
    // A port is free as soon as its connection is closed, since some sections are played twice.
    Stage::set_up(&props, |hosts| {
        ["client", "router"].into_iter().try_for_each(|name| {
            let host = one(hosts, name)?;
            host.netns().sysctl("ipv4/tcp_max_tw_buckets", "0")
        })
    })
}
