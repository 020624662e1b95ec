//! Whom what others wrote may connect to: the rule, apart from how it is enforced.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long the addresses of a name are used before it is asked for again.
const KEPT: Duration = Duration::from_secs(30);
/// Addresses of metadata services that are not link-local: Amazon's by IPv6, Alibaba's, Oracle's, Azure's.
const METADATA: [IpAddr; 4] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];
/// Where names are asked for.
const DNS: u16 = 53;

/// Whom a process may connect to, beside its own family. It is never this machine's own ports, nor the metadata service of
/// a cloud, unless they are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress {
    everybody: bool,
    named: Vec<Place>,
}

/// A place that is named: `host`, `host:port`, an address, or a network such as `10.0.0.0/8`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    whom: Whom,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Whom {
    Network(IpAddr, u8),
    Host(String),
}

/// What is no place that one could connect to.
#[derive(Debug)]
pub struct UnknownPlace(String);

/// What this machine says of an address.
pub(crate) trait Facts {
    /// Whether the address is this machine's own.
    fn is_ours(&self, address: IpAddr) -> bool;
    /// Whether the processes that ask are those who listen there.
    fn is_of_family(&self, address: SocketAddr) -> bool;
    /// Whether names are asked for there.
    fn is_resolver(&self, address: IpAddr) -> bool;
    /// The addresses of a name.
    fn resolve(&self, name: &str) -> Vec<IpAddr>;
}

impl Egress {
    /// Nobody but its own family.
    pub fn none() -> Self {
        Self::default()
    }

    /// Everybody but this machine's own ports and the metadata service of a cloud.
    pub fn all() -> Self {
        Self { everybody: true, named: Vec::new() }
    }

    /// Whether there is no place outside.
    pub fn is_none(&self) -> bool {
        !self.everybody && self.named.is_empty()
    }

    /// Whether most places are open.
    pub fn is_everybody(&self) -> bool {
        self.everybody
    }

    /// The same, and wherever the URLs of a text lead, such as `https://user:password@host:port/path`.
    #[must_use]
    pub fn and_urls(mut self, text: &str) -> Self {
        self.named.extend(text.split_whitespace().filter_map(Place::of_url));
        self
    }

    /// Whether a connection may be made.
    pub(crate) fn admits(&self, address: SocketAddr, facts: &impl Facts) -> bool {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        let is_named = |of: fn(&Whom) -> bool| {
            self.named.iter().filter(|place| of(&place.whom)).any(|place| place.holds(ip, port, facts))
        };
        let is_here = || ip.is_unspecified() || ip.is_loopback() || facts.is_ours(ip);
        is_named(|whom| matches!(whom, Whom::Network(..)))
            || port == DNS && !self.is_none() && facts.is_resolver(ip)
            || if is_here() {
                facts.is_of_family(SocketAddr::new(ip, port))
            } else {
                self.everybody && !is_link_local(ip) && !METADATA.contains(&ip)
            }
            // Looking names up may take a while.
            || is_named(|whom| matches!(whom, Whom::Host(_)))
    }
}

impl Place {
    fn holds(&self, ip: IpAddr, port: u16, facts: &impl Facts) -> bool {
        if self.port.is_some_and(|own| own != port) {
            return false;
        }
        match &self.whom {
            Whom::Network(network, length) => prefix(*network, *length) == prefix(ip, *length),
            Whom::Host(name) => facts.resolve(name).contains(&ip),
        }
    }
}

impl Place {
    fn of_url(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = authority.rsplit('@').next()?;
        let place: Self = host.parse().ok()?;
        let usual = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        Some(Self { port: place.port.or(usual), ..place })
    }
}

impl Whom {
    fn of(text: &str) -> Self {
        match text.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
            Ok(ip) => Self::Network(ip, if ip.is_ipv4() { 32 } else { 128 }),
            Err(_) => Self::Host(text.to_ascii_lowercase()),
        }
    }
}

/// The first bits of an address, and whether it is one of IPv4.
fn prefix(ip: IpAddr, length: u8) -> (bool, u128) {
    let (bits, width) = match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    };
    (ip.is_ipv4(), bits.checked_shr(width - u32::from(length).min(width)).unwrap_or(0))
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

impl FromStr for Egress {
    type Err = UnknownPlace;

    /// `all`, `none`, or places by commas; `all,localhost:5432` opens one of this machine's own ports as well.
    fn from_str(text: &str) -> Result<Self, UnknownPlace> {
        let mut egress = Self::none();
        let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        for word in &words {
            match *word {
                "all" => egress.everybody = true,
                "none" if words.len() == 1 => {}
                place => egress.named.push(place.parse()?),
            }
        }
        Ok(egress)
    }
}

impl FromStr for Place {
    type Err = UnknownPlace;

    fn from_str(text: &str) -> Result<Self, UnknownPlace> {
        let unknown = || UnknownPlace(text.to_owned());
        if let Some((ip, length)) = text.split_once('/') {
            let (ip, length) = (ip.parse::<IpAddr>(), length.parse::<u8>());
            let (Ok(ip), Ok(length)) = (ip, length) else { return Err(unknown()) };
            let most = if ip.is_ipv4() { 32 } else { 128 };
            return if length <= most { Ok(Self { whom: Whom::Network(ip, length), port: None }) } else { Err(unknown()) };
        }
        if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Ok(Self { whom: Whom::of(&ip.to_string()), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_name =
            |host: &str| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        if host.parse::<IpAddr>().is_err() && !is_name(host) || host == "none" {
            return Err(unknown());
        }
        Ok(Self { whom: Whom::of(host), port })
    }
}

impl fmt::Display for UnknownPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no place to connect to: name all, none, or hosts, addresses and networks by commas, such as \
             example.org:443,10.0.0.0/8",
            self.0
        )
    }
}

