use std::{collections::BTreeMap, fmt::Write as _};

use contract::{PipelineStatus, Scope};
use jiff::{Timestamp, ToSpan};
use sqlx::AssertSqlSafe;
use store::{Filter, ModelFilter, ModelOrder, PipelineCounts, Reason, StatusCounts};

use crate::World;

/// 2026-03-15T00:00:00Z, when the newest pipeline here was made; the one before it a minute earlier, and so on.
const NEWEST: i64 = 1_773_532_800_000;
const MINUTE: i64 = 60_000;
const PIPELINES: i64 = 10_000;
const MODELS: i64 = 2_000;

fn since(days: i64) -> Timestamp {
    Timestamp::from_millisecond(NEWEST).unwrap() - (days * 24).hours()
}

fn id(number: i64, made: i64) -> String {
    format!("{:08x}-{:04x}-7000-8000-{number:012x}", made >> 16, made & 0xffff)
}

/// A pipeline, number 0 being the newest; as `status, deployed, model_name, registry_version`.
struct Row<'a> {
    number: i64,
    notebook: &'a str,
    branch: &'a str,
    outcome: &'a str,
}

fn insert(sql: &mut String, rows: &[Row<'_>]) {
    sql.push_str(
        "INSERT INTO pipelines (id, repo, branch, commit_sha, notebook_path, parameters, manual, created_at, status, deployed,
             model_name, registry_version, reason, finished_at) VALUES ",
    );
    for (place, Row { number, notebook, branch, outcome }) in rows.iter().enumerate() {
        let (made, comma) = (NEWEST - number * MINUTE, if place == 0 { "" } else { ", " });
        let id = id(*number, made);
        let _ = write!(
            sql,
            "{comma}('{id}', 'acme/shop', '{branch}', '{number:040x}', '{notebook}', '{{}}', 0, {made}, {outcome})"
        );
    }
    sql.push(';');
}

async fn run(world: &World, sql: String) {
    let pool = sqlx::AnyPool::connect(&world.url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    pool.close().await;
}

const FAILED: &str = "'failed', 0, NULL, NULL, 'cell 3 raised', 1773532800000";
const DEPLOYED: &str = "'succeeded', 1, NULL, NULL, NULL, 1773532800000";
const CANCELLED: &str = "'cancelled', 0, NULL, NULL, NULL, 1773532800000";
const RUNNING: &str = "'running', 0, NULL, NULL, NULL, NULL";

async fn the_newest_results_that_failed_need_a_person_until_another_is_under_way(world: World) {
    let row = |number, notebook, branch, outcome| Row { number, notebook, branch, outcome };
    let mut sql = String::new();
    let old = 15 * 24 * 60;
    insert(
        &mut sql,
        &[
            row(1, "failed-since.ipynb", "main", FAILED),
            row(2, "failed-since.ipynb", "main", DEPLOYED),
            row(3, "fixed.ipynb", "main", DEPLOYED),
            row(4, "fixed.ipynb", "main", FAILED),
            row(5, "tried-again.ipynb", "main", RUNNING),
            row(6, "tried-again.ipynb", "main", FAILED),
            row(7, "cancelled-since.ipynb", "main", CANCELLED),
            row(8, "cancelled-since.ipynb", "main", FAILED),
            row(9, "fixed.ipynb", "other-branch", FAILED),
            row(old, "long-ago.ipynb", "main", FAILED),
        ],
    );
    let _ = write!(
        sql,
        "INSERT INTO phases (pipeline_id, phase, status, attempt, error) VALUES ('{}', 'execute', 'failed', 1, 'boom')",
        id(9, NEWEST - 9 * MINUTE)
    );
    run(&world, sql).await;

    let attention = world.store.pipelines.attention(&Scope::Everything, since(14), 2).await.unwrap();
    assert_eq!((attention.failed, attention.not_deployed), (3, 0));
    let first: Vec<_> = attention.first.iter().map(|one| one.notebook_path.as_str()).collect();
    assert_eq!(first, ["failed-since.ipynb", "cancelled-since.ipynb"], "the newest of all three");
    let all = world.store.pipelines.attention(&Scope::Everything, since(14), 50).await.unwrap().first;
    assert_eq!((all[2].branch.as_str(), all[2].phase), ("other-branch", Some(contract::Phase::Execute)));
    assert_eq!((all[0].reason, all[0].detail.as_deref()), (Reason::Failed, Some("cell 3 raised")));

    let filter = Filter { attention_since: Some(since(14)), limit: 2, ..Filter::default() };
    let (page, next) = world.store.pipelines.pipelines(&filter).await.unwrap();
    assert_eq!(page.iter().map(|one| one.id).collect::<Vec<_>>(), [all[0].id, all[1].id]);
    let (rest, end) = world.store.pipelines.pipelines(&Filter { after: next, ..filter.clone() }).await.unwrap();
    assert_eq!((rest[0].id, rest.len(), end), (all[2].id, 1, None));
    assert_eq!(world.store.pipelines.count(&Filter { after: next, ..filter }).await.unwrap(), 3, "of all pages");
    assert_eq!(world.store.pipelines.attention(&Scope::Everything, since(30), 50).await.unwrap().failed, 4);
}

async fn a_models_newest_version_that_is_deployed_nowhere_needs_a_person(world: World) {
    let held = |model: &str, version: i64| format!("'succeeded', 0, '{model}', {version}, 'accuracy is 0.7', 1773532800000");
    let row = |number, notebook, outcome| Row { number, notebook, branch: "main", outcome };
    let (a, b, c, d) = (held("held", 2), held("promoted", 1), held("older", 1), held("held", 1));
    let mut sql = String::new();
    insert(&mut sql, &[row(1, "a.ipynb", &a), row(2, "b.ipynb", &b), row(3, "c.ipynb", &c), row(4, "a.ipynb", &d)]);
    for (model, version, number) in [("held", 1, 4), ("held", 2, 1), ("promoted", 1, 2), ("older", 1, 3), ("older", 2, 1)] {
        version_row(&mut sql, model, version, number);
    }
    deployment_row(&mut sql, 1, "promoted", "staging", 1, 2);
    deployment_row(&mut sql, 2, "held", "dev", 1, 4);
    run(&world, sql).await;
    let attention = world.store.pipelines.attention(&Scope::Everything, since(14), 50).await.unwrap();
    assert_eq!((attention.failed, attention.not_deployed, attention.first.len()), (0, 1, 1));
    let one = &attention.first[0];
    assert_eq!((one.reason, one.registry_version), (Reason::NotDeployed, Some(2)));
    assert_eq!((one.model_name.as_ref().unwrap().as_str(), one.detail.as_deref()), ("held", Some("accuracy is 0.7")));
}

fn version_row(sql: &mut String, model: &str, version: i64, number: i64) {
    let made = NEWEST - number * MINUTE;
    let _ = write!(
        sql,
        "INSERT INTO versions (model_name, version, pipeline_id, flavour, uri, sha256, created_at)
             VALUES ('{model}', {version}, '{}', 'onnx', 'file:///v', '0', {made});",
        id(number, made)
    );
}

fn deployment_row(sql: &mut String, generation: i64, model: &str, environment: &str, version: i64, number: i64) {
    let made = NEWEST - number * MINUTE;
    let _ = write!(
        sql,
        "INSERT INTO deployment_history (generation, model_name, environment, version, pipeline_id, uri, sha256, metrics,
             deployed_at) VALUES ({generation}, '{model}', '{environment}', {version}, '{}', 'file:///v', '0', '{{}}', {made});
         INSERT INTO deployments (model_name, environment, version, generation)
             VALUES ('{model}', '{environment}', {version}, {generation});",
        id(number, made)
    );
}

