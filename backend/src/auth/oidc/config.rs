//! The settings of sign-in by an issuer.

use contract::{Grant, Role};
use reqwest::Url;
use service::{Check, PublicUrl, Secret, Setting, Settings};

/// What can be set, in the order the documentation shows.
pub const OIDC_SETTINGS: &[Setting] = &[
    setting(
        "OIDC_ISSUER",
        "",
        "An OpenID Connect issuer that people sign in with, e.g. https://keycloak.example.org/realms/ml",
    ),
    setting(
        "OIDC_CLIENT_ID",
        "",
        "What the issuer knows mlsys as; its redirect address is FRONTEND_URL/api/sign-in/callback",
    ),
    Setting { name: "OIDC_CLIENT_SECRET", default: "", help: "The secret that the issuer gave mlsys", secret: true },
    setting(
        "OIDC_SCOPES",
        "openid profile email",
        "What the issuer is asked for, separated by spaces; some give groups only for one more, e.g. groups",
    ),
    setting(
        "OIDC_GROUPS_CLAIM",
        "groups",
        "The claim that names a person's groups; a dot leads into it, e.g. realm_access.roles",
    ),
    setting(
        "OIDC_ROLES",
        "",
        "Which group has which role, e.g. ml-admins=admin,data-science=developer; at least one, or OIDC_DEFAULT_ROLE",
    ),
    setting(
        "OIDC_DEFAULT_ROLE",
        "",
        "The role of whoever the issuer knows and OIDC_ROLES does not; unset: they can't sign in",
    ),
];

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help, secret: false }
}

/// An issuer, and whom it lets in.
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// The issuer's address, as it names itself.
    pub issuer: String,
    /// What it knows this mlsys as.
    pub client_id: String,
    /// What this mlsys shows it.
    pub client_secret: Secret,
    /// What it is asked for, separated by spaces.
    pub scopes: String,
    /// The claim with a person's groups.
    pub groups_claim: String,
    /// Each group's role.
    pub roles: Vec<(String, Role)>,
    /// The role of who is in none of them; none: they can't sign in.
    pub default_role: Option<Role>,
    /// Where browsers reach this mlsys.
    pub public_url: PublicUrl,
}

impl OidcConfig {
    /// Reads the settings: none, if no issuer is set.
    pub fn read(settings: &Settings, check: &mut Check) -> Option<Self> {
        let issuer = settings.get("OIDC_ISSUER").map(str::trim)?;
        if !is_safe(issuer) {
            check.refuse("OIDC_ISSUER", "must be an https address (http only on this machine)");
        }
        let public_url: Option<PublicUrl> = settings.parse("FRONTEND_URL").ok().flatten();
        if settings.get("FRONTEND_URL").is_none() {
            check.refuse("FRONTEND_URL", "must be set where OIDC_ISSUER is: the issuer sends browsers back to it");
        }
        let client_id = check.take(settings.require::<String>("OIDC_CLIENT_ID"));
        let client_secret = settings.secret("OIDC_CLIENT_SECRET");
        if client_secret.is_none() {
            check.refuse("OIDC_CLIENT_SECRET", "must be set where OIDC_ISSUER is");
        }
        let roles = roles(settings.get("OIDC_ROLES").unwrap_or_default()).unwrap_or_else(|reason| {
            check.refuse("OIDC_ROLES", reason);
            Vec::new()
        });
        let default_role = check.take(settings.parse("OIDC_DEFAULT_ROLE")).flatten();
        if settings.get("OIDC_ROLES").is_none() && settings.get("OIDC_DEFAULT_ROLE").is_none() {
            check.refuse("OIDC_ROLES", "must be set where OIDC_ISSUER is, or OIDC_DEFAULT_ROLE: else nobody could sign in");
        }
        let scopes = settings.get("OIDC_SCOPES").unwrap_or("openid profile email");
        if !scopes.split_whitespace().any(|scope| scope == "openid") {
            check.refuse("OIDC_SCOPES", "must have openid among them");
        }
        Some(Self {
            issuer: issuer.to_owned(),
            client_id: client_id?,
            client_secret: client_secret?,
            scopes: scopes.to_owned(),
            groups_claim: settings.get("OIDC_GROUPS_CLAIM").unwrap_or("groups").trim().to_owned(),
            roles,
            default_role,
            public_url: public_url?,
        })
    }

