//! What lets somebody in once: the address that `mlsys up` prints, and invitations.

use std::time::Duration;

use contract::{PersonId, SessionId};

use super::{
    Access,
    sessions::{NewSession, open},
};
use crate::{
    StoreError,
    db::fields::{Fields, millis},
};

/// How many of them a person has at most.
const MOST: i64 = 20;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To sign in.
    SignIn,
    /// To sign in for the first time, or again without the old password: a new one is chosen with it.
    Invitation,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Invitation => "invitation",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::SignIn, Self::Invitation].into_iter().find(|purpose| purpose.as_str() == word)
    }
}

impl Access {
    /// Keeps the SHA-256 of a token that lets a person in once. A new invitation takes the place of the old ones.
    pub async fn add_token(
        &self,
        digest: &str,
        person: PersonId,
        purpose: Purpose,
        lasts: Duration,
    ) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let surplus = sqlx::query(
            "DELETE FROM one_time_tokens WHERE person_id = $1 AND (expires_at <= $2 OR (purpose = 'invitation' AND $3 = 1)
                 OR digest IN (SELECT digest FROM one_time_tokens WHERE person_id = $1
                               ORDER BY expires_at DESC LIMIT $4 OFFSET $5))",
        );
        let surplus = surplus.bind(person.to_string()).bind(write.now).bind(i64::from(purpose == Purpose::Invitation));
        write.run(surplus.bind(i64::from(u32::MAX)).bind(MOST - 1)).await?;
        let insert =
            sqlx::query("INSERT INTO one_time_tokens (digest, person_id, purpose, expires_at) VALUES ($1, $2, $3, $4)");
        let end = write.now.saturating_add(millis(lasts));
        write.run(insert.bind(digest.to_owned()).bind(person.to_string()).bind(purpose.as_str()).bind(end)).await?;
        write.commit().await
    }

    /// Whom the token with this SHA-256 would let in, and what it is for.
    pub async fn token(&self, digest: &str) -> Result<Option<(PersonId, Purpose)>, StoreError> {
        let query = sqlx::query(
            "SELECT t.person_id, t.purpose, t.expires_at FROM one_time_tokens t JOIN people p ON p.id = t.person_id
             WHERE t.digest = $1 AND p.disabled = 0",
        );
        let Some(row) = self.database.optional(query.bind(digest.to_owned())).await? else { return Ok(None) };
        Ok(Some((Fields(&row).parsed("person_id")?, Fields(&row).word("purpose", Purpose::from_word)?)))
    }

    /// Signs in with a token, which is used up by that; an invitation's person has this password from now on.
    /// [`StoreError::NotFound`], and nothing changes, if there is no such token (any more).
    pub async fn use_token(
        &self,
        digest: &str,
        password: Option<&str>,
        session: NewSession<'_>,
    ) -> Result<(PersonId, SessionId), StoreError> {
        let mut write = self.database.write().await?;
        let taken = sqlx::query("DELETE FROM one_time_tokens WHERE digest = $1 AND expires_at > $2 RETURNING person_id");
        let row = write.one(taken.bind(digest.to_owned()).bind(write.now)).await?;
        let person = Fields(&row).parsed("person_id")?;
        if let Some(password) = password {
            let change = sqlx::query("UPDATE people SET password = $2 WHERE id = $1").bind(PersonId::to_string(&person));
            write.run(change.bind(password.to_owned())).await?;
            // Whoever knew the old password is signed out, and can't sign in by an address made before.
            for sql in ["DELETE FROM sessions WHERE person_id = $1", "DELETE FROM one_time_tokens WHERE person_id = $1"] {
                write.run(sqlx::query(sql).bind(person.to_string())).await?;
            }
        }
        let id = open(&mut write, person, session).await?;
        write.commit().await?;
        Ok((person, id))
    }
}
