//! Promotions that wait for a second person. Of a model and an environment, one waits at a time.

use std::time::Duration;

use contract::{ApprovalId, Environment, ModelName, PersonId, Scope};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, any::AnyRow};
use utoipa::ToSchema;

use super::{Serving, Trial};
use crate::{
    StoreError,
    db::{
        database::Write,
        fields::{Fields, json, millis, text},
        scope,
        texts::Texts,
    },
};

/// How many are kept of each model.
const KEPT: i64 = 100;

/// What became of a promotion that waits for a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalState {
    /// It waits.
    Waiting,
    /// Somebody approved it: it is made, or was.
    Approved,
    /// Somebody refused it.
    Refused,
    /// Who asked for it took it back.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
    /// What is deployed has changed since it was asked for, or who asked may not sign in any more.
    Stale,
    /// It was approved, and could not be made.
    Failed,
}

impl ApprovalState {
    /// All there are.
    pub const ALL: [Self; 7] =
        [Self::Waiting, Self::Approved, Self::Refused, Self::Withdrawn, Self::Expired, Self::Stale, Self::Failed];

    /// The state as a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Stale => "stale",
            Self::Failed => "failed",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// A promotion to be asked for.
#[derive(Debug, Clone)]
pub struct NewApproval<'a> {
    /// The model.
    pub model: &'a ModelName,
    /// The version, which must be deployed in `from`.
    pub version: u64,
    /// Where it is deployed.
    pub from: &'a Environment,
    /// Where it is to be.
    pub to: &'a Environment,
    /// Who asks; of a key, who made it.
    pub asked_by: PersonId,
    /// The same as it is shown.
    pub asker: &'a str,
    /// How long it waits.
    pub lasts: Duration,
    /// How it is to be tried beside the version that serves there; `None`: it is to take its place.
    pub trial: Option<&'a Trial>,
}

/// A promotion that waits for a second person, or did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Approval {
    /// Its number.
    pub id: ApprovalId,
    /// The model.
    pub model_name: ModelName,
    /// The version.
    pub version: u64,
    /// Where it is deployed.
    pub from: Environment,
    /// Where it is to be.
    pub to: Environment,
    /// The version that served there when it was asked for; null: none did.
    #[schema(required)]
    pub previous_version: Option<u64>,
    /// What became of it.
    pub state: ApprovalState,
    /// Who asked: a login, or a key's beginning and name.
    pub asker: String,
    /// The person who asked; of a key, who made it.
    pub asked_by: PersonId,
    /// When.
    pub asked_at: Timestamp,
    /// Until when it waits.
    pub expires_at: Timestamp,
    /// Who decided; null: nobody did.
    #[schema(required)]
    pub decider: Option<String>,
    /// When; null: nobody did.
    #[schema(required)]
    pub decided_at: Option<Timestamp>,
    /// Why, in words.
    #[schema(required)]
    pub detail: Option<String>,
    /// How it is to be tried beside the version that serves there; not there: it is to take its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub trial: Option<Trial>,
}

/// Why a promotion can't be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAsked {
    /// The version is not the one that serves where it should come from.
    NotDeployed,
    /// It serves there already.
    AlreadyDeployed,
    /// Another promotion of the model waits.
    Waiting,
}

