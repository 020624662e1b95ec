//! Which names a server answers to.
//!
//! A page of another site can have its own name point here, and then ask under that name as if it were ours. An address
//! cannot be made to point elsewhere, but it has to be ours all the same.

use std::{net::IpAddr, str::FromStr};

use axum::http::{HeaderMap, Uri, header, uri::Authority};

use crate::{Check, Setting, Settings};

/// The setting that names more.
pub const ALLOWED_HOSTS: Setting = Setting {
    name: "ALLOWED_HOSTS",
    default: "",
    help: "More names that the API and the model-servers are reached by, separated by commas, e.g. models.example.org, *.example.org",
    secret: false,
};

/// The address that browsers and GitHub reach this mlsys at, such as `https://mlsys.example.org`: no path, no slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    authority: Authority,
}

impl PublicUrl {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "must be an http(s) address without a path, such as https://mlsys.example.org";
        let text = text.trim_end_matches('/');
        let uri: Uri = text.parse().map_err(|_| wrong)?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().filter(|authority| is_web && !authority.as_str().contains('@')).ok_or(wrong)?;
        if uri.path() != "/" || uri.query().is_some() {
            return Err(wrong);
        }
        Ok(Self { text: text.to_owned(), authority: authority.clone() })
    }
}

/// The names that a server answers to, beside those of the loopback and the address that it was reached at.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Vec<Name>);

#[derive(Debug, Clone)]
struct Name {
    /// In small letters; with a dot at its beginning, every name below it.
    name: String,
    port: Port,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Any,
    This(Option<u16>),
}

impl Hosts {
    /// The names of `FRONTEND_URL` and `ALLOWED_HOSTS`, and those of the other settings that hold addresses of this server.
    /// One that `others` reach has this machine's name too, and in Kubernetes those of services.
    pub fn read(settings: &Settings, addresses: &[&str], others: bool, check: &mut Check) -> Self {
        let mut names = Vec::new();
        names.extend(check.take(settings.parse::<PublicUrl>("FRONTEND_URL")).flatten().as_ref().map(Name::public));
        let own = addresses.iter().filter_map(|name| settings.get(name)?.parse::<Uri>().ok());
        names.extend(own.filter_map(|uri| Name::exactly(uri.authority()?.as_str())));
        if others {
            if let Some(machine) = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()) {
                names.extend([machine.clone(), format!("{machine}.local")].iter().filter_map(|name| Name::anywhere(name)));
            }
            if settings.get("KUBERNETES_SERVICE_HOST").is_some() {
                names.extend(["*.svc", "*.svc.cluster.local"].into_iter().filter_map(Name::anywhere));
            }
        }
        for text in settings.get("ALLOWED_HOSTS").unwrap_or_default().split(',').map(str::trim) {
            match Name::anywhere(text) {
                Some(name) => names.push(name),
                None if text.is_empty() => {}
                None => check.refuse(ALLOWED_HOSTS.name, "must be names such as models.example.org, separated by commas"),
            }
        }
        Self(names)
    }

    /// Whether a request names this server, of which `reached` is the address that the connection came to.
    pub(super) fn know(&self, host: &str, reached: Option<IpAddr>) -> bool {
        let Some((name, port)) = split(host) else { return false };
        is_loopback(name)
            || self.list(name, port)
            || name.parse::<IpAddr>().is_ok_and(|ip| reached == Some(ip.to_canonical()))
    }

    /// Whether a page of this origin may ask, of a server that is asked under this host, which it knows.
    pub(super) fn welcome(&self, origin: &str, host: Option<&str>) -> bool {
        let origin = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).and_then(split);
        let Some((name, port)) = origin else { return false };
        let same = |(host, its): (&str, _)| host.eq_ignore_ascii_case(name) && its == port;
        host.and_then(split).is_some_and(same) || self.list(name, port)
    }

    fn list(&self, name: &str, port: Option<u16>) -> bool {
        self.0.iter().any(|known| known.is(name, port))
    }
}

impl Name {
    fn public(url: &PublicUrl) -> Self {
        let authority = &url.authority;
        Self { name: bare(authority.host()).to_ascii_lowercase(), port: Port::This(authority.port_u16()) }
    }

    /// With this port, or the one that goes without saying.
    fn exactly(authority: &str) -> Option<Self> {
        let (name, port) = split(authority)?;
        Some(Self { name: name.to_ascii_lowercase(), port: Port::This(port) })
    }

    /// With any port unless it names one.
    fn anywhere(text: &str) -> Option<Self> {
        let (below, text) = text.strip_prefix('*').map_or(("", text), |rest| (".", rest.strip_prefix('.').unwrap_or("")));
        let (name, port) = split(text)?;
        let port = port.map_or(Port::Any, |port| Port::This(Some(port)));
        Some(Self { name: format!("{below}{}", name.to_ascii_lowercase()), port })
    }

