//! What belongs to the repositories and models that a list is limited to, as conditions of a statement.

use std::{collections::BTreeSet, fmt::Display};

use contract::Scope;

use crate::db::{dialect::Dialect, texts::Texts};

/// What is true of every row.
pub(crate) const ALL: &str = "1 = 1";

/// The rows of a table with the columns `repo` and `model_name` that a scope has, as conditions no two of which are true of
/// one row: so the database finds each part by an index of its own, in its order.
pub(crate) fn parts(scope: &Scope, texts: &mut Texts) -> Vec<String> {
    let Scope::Only { repos, models } = scope else { return vec![ALL.to_owned()] };
    let repos: Vec<_> = repos.iter().map(|repo| texts.place(repo.to_string())).collect();
    let mut parts: Vec<_> = repos.iter().map(|repo| format!("repo = {repo}")).collect();
    let of_none: Vec<_> = repos.iter().map(|repo| format!("COALESCE(repo, '') <> {repo}")).collect();
    for model in models {
        let of_model = format!("model_name = {}", texts.place(model.to_string()));
        parts.push([&[of_model], &of_none[..]].concat().join(" AND "));
    }
    if parts.is_empty() {
        parts.push("1 = 0".to_owned());
    }
    parts
}

/// Whether a row is of the scope by its columns of a repository and a model. It is looked at with each row.
pub(crate) fn covers(dialect: Dialect, scope: &Scope, (repo, model): (&str, &str), texts: &mut Texts) -> String {
    let Scope::Only { repos, models } = scope else { return ALL.to_owned() };
    let (of_repo, of_model) =
        (dialect.among(repo, &texts.place(list(repos))), dialect.among(model, &texts.place(list(models))));
    format!("({of_repo} OR {of_model})")
}

/// Whether a column is the name of a repository of the scope.
pub(crate) fn has_repo(dialect: Dialect, scope: &Scope, column: &str, texts: &mut Texts) -> String {
    let Scope::Only { repos, .. } = scope else { return ALL.to_owned() };
    dialect.among(column, &texts.place(list(repos)))
}

/// Whether a column is the name of a model of the scope, or of one whose name belongs to a repository of the scope.
pub(crate) fn has_model(dialect: Dialect, scope: &Scope, column: &str, texts: &mut Texts) -> String {
    let Scope::Only { repos, models } = scope else { return ALL.to_owned() };
    let named = dialect.words(&texts.place(list(models)));
    let owned = dialect.among("o.repo", &texts.place(list(repos)));
    dialect.one_of(column, &format!("{named} UNION ALL SELECT o.model_name FROM model_owners o WHERE {owned}"))
}

/// Names as a JSON list.
fn list(names: &BTreeSet<impl Display>) -> String {
    names.iter().map(ToString::to_string).collect::<serde_json::Value>().to_string()
}
