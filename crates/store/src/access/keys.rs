//! What programs show.

use std::time::Duration;

use contract::{Grant, KeyId, ListedKey, PersonId};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, any::AnyRow};
use utoipa::ToSchema;

use super::{Access, Caller, NOTED_EVERY, grants, sessions::last};
use crate::{
    StoreError,
    db::fields::{Fields, millis, text},
};

/// A key to keep.
#[derive(Debug, Clone, Copy)]
pub struct NewKey<'a> {
    /// SHA-256 of the whole key, in hex.
    pub digest: &'a str,
    /// What one recognises it by.
    pub prefix: &'a str,
    /// What it is for.
    pub name: &'a str,
    /// Who makes it.
    pub made_by: PersonId,
    /// What it may.
    pub grants: &'a [Grant],
    /// How long it lasts; none: until it is revoked.
    pub lasts: Option<Duration>,
}

/// A key, without what lets it in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct Key {
    /// Its number.
    pub id: KeyId,
    /// What it begins with.
    pub prefix: String,
    /// What it is for.
    pub name: String,
    /// What it may.
    pub grants: Vec<Grant>,
    /// Who made it.
    pub made_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it expires; null: it does not.
    #[schema(required)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked; null: it was not.
    #[schema(required)]
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to a minute; null: it was not.
    #[schema(required)]
    pub last_used_at: Option<Timestamp>,
}

impl Access {
    /// Keeps a key.
    pub async fn add_key(&self, new: NewKey<'_>) -> Result<Key, StoreError> {
        let mut write = self.database.write().await?;
        let id = KeyId::generate();
        let insert = sqlx::query(
            "INSERT INTO api_keys (id, digest, prefix, name, made_by, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id.to_string())
        .bind(new.digest.to_owned())
        .bind(new.prefix.to_owned())
        .bind(text(new.name))
        .bind(new.made_by.to_string())
        .bind(write.now)
        .bind(new.lasts.map(|lasts| write.now.saturating_add(millis(lasts))));
        write.run(insert).await?;
        grants::replace(&mut write, id, new.grants).await?;
        write.commit().await?;
        self.key_by_id(id).await
    }

    /// Who shows the key with this SHA-256, if it lets somebody in.
    pub async fn key(&self, digest: &str) -> Result<Option<Caller>, StoreError> {
        let clock = self.database.dialect.clock();
        let sql = format!(
            "SELECT k.id, k.prefix, k.name, k.made_by, k.expires_at,
                 CAST(CASE WHEN COALESCE(k.last_used_at, 0) < {clock} - {NOTED_EVERY} THEN 1 ELSE 0 END AS BIGINT) AS unnoted, {}
             FROM api_keys k JOIN people p ON p.id = k.made_by LEFT JOIN grants g ON g.holder = k.id
             WHERE k.digest = $1 AND {} ORDER BY g.place",
            grants::COLUMNS,
            lets_in(clock, "k", "p")
        );
        let rows = self.database.all(sqlx::query(AssertSqlSafe(sql)).bind(digest.to_owned())).await?;
        let first = |row: &AnyRow| {
            let fields = Fields(row);
            Ok(Caller {
                person: fields.parsed("made_by")?,
                name: format!("{} ({})", fields.get::<String>("prefix")?, fields.get::<String>("name")?),
                session: None,
                key: Some(fields.parsed("id")?),
                grants: Vec::new(),
                expires_at: fields.time_option("expires_at")?,
                unnoted: fields.flag("unnoted")?,
            })
        };
        Ok(grants::gathered(&rows, first, |caller| &mut caller.grants)?.pop())
    }

    /// The keys that let somebody in, newest first, at most so many.
    pub async fn listed_keys(&self, limit: u32) -> Result<Vec<ListedKey>, StoreError> {
        let sql = format!(
            "SELECT listed.id, listed.digest, listed.expires_at, {}
             FROM (SELECT api_keys.id, digest, expires_at FROM api_keys JOIN people ON people.id = made_by
                   WHERE {} ORDER BY api_keys.id DESC LIMIT $1) listed
                 LEFT JOIN grants g ON g.holder = listed.id
             ORDER BY listed.id DESC, g.place",
            grants::COLUMNS,
            lets_in(self.database.dialect.clock(), "api_keys", "people")
        );
        let rows = self.database.all(sqlx::query(AssertSqlSafe(sql)).bind(i64::from(limit))).await?;
        let first = |row: &AnyRow| {
            let fields = Fields(row);
            Ok(ListedKey {
                sha256: fields.get("digest")?,
                grants: Vec::new(),
                expires_at: fields.time_option("expires_at")?,
            })
        };
        grants::gathered(&rows, first, |key| &mut key.grants)
    }

    /// Writes down that a key was used.
    pub async fn note_key(&self, id: KeyId) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let update =
            sqlx::query("UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND COALESCE(last_used_at, 0) < $2 - 50000");
        write.run(update.bind(id.to_string()).bind(write.now)).await?;
        write.commit().await
    }

