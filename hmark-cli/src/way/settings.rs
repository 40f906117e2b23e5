// SPDX-License-Identifier: GPL-2.0-only

//! Settings of the device that a packet comes in by, of which many count for all devices, too.

use hmark::Family;

use crate::cannot_tell::{CannotTell, NO_INPUT};
use crate::host::{Host, Sysctls};

/// The reason why a host forwards no packets that come in by a device, [`None`] if it does, or that is not
/// known.
///
/// # Errors
///
/// The device is not known, and devices differ.
pub fn forwarding(
    host: &Host,
    family: Family,
    input: Option<&str>,
) -> Result<Option<String>, CannotTell> {
    let Some(sysctls) = host.sysctls.get() else {
        return Ok(None);
    };
    let is_off = |name: &str| sysctls.number(name) == Some(0);
    let off = |name: &str| Ok(Some(format!("forwarding is off ({name} = 0)")));
    let all = match family {
        Family::Ipv4 => "net.ipv4.ip_forward",
        Family::Ipv6 => "net.ipv6.conf.all.forwarding",
    };
    if family == Family::Ipv6 {
        // The forwarding of a single device decides whether it heeds router advertisements, and nothing else.
        return match is_off(all) && !is_forced(sysctls, input)? {
            true => off(all),
            false => Ok(None),
        };
    }
    if let Some(device) = input {
        let name = name(family, device, "forwarding");
        return match sysctls.number(&name) {
            Some(0) => off(&name),
            None if is_off(all) => off(all),
            _ => Ok(None),
        };
    }
    let values = sysctls.forwarding();
    match (values.contains(&0), values.len()) {
        (true, 1) | (false, 0) if is_off(all) => off(all),
        (true, 1) => off("net.ipv4.conf.DEV.forwarding of all devices"),
        (true, _) => Err(CannotTell::because(NO_INPUT).at("net.ipv4.conf.DEV.forwarding differs")),
        (false, _) => Ok(None),
    }
}

/// Whether IPv6 packets that come in by a device are forwarded where forwarding is off (since Linux 6.17).
fn is_forced(sysctls: &Sysctls, input: Option<&str>) -> Result<bool, CannotTell> {
    let setting = "force_forwarding";
    match setting_of(sysctls, Family::Ipv6, input, setting) {
        Ok((_, value)) => Ok(value != 0),
        // Older kernels do not have it.
        Err(reason) if reason.reason != NO_INPUT => Ok(false),
        Err(reason) => Err(reason),
    }
}

/// The full name of a device's setting. A dot in the device's name is a slash there.
fn name(family: Family, device: &str, setting: &str) -> String {
    let device = device.replace('.', "/");
    match family {
        Family::Ipv4 => format!("net.ipv4.conf.{device}.{setting}"),
        Family::Ipv6 => format!("net.ipv6.conf.{device}.{setting}"),
    }
}

/// The name and value of a setting of the device that a packet comes in by.
fn setting_of(
    sysctls: &Sysctls,
    family: Family,
    input: Option<&str>,
    setting: &str,
) -> Result<(String, i64), CannotTell> {
    let found = match input {
        Some(device) => {
            let name = name(family, device, setting);
            sysctls.number(&name).map(|value| (name, value))
        }
        None => {
            let under = match family {
                Family::Ipv4 => "net.ipv4.conf.",
                Family::Ipv6 => "net.ipv6.conf.",
            };
            let mut all = sysctls.of_devices(under, setting);
            let first = all.next();
            if first.is_some_and(|(_, value)| all.any(|(_, other)| other != value)) {
                let differs = format!("{under}DEV.{setting} differs");
                return Err(CannotTell::because(NO_INPUT).at(differs));
            }
            first.map(|(name, value)| (name.to_owned(), value))
        }
    };
    found.ok_or_else(|| {
        let name = name(family, input.unwrap_or("DEV"), setting);
        CannotTell::because(format!("the setting {name} is not known"))
    })
}

/// Whether a setting of IPv4 is on, for all devices or for the one that a packet comes in by: its name if not.
pub(super) fn is_on(
    host: &Host,
    input: Option<&str>,
    setting: &str,
) -> Result<Result<(), String>, CannotTell> {
    let unknown = || {
        let name = name(Family::Ipv4, input.unwrap_or("DEV"), setting);
        CannotTell::because(format!("the setting {name} is not known"))
    };
    let sysctls = host.sysctls.get().ok_or_else(unknown)?;
    let all = sysctls.number(&name(Family::Ipv4, "all", setting));
    if all.is_some_and(|value| value != 0) {
        return Ok(Ok(()));
    }
    let (name, value) = setting_of(sysctls, Family::Ipv4, input, setting)?;
    Ok(match value {
        0 => Err(format!("{name} = 0")),
        _ => Ok(()),
    })
}
