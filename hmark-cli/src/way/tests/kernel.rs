// SPDX-License-Identifier: GPL-2.0-only

//! Packets that the kernel drops, whatever the rules and routes say.

use super::*;
use crate::host::{Part, Sysctls};
use crate::routing::{Action, RoutingRule};

/// A host of which only these settings are known, as one line.
fn with(name: &str, settings: &str) -> Host {
    let mut host = host(name);
    host.sysctls = Part::Known(Sysctls::read(settings.replace(' ', "\n").as_bytes()).unwrap());
    host
}

/// The end of a way, as text.
fn end(host: &Host, flow: &str, input: Option<&str>) -> String {
    let question = Question {
        // Otherwise, packets from the host's own addresses are its own.
        hook: Some(Hook::Prerouting),
        ..question(flow, input)
    };
    end_of(&host.way(&question).unwrap())
}

fn end_of(way: &Way<'_>) -> String {
    match (&way.dropped, &way.cannot_tell, &way.found) {
        (Some(dropped), None, _) => {
            assert_eq!(way.gateway(), None);
            dropped.to_string()
        }
        (None, Some(reason), _) => format!("? {reason}"),
        (None, None, Some(found)) => format!("{:?}", found.next)
            .split('(')
            .next()
            .unwrap()
            .into(),
        _ => panic!("{way:?}"),
    }
}

#[test]
fn where_forwarding_is_off_nothing_is_sent_on() {
    let (four, six) = (
        "tcp 10.3.0.11:1 203.0.113.80:80",
        "tcp [fd00:3::11]:1 [2001:db8:f::80]:80",
    );
    let blades = Some("blades");
    let off = |name: &str| format!("forwarding is off ({name} = 0)");
    let (of_blades, of_all) = ("net.ipv4.conf.blades.forwarding", "net.ipv4.ip_forward");
    let on = "net.ipv4.ip_forward=1 net.ipv4.conf.inner.forwarding=1";
    for (settings, flow, input, expected) in [
        (format!("{on} {of_blades}=0"), four, blades, off(of_blades)),
        (
            format!("{on} {of_blades}=0"),
            four,
            Some("inner"),
            "Hop".into(),
        ),
        (format!("{on} {of_blades}=1"), four, blades, "Hop".into()),
        (
            format!("{of_all}=0 {of_blades}=1"),
            four,
            blades,
            "Hop".into(),
        ),
        // Without the device's own setting.
        (format!("{of_all}=0"), four, blades, off(of_all)),
        (String::new(), four, blades, "Hop".into()),
        // IPv6 has one setting for all, except where a device is forced.
        (
            "net.ipv6.conf.all.forwarding=1 net.ipv6.conf.blades.forwarding=0".into(),
            six,
            blades,
            "Hop".into(),
        ),
        (
            "net.ipv6.conf.all.forwarding=0 net.ipv6.conf.blades.forwarding=1".into(),
            six,
            blades,
            off("net.ipv6.conf.all.forwarding"),
        ),
        (
            "net.ipv6.conf.all.forwarding=0 net.ipv6.conf.blades.force_forwarding=1".into(),
            six,
            blades,
            "Hop".into(),
        ),
        (
            format!("{of_all}=0 net.ipv6.conf.all.forwarding=1"),
            six,
            blades,
            "Hop".into(),
        ),
    ] {
        let host = with("gateways/selector-a", &settings);
        assert_eq!(end(&host, flow, input), expected, "{settings} {flow}");
        // To the host itself, it does not matter.
        let local = flow
            .replace("203.0.113.80", "10.3.0.1")
            .replace("2001:db8:f::80", "fd00:3::1");
        assert_eq!(end(&host, &local, input), "Local", "{settings} {local}");
    }
}

/// Without the device, it matters whether all are alike.
#[test]
fn forwarding_of_an_unknown_device() {
    let flow = "tcp 10.64.1.1:5555 198.51.100.1:80";
    let (front, north) = (
        "net.ipv4.conf.front.forwarding",
        "net.ipv4.conf.north.forwarding",
    );
    for (settings, expected) in [
        (format!("{front}=1 {north}=1"), "Hop"),
        (format!("{front}=0 {north}=0"), "forwarding is off (net.ipv4.conf.DEV.forwarding of all devices = 0)"),
        (format!("{front}=0 {north}=0 net.ipv4.ip_forward=0"), "forwarding is off (net.ipv4.ip_forward = 0)"),
        (format!("{front}=0 {north}=1"),
            "? the device that the packet comes in by is not known: net.ipv4.conf.DEV.forwarding differs"),
        ("net.ipv4.ip_forward=0".into(), "forwarding is off (net.ipv4.ip_forward = 0)"),
    ] {
        let host = with("pre-load-balancer/selector-a", &settings);
        assert_eq!(end(&host, flow, None), expected, "{settings}");
    }
}

