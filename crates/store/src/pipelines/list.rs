//! Which pipelines there are: filtered, searched, page by page, and how many.

use contract::{ModelName, PipelineId, PipelineRecord, PipelineStatus, RepoName};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use crate::{
    Pipelines, StoreError,
    db::{
        dialect::Dialect,
        fields::Fields,
        search::{like, words},
    },
    pipelines::{
        overview::{first_id, need_a_person},
        records::{pipelines, select},
    },
};

/// Which pipelines to list. What is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those of this repository.
    pub repo: Option<RepoName>,
    /// Those in this status.
    pub status: Option<PipelineStatus>,
    /// Those that make this model.
    pub model: Option<ModelName>,
    /// Those of this branch.
    pub branch: Option<String>,
    /// Those of whose repository, branch, notebook, model or commit each of these words is a part; of the commit, the beginning.
    pub search: Option<String>,
    /// Those made since then that need a person: see [`Pipelines::attention`].
    pub attention_since: Option<Timestamp>,
    /// At most how many.
    pub limit: usize,
    /// Those older than this one.
    pub after: Option<PipelineId>,
}

/// What a search looks through, as one text: no word has the space between its parts.
const SEARCHED: &str = "repo || ' ' || branch || ' ' || notebook_path || ' ' || COALESCE(model_name, '')";

/// Conditions of a statement, with the values of their parameters. Only those there are: so the database can choose an index
/// for them.
#[derive(Default)]
struct Conditions {
    all: Vec<String>,
    values: Vec<String>,
}

impl Conditions {
    /// Those of a filter, but where it goes on.
    fn of(dialect: Dialect, filter: &Filter) -> Self {
        let mut conditions = Self::default();
        conditions.equal("repo", filter.repo.as_ref().map(RepoName::as_str));
        conditions.equal("status", filter.status.map(PipelineStatus::as_str));
        conditions.equal("model_name", filter.model.as_ref().map(ModelName::as_str));
        conditions.equal("branch", filter.branch.as_deref());
        for word in filter.search.as_deref().map(words).unwrap_or_default() {
            let (anywhere, first) = (conditions.value(format!("%{word}%")), conditions.value(format!("{word}%")));
            conditions.all.push(format!("({} OR {})", like(SEARCHED, &anywhere), like("commit_sha", &first)));
        }
        if let Some(since) = filter.attention_since {
            let since = conditions.value(first_id(since));
            let needs = format!("SELECT id FROM ({}) AS needs", need_a_person(&since));
            conditions.all.push(dialect.one_of("id", &needs));
        }
        conditions
    }

    fn equal(&mut self, column: &str, value: Option<&str>) {
        if let Some(value) = value {
            let place = self.value(value.to_owned());
            self.all.push(format!("{column} = {place}"));
        }
    }

    /// The parameter that stands for a value.
    fn value(&mut self, value: String) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// Reads `what` of each part of the pipelines, one after the other, and ends each with `end`.
    fn each(&self, parts: &[&str], what: &str, end: &str) -> String {
        let part = |part: &&str| {
            let all = std::iter::once(*part).chain(self.all.iter().map(String::as_str)).collect::<Vec<_>>().join(" AND ");
            format!("SELECT * FROM (SELECT {what} FROM pipelines WHERE {all} {end}) part")
        };
        parts.iter().map(part).collect::<Vec<_>>().join(" UNION ALL ")
    }
}

/// The parts of the pipelines in which a filter finds some, as the indices name them: what a parameter holds is not known when
/// one is chosen. Those of a repository or a branch have indices for each part, all together have one.
fn parts(filter: &Filter) -> &'static [&'static str] {
    const ENDED: &str = "finished_at IS NOT NULL";
    const UNFINISHED: &str = "finished_at IS NULL";
    match filter.status {
        Some(status) if status.is_final() => &[ENDED],
        Some(_) => &[UNFINISHED],
        None if filter.model.is_none() && (filter.repo.is_some() || filter.branch.is_some()) => &[UNFINISHED, ENDED],
        None => &["1 = 1"],
    }
}

impl Pipelines {
    /// Pipelines, newest first, and where to go on if there are more: the next [`Filter::after`].
    pub async fn pipelines(&self, filter: &Filter) -> Result<(Vec<PipelineRecord>, Option<PipelineId>), StoreError> {
        let mut conditions = Conditions::of(self.database.dialect, filter);
        if let Some(after) = filter.after {
            let place = conditions.value(after.to_string());
            conditions.all.push(format!("id < {place}"));
        }
        let newest = format!("ORDER BY id DESC LIMIT ${}", conditions.values.len() + 1);
        let sql = select(self.database.dialect, &format!("{} {newest}", conditions.each(parts(filter), "*", &newest)));
        let query = conditions.values.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), sqlx::query::Query::bind);
        let query = query.bind((filter.limit as u64).saturating_add(1).cast_signed());
        let mut found = pipelines(&self.database.all(query).await?)?;
        let more = found.len() > filter.limit;
        found.truncate(filter.limit);
        let next = found.last().map(|last| last.id).filter(|_| more);
        Ok((found, next))
    }

    /// How many pipelines a filter finds on all its pages.
    pub async fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        let conditions = Conditions::of(self.database.dialect, filter);
        let counted = conditions.each(parts(filter), "COUNT(*) AS found", "");
        let sql = format!("SELECT CAST(SUM(found) AS BIGINT) AS total FROM ({counted}) parts");
        let query = conditions.values.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), sqlx::query::Query::bind);
        let row = self.database.optional(query).await?.ok_or(StoreError::NotFound)?;
        Fields(&row).count("total")
    }
}
