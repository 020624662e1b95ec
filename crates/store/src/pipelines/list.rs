//! Which pipelines there are: filtered, searched, page by page, and how many.

use contract::{ModelName, PipelineId, PipelineRecord, PipelineStatus, RepoName, Scope};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use crate::{
    Pipelines, StoreError,
    db::{
        dialect::Dialect,
        fields::Fields,
        scope,
        search::{like, words},
        texts::Texts,
    },
    pipelines::{
        overview::{first_id, need_a_person},
        records::{pipelines, select},
    },
};

/// Which pipelines to list. What is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those that belong to these.
    pub scope: Scope,
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

/// Conditions of a statement, with the texts that they compare with. Only those there are: so the database can choose an index
/// for them.
#[derive(Default)]
struct Conditions {
    /// The parts of the pipelines in which there are some, as the indices name them; no two have the same pipeline.
    parts: Vec<String>,
    all: Vec<String>,
    texts: Texts,
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
            let (anywhere, first) =
                (conditions.texts.place(format!("%{word}%")), conditions.texts.place(format!("{word}%")));
            conditions.all.push(format!("({} OR {})", like(SEARCHED, &anywhere), like("commit_sha", &first)));
        }
        if let Some(since) = filter.attention_since {
            let since = conditions.texts.place(first_id(since));
            let theirs = scope::covers(dialect, &filter.scope, ("p.repo", "p.model_name"), &mut conditions.texts);
            let needs = format!("SELECT id FROM ({}) AS needs", need_a_person(&since, &theirs));
            conditions.all.push(dialect.one_of("id", &needs));
        }
        conditions.parts = conditions.parts(dialect, filter);
        conditions
    }

    /// What a parameter holds is not known when an index is chosen. The unfinished are few, and looked at one by one. Of those
    /// that ended, those of a repository, a branch or a model have an index each; all together have one.
    fn parts(&mut self, dialect: Dialect, filter: &Filter) -> Vec<String> {
        let scope = match &filter.scope {
            // Those that need a person are few, and were found within the scope.
            _ if filter.attention_since.is_some() => &Scope::Everything,
            Scope::Only { repos, .. } if filter.repo.as_ref().is_some_and(|repo| repos.contains(repo)) => &Scope::Everything,
            Scope::Only { models, .. } if filter.model.as_ref().is_some_and(|one| models.contains(one)) => {
                &Scope::Everything
            }
            scope => scope,
        };
        let of_filter = filter.model.is_none() && (filter.repo.is_some() || filter.branch.is_some());
        if filter.status.is_none() && !of_filter && *scope == Scope::Everything {
            return vec![scope::ALL.to_owned()];
        }
        let mut parts = Vec::new();
        if filter.status.is_none_or(|status| !status.is_final()) {
            // No index has these: that of the unfinished is left.
            let columns = ("COALESCE(repo, '')", "COALESCE(model_name, '')");
            parts.push(format!("finished_at IS NULL AND {}", scope::covers(dialect, scope, columns, &mut self.texts)));
        }
        if filter.status.is_none_or(PipelineStatus::is_final) {
            let ended = scope::parts(scope, &mut self.texts);
            parts.extend(ended.iter().map(|part| format!("finished_at IS NOT NULL AND {part}")));
        }
        parts
    }

    fn equal(&mut self, column: &str, value: Option<&str>) {
        if let Some(value) = value {
            let place = self.texts.place(value.to_owned());
            self.all.push(format!("{column} = {place}"));
        }
    }

    /// Reads `what` of each part of the pipelines, one after the other, and ends each with `end`.
    fn each(&self, what: &str, end: &str) -> String {
        let part = |part: &String| {
            let all = std::iter::once(part).chain(&self.all).map(String::as_str).collect::<Vec<_>>().join(" AND ");
            format!("SELECT * FROM (SELECT {what} FROM pipelines WHERE {all} {end}) part")
        };
        self.parts.iter().map(part).collect::<Vec<_>>().join(" UNION ALL ")
    }
}

impl Pipelines {
    /// Pipelines, newest first, and where to go on if there are more: the next [`Filter::after`].
    pub async fn pipelines(&self, filter: &Filter) -> Result<(Vec<PipelineRecord>, Option<PipelineId>), StoreError> {
        let mut conditions = Conditions::of(self.database.dialect, filter);
        if let Some(after) = filter.after {
            let place = conditions.texts.place(after.to_string());
            conditions.all.push(format!("id < {place}"));
        }
        let newest = format!("ORDER BY id DESC LIMIT {}", conditions.texts.next());
        let sql = select(self.database.dialect, &format!("{} {newest}", conditions.each("*", &newest)));
        let query = conditions
            .texts
            .bind(sqlx::query(AssertSqlSafe(sql)))
            .bind((filter.limit as u64).saturating_add(1).cast_signed());
        let mut found = pipelines(&self.database.all(query).await?)?;
        let more = found.len() > filter.limit;
        found.truncate(filter.limit);
        let next = found.last().map(|last| last.id).filter(|_| more);
        Ok((found, next))
    }

    /// How many pipelines a filter finds on all its pages.
    pub async fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        let conditions = Conditions::of(self.database.dialect, filter);
        let counted = conditions.each("COUNT(*) AS found", "");
        let sql = format!("SELECT CAST(SUM(found) AS BIGINT) AS total FROM ({counted}) parts");
        let query = conditions.texts.bind(sqlx::query(AssertSqlSafe(sql)));
        let row = self.database.optional(query).await?.ok_or(StoreError::NotFound)?;
        Fields(&row).count("total")
    }
}