    /// What somebody in these groups may: nothing, and they can't sign in, if none of them has a role.
    pub(crate) fn grants(&self, groups: &[String]) -> Vec<Grant> {
        let held = |role: &Role| self.roles.iter().any(|(group, of)| of == role && groups.contains(group));
        let mut roles: Vec<Role> = Role::ALL.into_iter().filter(held).collect();
        if roles.is_empty() {
            roles.extend(self.default_role);
        }
        roles.into_iter().map(Grant::everywhere).collect()
    }

    /// The issuer's name, for people.
    pub(crate) fn name(&self) -> String {
        let url = Url::parse(&self.issuer).ok();
        url.as_ref().and_then(Url::host_str).unwrap_or_default().to_owned()
    }
}

/// Nobody between may answer in the issuer's place.
fn is_safe(issuer: &str) -> bool {
    let Ok(url) = Url::parse(issuer) else { return false };
    let local = || url.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
    url.scheme() == "https" || (url.scheme() == "http" && local())
}

/// `group=role`, separated by commas. A group's name may have a `=` in it.
fn roles(text: &str) -> Result<Vec<(String, Role)>, String> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (group, role) = pair.rsplit_once('=').ok_or("must be group=role, separated by commas")?;
            let role = role.trim().parse()?;
            Ok((group.trim().to_owned(), role))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use service::SettingsError;

    use super::*;

    const GOOD: [(&str, &str); 5] = [
        ("OIDC_ISSUER", "https://keycloak.example.org/realms/ml"),
        ("OIDC_CLIENT_ID", "mlsys"),
        ("OIDC_CLIENT_SECRET", "shown to the issuer"),
        ("OIDC_ROLES", "ml-admins=admin, /data/science=developer,x=y=viewer"),
        ("FRONTEND_URL", "https://mlsys.example.org"),
    ];

    fn read(change: &[(&str, &str)]) -> (Option<OidcConfig>, Vec<String>) {
        let pairs = GOOD.iter().chain(change).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut check = Check::default();
        let read = OidcConfig::read(&pairs.collect(), &mut check);
        let errors = check.finish().err().map_or_else(Vec::new, |SettingsError(errors)| errors);
        (read, errors.into_iter().map(|error| error.name).collect())
    }

    #[test]
    fn groups_have_the_roles_that_are_set_and_others_none() {
        let (Some(config), errors) = read(&[]) else { panic!("it is set") };
        assert!(errors.is_empty() && config.name() == "keycloak.example.org");
        let may = |groups: &[&str]| {
            let groups: Vec<_> = groups.iter().map(|group| (*group).to_owned()).collect();
            config.grants(&groups).iter().map(|grant| grant.role).collect::<Vec<_>>()
        };
        assert_eq!(may(&["ml-admins", "other"]), [Role::Admin]);
        assert_eq!(may(&["/data/science", "x=y"]), [Role::Viewer, Role::Developer]);
        assert_eq!(may(&["ML-ADMINS", "ml-admin", "admin", "ml-admins,", ""]), []);
        let (Some(config), _) = read(&[("OIDC_DEFAULT_ROLE", "viewer")]) else { panic!("it is set") };
        assert_eq!(config.grants(&[]), [Grant::everywhere(Role::Viewer)]);
        assert_eq!(config.grants(&["ml-admins".to_owned()]), [Grant::everywhere(Role::Admin)]);
    }

    #[test]
    fn what_is_missing_or_unsafe_is_named() {
        assert!(OidcConfig::read(&Settings::default(), &mut Check::default()).is_none(), "nothing is asked for");
        for (name, value) in [
            ("OIDC_ISSUER", "keycloak.example.org"),
            ("OIDC_ISSUER", "http://keycloak.example.org"),
            ("OIDC_ISSUER", "http://127.0.0.1.example.org"),
            ("OIDC_SCOPES", "profile"),
            ("OIDC_CLIENT_ID", ""),
            ("OIDC_CLIENT_SECRET", ""),
            ("OIDC_ROLES", ""),
            ("OIDC_ROLES", "ml-admins"),
            ("OIDC_ROLES", "ml-admins=emperor"),
            ("OIDC_DEFAULT_ROLE", "emperor"),
            ("FRONTEND_URL", ""),
        ] {
            assert_eq!(read(&[(name, value)]).1, [name], "{value}");
        }
        assert!(read(&[("OIDC_ISSUER", "http://127.0.0.1:8080/realms/ml")]).0.is_some(), "a try on one machine");
    }
}
