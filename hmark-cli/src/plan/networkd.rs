// SPDX-License-Identifier: GPL-2.0-only

//! A plan as drop-ins for systemd-networkd.
//!
//! networkd has had rules with `goto` only of late: that of Debian 12 and 13 has not. In place of guard and
//! tree there are linear rules behind a guard that looks into the main table: packets without a mark find a
//! route there, as all but one on a host without a default route, and leave. Rules of networkd have its own
//! protocol, 4, since a file can give none.

use std::fmt::Write;

use super::files::{rest, Written};
use super::{Plan, LINEAR};
use crate::routing::Action;

/// The files: a drop-in for the `.network` file of each device, settings, and rules of iptables.
pub fn files(plan: &Plan) -> Vec<Written> {
    let mut devices: Vec<&str> = Vec::new();
    for nexthop in &plan.nexthops {
        if !devices.contains(&nexthop.device.as_str()) {
            devices.push(&nexthop.device);
        }
    }
    let mut files = Vec::new();
    for (place, device) in devices.iter().enumerate() {
        let mut text = format!(
            "# For /etc/systemd/network/NAME.network.d/, where NAME.network is the file of the device {device}.\n"
        );
        if place == 0 && plan.site.marks.count > LINEAR {
            text.push_str(
                "# Without goto, of which this networkd may know nothing, rules are linear; the first looks up\n\
                 # packets without a mark in the main table, before any rule of others that comes later.\n",
            );
        }
        nexthops(plan, device, &mut text);
        if place == 0 {
            rules(plan, &mut text);
        }
        files.push((
            format!("{device}.network.d/50-hmark-{}.conf", plan.site.name),
            text,
        ));
    }
    files.extend(rest(plan));
    files
}

fn nexthops(plan: &Plan, device: &str, text: &mut String) {
    let own = plan
        .nexthops
        .iter()
        .filter(|nexthop| nexthop.device == device);
    for nexthop in own {
        let (id, via) = (nexthop.id, nexthop.via);
        let _ = write!(text, "\n[NextHop]\nId={id}\nGateway={via}\n");
        let routes = plan.sides.iter().flat_map(|side| &side.routes);
        for route in routes.filter(|route| route.nexthop == id) {
            let (to, table, protocol) = (route.to, route.table, plan.site.protocol);
            let _ = write!(
                text,
                "\n[Route]\nDestination={to}\nNextHop={id}\nTable={table}\nProtocol={protocol}\n"
            );
        }
    }
}

fn rules(plan: &Plan, text: &mut String) {
    let family = match plan.sides.as_slice() {
        [side] => side.family.to_string().to_lowercase(),
        _ => "both".to_string(),
    };
    for rule in &plan.linear {
        let Action::Table(table) = &rule.action else {
            continue;
        };
        let _ = write!(
            text,
            "\n[RoutingPolicyRule]\nPriority={}\nFamily={family}\n",
            rule.preference
        );
        if let Some((mark, mask)) = rule.mark {
            let _ = writeln!(text, "FirewallMark={mark}/{mask}");
        }
        if rule.not {
            text.push_str("InvertRule=yes\n");
        }
        let _ = writeln!(text, "Table={table}");
    }
}