impl std::error::Error for UnknownPlace {}

/// The addresses of names, asked for at most every half minute. Addresses that a name once had stay its own: those who
/// share a name among many machines give out others each time.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: Mutex<HashMap<String, (Instant, Vec<IpAddr>)>>,
}

impl Names {
    pub(crate) fn resolve(&self, name: &str) -> Vec<IpAddr> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let mut addresses = match known {
            Some((asked, addresses)) if asked.elapsed() < KEPT => return addresses,
            Some((_, addresses)) => addresses,
            None => Vec::new(),
        };
        for found in (name, 0).to_socket_addrs().into_iter().flatten() {
            let ip = found.ip().to_canonical();
            if !addresses.contains(&ip) {
                addresses.push(ip);
            }
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), (Instant::now(), addresses.clone()));
        addresses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with an address of its own, a resolver, a name, and a server of the family on port 7000.
    struct Machine;

    impl Facts for Machine {
        fn is_ours(&self, address: IpAddr) -> bool {
            address == "192.168.1.5".parse::<IpAddr>().expect("an address")
        }

        fn is_of_family(&self, address: SocketAddr) -> bool {
            address.port() == 7000
        }

        fn is_resolver(&self, address: IpAddr) -> bool {
            address == "127.0.0.53".parse::<IpAddr>().expect("an address")
        }

        fn resolve(&self, name: &str) -> Vec<IpAddr> {
            match name {
                "example.org" => vec!["93.184.216.34".parse().expect("an address")],
                "localhost" => vec!["127.0.0.1".parse().expect("an address"), "::1".parse().expect("an address")],
                _ => Vec::new(),
            }
        }
    }

    fn admitted<'a>(egress: &str, addresses: &[&'a str]) -> Vec<&'a str> {
        let egress: Egress = egress.parse().expect("places");
        let admitted = |text: &&&str| egress.admits(text.parse().expect("an address"), &Machine);
        addresses.iter().filter(admitted).copied().collect()
    }

    const METADATA_SERVICES: [&str; 7] = [
        "169.254.169.254:80",
        "169.254.170.2:80",
        "[fd00:ec2::254]:80",
        "[fe80::a9fe:a9fe]:80",
        "100.100.100.200:80",
        "168.63.129.16:80",
        "[::ffff:169.254.169.254]:80",
    ];
    const OWN: [&str; 8] = [
        "127.0.0.1:5432",
        "127.5.5.5:5432",
        "[::1]:5432",
        "0.0.0.0:5432",
        "[::]:5432",
        "192.168.1.5:5432",
        "[::ffff:127.0.0.1]:5432",
        "[::ffff:192.168.1.5]:5432",
    ];

    #[test]
    fn all_is_neither_this_machine_nor_the_clouds_metadata() {
        let outside = ["93.184.216.34:443", "192.168.1.6:5432", "10.1.2.3:9000", "[2606:2800::1]:443"];
        assert_eq!(admitted("all", &outside), outside);
        assert!(admitted("all", &METADATA_SERVICES).is_empty());
        assert!(admitted("all", &OWN).is_empty());
        assert_eq!(admitted("all", &["127.0.0.53:53", "127.0.0.1:53", "127.0.0.53:80"]), ["127.0.0.53:53"]);
    }

    #[test]
    fn a_family_reaches_its_own_servers_whatever_is_named() {
        for egress in ["none", "all", "example.org"] {
            assert_eq!(admitted(egress, &["127.0.0.1:7000", "[::1]:7000", "192.168.1.5:7000"]).len(), 3);
        }
    }

    #[test]
    fn none_is_nobody_and_a_named_place_is_only_that() {
        let places = ["93.184.216.34:443", "93.184.216.34:80", "10.1.2.3:9000", "11.1.2.3:9000", "127.0.0.53:53"];
        assert!(admitted("none", &places).is_empty());
        assert!(admitted("", &places).is_empty());
        assert_eq!(admitted("example.org:443", &places), ["93.184.216.34:443", "127.0.0.53:53"]);
        assert_eq!(admitted("Example.org, 10.0.0.0/8", &places).len(), 4);
        assert_eq!(admitted("93.184.216.34:80", &places), ["93.184.216.34:80", "127.0.0.53:53"]);
    }

    #[test]
    fn what_is_never_open_is_when_it_is_named() {
        assert_eq!(admitted("all,localhost:5432", &["127.0.0.1:5432", "[::1]:5432", "127.0.0.1:5433"]).len(), 2);
        assert_eq!(admitted("all,169.254.169.254", &METADATA_SERVICES).len(), 2);
        assert_eq!(admitted("[::1]:5432", &["[::1]:5432", "[::1]:1"]), ["[::1]:5432"]);
        assert_eq!(admitted("::1", &["[::1]:5432"]).len(), 1);
        assert_eq!(admitted("0.0.0.0/0", &["127.0.0.1:1", "[2606:2800::1]:443"]), ["127.0.0.1:1"]);
    }

    #[test]
    fn a_url_leads_to_one_port() {
        let egress = Egress::none().and_urls("http://u:p@[::1]:5000/x https://example.org/simple?a=b file:///x nothing");
        let admitted = |address: &str| egress.admits(address.parse().expect("an address"), &Machine);
        assert!(admitted("[::1]:5000") && admitted("93.184.216.34:443"));
        assert!(!admitted("[::1]:80") && !admitted("93.184.216.34:80") && !admitted("10.0.0.1:443"));
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["all,none", "http://example.org", "a b", "host:port", "host:99999", "10.0.0.0/33", "x/8", ":80"] {
            assert!(text.parse::<Egress>().is_err(), "{text}");
        }
    }
}