impl Serving {
    /// Writes down that somebody asks for a promotion.
    pub async fn ask_for_approval(&self, new: NewApproval<'_>) -> Result<Result<Approval, NotAsked>, StoreError> {
        let mut write = self.database.write().await?;
        let deployed = |environment: &Environment| {
            sqlx::query("SELECT version, generation FROM deployments WHERE model_name = $1 AND environment = $2")
                .bind(new.model.to_string())
                .bind(environment.as_str().to_owned())
        };
        let version = new.version.cast_signed();
        let source = write.optional(deployed(new.from)).await?;
        let target = write.optional(deployed(new.to)).await?;
        if source.map(|row| Fields(&row).get::<i64>("version")).transpose()? != Some(version) {
            return Ok(Err(NotAsked::NotDeployed));
        }
        let (mut replaces, mut serves) = (0, None);
        if let Some(row) = target {
            (replaces, serves) = (Fields(&row).get("generation")?, Some(Fields(&row).get("version")?));
        }
        if serves == Some(version) {
            return Ok(Err(NotAsked::AlreadyDeployed));
        }
        make_room(&mut write, &new).await?;
        let id = ApprovalId::generate();
        let insert = sqlx::query(
            "INSERT INTO approvals (id, model_name, version, from_environment, environment, replaces, asked_by, asker,
                 asked_at, expires_at, trial, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'waiting')",
        )
        .bind(id.to_string())
        .bind(new.model.to_string())
        .bind(version)
        .bind(new.from.as_str().to_owned())
        .bind(new.to.as_str().to_owned())
        .bind(replaces)
        .bind(new.asked_by.to_string())
        .bind(text(new.asker))
        .bind(write.now)
        .bind(write.now.saturating_add(millis(new.lasts)))
        .bind(new.trial.map(json).transpose()?);
        match write.run(insert).await {
            Err(StoreError::Conflict) => return Ok(Err(NotAsked::Waiting)),
            done => done?,
        };
        write.commit().await?;
        self.approval(id).await?.ok_or(StoreError::NotFound).map(Ok)
    }

    /// A promotion that waits for a second person, or did.
    pub async fn approval(&self, id: ApprovalId) -> Result<Option<Approval>, StoreError> {
        let query = sqlx::query(AssertSqlSafe(self.select("a.id = $1"))).bind(id.to_string());
        self.database.optional(query).await?.as_ref().map(approval).transpose()
    }

    /// Such promotions of a scope, newest first, of one model or of all, in one state or in any: at most so many, from before
    /// one; and whether there are more.
    pub async fn approvals(
        &self,
        scope: &Scope,
        model: Option<&ModelName>,
        state: Option<ApprovalState>,
        before: Option<ApprovalId>,
        limit: usize,
    ) -> Result<(Vec<Approval>, bool), StoreError> {
        // Of what is decided there may be many.
        let undecided = if state == Some(ApprovalState::Waiting) { " AND a.state = 'waiting'" } else { "" };
        let mut texts = Texts::after(4);
        let theirs = scope::has_model(self.database.dialect, scope, "a.model_name", &mut texts);
        let inner = self.select(&format!("a.id < $1 AND (a.model_name = $2 OR $2 = ''){undecided} AND {theirs}"));
        let sql = format!("SELECT * FROM ({inner}) t WHERE t.state = $3 OR $3 = '' ORDER BY t.id DESC LIMIT $4");
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(before.map_or_else(|| "g".to_owned(), |id| id.to_string()))
            .bind(model.map(ToString::to_string).unwrap_or_default())
            .bind(state.map_or("", ApprovalState::as_str))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
        let mut found = self.database.all(texts.bind(query)).await?.iter().map(approval).collect::<Result<Vec<_>, _>>()?;
        let more = found.len() > limit;
        found.truncate(limit);
        Ok((found, more))
    }

    /// Decides about one that waits. [`StoreError::Conflict`], and nothing changes, if it does not any more.
    pub async fn decide_approval(
        &self,
        id: ApprovalId,
        state: ApprovalState,
        decider: &str,
        detail: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let update = sqlx::query(
            "UPDATE approvals SET state = $2, decider = $3, decided_at = $4, detail = $5
             WHERE id = $1 AND state = 'waiting' AND expires_at > $4",
        );
        let update = update.bind(id.to_string()).bind(state.as_str()).bind(text(decider)).bind(write.now);
        let changed = write.run(update.bind(detail.map(text))).await?;
        write.commit().await?;
        if changed == 0 { Err(StoreError::Conflict) } else { Ok(()) }
    }

    /// Notes that what was approved could not be made, and why.
    pub async fn fail_approval(&self, id: ApprovalId, detail: &str) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let update = sqlx::query("UPDATE approvals SET state = 'failed', detail = $2 WHERE id = $1 AND state = 'approved'");
        write.run(update.bind(id.to_string()).bind(text(detail))).await?;
        write.commit().await
    }

    /// Approvals that a condition is true of, each in the state that it has by now.
    fn select(&self, condition: &str) -> String {
        let clock = self.database.dialect.clock();
        format!(
            "SELECT a.id, a.model_name, a.version, a.from_environment, a.environment, a.asker, a.asked_by, a.asked_at,
                 a.expires_at, a.decider, a.decided_at, a.detail, a.trial, h.version AS previous_version,
                 CASE WHEN a.state <> 'waiting' THEN a.state WHEN a.expires_at <= {clock} THEN 'expired'
                      WHEN COALESCE(s.version, 0) <> a.version OR COALESCE(t.generation, 0) <> a.replaces
                           OR COALESCE(p.disabled, 1) <> 0 THEN 'stale'
                      ELSE 'waiting' END AS state
             FROM approvals a
                 LEFT JOIN deployments s ON s.model_name = a.model_name AND s.environment = a.from_environment
                 LEFT JOIN deployments t ON t.model_name = a.model_name AND t.environment = a.environment
                 LEFT JOIN deployment_history h ON h.generation = a.replaces
                 LEFT JOIN people p ON p.id = a.asked_by
             WHERE {condition}"
        )
    }
}

