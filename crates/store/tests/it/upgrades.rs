//! A database that an earlier version made and filled: this version brings it up to date, and goes on with what is in it.

use std::path::Path;

use contract::{Environment, ModelName, PhaseStatus, PipelineStatus, Role, Scope};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, migrate::Migrator};
use store::{Accepted, AuditFilter, Filter, Locked, ModelFilter, NewApproval, NewDelivery, Store, WebhookSecret};
use testkit::Postgres;

use crate::{TTL, pushed, url};

/// What the first version wrote: of one repository a pipeline that serves in dev, one that failed and one that waits.
const OF_THE_FIRST: &str = "
    INSERT INTO repos (id, full_name, branch, notebook_glob, created_at) VALUES (1, 'octocat/titanic', 'main', '*.ipynb', 1);
    INSERT INTO deliveries (delivery_id, event, repo, body_sha256, pipelines, received_at) VALUES
        ('d1', 'push', 'octocat/titanic', 'ab', '[[\"00000000-0001-7000-8000-000000000001\", \"a.ipynb\"]]', 1);
    INSERT INTO pipelines (id, repo, branch, commit_sha, notebook_path, parameters, delivery_id, manual, model_name,
        registry_version, metrics, status, deployed, created_at, started_at, finished_at) VALUES
        ('00000000-0001-7000-8000-000000000001', 'octocat/titanic', 'main', '1111111111111111111111111111111111111111',
         'a.ipynb', '{}', 'd1', 0, 'titanic', 1, '{\"accuracy\": 0.9}', 'succeeded', 1, 1, 2, 3),
        ('00000000-0002-7000-8000-000000000002', 'octocat/titanic', 'main', '2222222222222222222222222222222222222222',
         'a.ipynb', '{}', NULL, 1, NULL, NULL, '{}', 'failed', 0, 4, 5, 6),
        ('00000000-0003-7000-8000-000000000003', 'octocat/titanic', 'main', '3333333333333333333333333333333333333333',
         'a.ipynb', '{\"depth\": 3}', NULL, 1, NULL, NULL, '{}', 'queued', 0, 7, NULL, NULL);
    INSERT INTO jobs_to_send VALUES ('00000000-0003-7000-8000-000000000003');
    INSERT INTO turns VALUES ('octocat/titanic', 2);
    INSERT INTO phases (pipeline_id, phase, status, started_at, finished_at, attempt) VALUES
        ('00000000-0001-7000-8000-000000000001', 'execute', 'succeeded', 2, 3, 1);
    INSERT INTO log_chunks VALUES ('00000000-0001-7000-8000-000000000001', 1, 1,
        '[{\"seq\": 1, \"at\": \"1970-01-01T00:00:00Z\", \"phase\": \"execute\", \"stream\": \"stdout\", \"text\": \"hello\"}]');
    INSERT INTO notebooks VALUES ('00000000-0001-7000-8000-000000000001', '{}');
    INSERT INTO versions VALUES ('titanic', 1, '00000000-0001-7000-8000-000000000001', 'onnx', 'file:///v1', 'ab', 3);
    UPDATE deployment_changes SET latest = 1;
    INSERT INTO deployment_history (generation, former, model_name, environment, version, pipeline_id, uri, sha256, metrics,
        deployed_at) VALUES
        (1, NULL, 'titanic', 'dev', 1, '00000000-0001-7000-8000-000000000001', 'file:///v1', 'ab', '{}', 3);
    INSERT INTO deployments VALUES ('titanic', 'dev', 1, 1)";

/// What a version wrote that knew people, keys, owners and webhook secrets, but neither issuers nor approvals.
const OF_PEOPLE: &str = "
    INSERT INTO model_owners VALUES ('titanic', 'octocat/titanic', 3);
    INSERT INTO people (id, login, name, password, disabled, created_at) VALUES
        ('00000000-0000-7000-8000-00000000000a', 'ada', 'Ada', '$argon2id$kept', 0, 1);
    INSERT INTO grants (holder, place, role, repo) VALUES
        ('00000000-0000-7000-8000-00000000000a', 0, 'admin', NULL),
        ('00000000-0000-7000-8000-00000000000b', 0, 'viewer', 'octocat/titanic');
    INSERT INTO sessions VALUES ('00000000-0000-7000-8000-00000000000c', 'cookie', '00000000-0000-7000-8000-00000000000a',
        '::1', 'a browser', 1, 1, 9000000000000);
    INSERT INTO api_keys (id, digest, prefix, name, made_by, created_at) VALUES
        ('00000000-0000-7000-8000-00000000000b', 'key', 'mlsys_12345678', 'a program', '00000000-0000-7000-8000-00000000000a', 1);
    INSERT INTO audit (id, at, actor_kind, actor, address, action, object, result) VALUES
        ('00000000-0000-7000-8000-00000000000d', 1, 'person', 'ada', '::1', 'run', 'octocat/titanic', 'done');
    INSERT INTO webhook_secrets VALUES ('octocat/titanic', 'of its own', 1, NULL)";