    /// Keys, newest first, of one person or of all: at most so many, from before one; and whether there are more.
    pub async fn keys(
        &self,
        of: Option<PersonId>,
        before: Option<KeyId>,
        limit: usize,
    ) -> Result<(Vec<Key>, bool), StoreError> {
        let whose = if of.is_some() { "made_by = $3" } else { "$3 = ''" };
        let sql = select(&format!("id < $1 AND {whose} ORDER BY id DESC LIMIT $2"));
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(before.map_or_else(last, |id| id.to_string()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
            .bind(of.map(|id| id.to_string()).unwrap_or_default());
        let mut found = keys(&self.database.all(query).await?)?;
        let more = found.len() > limit;
        found.truncate(limit);
        Ok((found, more))
    }

    /// A key.
    pub async fn key_by_id(&self, id: KeyId) -> Result<Key, StoreError> {
        let query = sqlx::query(AssertSqlSafe(select("id = $1"))).bind(id.to_string());
        keys(&self.database.all(query).await?)?.pop().ok_or(StoreError::NotFound)
    }

    /// Revokes a key, if this person made it; whoever made it if none is named. [`StoreError::NotFound`] if there is none
    /// that could be.
    pub async fn revoke_key(&self, id: KeyId, of: Option<PersonId>) -> Result<Key, StoreError> {
        let whose = if of.is_some() { "made_by = $3" } else { "$3 = ''" };
        let mut write = self.database.write().await?;
        let sql = format!("UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL AND {whose}");
        let update = sqlx::query(AssertSqlSafe(sql)).bind(id.to_string()).bind(write.now);
        let revoked = write.run(update.bind(of.map(|id| id.to_string()).unwrap_or_default())).await?;
        write.commit().await?;
        if revoked == 0 { Err(StoreError::NotFound) } else { self.key_by_id(id).await }
    }
}

/// Whether a key lets somebody in: one that is neither revoked nor expired, of somebody who may sign in. Whose issuer left them
/// nothing may not.
fn lets_in(clock: &str, key: &str, person: &str) -> String {
    format!(
        "{key}.revoked_at IS NULL AND ({key}.expires_at IS NULL OR {key}.expires_at > {clock}) AND {person}.disabled = 0
         AND ({person}.subject IS NULL OR EXISTS (SELECT 1 FROM grants own WHERE own.holder = {person}.id))"
    )
}

/// Keys that a condition is true of, each row with a grant of theirs.
fn select(condition: &str) -> String {
    format!(
        "SELECT k.id, k.prefix, k.name, k.created_at, k.expires_at, k.revoked_at, k.last_used_at, p.login, {}
         FROM (SELECT * FROM api_keys WHERE {condition}) k JOIN people p ON p.id = k.made_by
             LEFT JOIN grants g ON g.holder = k.id
         ORDER BY k.id DESC, g.place",
        grants::COLUMNS
    )
}

fn keys(rows: &[AnyRow]) -> Result<Vec<Key>, StoreError> {
    let first = |row: &AnyRow| {
        let fields = Fields(row);
        Ok(Key {
            id: fields.parsed("id")?,
            prefix: fields.get("prefix")?,
            name: fields.get("name")?,
            grants: Vec::new(),
            made_by: fields.get("login")?,
            created_at: fields.time("created_at")?,
            expires_at: fields.time_option("expires_at")?,
            revoked_at: fields.time_option("revoked_at")?,
            last_used_at: fields.time_option("last_used_at")?,
        })
    };
    grants::gathered(rows, first, |key| &mut key.grants)
}
