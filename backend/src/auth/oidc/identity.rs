//! Who somebody is, as the issuer says it.

use serde_json::{Map, Value};

use crate::auth::digest;

/// How many groups of a person are looked at.
const GROUPS_MAX: usize = 2000;
/// How long a login is at most, in characters; what tells it from another's may follow.
const LOGIN_MAX: usize = 80;
/// Logins that stand for somebody else here.
const OURS: [&str; 2] = [crate::auth::OWNER, crate::auth::FIRST];

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The issuer, and what it never gives to another person. Names may change hands.
    pub(crate) subject: String,
    /// What they are called, for the login.
    pub(crate) called: String,
    /// Their name.
    pub(crate) name: String,
    /// Their groups.
    pub(crate) groups: Vec<String>,
}

impl Identity {
    /// What they may have as login, the best first. The last one nobody else has.
    pub(crate) fn logins(&self) -> Vec<String> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '@' | '+');
        let small = self.called.to_lowercase();
        let kept: String = small.chars().map(|c| if legal(c) { c } else { '-' }).take(LOGIN_MAX).collect();
        let own = format!("{kept}-{}", &digest(&self.subject)[..10]);
        if kept.is_empty() || OURS.contains(&kept.as_str()) { vec![own] } else { vec![kept, own] }
    }
}

/// The groups that a claim names; none, where it is not there. A dot leads into a claim, unless one has it in its name.
pub(super) fn groups(claims: &Map<String, Value>, claim: &str) -> Option<Vec<String>> {
    let nested = || {
        let (first, rest) = claim.split_once('.')?;
        rest.split('.').try_fold(claims.get(first)?, |value, part| value.get(part))
    };
    match claims.get(claim).or_else(nested)? {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(all) => Some(all.iter().filter_map(Value::as_str).take(GROUPS_MAX).map(str::to_owned).collect()),
        _ => Some(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_are_found_where_issuers_put_them() {
        let claims = json!({
            "groups": ["a", "b", 7, null], "role": "one", "none": {}, "realm_access": { "roles": ["c"] },
            "https://example.org/groups": ["d"], "a.b": ["e"], "a": { "b": ["f"] },
        });
        let claims = claims.as_object().expect("an object");
        for (claim, expected) in [
            ("groups", Some(&["a", "b"][..])),
            ("role", Some(&["one"])),
            ("none", Some(&[])),
            ("realm_access.roles", Some(&["c"])),
            ("https://example.org/groups", Some(&["d"])),
            ("a.b", Some(&["e"])),
            ("groups.a", None),
            ("absent", None),
            ("realm_access.", None),
        ] {
            let expected = expected.map(|all| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
            assert_eq!(groups(claims, claim), expected, "{claim}");
        }
    }

    #[test]
    fn a_login_is_legal_and_never_somebody_elses() {
        let called = |called: &str| {
            let (subject, called) = ("https://i 1".to_owned(), called.to_owned());
            Identity { subject, called, name: String::new(), groups: Vec::new() }.logins()
        };
        assert_eq!(called("Ada@Example.org")[0], "ada@example.org");
        assert_eq!(called("Ada Lovelace/x")[0], "ada-lovelace-x");
        for ours in ["owner", "Admin", ""] {
            let logins = called(ours);
            assert!(logins.len() == 1 && logins[0].starts_with(&format!("{}-", ours.to_lowercase())), "{logins:?}");
        }
        assert!(called(&"x".repeat(500)).iter().all(|login| login.len() <= 100));
    }
}
