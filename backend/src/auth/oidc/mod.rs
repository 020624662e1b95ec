//! Signing in with an issuer (OIDC): Keycloak, Google, Entra ID, Okta, or any other.
//!
//! | module | does |
//! |---|---|
//! | `config` | the settings; which groups have which role |
//! | `attempt` | what binds an answer of the issuer to the browser that asked |
//! | `issuer` | asks the issuer |
//! | `http` | the bounds of that |
//! | `token` | which ID tokens are believed |
//! | `identity` | who somebody is, as the issuer says it |
//!
//! `openidconnect` speaks the protocol, by our HTTP client. Nothing is kept between the two halves of a
//! sign-in but a cookie of the browser's, so that any backend can answer the second half.

mod attempt;
mod config;
mod http;
mod identity;
mod issuer;
mod token;

pub(crate) use attempt::{Attempt, COOKIE};
pub use config::{OIDC_SETTINGS, OidcConfig};
use identity::Identity;
pub(crate) use issuer::{Issuer, IssuerError};
