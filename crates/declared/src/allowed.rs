//! What a repository's files may have done. Whoever may push decides what they say, so it is no more than that repository's own.

use contract::RepoName;
use globset::{Glob, GlobSet, GlobSetBuilder};
use store::Repo;

use crate::Work;

/// Which tables a repository's files may have read and written.
#[derive(Debug, Clone)]
pub struct Tables(Allowed);

#[derive(Debug, Clone)]
enum Allowed {
    All,
    Only(GlobSet),
}

/// A pattern that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} is no pattern of tables: {reason}; write for example local.titanic.*, or several with commas")]
pub struct TablesError {
    /// What was given.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Tables {
    /// Those of globs that are separated by commas.
    ///
    /// # Errors
    /// Where one is no glob.
    pub fn parse(patterns: &str) -> Result<Self, TablesError> {
        let mut all = GlobSetBuilder::new();
        for pattern in patterns.split(',').map(str::trim).filter(|pattern| !pattern.is_empty()) {
            let wrong =
                |error: globset::Error| TablesError { pattern: pattern.to_owned(), reason: error.kind().to_string() };
            all.add(Glob::new(pattern).map_err(wrong)?);
        }
        let wrong = |error: globset::Error| TablesError { pattern: patterns.to_owned(), reason: error.kind().to_string() };
        all.build().map(|set| Self(Allowed::Only(set))).map_err(wrong)
    }

    /// Those of a repository's settings. Unless these say something else, a repository of the local remote, which is the machine's user's own, may have
    /// all tables, and any other none.
    #[must_use]
    pub fn of(name: &RepoName, repo: Option<&Repo>) -> Self {
        match repo.and_then(|repo| repo.tables.as_deref()) {
            // What was let through once and is none any more allows nothing.
            Some(patterns) => Self::parse(patterns).unwrap_or(Self(Allowed::Only(GlobSet::empty()))),
            None if name.is_local() => Self(Allowed::All),
            None => Self(Allowed::Only(GlobSet::empty())),
        }
    }

    fn allow(&self, table: &str) -> bool {
        match &self.0 {
            Allowed::All => true,
            Allowed::Only(set) => set.is_match(table),
        }
    }
}

/// The branches of a repository's settings whose files count, the first that is there of them: those that are no patterns.
pub fn branches(settings: &str) -> impl Iterator<Item = &str> {
    settings.split(',').map(str::trim).filter(|branch| !branch.is_empty() && !branch.contains(['*', '?', '[', '{', '\\']))
}

/// Why a repository's files may not have this done, if so, and what to do about it; `owner`: whose the model's name is.
#[must_use]
pub fn refusal(repo: &RepoName, tables: &Tables, owner: Option<&RepoName>, work: &Work) -> Option<(String, String)> {
    match work {
        Work::BatchPrediction(request) => {
            let model = &request.model_name;
            if let Some(owner) = owner.filter(|owner| *owner != repo) {
                let problem = format!("the model {model} belongs to {owner}, not to {repo}");
                return Some((problem, "declare it in that repository, or have an admin hand the name over".to_owned()));
            }
            let (input, outputs) = request.tables().ok()?;
            let refused = std::iter::once(input).chain(outputs).find(|table| !tables.allow(&table.to_string()))?;
            let problem = format!("the settings of {repo} do not let its files have {refused} read or written");
            let fix = format!(
                "have somebody who may send any table through models allow it: PATCH /api/repos/{{id}} with {{\"tables\": \"{refused}\"}}"
            );
            Some((problem, fix))
        }
        Work::Retraining(retraining) if retraining.repo == *repo => None,
        Work::Retraining(_) | Work::Retention {} | Work::RegistryScan(_) => {
            Some(("a repository's file can't have this done".to_owned(), "make the schedule by hand".to_owned()))
        }
    }
}
