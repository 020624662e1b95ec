//! Who may sign in.

use contract::{Grant, PersonId, Role};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, any::AnyRow};
use utoipa::ToSchema;

use super::{
    Access,
    grants::{COLUMNS, gathered, replace},
};
use crate::{
    StoreError,
    db::{database::Write, fields::Fields},
};

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Person {
    /// Their number.
    pub id: PersonId,
    /// What they sign in as.
    pub login: String,
    /// Their name.
    pub name: String,
    /// Whether they may not sign in at present.
    pub disabled: bool,
    /// Whether they have a password: they have been here.
    pub has_password: bool,
    /// Whether they sign in with an issuer, where their groups say what they may.
    pub from_issuer: bool,
    /// What they may.
    pub grants: Vec<Grant>,
    /// Since when they are known.
    pub created_at: Timestamp,
}

/// Somebody to let in.
#[derive(Debug, Clone, Copy)]
pub struct NewPerson<'a> {
    /// What they sign in as.
    pub login: &'a str,
    /// Their name.
    pub name: &'a str,
    /// What they may.
    pub grants: &'a [Grant],
}

/// What is to change of a person; what is `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct PersonChange<'a> {
    /// Their name.
    pub name: Option<&'a str>,
    /// Whether they may not sign in.
    pub disabled: Option<bool>,
    /// What they may.
    pub grants: Option<&'a [Grant]>,
}

impl Access {
    /// Lets somebody in. [`StoreError::Conflict`] if the login is taken.
    pub async fn add_person(&self, new: NewPerson<'_>) -> Result<Person, StoreError> {
        let mut write = self.database.write().await?;
        let id = PersonId::generate();
        let insert = sqlx::query("INSERT INTO people (id, login, name, created_at) VALUES ($1, $2, $3, $4)");
        write.run(insert.bind(id.to_string()).bind(new.login).bind(new.name).bind(write.now)).await?;
        replace(&mut write, id, new.grants).await?;
        write.commit().await?;
        self.person(id).await
    }

    /// Somebody of this login, who is let in unless they are known.
    pub async fn ensure_person(&self, new: NewPerson<'_>) -> Result<Person, StoreError> {
        if let Some(known) = self.person_by_login(new.login).await? {
            return Ok(known);
        }
        match self.add_person(new).await {
            // Another process was faster.
            Err(StoreError::Conflict) => self.person_by_login(new.login).await?.ok_or(StoreError::NotFound),
            done => done,
        }
    }

    /// People by login, after one: at most so many; and whether there are more.
    pub async fn people(&self, after: Option<&str>, limit: usize) -> Result<(Vec<Person>, bool), StoreError> {
        let sql = select("p.login > $1 ORDER BY p.login LIMIT $2", "ORDER BY p.login, g.place");
        let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let query = sqlx::query(AssertSqlSafe(sql)).bind(after.unwrap_or_default().to_owned()).bind(most);
        let mut people = people(&self.database.all(query).await?)?;
        let more = people.len() > limit;
        people.truncate(limit);
        Ok((people, more))
    }

    /// A person.
    pub async fn person(&self, id: PersonId) -> Result<Person, StoreError> {
        let sql = select("p.id = $1", "ORDER BY g.place");
        let rows = self.database.all(sqlx::query(AssertSqlSafe(sql)).bind(id.to_string())).await?;
        people(&rows)?.pop().ok_or(StoreError::NotFound)
    }

    /// The person with a login.
    pub async fn person_by_login(&self, login: &str) -> Result<Option<Person>, StoreError> {
        let sql = select("p.login = $1", "ORDER BY g.place");
        let rows = self.database.all(sqlx::query(AssertSqlSafe(sql)).bind(login.to_owned())).await?;
        Ok(people(&rows)?.pop())
    }

