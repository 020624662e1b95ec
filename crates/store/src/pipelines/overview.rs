//! How many pipelines there are, and which of them need a person.

use contract::{ModelName, Phase, PipelineId, PipelineStatus, RepoName, Scope};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, any::AnyRow};
use utoipa::ToSchema;

use crate::{
    Pipelines, StoreError,
    db::{fields::Fields, scope, texts::Texts},
    pipelines::records::with_phases,
};

/// How many pipelines are in each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct StatusCounts {
    /// Waiting for a worker.
    pub queued: u64,
    /// In a worker's hands.
    pub running: u64,
    /// Ended well.
    pub succeeded: u64,
    /// A phase failed.
    pub failed: u64,
    /// Cancelled, or superseded by a newer push.
    pub cancelled: u64,
    /// Of notebooks without tags.
    pub skipped: u64,
}

impl StatusCounts {
    fn of(&mut self, status: PipelineStatus) -> &mut u64 {
        match status {
            PipelineStatus::Queued => &mut self.queued,
            PipelineStatus::Running => &mut self.running,
            PipelineStatus::Succeeded => &mut self.succeeded,
            PipelineStatus::Failed => &mut self.failed,
            PipelineStatus::Cancelled => &mut self.cancelled,
            PipelineStatus::Skipped => &mut self.skipped,
        }
    }
}

/// How many pipelines there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PipelineCounts {
    /// Of all.
    pub all: StatusCounts,
    /// Of those made lately.
    pub lately: StatusCounts,
}

/// Why a pipeline needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AttentionReason)]
pub enum Reason {
    /// It failed.
    Failed,
    /// It made the newest version of its model, which is deployed nowhere.
    NotDeployed,
}

/// A pipeline that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AttentionPipeline)]
pub struct NeedsPerson {
    /// Why.
    pub reason: Reason,
    /// The pipeline.
    pub id: PipelineId,
    /// Its repository.
    pub repo: RepoName,
    /// Its branch.
    pub branch: String,
    /// Its notebook.
    pub notebook_path: String,
    /// Its model, once known.
    #[schema(required)]
    pub model_name: Option<ModelName>,
    /// The version it made.
    #[schema(required)]
    pub registry_version: Option<u64>,
    /// The phase that failed.
    #[schema(required)]
    pub phase: Option<Phase>,
    /// Why it ended as it did, in words.
    #[schema(required)]
    pub detail: Option<String>,
    /// When it ended.
    #[schema(required)]
    pub finished_at: Option<Timestamp>,
}

/// Pipelines that need a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attention {
    /// How many of them failed.
    pub failed: u64,
    /// How many of them made a version that is not deployed.
    pub not_deployed: u64,
    /// The first of them: those that failed before the others, the newest first.
    pub first: Vec<NeedsPerson>,
}

/// The smallest identifier that a pipeline made at this moment may have.
pub(super) fn first_id(at: Timestamp) -> String {
    let millis = at.as_millisecond().max(0);
    format!("{:08x}-{:04x}-0000-0000-000000000000", millis >> 16, millis & 0xffff)
}

/// The pipelines from `since` on, of which `theirs` is true, that need a person, as `id` and `reason`: of each notebook on each branch the newest one that
/// succeeded or failed, unless another is under way, if it failed, or made the newest version of a model and that is deployed
/// nowhere. Cancelled and skipped ones say nothing of their notebook.
pub(super) fn need_a_person(since: &str, theirs: &str) -> String {
    let newest = "NOT EXISTS (SELECT 1 FROM pipelines r WHERE r.repo = p.repo AND r.branch = p.branch
             AND r.notebook_path = p.notebook_path AND r.id > p.id AND r.status IN ('succeeded', 'failed'))
         AND NOT EXISTS (SELECT 1 FROM pipelines u WHERE u.repo = p.repo AND u.branch = p.branch
             AND u.notebook_path = p.notebook_path AND u.id > p.id AND u.status IN ('queued', 'running'))";
    format!(
        "SELECT p.id, 'failed' AS reason FROM pipelines p
         WHERE p.finished_at IS NOT NULL AND p.status = 'failed' AND p.id >= {since} AND {theirs} AND {newest}
         UNION ALL
         SELECT p.id, 'not_deployed' AS reason FROM pipelines p
         WHERE p.status = 'succeeded' AND p.deployed = 0 AND p.id >= {since} AND {theirs} AND {newest}
             AND p.registry_version = (SELECT MAX(v.version) FROM versions v WHERE v.model_name = p.model_name)
             AND NOT EXISTS (SELECT 1 FROM deployments d
                 WHERE d.model_name = p.model_name AND d.version = p.registry_version)"
    )
}

