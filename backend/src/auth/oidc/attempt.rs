//! One attempt to sign in: a secret in a cookie of the browser's, and what is made of it for the issuer. So an answer of the
//! issuer is of use in the browser that asked for it alone, and only once.

use std::time::Duration;

use service::Secret;

use crate::auth::{credentials::new_secret, digest};

/// The cookie of an attempt.
pub(crate) const COOKIE: &str = "mlsys_sign_in";
/// How long an attempt may take: somebody may have to look for their second factor.
const LASTS: Duration = Duration::from_mins(10);
/// How long the address may be that one goes on to, in bytes.
const NEXT_MAX: usize = 1000;
/// How long the secret is.
const SECRET: usize = 64;

/// An attempt to sign in.
#[derive(Debug)]
pub(crate) struct Attempt {
    secret: Secret,
    /// Where to go on.
    pub(crate) next: String,
}

impl Attempt {
    /// A new one, which goes on to a path of this mlsys.
    pub(crate) fn begin(next: Option<&str>) -> Result<Self, getrandom::Error> {
        Ok(Self { secret: Secret::new(new_secret()?.secret), next: onward(next) })
    }

    /// The attempt of a cookie's value.
    pub(crate) fn read(cookie: &str) -> Option<Self> {
        let (secret, next) = cookie.split_once('.')?;
        let legal = secret.len() == SECRET && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
        let next = String::from_utf8(hex::decode(next).ok()?).ok()?;
        legal.then(|| Self { secret: Secret::new(secret), next: onward(Some(&next)) })
    }

    /// The cookie's value, and for how long.
    pub(crate) fn cookie(&self) -> (String, Duration) {
        (format!("{}.{}", self.secret.expose(), hex::encode(&self.next)), LASTS)
    }

    /// What the issuer sends back with its answer.
    pub(crate) fn state(&self) -> Secret {
        self.derived("state")
    }

    /// What the ID token has to repeat.
    pub(crate) fn nonce(&self) -> Secret {
        self.derived("nonce")
    }

    /// What proves to the issuer that who redeems the code is who asked for it (PKCE, RFC 7636).
    pub(crate) fn verifier(&self) -> Secret {
        self.derived("verifier")
    }

    fn derived(&self, purpose: &str) -> Secret {
        Secret::new(digest(&format!("{purpose} {}", self.secret.expose())))
    }
}

/// A path of this mlsys, whatever was given: nowhere else does a sign-in lead to.
fn onward(next: Option<&str>) -> String {
    let legal = |next: &&str| {
        let local = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
        let sign_in = next.starts_with("/sign-in") || next.starts_with("/api/sign-in");
        local && !sign_in && next.len() <= NEXT_MAX && next.bytes().all(|byte| byte.is_ascii_graphic())
    };
    next.filter(legal).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_known_again_by_its_cookie_and_no_other() {
        let attempt = Attempt::begin(Some("/models?search=a")).expect("random");
        let (cookie, _) = attempt.cookie();
        let again = Attempt::read(&cookie).expect("a cookie");
        assert_eq!((again.next.as_str(), again.state().expose()), ("/models?search=a", attempt.state().expose()));
        let other = Attempt::begin(None).expect("random");
        assert_ne!(other.state().expose(), attempt.state().expose());
        let told = [attempt.state(), attempt.nonce(), attempt.verifier()];
        assert!(told.iter().all(|one| !cookie.contains(one.expose()) && one.expose().len() == 64));
        assert!(told[0].expose() != told[1].expose() && told[1].expose() != told[2].expose());
        for wrong in ["", ".", "ab.", "zz.00", &cookie[1..], &cookie.replace('.', ""), &format!("{}.zz", &cookie[..64])] {
            assert!(Attempt::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_sign_in_leads_to_a_path_of_this_mlsys_alone() {
        for path in ["/", "/models/a?env=dev#top", "/pipelines?status=failed&after=1%2F2"] {
            assert_eq!(onward(Some(path)), path);
        }
        let long = format!("/{}", "x".repeat(2000));
        for foreign in [
            "",
            "https://attacker.example",
            "//attacker.example",
            "/\\attacker.example",
            "\\\\attacker.example",
            "/\t/attacker.example",
            "/\r\nset-cookie: a=b",
            " /x",
            "javascript:alert(1)",
            "/sign-in?next=/",
            "/api/sign-in/issuer",
            "/é",
            &long,
        ] {
            assert_eq!(onward(Some(foreign)), "/", "{foreign}");
            let cookie = format!("{}.{}", "a".repeat(64), hex::encode(foreign));
            assert_eq!(Attempt::read(&cookie).expect("a cookie").next, "/", "a forged cookie: {foreign}");
        }
    }
}