/// Notes of those that wait no more that they do not, and forgets the oldest.
async fn make_room(write: &mut Write, new: &NewApproval<'_>) -> Result<(), StoreError> {
    let (model, to) = (new.model.to_string(), new.to.as_str().to_owned());
    let over = sqlx::query(
        "UPDATE approvals SET state = 'expired' WHERE model_name = $1 AND environment = $2 AND state = 'waiting'
             AND expires_at <= $3",
    );
    write.run(over.bind(model.clone()).bind(to.clone()).bind(write.now)).await?;
    let stale = sqlx::query(
        "UPDATE approvals SET state = 'stale' WHERE model_name = $1 AND environment = $2 AND state = 'waiting' AND (
             NOT EXISTS (SELECT 1 FROM deployments s WHERE s.model_name = approvals.model_name
                         AND s.environment = approvals.from_environment AND s.version = approvals.version)
             OR NOT EXISTS (SELECT 1 FROM people p WHERE p.id = approvals.asked_by AND p.disabled = 0)
             OR replaces <> COALESCE((SELECT t.generation FROM deployments t WHERE t.model_name = approvals.model_name
                                      AND t.environment = approvals.environment), 0))",
    );
    write.run(stale.bind(model.clone()).bind(to)).await?;
    let surplus = sqlx::query(
        "DELETE FROM approvals WHERE model_name = $1 AND state <> 'waiting' AND id IN (
             SELECT id FROM approvals WHERE model_name = $1 ORDER BY id DESC LIMIT $2 OFFSET $3)",
    );
    write.run(surplus.bind(model).bind(i64::from(u32::MAX)).bind(KEPT - 1)).await?;
    Ok(())
}

fn approval(row: &AnyRow) -> Result<Approval, StoreError> {
    let fields = Fields(row);
    Ok(Approval {
        id: fields.parsed("id")?,
        model_name: fields.parsed("model_name")?,
        version: fields.count("version")?,
        from: fields.parsed("from_environment")?,
        to: fields.parsed("environment")?,
        previous_version: fields.get::<Option<i64>>("previous_version")?.map(i64::cast_unsigned),
        state: fields.word("state", ApprovalState::from_word)?,
        asker: fields.get("asker")?,
        asked_by: fields.parsed("asked_by")?,
        asked_at: fields.time("asked_at")?,
        expires_at: fields.time("expires_at")?,
        decider: fields.get("decider")?,
        decided_at: fields.time_option("decided_at")?,
        detail: fields.get("detail")?,
        trial: fields.get::<Option<String>>("trial")?.map(|_| fields.json("trial")).transpose()?,
    })
}