#[test]
fn martians_are_not_routed() {
    let (server, blade) = ("203.0.113.80", "10.3.0.11");
    let localnet = "net.ipv4.conf.all.route_localnet=1 net.ipv4.conf.all.accept_local=1";
    let blades = "net.ipv4.conf.blades.route_localnet=0 net.ipv4.conf.blades.accept_local=0";
    let no_localnet = "(net.ipv4.conf.blades.route_localnet = 0)";
    for (settings, source, destination, expected) in [
        (
            blades,
            "127.0.0.1",
            server,
            format!("the source 127.0.0.1 is a martian {no_localnet}"),
        ),
        (
            blades,
            blade,
            "127.0.0.1",
            format!("the destination 127.0.0.1 is a martian {no_localnet}"),
        ),
        (localnet, "127.0.0.1", server, "Hop".into()),
        (localnet, blade, "127.0.0.1", "Local".into()),
        (
            "",
            blade,
            "127.0.0.1",
            "? the setting net.ipv4.conf.blades.route_localnet is not known".into(),
        ),
        ("", blade, "255.255.255.255", "Broadcast".into()),
        ("", "0.0.0.0", "255.255.255.255", "Broadcast".into()),
        ("", "0.0.0.0", "0.0.0.0", "Broadcast".into()),
        (
            "",
            blade,
            "0.0.0.0",
            "the destination 0.0.0.0 is a martian".into(),
        ),
        (
            "",
            "0.0.0.0",
            server,
            "the source 0.0.0.0 is a martian".into(),
        ),
        (
            "",
            "255.255.255.255",
            server,
            "the source 255.255.255.255 is a martian".into(),
        ),
        (
            "",
            "224.0.0.1",
            server,
            "the source 224.0.0.1 is a martian".into(),
        ),
        (
            blades,
            "10.3.0.1",
            server,
            "the source 10.3.0.1 is the host's own (net.ipv4.conf.blades.accept_local = 0)".into(),
        ),
        (
            blades,
            "10.3.0.1",
            "10.1.0.1",
            "the source 10.3.0.1 is the host's own (net.ipv4.conf.blades.accept_local = 0)".into(),
        ),
        (localnet, "10.3.0.1", server, "Hop".into()),
        (
            blades,
            "10.3.0.255",
            server,
            "? the kernel may take the broadcast address 10.3.0.255 for a martian".into(),
        ),
        (
            "",
            "::1",
            "2001:db8:f::80",
            "the source ::1 only comes in by lo".into(),
        ),
        (
            "",
            "fd00:3::11",
            "::1",
            "packets to ::1 only come in by lo".into(),
        ),
        (
            "",
            "ff02::1",
            "2001:db8:f::80",
            "a multicast address is no source".into(),
        ),
        (
            "",
            "fe80::1",
            "2001:db8:f::80",
            "packets from fe80::1 are not forwarded".into(),
        ),
        (
            "",
            "::",
            "2001:db8:f::80",
            "packets from :: are not forwarded".into(),
        ),
        ("", "fe80::1", "fd00:3::1", "Local".into()),
    ] {
        let host = with("gateways/selector-a", settings);
        let flow = format!("47 {source} {destination}");
        assert_eq!(
            end(&host, &flow, Some("blades")),
            expected,
            "{settings} {flow}"
        );
    }
    // What comes in by lo has its route already.
    let host = with("gateways/selector-a", "");
    assert_eq!(end(&host, "47 10.3.0.1 10.1.0.1", Some("lo")), "Local");
    assert_eq!(end(&host, "47 127.0.0.1 127.0.0.2", Some("lo")), "Local");
}

/// The host's own packets have other rules.
#[test]
fn own_packets_do_not_leave_from_a_loopback_address() {
    let own = |settings: &str, flow: &str| {
        end_of(
            &with("gateways/selector-a", settings)
                .way(&question(flow, None))
                .unwrap(),
        )
    };
    let settings = "net.ipv4.conf.inner.route_localnet=0 net.ipv4.ip_forward=0";
    assert_eq!(
        own(settings, "47 127.0.0.1 203.0.113.80"),
        "the source 127.0.0.1 does not leave the host (net.ipv4.conf.inner.route_localnet = 0)"
    );
    assert_eq!(own(settings, "47 127.0.0.1 10.1.0.1"), "Local");
    assert_eq!(own(settings, "47 10.3.0.1 203.0.113.80"), "Hop");
    assert!(own(settings, "47 10.3.0.1 255.255.255.255").starts_with("? the host's own packets to"));
}

#[test]
fn a_mark_that_no_routing_rule_asks_for_is_noted() {
    let note = |change: fn(&mut Vec<RoutingRule>)| {
        let mut host = host("gateways/selector-a");
        let Part::Known(rules) = &mut host.ipv4.rules else {
            panic!();
        };
        change(&mut rules.rules);
        let way = host.way(&question(
            "tcp 10.3.0.11:5555 203.0.113.80:80",
            Some("blades"),
        ));
        let way = way.unwrap();
        assert_eq!(way.mark, Some(102));
        way.note
    };
    assert_eq!(note(|_| {}), None);
    assert_eq!(
        note(|rules| rules.retain(|rule| rule.mark != Some((102, u32::MAX)))).as_deref(),
        Some("no ip rule asks for mark 102 (0x66)")
    );
    let to_nowhere = |rules: &mut Vec<RoutingRule>| {
        for rule in rules
            .iter_mut()
            .filter(|rule| rule.mark == Some((102, u32::MAX)))
        {
            rule.action = Action::Table("77".into());
        }
    };
    let noted = note(to_nowhere).unwrap();
    assert!(
        noted.ends_with(" asks for mark 102 (0x66), but table 77 has no route"),
        "{noted}"
    );
}
