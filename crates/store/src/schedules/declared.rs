//! Schedules that the files of a repository declare, and what came of these files when they were last read.

use contract::{CommitSha, RepoName, TaskPayload};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::{
    NewSchedule, Schedule, ScheduleChange, Schedules,
    records::{delete, insert, schedule, select, update, wake},
};
use crate::{
    NewAuditEntry, NewTask, StoreError, TaskLease,
    access::record,
    db::{
        database::Write,
        fields::{Fields, json, text},
    },
    tasks,
};

/// What is to be done so that the schedules are as the files say.
#[derive(Debug, Clone)]
pub enum DeclaredChange<'a> {
    /// There is one more.
    Create(NewSchedule<'a>),
    /// One is another now.
    Change(&'a Schedule, ScheduleChange<'a>),
    /// One is declared no more.
    Remove(&'a Schedule),
}

/// What came of a repository's files when they were last read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declaration {
    /// What was last pushed that changes these files: the branch, and its newest commit.
    pub pushed: Option<(String, CommitSha)>,
    /// The branch that they were read of.
    pub branch: Option<String>,
    /// At which commit.
    pub commit: Option<CommitSha>,
    /// What was done, or why not.
    pub report: Option<Value>,
    /// When.
    pub read_at: Option<Timestamp>,
}

/// Which files were read.
#[derive(Debug, Clone, Copy)]
pub struct ReadFiles<'a> {
    /// The repository.
    pub repo: &'a RepoName,
    /// Of which branch; none: none of the repository's is there.
    pub branch: Option<&'a str>,
    /// At which commit.
    pub commit: Option<&'a CommitSha>,
}

impl Schedules {
    /// Has a registered repository's files read again soon, because a push changed them.
    pub async fn declare(&self, repo: &RepoName, branch: &str, commit: &CommitSha) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        read_again(&mut write, repo).await?;
        let pushed = sqlx::query(
            "INSERT INTO declarations (repo, pushed_branch, pushed_commit)
             SELECT full_name, CAST($2 AS TEXT), CAST($3 AS TEXT) FROM repos WHERE full_name = $1
             ON CONFLICT (repo) DO UPDATE SET pushed_branch = excluded.pushed_branch, pushed_commit = excluded.pushed_commit",
        );
        write.run(pushed.bind(repo.as_str()).bind(text(branch)).bind(commit.as_str())).await?;
        write.commit().await
    }

    /// What came of a repository's files; none if none were ever pushed or read.
    pub async fn declaration(&self, repo: &RepoName) -> Result<Option<Declaration>, StoreError> {
        let query = sqlx::query(
            "SELECT pushed_branch, pushed_commit, branch, commit_sha, report, read_at FROM declarations WHERE repo = $1",
        );
        let Some(row) = self.database.optional(query.bind(repo.as_str())).await? else { return Ok(None) };
        let fields = Fields(&row);
        let report = match fields.get::<Option<String>>("report")? {
            Some(_) => Some(fields.json("report")?),
            None => None,
        };
        Ok(Some(Declaration {
            pushed: fields.get::<Option<String>>("pushed_branch")?.zip(fields.parsed_option("pushed_commit")?),
            branch: fields.get("branch")?,
            commit: fields.parsed_option("commit_sha")?,
            report,
            read_at: fields.time_option("read_at")?,
        }))
    }

    /// The schedules that a repository's files declare, by name.
    pub async fn declared(&self, repo: &RepoName) -> Result<Vec<Schedule>, StoreError> {
        let sql = format!("{} ORDER BY s.name", select("s.source_repo = $1"));
        let rows = self.database.all(sqlx::query(AssertSqlSafe(sql)).bind(repo.as_str())).await?;
        rows.iter().map(schedule).collect()
    }

    /// The schedule of a name.
    pub async fn of_name(&self, name: &str) -> Result<Option<Schedule>, StoreError> {
        let sql = select("s.name = $1");
        let row = self.database.optional(sqlx::query(AssertSqlSafe(sql)).bind(text(name))).await?;
        row.as_ref().map(schedule).transpose()
    }

    /// Makes schedules as files declare them, all or nothing, and writes down what came of it while the repository is registered. [`StoreError::Conflict`] if one of them was
    /// changed since it was found, or a name was taken: then look again.
    pub async fn apply(
        &self,
        lease: &TaskLease,
        files: ReadFiles<'_>,
        changes: &[DeclaredChange<'_>],
        report: &Value,
        audit: Vec<NewAuditEntry>,
    ) -> Result<(), StoreError> {
        let mut write = tasks::fenced(&self.database, lease).await?;
        if !apply(&mut write, changes).await? {
            write.undo().await?;
            return Err(StoreError::Conflict);
        }
        for entry in audit {
            record(&mut write, entry).await?;
        }
        let read = sqlx::query(
            "INSERT INTO declarations (repo, branch, commit_sha, report, read_at)
             SELECT full_name, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT) FROM repos
             WHERE full_name = $1
             ON CONFLICT (repo) DO UPDATE SET branch = excluded.branch, commit_sha = excluded.commit_sha,
                 report = excluded.report, read_at = excluded.read_at",
        )
        .bind(files.repo.as_str())
        .bind(files.branch.map(text))
        .bind(files.commit.map(ToString::to_string))
        .bind(json(report)?)
        .bind(write.now);
        write.run(read).await?;
        write.commit().await
    }
}

/// `false` if something is not as it was found.
async fn apply(write: &mut Write, changes: &[DeclaredChange<'_>]) -> Result<bool, StoreError> {
    // Names that are free again may be taken by others.
    for change in changes {
        if let DeclaredChange::Remove(found) = change {
            wake(write, found.id).await?;
            let _ = delete(write, found.id).await?;
        }
    }
    for change in changes {
        let done = match change {
            DeclaredChange::Create(new) => insert(write, new).await?.is_some(),
            DeclaredChange::Change(found, change) => {
                wake(write, found.id).await?;
                update(write, found, change).await?
            }
            DeclaredChange::Remove(_) => true,
        };
        if !done {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Has a repository's files read again soon, within the write that causes it.
pub(crate) async fn read_again(write: &mut Write, repo: &RepoName) -> Result<(), StoreError> {
    let key = Some(format!("declared {repo}"));
    // It is never given up: the code host may be unavailable for long, and what was pushed counts all the same.
    let task = NewTask { key, max_attempts: u32::MAX, ..NewTask::soon(TaskPayload::Declared(repo.clone())) };
    tasks::create_or_wake(write, &task).await
}
