//! Who did what. Entries are written and, when they are old, removed; nothing here can change one.

use contract::{ModelName, RepoName, Scope};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, any::AnyRow};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Access, sessions::last};
use crate::{
    StoreError,
    db::{
        database::Write,
        fields::{Fields, text},
        scope,
        texts::Texts,
    },
};

/// How long a text of an entry may be, in characters; what is longer is cut.
const LONGEST: usize = 4096;

/// Something that was done, or refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// What showed who it was: `person`, `key`, `home`, `nobody`; `push` where a file says so that was pushed.
    pub actor_kind: &'static str,
    /// Who.
    pub actor: String,
    /// From where.
    pub address: String,
    /// What, as a word.
    pub action: String,
    /// With what.
    pub object: String,
    /// How it was before.
    pub before: Option<String>,
    /// How it is now, or what was asked for.
    pub after: Option<String>,
    /// What came of it: `done`, or the word of the problem.
    pub result: String,
    /// The repository that it was done with something of, where it belongs to one.
    pub repo: Option<RepoName>,
    /// The model that it was done with something of, where it belongs to one.
    pub model: Option<ModelName>,
}

/// Something that was done, or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Its number.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// What showed who it was: `person`, `key`, `home`, `nobody`; `push` where a file says so that was pushed.
    pub actor_kind: String,
    /// Who.
    pub actor: String,
    /// From where.
    pub address: String,
    /// What, as a word.
    pub action: String,
    /// With what.
    pub object: String,
    /// How it was before.
    #[schema(required)]
    pub before: Option<String>,
    /// How it is now, or what was asked for.
    #[schema(required)]
    pub after: Option<String>,
    /// What came of it: `done`, or the word of the problem.
    pub result: String,
}

/// Which entries. What is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Of what belongs to these.
    pub scope: Scope,
    /// Who did it.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// With what.
    pub object: Option<String>,
    /// Since then.
    pub since: Option<Timestamp>,
    /// Until then.
    pub until: Option<Timestamp>,
    /// From before this entry.
    pub before: Option<Uuid>,
    /// At most so many.
    pub limit: usize,
}

impl Access {
    /// Writes an entry down.
    pub async fn record(&self, entry: NewAuditEntry) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        record(&mut write, entry).await?;
        write.commit().await
    }

    /// Entries, newest first; and whether there are more.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<(Vec<AuditEntry>, bool), StoreError> {
        let mut texts = Texts::after(1);
        let before = filter.before.map_or_else(last, |id| id.to_string());
        let mut all = vec![format!("id < {}", texts.place(before))];
        for (column, word) in [("actor", &filter.actor), ("action", &filter.action), ("object", &filter.object)] {
            if let Some(word) = word {
                all.push(format!("{column} = {}", texts.place(text(word))));
            }
        }
        for (condition, moment) in [("at >=", filter.since), ("at <", filter.until)] {
            if let Some(moment) = moment {
                all.push(format!("{condition} CAST({} AS BIGINT)", texts.place(moment.as_millisecond().to_string())));
            }
        }
        let all = all.join(" AND ");
        let part = |part: String| {
            format!("SELECT * FROM (SELECT * FROM audit WHERE {all} AND {part} ORDER BY id DESC LIMIT $1) part")
        };
        let parts: Vec<_> = scope::parts(&filter.scope, &mut texts).into_iter().map(part).collect();
        let sql = format!(
            "SELECT id, at, actor_kind, actor, address, action, object, before_value, after_value, result
             FROM ({}) entries ORDER BY id DESC LIMIT $1",
            parts.join(" UNION ALL ")
        );
        let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX).saturating_add(1);
        let query = texts.bind(sqlx::query(AssertSqlSafe(sql)).bind(limit));
        let mut found = self.database.all(query).await?.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let more = found.len() > filter.limit;
        found.truncate(filter.limit);
        Ok((found, more))
    }
}

/// Writes an entry down within the write that it is about.
pub(crate) async fn record(write: &mut Write, entry: NewAuditEntry) -> Result<(), StoreError> {
    let insert = sqlx::query(
        "INSERT INTO audit (id, at, actor_kind, actor, address, action, object, before_value, after_value, result,
             repo, model_name)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(Uuid::now_v7().to_string())
    .bind(write.now)
    .bind(entry.actor_kind)
    .bind(short(&entry.actor))
    .bind(short(&entry.address))
    .bind(short(&entry.action))
    .bind(short(&entry.object))
    .bind(entry.before.as_deref().map(short))
    .bind(entry.after.as_deref().map(short))
    .bind(short(&entry.result))
    .bind(entry.repo.as_ref().map(ToString::to_string))
    .bind(entry.model.as_ref().map(ToString::to_string));
    write.run(insert).await.map(drop)
}

fn short(given: &str) -> String {
    text(&given.chars().take(LONGEST).collect::<String>())
}

fn entry(row: &AnyRow) -> Result<AuditEntry, StoreError> {
    let fields = Fields(row);
    Ok(AuditEntry {
        id: fields.parsed("id")?,
        at: fields.time("at")?,
        actor_kind: fields.get("actor_kind")?,
        actor: fields.get("actor")?,
        address: fields.get("address")?,
        action: fields.get("action")?,
        object: fields.get("object")?,
        before: fields.get("before_value")?,
        after: fields.get("after_value")?,
        result: fields.get("result")?,
    })
}
