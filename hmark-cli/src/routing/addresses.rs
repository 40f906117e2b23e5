// SPDX-License-Identifier: GPL-2.0-only

//! The types of a host's addresses, from the routes of its table `local`.

use std::net::IpAddr;

use hmark::Family;

use super::routes::{Kind, Routes};
use crate::ruleset::{AddressType, Addresses};

impl Addresses for Routes {
    fn type_of(&self, address: IpAddr) -> Result<AddressType, String> {
        if !self.has_table("local") {
            return Err("the routes have no table local".to_string());
        }
        let route = self.to("local", address).flatten().next();
        Ok(match route.map(|route| &route.kind) {
            None => AddressType::Unicast,
            Some(Kind::Local) => AddressType::Local,
            Some(Kind::Broadcast) if self.family == Family::Ipv4 => AddressType::Broadcast,
            Some(_) => return Err(format!("the type of the address {address} is not known")),
        })
    }
}