    /// Whether anybody has a password, or has signed in with an issuer.
    pub async fn anybody_can_sign_in(&self) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "SELECT id FROM people WHERE (password IS NOT NULL OR subject IS NOT NULL) AND disabled = 0 LIMIT 1",
        );
        Ok(self.database.optional(query).await?.is_some())
    }

    /// The person with a login who may sign in, and what argon2 made of their password, if they have one.
    pub async fn password(&self, login: &str) -> Result<Option<(PersonId, Option<String>)>, StoreError> {
        let query = sqlx::query("SELECT id, password FROM people WHERE login = $1 AND disabled = 0");
        let row = self.database.optional(query.bind(login.to_owned())).await?;
        row.map(|row| Ok((Fields(&row).parsed("id")?, Fields(&row).get("password")?))).transpose()
    }

    /// Changes a person. Who may not sign in any more has no session either. [`StoreError::Conflict`], and nothing
    /// changes, if nobody would be left who decides about people.
    pub async fn change_person(&self, id: PersonId, change: PersonChange<'_>) -> Result<Person, StoreError> {
        let mut write = self.database.write().await?;
        hold(&mut write).await?;
        let had_admin = has_admin(&mut write).await?;
        let update = sqlx::query(
            "UPDATE people SET name = COALESCE($2, name), disabled = COALESCE($3, disabled) WHERE id = $1 RETURNING id",
        )
        .bind(id.to_string())
        .bind(change.name)
        .bind(change.disabled.map(i64::from));
        write.one(update).await?;
        if let Some(grants) = change.grants {
            replace(&mut write, id, grants).await?;
        }
        if change.disabled == Some(true) {
            write.run(sqlx::query("DELETE FROM sessions WHERE person_id = $1").bind(id.to_string())).await?;
            write.run(sqlx::query("DELETE FROM one_time_tokens WHERE person_id = $1").bind(id.to_string())).await?;
        }
        if had_admin && !has_admin(&mut write).await? {
            return Err(StoreError::Conflict);
        }
        write.commit().await?;
        self.person(id).await
    }

    /// Forgets a person, with their sessions and the keys they made. [`StoreError::Conflict`], and nothing changes, if
    /// nobody would be left who decides about people.
    pub async fn remove_person(&self, id: PersonId) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        hold(&mut write).await?;
        let had_admin = has_admin(&mut write).await?;
        for sql in [
            "DELETE FROM grants WHERE holder IN (SELECT id FROM api_keys WHERE made_by = $1)",
            "DELETE FROM grants WHERE holder = $1",
            "DELETE FROM api_keys WHERE made_by = $1",
            "DELETE FROM sessions WHERE person_id = $1",
            "DELETE FROM one_time_tokens WHERE person_id = $1",
        ] {
            write.run(sqlx::query(sql).bind(id.to_string())).await?;
        }
        let removed = write.run(sqlx::query("DELETE FROM people WHERE id = $1").bind(id.to_string())).await?;
        if removed == 0 {
            return Err(StoreError::NotFound);
        }
        if had_admin && !has_admin(&mut write).await? {
            return Err(StoreError::Conflict);
        }
        write.commit().await
    }
}

/// Two who take each other's rights take them one after the other.
async fn hold(write: &mut Write) -> Result<(), StoreError> {
    let sql = format!("SELECT id FROM people ORDER BY id{}", write.dialect.locked());
    write.all(sqlx::query(AssertSqlSafe(sql))).await.map(drop)
}

/// Whether anybody decides about people, for ever and about all.
async fn has_admin(write: &mut Write) -> Result<bool, StoreError> {
    let query = sqlx::query(
        "SELECT p.id FROM people p JOIN grants g ON g.holder = p.id
         WHERE p.disabled = 0 AND g.role = $1 AND g.repo IS NULL AND g.model_name IS NULL AND g.expires_at IS NULL LIMIT 1",
    );
    Ok(write.optional(query.bind(Role::Admin.as_str())).await?.is_some())
}

/// People that a condition is true of, each row with a grant of theirs.
fn select(condition: &str, order: &str) -> String {
    format!(
        "SELECT p.id, p.login, p.name, p.disabled, p.created_at,
             CAST(CASE WHEN p.password IS NULL THEN 0 ELSE 1 END AS BIGINT) AS known,
             CAST(CASE WHEN p.subject IS NULL THEN 0 ELSE 1 END AS BIGINT) AS from_issuer, {COLUMNS}
         FROM (SELECT * FROM people p WHERE {condition}) p LEFT JOIN grants g ON g.holder = p.id {order}"
    )
}

fn people(rows: &[AnyRow]) -> Result<Vec<Person>, StoreError> {
    let first = |row: &AnyRow| {
        let fields = Fields(row);
        Ok(Person {
            id: fields.parsed("id")?,
            login: fields.get("login")?,
            name: fields.get("name")?,
            disabled: fields.flag("disabled")?,
            has_password: fields.flag("known")?,
            from_issuer: fields.flag("from_issuer")?,
            grants: Vec::new(),
            created_at: fields.time("created_at")?,
        })
    };
    gathered(rows, first, |person| &mut person.grants)
}