/// Ten thousand pipelines of 500 notebooks and two thousand models. Two failures stand; the last model is one that no first
/// page has.
async fn fill(world: &World) {
    let mut sql = String::from("BEGIN;");
    let notebooks: Vec<_> = (0..500).map(|number| format!("notebooks/model_{number}.ipynb")).collect();
    for start in (0..PIPELINES).step_by(500) {
        let rows: Vec<_> = (start..start + 500)
            .map(|number| {
                let outcome = match number {
                    77 | 4_321 => FAILED,
                    0..3 => RUNNING,
                    _ if number % 10 == 9 && number > 5_000 => FAILED,
                    _ => DEPLOYED,
                };
                let notebook =
                    if number == 4_321 { "once.ipynb" } else { &notebooks[usize::try_from(number % 500).unwrap()] };
                Row { number, notebook, branch: "main", outcome }
            })
            .collect();
        insert(&mut sql, &rows);
    }
    for number in 0..MODELS {
        for version in 1..=3 {
            version_row(&mut sql, &format!("model-{number:04}"), version, number);
        }
        deployment_row(&mut sql, number * 2 + 1, &format!("model-{number:04}"), "dev", 3, number);
        if number % 4 == 0 {
            deployment_row(&mut sql, number * 2 + 2, &format!("model-{number:04}"), "prod", 2, number);
        }
    }
    sql.push_str("COMMIT");
    run(world, sql).await;
}

async fn among_ten_thousand_pipelines_and_two_thousand_models_every_number_is_right(world: World) {
    fill(&world).await;
    let store = &world.store;
    let counts = store.pipelines.counts(&Scope::Everything, since(1)).await.unwrap();
    let attention = store.pipelines.attention(&Scope::Everything, since(14), 8).await.unwrap();
    let models = store.serving.counts(&Scope::Everything).await.unwrap();
    let all = StatusCounts { running: 3, succeeded: 9_495, failed: 502, ..StatusCounts::default() };
    let lately = StatusCounts { running: 3, succeeded: 1_437, failed: 1, ..StatusCounts::default() };
    assert_eq!(counts, PipelineCounts { all, lately });
    assert_eq!((attention.failed, attention.not_deployed, attention.first.len()), (2, 0, 2));
    assert_eq!(attention.first[1].notebook_path, "once.ipynb");
    assert_eq!((models.models, models.versions), (2_000, 6_000));
    assert_eq!(models.deployed, BTreeMap::from([("dev".parse().unwrap(), 2_000), ("prod".parse().unwrap(), 500)]));
}

