//! People whom an issuer vouches for. It says anew at each sign-in what they may.

use contract::{Grant, PersonId, SessionId};

use super::{
    Access,
    grants::replace,
    sessions::{NewSession, open},
};
use crate::{
    StoreError,
    db::{
        database::Write,
        fields::{Fields, text},
    },
};

/// Somebody whom an issuer vouches for.
#[derive(Debug, Clone, Copy)]
pub struct FromIssuer<'a> {
    /// The issuer, and what it never gives to another person.
    pub subject: &'a str,
    /// What they may have as login when they come first, the best first; the last one nobody else has.
    pub logins: &'a [String],
    /// Their name.
    pub name: &'a str,
    /// What they may, from now on.
    pub grants: &'a [Grant],
}

impl Access {
    /// Signs somebody in whom an issuer vouches for; who is new is known from now on. Who may nothing is signed out
    /// everywhere instead: `None`, as for who is kept from signing in here.
    pub async fn sign_in_from_issuer(
        &self,
        who: FromIssuer<'_>,
        session: NewSession<'_>,
    ) -> Result<Option<SessionId>, StoreError> {
        match self.try_sign_in(who, session).await {
            // They came twice at once, or somebody took the login at this moment.
            Err(StoreError::Conflict) => self.try_sign_in(who, session).await,
            done => done,
        }
    }

    async fn try_sign_in(&self, who: FromIssuer<'_>, session: NewSession<'_>) -> Result<Option<SessionId>, StoreError> {
        let mut write = self.database.write().await?;
        let known = sqlx::query("UPDATE people SET name = $2 WHERE subject = $1 RETURNING id, disabled");
        let known = write.optional(known.bind(text(who.subject)).bind(text(who.name))).await?;
        let person: PersonId = match known {
            Some(row) if Fields(&row).flag("disabled")? => return Ok(None),
            Some(row) => Fields(&row).parsed("id")?,
            None if who.grants.is_empty() => return Ok(None),
            None => add(&mut write, who).await?,
        };
        replace(&mut write, person, who.grants).await?;
        if who.grants.is_empty() {
            for sql in ["DELETE FROM sessions WHERE person_id = $1", "DELETE FROM one_time_tokens WHERE person_id = $1"] {
                write.run(sqlx::query(sql).bind(person.to_string())).await?;
            }
            write.commit().await?;
            return Ok(None);
        }
        let id = open(&mut write, person, session).await?;
        write.commit().await?;
        Ok(Some(id))
    }
}

/// Somebody new, under the first login that is free.
async fn add(write: &mut Write, who: FromIssuer<'_>) -> Result<PersonId, StoreError> {
    let id = PersonId::generate();
    for login in who.logins {
        let taken = sqlx::query("SELECT id FROM people WHERE login = $1").bind(login.clone());
        if write.optional(taken).await?.is_some() {
            continue;
        }
        let insert = sqlx::query("INSERT INTO people (id, login, name, subject, created_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(id.to_string())
            .bind(login.clone())
            .bind(text(who.name))
            .bind(text(who.subject))
            .bind(write.now);
        write.run(insert).await?;
        return Ok(id);
    }
    Err(StoreError::Conflict)
}