impl Pipelines {
    /// How many pipelines of a scope there are in each status, and how many of those were made since a moment.
    pub async fn counts(&self, scope: &Scope, since: Timestamp) -> Result<PipelineCounts, StoreError> {
        let mut texts = Texts::default();
        let since = texts.place(first_id(since));
        let parts = scope::parts(scope, &mut texts);
        let counted = |part: &String| {
            ["finished_at IS NOT NULL", "status IN ('queued', 'running')"].map(|end| {
                format!(
                    "SELECT status, COUNT(*) AS everything, COUNT(CASE WHEN id >= {since} THEN 1 END) AS lately FROM pipelines
                     WHERE {end} AND {part} GROUP BY status"
                )
            })
        };
        let sql = parts.iter().flat_map(counted).collect::<Vec<_>>().join(" UNION ALL ");
        let query = texts.bind(sqlx::query(AssertSqlSafe(sql)));
        let mut counts = PipelineCounts::default();
        for row in &self.database.all(query).await? {
            let fields = Fields(row);
            let status = fields.word("status", PipelineStatus::from_word)?;
            *counts.all.of(status) += fields.count("everything")?;
            *counts.lately.of(status) += fields.count("lately")?;
        }
        Ok(counts)
    }

    /// What needs a person among the pipelines of a scope made since a moment, and the first so many of it: of each notebook on each branch
    /// the newest result, unless a newer pipeline is under way, if it failed, or if it made the newest version of its model and
    /// that is deployed nowhere.
    pub async fn attention(&self, scope: &Scope, since: Timestamp, limit: u32) -> Result<Attention, StoreError> {
        let mut texts = Texts::after(2);
        let theirs = scope::covers(self.database.dialect, scope, ("p.repo", "p.model_name"), &mut texts);
        let sql = format!(
            "SELECT n.reason, n.failed, n.total, p.id, p.repo, p.branch, p.notebook_path, p.model_name, p.registry_version,
                 p.reason AS detail, p.finished_at, ph.phase, ph.error
             FROM (SELECT id, reason, COUNT(CASE reason WHEN 'failed' THEN 1 END) OVER () AS failed, COUNT(*) OVER () AS total
                   FROM ({}) AS needs ORDER BY reason, id DESC LIMIT $2) n
             JOIN pipelines p ON p.id = n.id {}
             ORDER BY n.reason, n.id DESC",
            need_a_person("$1", &theirs),
            with_phases(self.database.dialect, "ph.status = 'failed'")
        );
        let query = texts.bind(sqlx::query(AssertSqlSafe(sql)).bind(first_id(since)).bind(i64::from(limit)));
        let mut attention = Attention::default();
        for row in &self.database.all(query).await? {
            let fields = Fields(row);
            attention.failed = fields.count("failed")?;
            attention.not_deployed = fields.count("total")?.saturating_sub(attention.failed);
            let one = needs_person(row)?;
            if attention.first.last().is_none_or(|last| last.id != one.id) {
                attention.first.push(one);
            }
        }
        Ok(attention)
    }
}

fn needs_person(row: &AnyRow) -> Result<NeedsPerson, StoreError> {
    let fields = Fields(row);
    Ok(NeedsPerson {
        reason: fields.word("reason", reason_from_word)?,
        id: fields.parsed("id")?,
        repo: fields.parsed("repo")?,
        branch: fields.get("branch")?,
        notebook_path: fields.get("notebook_path")?,
        model_name: fields.parsed_option("model_name")?,
        registry_version: fields.get::<Option<i64>>("registry_version")?.map(i64::cast_unsigned),
        phase: fields.get::<Option<String>>("phase")?.and_then(|word| Phase::from_word(&word)),
        detail: fields.get::<Option<String>>("detail")?.or(fields.get("error")?),
        finished_at: fields.time_option("finished_at")?,
    })
}

fn reason_from_word(word: &str) -> Option<Reason> {
    match word {
        "failed" => Some(Reason::Failed),
        "not_deployed" => Some(Reason::NotDeployed),
        _ => None,
    }
}
