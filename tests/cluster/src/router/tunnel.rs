// SPDX-License-Identifier: GPL-2.0-only

//! A tunnel's own packets, which have a mark, stay out of the tunnel.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use socket2::SockRef;
use testbed::note;
use testbed::patience::wait;
use testbed::trial::single;
use testbed::trials;

use super::site::site;
use crate::host::{one, Host};
use crate::stage::Stage;
use crate::tutorial::Tutorial;

const PAGE: &str = "docs/troubleshooting.md";
const SECTION: &str = "A tunnel stops when HMARK marks its packets";

/// The mark of the tunnel's socket, and the number of datagrams that it sends.
const MARK: u32 = 51820;
const DATAGRAMS: u64 = 32;

/// A tunnel in place of line B: what enters it goes nowhere.
const TUNNEL: &str = "
    ip link add tunnel type dummy
    ip link set tunnel up
    ip route add default dev tunnel table 300
    ip rule add pref 150 fwmark 204 lookup 300";

/// Line B again.
const NO_TUNNEL: &str = "
    ip rule del pref 150
    ip link del tunnel";

/// The tutorial's rule without the match that the page adds.
const MARKS_ALL: &str = "iptables -t mangle -R OUTPUT 2 -o line+ \
                         -j HMARK --hmark-mod 4 --hmark-offset 201";

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![single(keeps_its_mark)]
}

/// Sends a tunnel's packets before and after the page's commands.
fn keeps_its_mark() -> Result<()> {
    let site = site()?;
    let page = Tutorial::read(PAGE, "")?;
    let router = one(&site.hosts, "router")?;
    router.run(TUNNEL)?;
    router.run(MARKS_ALL)?;
    let loops = || -> Result<(u64, u64)> {
        let before = looped(site)?;
        page.play(SECTION, &site.hosts)?;
        Ok((before, looped(site)?))
    };
    let loops = loops();
    router.run(NO_TUNNEL)?;
    let (before, after) = loops?;
    ensure!(before > 0, "no packet looped before the cure");
    ensure!(after == 0, "{after} packets looped in spite of the cure");
    note!("a tunnel's own packets: {before} of {DATAGRAMS} looped before the cure, then none");
    Ok(())
}

/// Sends datagrams as a tunnel does, and returns how many of them entered it again. All others reach
/// the web server's host.
fn looped(site: &Stage) -> Result<u64> {
    let (router, web) = (one(&site.hosts, "router")?, one(&site.hosts, "web")?);
    let (entered, arrived) = (entered(&router)?, arrived(&web)?);
    router.netns().enter(|| {
        for _ in 0..DATAGRAMS {
            let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
            SockRef::from(&socket).set_mark(MARK)?;
            socket.send_to(&[0], SocketAddr::from(([203, 0, 113, 80], 9)))?;
        }
        Ok(())
    })?;
    let mut again = 0;
    wait("datagrams are missing", || {
        again = self::entered(&router)? - entered;
        Ok(again + self::arrived(&web)? - arrived == DATAGRAMS)
    })?;
    Ok(again)
}

/// The number of packets that the tunnel has taken.
fn entered(router: &Host) -> Result<u64> {
    let printed = router.run("cat /sys/class/net/tunnel/statistics/tx_packets")?;
    Ok(printed.trim().parse()?)
}

/// The number of datagrams that came to a port where nobody listens.
fn arrived(host: &Host) -> Result<u64> {
    let printed = host.run("nstat -asz UdpNoPorts")?;
    let mut words = printed.split_whitespace();
    words.find(|word| *word == "UdpNoPorts");
    Ok(words.next().context("no counter")?.parse()?)
}