/// A database as the version left it whose last migration had this number.
async fn made(url: &str, last: i64, rows: &[&str]) {
    sqlx::any::install_default_drivers();
    let folder = tempfile::tempdir().unwrap();
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    for file in std::fs::read_dir(all).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if name.split('_').next().unwrap().parse::<i64>().unwrap() <= last {
            std::fs::copy(file.path(), folder.path().join(name)).unwrap();
        }
    }
    let create = if url.starts_with("sqlite") { "?mode=rwc" } else { "" };
    let mut connection = AnyConnection::connect(&format!("{url}{create}")).await.unwrap();
    let migrations = Migrator::new(folder.path()).await.unwrap();
    assert!(!migrations.migrations.is_empty());
    migrations.run_direct(None, &mut connection, false).await.unwrap();
    for sql in rows {
        sqlx::raw_sql(AssertSqlSafe((*sql).to_owned())).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// What the first version wrote is there, and is gone on with.
async fn goes_on(store: &Store) {
    let (listed, _) = store.pipelines.pipelines(&Filter { limit: 9, ..Filter::default() }).await.unwrap();
    let states: Vec<_> = listed.iter().map(|one| one.status).collect();
    assert_eq!(states, [PipelineStatus::Queued, PipelineStatus::Failed, PipelineStatus::Succeeded]);
    let first = &listed[2];
    assert_eq!((first.metrics["accuracy"], first.deployed), (Some(0.9), true));
    assert!(first.phases.iter().any(|phase| phase.status == PhaseStatus::Succeeded));
    assert_eq!(store.pipelines.logs(first.id, 0, 9).await.unwrap()[0].text, "hello");
    assert_eq!(store.pipelines.notebook(first.id).await.unwrap().as_deref(), Some("{}"));

    let (models, _) = store.serving.models(&ModelFilter { limit: 9, ..ModelFilter::default() }).await.unwrap();
    assert_eq!((models[0].name.as_str(), models[0].owner.as_ref().unwrap().as_str()), ("titanic", "octocat/titanic"));
    assert_eq!(models[0].environments, [(Environment::dev(), 1)].into());
    let (model, staging) = (ModelName::try_from("titanic".to_owned()).unwrap(), "staging".parse().unwrap());
    let serves = store.serving.deployment(&model, &Environment::dev()).await.unwrap().unwrap();
    let Locked::Free(lock) = store.serving.lock(&model, &staging, TTL).await.unwrap() else { panic!("held") };
    let change = store.serving.promote(&lock, serves).await.unwrap().unwrap();
    assert!(change.deployment.generation > 1);
    store.serving.unlock(&lock).await.unwrap();
    let (events, _) = store.serving.deployment_events(&model, None, 9).await.unwrap();
    assert_eq!(events.len(), 2);

    let again = NewDelivery { delivery_id: "d1", event: "push", repo: None };
    let accepted = store.intake.accept_delivery(again, vec![pushed(1, "a.ipynb")]).await.unwrap();
    assert!(matches!(accepted, Accepted::Repeated(known) if known[0].id == first.id));
    let lease = store.pipelines.take_next("w", TTL).await.unwrap().unwrap();
    assert_eq!(lease.pipeline_id, listed[0].id);
    store.pipelines.finish_pipeline(&lease, PipelineStatus::Cancelled, false, None).await.unwrap();
    store.pipelines.retry(listed[1].id).await.unwrap();
}

/// Who was known is known, and may what they might.
async fn knows_people(store: &Store) {
    let access = &store.access;
    let key = access.key("key").await.unwrap().unwrap();
    assert_eq!((key.grants[0].role, key.grants[0].repo.as_ref().unwrap().as_str()), (Role::Viewer, "octocat/titanic"));
    assert_eq!(access.session("cookie").await.unwrap().unwrap().grants[0].role, Role::Admin);
    let (ada, kept) = access.password("ada").await.unwrap().unwrap();
    assert_eq!(kept.as_deref(), Some("$argon2id$kept"));
    assert_eq!(
        store.intake.webhook_secrets(&"octocat/titanic".parse().unwrap()).await.unwrap(),
        [WebhookSecret::Own("of its own".to_owned())]
    );
    let all = AuditFilter { limit: 9, ..AuditFilter::default() };
    assert_eq!(access.audit(&all).await.unwrap().0.len(), 1);
    let theirs = Scope::Only { repos: ["octocat/titanic".parse().unwrap()].into(), models: [].into() };
    assert!(access.audit(&AuditFilter { scope: theirs, ..all }).await.unwrap().0.is_empty(), "it is not known whose it is");
    let (model, from, to) = ("titanic".parse().unwrap(), "staging".parse().unwrap(), "prod".parse().unwrap());
    let new = NewApproval {
        model: &model,
        version: 1,
        from: &from,
        to: &to,
        asked_by: ada,
        asker: "ada",
        lasts: TTL,
        trial: None,
    };
    assert_eq!(store.serving.ask_for_approval(new).await.unwrap().unwrap().version, 1);
}

async fn an_older_database_is_gone_on_with(url: &str, other: &str) {
    made(url, 1, &[OF_THE_FIRST]).await;
    goes_on(&Store::open(url).await.unwrap()).await;
    made(other, 21, &[OF_THE_FIRST, OF_PEOPLE]).await;
    let store = Store::open(other).await.unwrap();
    goes_on(&store).await;
    knows_people(&store).await;
    store.close().await;
    let again = Store::open(other).await.unwrap();
    assert_eq!(again.pipelines.count(&Filter::default()).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_sqlite_file_is_gone_on_with() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    an_older_database_is_gone_on_with(&url(one.path()), &url(other.path())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_postgresql_database_is_gone_on_with() {
    let new = || tokio::task::block_in_place(|| Postgres::shared().database());
    an_older_database_is_gone_on_with(&new(), &new()).await;
}