    fn is(&self, name: &str, port: Option<u16>) -> bool {
        let ends = |end: &str| {
            let start = name.len().checked_sub(end.len()).filter(|start| *start > 0);
            start.and_then(|start| name.get(start..)).is_some_and(|rest| rest.eq_ignore_ascii_case(end))
        };
        let named = if self.name.starts_with('.') { ends(&self.name) } else { name.eq_ignore_ascii_case(&self.name) };
        named && (self.port == Port::Any || self.port == Port::This(port))
    }
}

/// Both of a request's hosts, where it has them: that of its address and that of its header, which may differ.
pub(super) fn named<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
    let header = headers.get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
    uri.authority().map(Authority::as_str).into_iter().chain(header)
}

/// A name or address, without brackets, and its port.
fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let (name, port) = if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        address.parse::<std::net::Ipv6Addr>().ok()?;
        (address, port)
    } else {
        let (name, port) = host.find(':').map_or((host, ""), |at| host.split_at(at));
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() || !name.bytes().all(legal) {
            return None;
        }
        (name, port)
    };
    match port {
        "" => Some((name, None)),
        port => Some((name, Some(port.strip_prefix(':')?.parse().ok()?))),
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn is_loopback(name: &str) -> bool {
    let below = |name: &str| name.len() > 10 && name.as_bytes()[name.len() - 10..].eq_ignore_ascii_case(b".localhost");
    name.eq_ignore_ascii_case("localhost") || below(name) || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(pairs: &[(&str, &str)], others: bool) -> Hosts {
        let settings: Settings = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut check = Check::default();
        let hosts = Hosts::read(&settings, &["BACKEND_URL"], others, &mut check);
        check.finish().expect("legal");
        hosts
    }

    #[test]
    fn a_public_address_is_an_origin() {
        for (given, kept) in
            [("https://mlsys.example.org/", "https://mlsys.example.org"), ("http://h:8080", "http://h:8080")]
        {
            assert_eq!(given.parse::<PublicUrl>().map(|url| url.text), Ok(kept.to_owned()));
        }
        for wrong in
            ["", "mlsys.example.org", "ftp://h", "https://", "https://h/mlsys", "https://h?x", "https://user:word@h"]
        {
            assert!(wrong.parse::<PublicUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_server_knows_its_own_names_and_those_that_are_set() {
        let hosts = hosts(
            &[
                ("FRONTEND_URL", "https://mlsys.example.org"),
                ("BACKEND_URL", "http://mlsys-dev:8000"),
                ("ALLOWED_HOSTS", "models.example.org, *.corp.example,tunnel.example:8443,"),
            ],
            false,
        );
        let reached = "192.168.0.7".parse().ok();
        for (host, known) in [
            ("localhost", true),
            ("LOCALHOST.:8000", true),
            ("a.localhost:1", true),
            ("127.8.0.1:1", true),
            ("[::1]:8000", true),
            ("192.168.0.7:8000", true),
            ("192.168.0.8:8000", false),
            ("mlsys.example.org", true),
            ("mlsys.example.org:8443", false),
            ("mlsys-dev:8000", true),
            ("mlsys-dev:8001", false),
            ("Models.example.org:9", true),
            ("a.models.example.org", false),
            ("a.b.corp.example", true),
            ("corp.example", false),
            ("evilcorp.example", false),
            ("tunnel.example:8443", true),
            ("tunnel.example", false),
            ("localhost.attacker.example", false),
            ("localhost@attacker.example", false),
            ("attacker.example", false),
            ("[::1", false),
            ("[attacker.example]", false),
            ("a:b", false),
            ("a:99999", false),
            (":80", false),
            ("", false),
        ] {
            assert_eq!(hosts.know(host, reached), known, "{host}");
        }
    }

    #[test]
    fn a_server_that_others_reach_has_its_machines_name_and_its_services() {
        let machine = nix::unistd::gethostname().expect("a name").into_string().expect("text");
        let pod = [("KUBERNETES_SERVICE_HOST", "10.0.0.1")];
        assert!(hosts(&[], true).know(&format!("{machine}:8000"), None));
        assert!(hosts(&pod, true).know("mlsys-dev.mlsys-dev.svc.cluster.local:8000", None));
        for unknown in ["mlsys-dev.mlsys-dev.svc.cluster.local:8000", "attacker.example", "svc"] {
            assert!(!hosts(&[], true).know(unknown, None), "{unknown}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for wrong in ["*", "*.", "http://h", "a b", "a,h/x"] {
            let settings: Settings = [("ALLOWED_HOSTS".to_owned(), wrong.to_owned())].into_iter().collect();
            let mut check = Check::default();
            Hosts::read(&settings, &[], false, &mut check);
            assert!(check.finish().is_err(), "{wrong}");
        }
    }
}
