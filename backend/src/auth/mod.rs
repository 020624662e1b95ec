//! Who calls, and whether they may. What each role may is decided in `pipeline`; here is found out who asks, and about what.
//!
//! | module | does |
//! |---|---|
//! | `rules` | what each route asks for; said where it is registered |
//! | `enforce` | stands before each route: 401, 403, or who calls; writes down what was changed |
//! | `caller` | somebody who is known |
//! | `credentials` | what they show: a cookie, a key, the home's own token |
//! | `known` | who was asked for a moment ago |
//! | `listed` | which keys model-servers are told of |
//! | `objects` | what a request is about |
//! | `passwords`, `limits` | signing in, not too often |
//! | `oidc` | signing in with an issuer |
//! | `first` | how the first person gets in |
//! | `trail` | what a handler says of its change, for the audit log |

mod caller;
mod credentials;
mod enforce;
mod first;
mod known;
mod limits;
mod listed;
mod objects;
pub(crate) mod oidc;
mod passwords;
mod rules;
mod trail;

use std::time::Duration;

use service::Secret;
use store::{Access, NewPerson, Person, StoreError};

pub(crate) use caller::{Caller, Kind};
pub(crate) use credentials::{COOKIE, cookie, digest, new_key, new_secret};
pub(crate) use enforce::{address, admit_prediction, client, limited};
pub(crate) use first::{FIRST, invitation_address, sign_in_address};
pub(crate) use objects::{Answering, object_of_model, owned};
pub(crate) use rules::{Of, Routes, Rule};
pub(crate) use trail::Trail;

use known::Callers;
use limits::Limiter;
use listed::Lists;
use objects::Places;
use oidc::{Issuer, OidcConfig};
use passwords::Passwords;

/// The person that an embedded mlsys belongs to.
pub(crate) const OWNER: &str = "owner";

/// What is needed to know who calls.
#[derive(Debug)]
pub(crate) struct Auth {
    pub(crate) callers: Callers,
    pub(crate) places: Places,
    lists: Lists,
    pub(crate) passwords: Passwords,
    /// Failed sign-ins, by address and by login.
    pub(crate) sign_ins: Limiter,
    /// Keys that there are not, by address.
    pub(crate) bad_keys: Limiter,
    /// Where people sign in who have no password here.
    pub(crate) issuer: Option<Issuer>,
    /// What the command line of this home shows.
    home: Option<Secret>,
}

impl Auth {
    /// Nobody is known yet.
    pub(crate) fn new(home: Option<Secret>, issuer: Option<OidcConfig>) -> Result<Self, reqwest::Error> {
        Ok(Self {
            callers: Callers::default(),
            places: Places::default(),
            lists: Lists::default(),
            passwords: Passwords::default(),
            sign_ins: Limiter::new(10, Duration::from_mins(1)),
            bad_keys: Limiter::new(60, Duration::from_mins(1)),
            issuer: issuer.map(Issuer::new).transpose()?,
            home,
        })
    }
}

/// The person that an embedded mlsys belongs to, who is made where there is none.
pub(crate) async fn owner(access: &Access) -> Result<Person, StoreError> {
    let grants = [contract::Grant::everywhere(contract::Role::Admin)];
    access.ensure_person(NewPerson { login: OWNER, name: "Owner of this mlsys", grants: &grants }).await
}
