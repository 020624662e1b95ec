//! Browsers that are signed in.

use std::time::Duration;

use contract::{PersonId, SessionId};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, any::AnyRow};
use utoipa::ToSchema;

use super::{Access, Caller, NOTED_EVERY, grants};
use crate::{
    StoreError,
    db::{
        database::Write,
        fields::{Fields, millis, text},
    },
};

/// How many sessions a person has at most; the oldest goes for the next.
const MOST: i64 = 100;

/// A browser that signs in.
#[derive(Debug, Clone, Copy)]
pub struct NewSession<'a> {
    /// SHA-256 of its cookie, in hex.
    pub digest: &'a str,
    /// Where it signs in from.
    pub address: &'a str,
    /// What it calls itself.
    pub agent: &'a str,
    /// How long it stays signed in.
    pub lasts: Duration,
}

/// A browser that is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// Who is signed in.
    pub person_id: PersonId,
    /// What they sign in as.
    pub login: String,
    /// Where it signed in from.
    pub address: String,
    /// What it calls itself.
    pub agent: String,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it was last heard of; to a minute.
    pub last_used_at: Timestamp,
    /// When it has to sign in again.
    pub expires_at: Timestamp,
}

impl Access {
    /// Signs a person in. [`StoreError::NotFound`] if they may not sign in.
    pub async fn open_session(&self, person: PersonId, new: NewSession<'_>) -> Result<SessionId, StoreError> {
        let mut write = self.database.write().await?;
        let id = open(&mut write, person, new).await?;
        write.commit().await?;
        Ok(id)
    }

    /// Who shows the cookie with this SHA-256.
    pub async fn session(&self, digest: &str) -> Result<Option<Caller>, StoreError> {
        let clock = self.database.dialect.clock();
        let sql = format!(
            "SELECT s.id, s.person_id, s.expires_at, p.login,
                 CAST(CASE WHEN s.last_used_at < {clock} - {NOTED_EVERY} THEN 1 ELSE 0 END AS BIGINT) AS unnoted, {}
             FROM sessions s JOIN people p ON p.id = s.person_id LEFT JOIN grants g ON g.holder = p.id
             WHERE s.digest = $1 AND s.expires_at > {clock} AND p.disabled = 0 ORDER BY g.place",
            grants::COLUMNS
        );
        let rows = self.database.all(sqlx::query(AssertSqlSafe(sql)).bind(digest.to_owned())).await?;
        let first = |row: &AnyRow| {
            let fields = Fields(row);
            Ok(Caller {
                person: fields.parsed("person_id")?,
                name: fields.get("login")?,
                session: Some(fields.parsed("id")?),
                key: None,
                grants: Vec::new(),
                expires_at: Some(fields.time("expires_at")?),
                unnoted: fields.flag("unnoted")?,
            })
        };
        Ok(grants::gathered(&rows, first, |caller| &mut caller.grants)?.pop())
    }

    /// Writes down that a session was used.
    pub async fn note_session(&self, id: SessionId) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let update = sqlx::query("UPDATE sessions SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2 - 50000");
        write.run(update.bind(id.to_string()).bind(write.now)).await?;
        write.commit().await
    }

    /// Sessions, newest first, of one person or of all: at most so many, from before one; and whether there are more.
    pub async fn sessions(
        &self,
        of: Option<PersonId>,
        before: Option<SessionId>,
        limit: usize,
    ) -> Result<(Vec<Session>, bool), StoreError> {
        let whose = if of.is_some() { "s.person_id = $3" } else { "$3 = ''" };
        let sql = format!(
            "SELECT s.id, s.person_id, s.address, s.agent, s.created_at, s.last_used_at, s.expires_at, p.login
             FROM sessions s JOIN people p ON p.id = s.person_id
             WHERE s.expires_at > {} AND s.id < $1 AND {whose} ORDER BY s.id DESC LIMIT $2",
            self.database.dialect.clock()
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(before.map_or_else(last, |id| id.to_string()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
            .bind(of.map(|id| id.to_string()).unwrap_or_default());
        let mut found = self.database.all(query).await?.iter().map(session).collect::<Result<Vec<_>, _>>()?;
        let more = found.len() > limit;
        found.truncate(limit);
        Ok((found, more))
    }

    /// Signs a browser out, if it is this person's; of anybody if none is named.
    pub async fn end_session(&self, id: SessionId, of: Option<PersonId>) -> Result<(), StoreError> {
        let whose = if of.is_some() { "person_id = $2" } else { "$2 = ''" };
        let mut write = self.database.write().await?;
        let sql = format!("DELETE FROM sessions WHERE id = $1 AND {whose}");
        let delete = sqlx::query(AssertSqlSafe(sql)).bind(id.to_string());
        let ended = write.run(delete.bind(of.map(|id| id.to_string()).unwrap_or_default())).await?;
        write.commit().await?;
        if ended == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }
}

/// After every id.
pub(super) fn last() -> String {
    "g".to_owned()
}

/// Opens a session in a write.
pub(super) async fn open(write: &mut Write, person: PersonId, new: NewSession<'_>) -> Result<SessionId, StoreError> {
    let known = sqlx::query("SELECT id FROM people WHERE id = $1 AND disabled = 0").bind(person.to_string());
    write.one(known).await?;
    let surplus = sqlx::query(
        "DELETE FROM sessions WHERE person_id = $1 AND (expires_at <= $2 OR id IN (
             SELECT id FROM sessions WHERE person_id = $1 ORDER BY id DESC LIMIT $3 OFFSET $4))",
    );
    let surplus = surplus.bind(person.to_string()).bind(write.now).bind(i64::from(u32::MAX)).bind(MOST - 1);
    write.run(surplus).await?;
    let id = SessionId::generate();
    let insert = sqlx::query(
        "INSERT INTO sessions (id, digest, person_id, address, agent, created_at, last_used_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
    )
    .bind(id.to_string())
    .bind(new.digest.to_owned())
    .bind(person.to_string())
    .bind(text(new.address))
    .bind(text(new.agent))
    .bind(write.now)
    .bind(write.now.saturating_add(millis(new.lasts)));
    write.run(insert).await?;
    Ok(id)
}

fn session(row: &AnyRow) -> Result<Session, StoreError> {
    let fields = Fields(row);
    Ok(Session {
        id: fields.parsed("id")?,
        person_id: fields.parsed("person_id")?,
        login: fields.get("login")?,
        address: fields.get("address")?,
        agent: fields.get("agent")?,
        created_at: fields.time("created_at")?,
        last_used_at: fields.time("last_used_at")?,
        expires_at: fields.time("expires_at")?,
    })
}