async fn a_search_finds_what_no_first_page_has_and_takes_no_character_for_a_wildcard(world: World) {
    fill(&world).await;
    let store = &world.store;
    let found = async |search: &str| {
        let filter = Filter { search: Some(search.to_owned()), limit: 5, ..Filter::default() };
        let page = store.pipelines.pipelines(&filter).await.unwrap().0;
        let count = store.pipelines.count(&filter).await.unwrap();
        assert_eq!(page.len() as u64, count.min(5));
        count
    };
    assert_eq!(found("ONCE.ipynb").await, 1);
    assert_eq!(found("acme/shop main").await, 10_000);
    assert_eq!(found("model_499 SHOP").await, 20);
    assert_eq!(found("model%499").await, 0, "% is a character");
    assert_eq!(found("modelx499").await, 0);
    assert_eq!(found("_4").await, 2_220, "_ is a character: model_4, model_40 to 49, model_400 to 499");
    assert_eq!(found("\\").await, 0);
    assert_eq!(found(&format!("{:040x}", 4_321)).await, 1, "a commit");
    assert_eq!(found(&format!("{:039x}", 4_321)).await, 0, "of a commit, its beginning only");
    assert_eq!(found("a\0b").await, 0);
    let failed = Filter { status: Some(PipelineStatus::Failed), limit: 3, ..Filter::default() };
    assert_eq!(store.pipelines.count(&failed).await.unwrap(), 502);

    let by = |search: &str| ModelFilter { search: Some(search.to_owned()), limit: 3, ..ModelFilter::default() };
    let (page, next) = store.serving.models(&by("EL-1999")).await.unwrap();
    assert_eq!((page.len(), page[0].name.as_str(), page[0].environments.len(), next), (1, "model-1999", 1, None));
    assert_eq!(store.serving.count_models(&by("model-19")).await.unwrap(), 100);
    assert_eq!(store.serving.count_models(&by("model_19")).await.unwrap(), 0);
    let prod = ModelFilter { environment: Some("prod".parse().unwrap()), ..by("model") };
    assert_eq!(store.serving.count_models(&prod).await.unwrap(), 500);
    let (page, _) = store.serving.models(&prod).await.unwrap();
    assert_eq!(page[1].name.as_str(), "model-0004");
    assert_eq!(page[1].deployed_at.len(), 2, "since when, in dev and in prod");
}

async fn models_are_listed_with_the_newest_first_page_by_page(world: World) {
    let mut sql = String::new();
    insert(&mut sql, &[Row { number: 1, notebook: "a.ipynb", branch: "main", outcome: DEPLOYED }]);
    // Two of one moment.
    for (model, version, minutes) in [("b", 1, 3), ("a", 1, 3), ("c", 1, 1), ("d", 1, 9), ("d", 2, 2)] {
        version_row(&mut sql, model, version, 1);
        let at = NEWEST - minutes * MINUTE;
        let _ = write!(sql, "UPDATE versions SET created_at = {at} WHERE model_name = '{model}' AND version = {version};");
    }
    run(&world, sql).await;
    let mut filter = ModelFilter { order: ModelOrder::Updated(None), limit: 1, ..ModelFilter::default() };
    let mut seen = Vec::new();
    loop {
        let (page, next) = world.store.serving.models(&filter).await.unwrap();
        seen.extend(page.into_iter().map(|model| model.name.to_string()));
        let Some(next) = next else { break };
        filter.order = next;
    }
    assert_eq!(seen, ["c", "d", "a", "b"]);
    assert_eq!(world.store.serving.count_models(&filter).await.unwrap(), 4);
}

async fn a_repository_is_without_a_push_until_one_ran_something(world: World) {
    let intake = &world.store.intake;
    for name in ["octocat/titanic", "acme/silent"] {
        intake.add_repo(&name.parse().unwrap(), "main", "**/*.ipynb").await.unwrap();
    }
    world.pipeline().await;
    let names =
        |silent: Vec<(i64, contract::RepoName)>| silent.into_iter().map(|(_, name)| name.to_string()).collect::<Vec<_>>();
    let (total, silent) = intake.repos_without_push(&Scope::Everything).await.unwrap();
    assert_eq!((total, names(silent)), (2, vec!["acme/silent".to_owned(), "octocat/titanic".to_owned()]));
    world.tamper("UPDATE pipelines SET manual = 0, delivery_id = 'd-1'").await;
    let (total, silent) = intake.repos_without_push(&Scope::Everything).await.unwrap();
    assert_eq!((total, names(silent)), (2, vec!["acme/silent".to_owned()]));
}

on_both![
    the_newest_results_that_failed_need_a_person_until_another_is_under_way,
    a_models_newest_version_that_is_deployed_nowhere_needs_a_person,
    among_ten_thousand_pipelines_and_two_thousand_models_every_number_is_right,
    a_search_finds_what_no_first_page_has_and_takes_no_character_for_a_wildcard,
    models_are_listed_with_the_newest_first_page_by_page,
    a_repository_is_without_a_push_until_one_ran_something,
];
