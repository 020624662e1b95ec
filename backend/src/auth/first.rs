//! How the first person gets in: by an address that is printed, and works once.

use std::time::Duration;

use contract::{Grant, PersonId, Role};
use service::ApiError;
use store::{NewPerson, Purpose};

use super::{new_secret, owner};
use crate::{
    Backend,
    error::{from_store, internal},
};

/// How long an invitation is good.
const INVITATION: Duration = Duration::from_hours(7 * 24);
/// The login of a server's first person.
pub(crate) const FIRST: &str = "admin";

/// An address that signs a person in, once.
pub(crate) async fn sign_in_address(
    backend: &Backend,
    person: PersonId,
    base: &str,
    lasts: Duration,
) -> Result<String, ApiError> {
    let token = new_secret().map_err(internal)?;
    let access = &backend.store.access;
    access.add_token(&token.digest, person, Purpose::SignIn, lasts).await.map_err(from_store)?;
    Ok(format!("{base}/sign-in#token={}", token.secret))
}

/// An address at which a person chooses a password and is signed in, once.
pub(crate) async fn invitation_address(backend: &Backend, person: PersonId, base: &str) -> Result<String, ApiError> {
    let token = new_secret().map_err(internal)?;
    let access = &backend.store.access;
    access.add_token(&token.digest, person, Purpose::Invitation, INVITATION).await.map_err(from_store)?;
    Ok(format!("{base}/sign-in#invitation={}", token.secret))
}

impl Backend {
    /// An address that signs the owner of an embedded mlsys in, once.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn owners_address(&self, base: &str, lasts: Duration) -> anyhow::Result<String> {
        let owner = owner(&self.store.access).await?;
        sign_in_address(self, owner.id, base, lasts).await.map_err(|error| anyhow::anyhow!("{}", error.detail()))
    }

    /// Where nobody can sign in yet, an address at which the first person can.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn first_invitation(&self, base: &str) -> anyhow::Result<Option<String>> {
        let access = &self.store.access;
        if access.anybody_can_sign_in().await? {
            return Ok(None);
        }
        let grants = [Grant::everywhere(Role::Admin)];
        let first = access.ensure_person(NewPerson { login: FIRST, name: "Administrator", grants: &grants }).await?;
        let address = invitation_address(self, first.id, base).await;
        address.map(Some).map_err(|error| anyhow::anyhow!("{}", error.detail()))
    }
}
