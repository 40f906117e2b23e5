// SPDX-License-Identifier: GPL-2.0-only

//! Mistakes, each as changes of the files of a host that works.

use super::{BORDER, SELECTOR};

pub const MASKS: &str = "--hmark-src-prefix 32 --hmark-dst-prefix 32 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff ";
pub const RULES: &str = "iptables-save";
pub const RULES6: &str = "ip6tables-save";
pub const ROUTING: &str = "ip-rule.json";
pub const ROUTES: &str = "ip-route.json";
const RAW: &str = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n";

/// A mistake, the host that it is made on, the changes that make it, and words of the sentence about it.
pub type Case = (
    &'static str,
    &'static str,
    Vec<(&'static str, &'static str, String)>,
    &'static str,
);

pub fn cases() -> Vec<Case> {
    let behind_hmark = |rule: &str| vec![(RULES, "COMMIT", format!("{rule}\nCOMMIT"))];
    let before_main = |rule: &str| {
        vec![(
            ROUTING,
            "{\"priority\":32766,",
            format!("{rule},{{\"priority\":32766,"),
        )]
    };
    let one = |file, from, to: &str| vec![(file, from, to.to_owned())];
    let route = |from, to: &str| one(ROUTES, from, to);
    let mask = |from, to: &str| one(RULES, from, to);
    let linear = (0..40)
        .map(|i| {
            format!(
                "{{\"priority\":{},\"src\":\"all\",\"fwmark\":\"{:#x}\",\"table\":\"100\"}},",
                10 + i,
                512 + i
            )
        })
        .collect::<Vec<_>>()
        .concat();
    let default_102 = "{\"dst\":\"default\",\"gateway\":\"10.1.0.12\",\"dev\":\"north\",\"table\":\"102\",\"flags\":[]}";
    vec![
        (
            "mark-without-ip-rule",
            SELECTOR,
            one(ROUTING, "{\"priority\":32763,\"src\":\"all\",\"fwmark\":\"0x66\",\"table\":\"102\"},", ""),
            "no ip rule is for mark 102",
        ),
        (
            "ip-rule-mask",
            SELECTOR,
            one(ROUTING, "\"fwmark\":\"0x67\"", "\"fwmark\":\"0x67\",\"fwmask\":\"0xfc\""),
            "the ip rule for mark 103 has the mask 0xfc, and takes mark 100-102, too",
        ),
        (
            "ip-rule-mask",
            SELECTOR,
            mask("--hmark-offset 100", "--hmark-offset 100 --hmark-mask 0xff"),
            "asks for bits that --hmark-mask 0xff leaves to others",
        ),
        (
            "ip-rule-too-late",
            SELECTOR,
            one(ROUTING, "\"priority\":32766", "\"priority\":5"),
            "the ip rule for mark 100 comes after that of preference 5",
        ),
        (
            "ip-rule-of-others",
            SELECTOR,
            vec![
                (
                    ROUTING,
                    "{\"priority\":32762,",
                    "{\"priority\":99,\"not\":null,\"src\":\"all\",\"fwmark\":\"0xca6c\",\"table\":\"51820\"},{\"priority\":32762,"
                        .to_owned(),
                ),
                (ROUTES, default_102, format!("{{\"dst\":\"default\",\"dev\":\"wg0\",\"table\":\"51820\",\"flags\":[]}},{default_102}")),
            ],
            "takes packets with mark 100-103 before",
        ),
        (
            "ip-rule-refuses",
            SELECTOR,
            one(ROUTING, "\"fwmark\":\"0x65\",\"table\":\"101\"", "\"fwmark\":\"0x65\",\"action\":\"blackhole\""),
            "packets with mark 101 are dropped (blackhole)",
        ),
        ("many-ip-rules", SELECTOR, vec![(ROUTING, "{\"priority\":32766,", linear + "{\"priority\":32766,")], "44 ip rules"),
        ("table-empty", SELECTOR, one(ROUTING, "\"table\":\"101\"", "\"table\":\"999\""), "the table of mark 101 has no IPv4 route"),
        (
            "table-without-route",
            SELECTOR,
            route("\"dst\":\"default\",\"gateway\":\"10.1.0.11\"", "\"dst\":\"10.0.0.0/8\",\"gateway\":\"10.1.0.11\""),
            "the table of mark 101 has no route to default",
        ),
        ("table-unused", SELECTOR, one(ROUTING, "\"table\":\"101\"", "\"table\":\"999\""), "no ip rule leads to it"),
        (
            "table-refuses",
            SELECTOR,
            route(default_102, "{\"type\":\"unreachable\",\"dst\":\"default\",\"dev\":\"lo\",\"table\":\"102\",\"flags\":[]}"),
            "packets with mark 102 are dropped (unreachable)",
        ),
        (
            "two-marks-one-table",
            SELECTOR,
            one(ROUTING, "\"fwmark\":\"0x65\",\"table\":\"101\"", "\"fwmark\":\"0x65\",\"table\":\"102\""),
            "the marks 101-102 have one table",
        ),
        ("two-marks-one-gateway", SELECTOR, route("10.1.0.11", "10.1.0.12"), "but one gateway, 10.1.0.12"),
        (
            "route-multipath",
            SELECTOR,
            route(
                default_102,
                "{\"dst\":\"default\",\"table\":\"102\",\"flags\":[],\"nexthops\":[{\"gateway\":\"10.1.0.12\",\"dev\":\"north\",\"weight\":1,\"flags\":[]},\
                 {\"gateway\":\"10.1.0.10\",\"dev\":\"north\",\"weight\":1,\"flags\":[]}]}",
            ),
            "several gateways (10.1.0.12, 10.1.0.10)",
        ),
        (
            "gateway-failed",
            SELECTOR,
            one(
                "ip-neigh.json",
                "\"10.1.0.12\",\"dev\":\"north\",\"lladdr\":\"02:00:00:00:ff:01\",\"state\":[\"REACHABLE\"]",
                "\"10.1.0.12\",\"dev\":\"north\",\"state\":[\"FAILED\"]",
            ),
            "the gateway of mark 102, 10.1.0.12, does not answer",
        ),
        (
            "gateway-device-down",
            SELECTOR,
            one(
                "ip-addr.json",
                "\"ifname\":\"north\",\"flags\":[\"BROADCAST\",\"MULTICAST\",\"UP\",\"LOWER_UP\"]",
                "\"ifname\":\"north\",\"flags\":[\"NO-CARRIER\",\"BROADCAST\",\"MULTICAST\",\"UP\"]",
            ),
            "north, is down or has no link",
        ),
        ("gateway-not-on-link", SELECTOR, route("10.1.0.12", "10.9.0.12"), "10.9.0.12, is on no network of north"),
        ("gateway-own", SELECTOR, route("\"gateway\":\"10.1.0.12\"", "\"gateway\":\"10.1.0.1\""), "10.1.0.1, is an address of this host"),
        ("marks-of-others", SELECTOR, behind_hmark("-A FORWARD -m mark --mark 0x40/0x40 -j ACCEPT"), "which the mark 100-103 of HMARK has"),
        ("mark-bits-shared", SELECTOR, mask(":POSTROUTING ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]\n:KUBE-MARK-MASQ - [0:0]"), "Kubernetes"),
        (
            "mark-bits-shared",
            SELECTOR,
            before_main("{\"priority\":5210,\"src\":\"all\",\"fwmark\":\"0x80000\",\"fwmask\":\"0xff0000\",\"table\":\"main\"}"),
            "Tailscale",
        ),
        ("mark-overwritten", SELECTOR, behind_hmark("-A PREROUTING -j MARK --set-xmark 0x7/0xffffffff"), "the last one wins"),
        (
            "mark-overwritten",
            SELECTOR,
            behind_hmark("-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff"),
            "changes the mark that HMARK sets in mangle PREROUTING rule 1",
        ),
        ("mark-overwritten", SELECTOR, behind_hmark("-A PREROUTING -j HMARK --hmark-mod 2 --hmark-offset 100"), "the last one wins"),
        (
            "mark-overwritten",
            SELECTOR,
            mask("*mangle", "*nat\n:PREROUTING ACCEPT [0:0]\n:own - [0:0]\n-A PREROUTING -j own\n-A own -j MARK --set-xmark 0x4000/0x4000\nCOMMIT\n*mangle"),
            "the last one wins",
        ),
        (
            "mark-overwritten",
            SELECTOR,
            mask("\n-A PREROUTING -d", "\n:own - [0:0]\n-A PREROUTING -j own\n-A PREROUTING -j MARK --set-xmark 0x7/0xffffffff\n-A own -d"),
            "the last one wins",
        ),
        (
            "mark-overwritten",
            SELECTOR,
            mask("\n-A PREROUTING -d", "\n:own - [0:0]\n:late - [0:0]\n-A PREROUTING -j own\n-A PREROUTING -p tcp -g late\n-A late -j MARK --set-xmark 0x7/0xffffffff\n-A own -d"),
            "in mangle own rule 1: the last one wins",
        ),
        (
            "rule-unreached",
            SELECTOR,
            mask("\n-A PREROUTING -d", "\n:own - [0:0]\n-A PREROUTING -j ACCEPT\n-A PREROUTING -j own\n-A own -d"),
            "rule 1 of PREROUTING before the jump to its chain (\"-j ACCEPT\") takes all",
        ),
        ("rule-unreached", SELECTOR, mask("-A PREROUTING -d", "-A PREROUTING -j ACCEPT\n-A PREROUTING -d"), "takes all"),
        ("rule-unreached", SELECTOR, mask("-A PREROUTING -d", "-A PREROUTING -j RETURN\n-A PREROUTING -d"), "takes all"),
        ("chain-unused", SELECTOR, mask("\n-A PREROUTING -d", "\n:own - [0:0]\n-A own -d"), "no rule leads to the chain own"),
        ("after-routing", SELECTOR, mask("-A PREROUTING -d", "-A FORWARD -d"), "in FORWARD of mangle, after they were routed"),
        ("after-routing", SELECTOR, mask("-A PREROUTING -d", "-A POSTROUTING -d"), "in POSTROUTING of mangle"),
        (
            "ct-in-raw",
            BORDER,
            mask("*mangle", &format!("{RAW}-A PREROUTING -i internet -j HMARK --hmark-tuple ct,src,dst --hmark-mod 3 --hmark-offset 101\nCOMMIT\n*mangle")),
            "in raw, packets have no connection yet",
        ),
        (
            "ct-not-tracked",
            BORDER,
            mask("*mangle", &format!("{RAW}-A PREROUTING -i internet -j CT --notrack\nCOMMIT\n*mangle")),
            "takes packets out of connection tracking",
        ),
        ("ct-without-tracking", SELECTOR, mask("--hmark-offset 100", "--hmark-offset 100 --hmark-tuple ct"), "hashes connections"),
        (
            "source-translated",
            SELECTOR,
            mask("*mangle", "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o front -j MASQUERADE\nCOMMIT\n*mangle"),
            "nat POSTROUTING rule 1 translates the sources",
        ),
        ("fragments", SELECTOR, behind_hmark("-A FORWARD -p udp -f"), "hashed without ports"),
        ("mark-zero", SELECTOR, mask(" --hmark-offset 100", ""), "the first mark is 0"),
        ("one-sided-tuple", SELECTOR, mask(MASKS, "--hmark-src-prefix 32 "), "source and destination unlike"),
        ("single-mark", SELECTOR, mask("--hmark-mod 4", "--hmark-mod 4 --hmark-weight 1-3=0"), "it gets all packets"),
        ("tuple-spreads-nothing", SELECTOR, mask(MASKS, ""), "practically all packets"),
        ("forwarding-off", SELECTOR, one("sysctl", "ip_forward = 1", "ip_forward = 0"), "net.ipv4.ip_forward is 0"),
        ("forwarding-off", SELECTOR, one("sysctl", "net.ipv6.conf.all.forwarding = 1", "net.ipv6.conf.all.forwarding = 0"), "net.ipv6"),
        ("rp-filter-strict", SELECTOR, one("sysctl", "rp_filter = 2", "rp_filter = 1"), "rp_filter is strict on north:"),
        (
            "rp-filter-valid-mark",
            SELECTOR,
            vec![("sysctl", "rp_filter = 2", "rp_filter = 1".to_owned()), ("sysctl", "src_valid_mark = 0", "src_valid_mark = 1".to_owned())],
            "src_valid_mark is set",
        ),
        ("twin-missing", SELECTOR, one(RULES6, "-A PREROUTING", "# -A PREROUTING"), "no HMARK rule for IPv6"),
        ("twin-missing", SELECTOR, mask("-A PREROUTING", "# -A PREROUTING"), "no HMARK rule for IPv4"),
        ("twin-different", SELECTOR, one(RULES6, "0xc175a3b8", "0x00000001"), "IPv6 has --hmark-rnd 0x00000001"),
        ("twin-different", SELECTOR, one(RULES6, "--hmark-mod 4", "--hmark-mod 4 --hmark-weight 2=50"), "--hmark-weight 2=50"),
    ]
}
