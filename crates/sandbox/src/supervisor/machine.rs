//! What this machine says of an address.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
};

use nix::unistd::Pid;

use super::Supervisor;
use crate::{egress::Facts, memory::below};

/// `TCP_LISTEN` in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// What is asked of this machine to judge a family's connection.
pub(super) struct Machine<'a> {
    pub(super) supervisor: &'a Supervisor,
    /// Whether the socket sends datagrams.
    pub(super) datagram: bool,
}

impl Facts for Machine<'_> {
    fn is_ours(&self, address: IpAddr) -> bool {
        let own = nix::ifaddrs::getifaddrs().into_iter().flatten().filter_map(|interface| {
            let address = interface.address?;
            let four = address.as_sockaddr_in().map(|four| IpAddr::V4(four.ip()));
            four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::V6(six.ip())))
        });
        own.into_iter().any(|own| own.to_canonical() == address)
    }

    fn is_of_family(&self, address: SocketAddr) -> bool {
        // Whoever may send datagrams sends them without connecting, too.
        self.datagram || are_of_family(self.supervisor.reaper, &listeners(self.supervisor.reaper, address.port()))
    }

    fn is_resolver(&self, address: IpAddr) -> bool {
        let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok());
        servers.into_iter().any(|server| server.to_canonical() == address)
    }

    fn resolve(&self, name: &str) -> Vec<IpAddr> {
        self.supervisor.names.resolve(name)
    }
}

/// The sockets that listen on a port of the family's network, as `/proc/net/tcp` numbers them.
fn listeners(reaper: Pid, port: u16) -> Vec<String> {
    let tables = ["tcp", "tcp6"].map(|kind| fs::read_to_string(format!("/proc/{reaper}/net/{kind}")).unwrap_or_default());
    let end = format!(":{port:04X}");
    let rows = tables.iter().flat_map(|table| table.lines().skip(1)).map(|row| row.split_ascii_whitespace());
    let listening = rows.filter_map(|mut row| {
        let (local, state) = (row.nth(1)?, row.nth(1)?);
        (local.ends_with(&end) && state == LISTENING).then(|| row.nth(5).map(str::to_owned)).flatten()
    });
    listening.collect()
}

/// Whether processes below the reaper hold all of these sockets, and there is one.
fn are_of_family(reaper: Pid, sockets: &[String]) -> bool {
    let wanted: Vec<String> = sockets.iter().map(|number| format!("socket:[{number}]")).collect();
    let mut found = vec![false; wanted.len()];
    for member in below(reaper) {
        for held in fs::read_dir(format!("/proc/{member}/fd")).into_iter().flatten().flatten() {
            let Ok(link) = fs::read_link(held.path()) else { continue };
            if let Some(at) = wanted.iter().position(|wanted| link.as_os_str() == wanted.as_str()) {
                found[at] = true;
            }
        }
    }
    !found.is_empty() && found.iter().all(|found| *found)
}

/// Whether a socket that has a name and no path is the family's.
pub(super) fn is_name_of_family(reaper: Pid, name: &[u8]) -> bool {
    // In the table, `@` stands for each zero.
    let shown: String = name.iter().map(|byte| if *byte == 0 { '@' } else { char::from(*byte) }).collect();
    let table = fs::read(format!("/proc/{reaper}/net/unix")).unwrap_or_default();
    let table: String = table.into_iter().map(char::from).collect();
    let named = table.lines().skip(1).filter_map(|row| {
        let mut columns = row.splitn(7, ' ').skip(6);
        let (number, own) = columns.next()?.trim_start().split_once(' ')?;
        (own == shown).then(|| number.to_owned())
    });
    are_of_family(reaper, &named.collect::<Vec<_>>())
}
