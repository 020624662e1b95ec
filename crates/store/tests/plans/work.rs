//! Everything that anybody asks of the store, once. What is missing here nobody notices: a new statement is added by hand, to
//! [`bounded`], or to [`counted`] if it has to read every row.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use contract::{
    CanaryOutcome, CanaryRules, CanaryVerdict, CanaryWatch, Environment, Flavour, GateReport, Grant, LogLine, Phase,
    PhaseStatus, PipelineId, PipelineStatus, Role, Scope, ServerReport, Stream, TaskPayload,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{
    AuditFilter, Cursor, Deployment, DeploymentLock, Description, Filter, Lease, Locked, ModelFilter, ModelOrder,
    NewAuditEntry, NewDelivery, NewDeployment, NewKey, NewPerson, NewPipeline, NewSession, NewTask, NewVersion,
    PersonChange, Purpose, Pushed, RepoChange, Serving, Store, Trial, VersionCursor,
};

const TTL: Duration = Duration::from_mins(10);

/// Of a number that no earlier call of this process answered.
fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn days_ago(days: u64) -> Timestamp {
    Timestamp::now() - Duration::from_hours(24 * days)
}

/// What touches few rows, however many there are.
pub async fn bounded(store: &Store) {
    repositories(store).await;
    pushes(store).await;
    lists(store).await;
    models(store).await;
    tasks(store).await;
    retention(store).await;
    access(store).await;
}

/// What pushes ask, from the delivery to the end.
pub async fn pushes(store: &Store) {
    let pushed = deliveries(store).await;
    jobs(store).await;
    let lease = one_push(store, pushed[0]).await;
    deployments(store, &lease).await;
    ends(store, &lease, &pushed).await;
}

/// What is asked of very many rows, and has to read each of them once: how many there are of what most are, and words that
/// are looked for in all of them.
pub async fn counted(store: &Store) {
    let search = |words: &str| Filter { search: Some(words.to_owned()), ..Filter::default() };
    let attention = Filter { attention_since: Some(days_ago(14)), ..Filter::default() };
    let mut filters = vec![Filter::default(), repo("acme/monorepo"), branch("main"), model("prices")];
    filters.extend(["monorepo", "acme r7 feature n77", "00000012", "nowhere"].map(search));
    filters.extend(PipelineStatus::ALL.iter().map(|status| Filter { status: Some(*status), ..Filter::default() }));
    for filter in filters {
        store.pipelines.count(&filter).await.unwrap();
        if filter.search.is_some() {
            store.pipelines.pipelines(&Filter { limit: 50, ..filter }).await.unwrap();
        }
    }
    pages(store, attention.clone()).await;
    // Found by an index of the notebooks while PostgreSQL knows nothing of its tables.
    pages(store, Filter { branch: Some("main".to_owned()), ..repo("acme/monorepo") }).await;
    store.pipelines.count(&attention).await.unwrap();
    store.pipelines.attention(&Scope::Everything, days_ago(14), 20).await.unwrap();
    store.pipelines.counts(&Scope::Everything, days_ago(14)).await.unwrap();
    store.retention.old_deliveries(days_ago(85)).await.unwrap();
    store.pipelines.statistics(&Scope::Everything, Timestamp::now(), 30).await.unwrap();
    store.serving.counts(&Scope::Everything).await.unwrap();
    for scope in scopes() {
        store.pipelines.count(&Filter { scope: scope.clone(), ..Filter::default() }).await.unwrap();
        pages(store, Filter { scope: scope.clone(), ..attention.clone() }).await;
        pages(store, Filter { scope: scope.clone(), ..search("n77") }).await;
        // By the model, though few of its pipelines are the other repository's.
        pages(store, Filter { scope: scope.clone(), ..repo("acme/r9") }).await;
        store.pipelines.attention(&scope, days_ago(14), 20).await.unwrap();
        store.pipelines.counts(&scope, days_ago(14)).await.unwrap();
        store.pipelines.statistics(&scope, Timestamp::now(), 30).await.unwrap();
        store.serving.counts(&scope).await.unwrap();
        let filter = ModelFilter { scope, limit: 50, ..ModelFilter::default() };
        store.serving.models(&filter).await.unwrap();
        store.serving.count_models(&filter).await.unwrap();
    }
    let name = ModelOrder::Name(Some("model-7".parse().unwrap()));
    let updated = ModelOrder::Updated(Some((Timestamp::now(), "model-7".parse().unwrap())));
    for order in [ModelOrder::Name(None), name, ModelOrder::Updated(None), updated] {
        for (search, environment) in [(None, None), (Some("model 7".to_owned()), Some(Environment::dev()))] {
            let filter = ModelFilter { search, environment, order: order.clone(), limit: 50, ..ModelFilter::default() };
            store.serving.models(&filter).await.unwrap();
            store.serving.count_models(&filter).await.unwrap();
        }
    }
}

/// One large repository; a small one, a model of it and two others.
fn scopes() -> [Scope; 2] {
    let only = |repos: &[&str], models: &[&str]| Scope::Only {
        repos: repos.iter().map(|repo| repo.parse().unwrap()).collect(),
        models: models.iter().map(|model| model.parse().unwrap()).collect(),
    };
    [only(&["acme/monorepo"], &[]), only(&["acme/r7"], &["model-7", "model-8", "prices"])]
}

fn repo(name: &str) -> Filter {
    Filter { repo: Some(name.parse().unwrap()), ..Filter::default() }
}

fn model(name: &str) -> Filter {
    Filter { model: Some(name.parse().unwrap()), ..Filter::default() }
}

fn branch(name: &str) -> Filter {
    Filter { branch: Some(name.to_owned()), ..Filter::default() }
}

async fn repositories(store: &Store) {
    let intake = &store.intake;
    let name = format!("acme/new-{}", next()).parse().unwrap();
    let repo = intake.add_repo(&name, "main", "*.ipynb").await.unwrap();
    intake.update_repo(repo.id, RepoChange { branch: Some("prod"), ..RepoChange::default() }).await.unwrap();
    assert!(intake.repo(repo.id).await.unwrap().is_some() && intake.repo_by_name(&name).await.unwrap().is_some());
    store.schedules.declare(&name, "main", &"1".repeat(40).parse().unwrap()).await.unwrap();
    assert!(store.schedules.declaration(&name).await.unwrap().is_some());
    assert!(store.schedules.declared(&name).await.unwrap().is_empty());
    assert!(store.schedules.of_name("nightly").await.unwrap().is_none());
    intake.delete_repo(repo.id).await.unwrap();
    intake.repos(&Scope::Everything).await.unwrap();
    intake.last_deliveries(&Scope::Everything).await.unwrap();
    intake.repos_without_push(&Scope::Everything).await.unwrap();
}

/// A delivery of three notebooks, the same again, and a newer push: answers the pipelines of this one.
/// A push of a notebook that was not pushed before.
pub async fn first_push(store: &Store) {
    let number = next();
    let delivery_id = format!("first-of-all-{number}");
    let delivery = NewDelivery { delivery_id: &delivery_id, event: "push", repo: None };
    store.intake.accept_delivery(delivery, vec![new_pipeline(number, 1, 0)]).await.unwrap();
}

fn new_pipeline(number: u64, commit: u64, notebook: usize) -> NewPipeline {
    NewPipeline {
        repo: "acme/monorepo".parse().unwrap(),
        branch: "main".to_owned(),
        commit_sha: format!("{number:030x}{commit:010x}").parse().unwrap(),
        notebook_path: format!("new-{number}-{notebook}.ipynb"),
        parameters: [].into(),
        delivery_id: None,
        traceparent: None,
        manual: false,
    }
}

async fn deliveries(store: &Store) -> Vec<PipelineId> {
    let (intake, number) = (&store.intake, next());
    let pipeline = |commit, notebook| new_pipeline(number, commit, notebook);
    let mut made = Vec::new();
    for (delivery, commit) in [("first", 1), ("first", 1), ("again", 1), ("newer", 2)] {
        let delivery_id = format!("{delivery}-{number}");
        let delivery = NewDelivery { delivery_id: &delivery_id, event: "push", repo: None };
        let pipelines = (0..3).map(|notebook| pipeline(commit, notebook)).collect();
        let (store::Accepted::New(accepted) | store::Accepted::Repeated(accepted)) =
            intake.accept_delivery(delivery, pipelines).await.unwrap();
        made = accepted.iter().map(|accepted| accepted.id).collect();
    }
    made.push(intake.create_pipeline(NewPipeline { manual: true, ..pipeline(2, 0) }).await.unwrap());
    made
}

async fn jobs(store: &Store) {
    let unsent = store.pipelines.unsent_jobs(64).await.unwrap();
    store.pipelines.mark_sent(&unsent).await.unwrap();
    store.pipelines.takeable().await.unwrap();
    store.pipelines.resend_all().await.unwrap();
    let lease = store.pipelines.take_next("w", TTL).await.unwrap().unwrap();
    store.pipelines.release_lease(&lease).await.unwrap();
}

/// What a worker asks while it carries a pipeline on.
async fn one_push(store: &Store, id: PipelineId) -> Lease {
    let pipelines = &store.pipelines;
    let lease = pipelines.take_lease(id, "w", TTL).await.unwrap().unwrap();
    let lease = pipelines.adopt_lease(id, lease.token, "runner", TTL).await.unwrap().unwrap();
    let lease = pipelines.take_from(id, &lease.owner, "w", TTL).await.unwrap().unwrap();
    pipelines.renew_lease(&lease, TTL).await.unwrap();
    pipelines.lease_number(id).await.unwrap();
    pipelines.cancel_requested(id).await.unwrap();
    pipelines.pipeline_traceparent(id).await.unwrap();
    pipelines.start_phase(&lease, Phase::Download).await.unwrap();
    pipelines.finish_phase(&lease, Phase::Download, PhaseStatus::Succeeded, None, Some(&json!(1))).await.unwrap();
    pipelines.checkpoint(id, Phase::Download).await.unwrap();
    let (at, phase, stream) = (Timestamp::UNIX_EPOCH, Phase::Execute, Stream::Stdout);
    let line = |seq| LogLine { seq, at, phase, cell: None, stream, text: String::new(), data: None };
    pipelines.append_logs(&lease, 1, &[line(1), line(2)]).await.unwrap();
    pipelines.append_logs(&lease, 3, &[line(3)]).await.unwrap();
    assert_eq!(pipelines.logs(id, 1, 100).await.unwrap().len(), 2);
    assert_eq!(pipelines.log_frames(id, 2, 100).await.unwrap().len(), 1);
    assert_eq!(pipelines.last_seq(id).await.unwrap(), 3);
    pipelines.save_notebook(&lease, b"{}").await.unwrap();
    pipelines.notebook(id).await.unwrap();
    let description = Description { model_name: Some("prices".parse().unwrap()), ..Description::default() };
    pipelines.describe(&lease, description).await.unwrap();
    pipelines.record_gate_report(&lease, &GateReport::default()).await.unwrap();
    pipelines.details(id).await.unwrap();
    pipelines.pipeline(id).await.unwrap();
    lease
}

/// A roll-out by a push, a promotion, a rollback, and a change that is undone.
async fn deployments(store: &Store, lease: &Lease) {
    let (serving, model) = (&store.serving, format!("new-{}", next()).parse().unwrap());
    let (dev, staging) = (Environment::dev(), "staging".parse().unwrap());
    let mut last = None;
    for version in 1..=3 {
        let (uri, sha256) = (format!("file:///{version}"), "ab".repeat(32));
        let (flavour, sha) = (Flavour::Onnx, sha256.clone());
        let new = NewVersion {
            model: "prices".parse().unwrap(),
            version: 2_000_000 + next(),
            flavour,
            uri: uri.clone(),
            sha256: sha,
        };
        serving.record_version(lease, new).await.unwrap();
        let locked = serving.lock_for_push(lease, &model, &dev, TTL).await.unwrap();
        let Locked::Free(lock) = locked else { panic!("{locked:?}") };
        let new = NewDeployment { version, uri, sha256, metrics: [].into() };
        let Pushed::Current(change) = serving.push(&lock, lease, new).await.unwrap() else { panic!("no push") };
        serving.renew_lock(&lock, TTL).await.unwrap();
        serving.unlock(&lock).await.unwrap();
        last = Some(change.deployment);
    }
    let Locked::Free(lock) = serving.lock(&model, &staging, TTL).await.unwrap() else { panic!("held") };
    for version in 1..=2 {
        let deployment = Deployment { version, ..last.clone().unwrap() };
        serving.promote(&lock, deployment).await.unwrap().unwrap();
    }
    tried_out(serving, &lock, last.as_ref().unwrap()).await;
    let target = serving.rollback_target(&model, &staging).await.unwrap().unwrap();
    let change = serving.roll_back(&lock, &target).await.unwrap().unwrap();
    assert!(serving.undo(&lock, &change.deployment).await.unwrap());
    serving.expire_locks().await.unwrap();
    let (lock, _) = serving.take_unfinished(TTL).await.unwrap().unwrap();
    serving.unlock(&lock).await.unwrap();
    serving.deployment(&model, &dev).await.unwrap();
    serving.desired().await.unwrap();
    let report = ServerReport { address: "http://a".to_owned(), models: Vec::new() };
    serving.report_server(&report).await.unwrap();
    serving.model_servers(TTL).await.unwrap();
    serving.forget_servers().await.unwrap();
}

/// A version is tried, taken back, tried again and promoted.
async fn tried_out(serving: &Serving, lock: &DeploymentLock, version: &Deployment) {
    let (trial, here) =
        (Trial { weight: 1, shadow: 1, rules: Some(CanaryRules::default()) }, (&lock.model, &lock.environment));
    let verdict = CanaryVerdict { at: Timestamp::UNIX_EPOCH, outcome: CanaryOutcome::Promoted, reason: String::new() };
    let candidate = serving.try_out(lock, version.clone(), &trial, "ada").await.unwrap();
    let generation = candidate.deployment.generation;
    let stricter = CanaryRules { max_error_rate: 0.0, ..CanaryRules::default() };
    let shared = serving.share(lock, &Trial { rules: Some(stricter), ..trial.clone() }).await.unwrap();
    serving.place(here.0, here.1).await.unwrap();
    let watch = CanaryWatch { model_name: here.0.clone(), environment: here.1.clone(), ruled: shared.ruled };
    serving.watched(&watch).await.unwrap().unwrap();
    serving
        .note_watch(&watch, &Value::Null, &CanaryVerdict { outcome: CanaryOutcome::Kept, ..verdict.clone() })
        .await
        .unwrap();
    serving.was_deployed(here, 1).await.unwrap();
    serving.take_back(lock, generation, &verdict).await.unwrap().unwrap();
    serving.end_candidate(lock, generation).await.unwrap().unwrap();
    let again = serving.try_out(lock, version.clone(), &trial, "ada").await.unwrap();
    serving.promote_candidate(lock, again.deployment.generation, verdict).await.unwrap().unwrap();
}

async fn ends(store: &Store, lease: &Lease, pushed: &[PipelineId]) {
    let pipelines = &store.pipelines;
    pipelines.finish_pipeline(lease, PipelineStatus::Failed, false, None).await.unwrap();
    pipelines.retry(lease.pipeline_id).await.unwrap();
    pipelines.request_cancel(pushed[1]).await.unwrap();
    pipelines.release_all_leases().await.unwrap();
    // As after a lease that ran out, of which the queue is to be told.
    pipelines.take_lease(pushed[2], "w", Duration::ZERO).await.unwrap().unwrap();
    let unsent = pipelines.unsent_jobs(100_000).await.unwrap();
    pipelines.mark_sent(&unsent[..unsent.len().min(64)]).await.unwrap();
}

/// Every page of the pipelines: two of each filter, and how many there are where they are few.
async fn lists(store: &Store) {
    let large = [Filter::default(), repo("acme/monorepo"), branch("main"), model("prices")];
    let each = |status: &PipelineStatus| Filter { status: Some(*status), ..Filter::default() };
    for filter in large.into_iter().chain(PipelineStatus::ALL.iter().map(each)) {
        pages(store, filter).await;
    }
    let few = [
        repo("acme/r7"),
        repo("acme/none"),
        Filter { status: Some(PipelineStatus::Failed), ..repo("acme/r7") },
        Filter { status: Some(PipelineStatus::Queued), ..repo("acme/monorepo") },
        branch("feature-77"),
        model("model-7"),
        model("none"),
    ];
    for scope in scopes() {
        few_of(store, &scope).await;
        let status = Some(PipelineStatus::Running);
        pages(store, Filter { scope: scope.clone(), ..Filter::default() }).await;
        pages(store, Filter { scope: scope.clone(), status, ..Filter::default() }).await;
        pages(store, Filter { scope, ..repo("acme/r7") }).await;
    }
    for filter in few {
        store.pipelines.count(&filter).await.unwrap();
        pages(store, filter).await;
    }
}

/// What lists of repositories and approvals and the audit log ask for a scope.
async fn few_of(store: &Store, scope: &Scope) {
    store.intake.repos(scope).await.unwrap();
    store.intake.last_deliveries(scope).await.unwrap();
    store.intake.repos_without_push(scope).await.unwrap();
    store.serving.approvals(scope, None, None, None, 50).await.unwrap();
    store.access.audit(&AuditFilter { scope: scope.clone(), limit: 50, ..AuditFilter::default() }).await.unwrap();
}

async fn pages(store: &Store, filter: Filter) {
    let first = Filter { limit: 50, ..filter };
    let (_, after) = store.pipelines.pipelines(&first).await.unwrap();
    store.pipelines.pipelines(&Filter { after, ..first }).await.unwrap();
}

async fn models(store: &Store) {
    let (serving, prices) = (&store.serving, "prices".parse().unwrap());
    serving.model(&"model-7".parse().unwrap()).await.unwrap();
    serving.model_versions(&prices, None, 50).await.unwrap();
    serving.model_version(&prices, 12).await.unwrap();
    serving.deployment_events(&prices, None, 50).await.unwrap();
}

async fn tasks(store: &Store) {
    let tasks = &store.tasks;
    tasks.plan(TaskPayload::Retention, "retention", TTL).await.unwrap();
    for end in 0..7 {
        let id = tasks.create(NewTask::soon(TaskPayload::Retention)).await.unwrap().unwrap();
        let lease = tasks.lease(id, "w", TTL).await.unwrap().unwrap();
        tasks.renew(&lease, TTL, None).await.unwrap();
        match end {
            0 => tasks.finish(&lease, &json!(1)).await.unwrap(),
            1 => tasks.fail(&lease, "x").await.unwrap(),
            2 => tasks.retry(&lease, "x", TTL).await.unwrap(),
            3 => tasks.again(&lease, TTL).await.unwrap(),
            4 => tasks.cancelled(&lease).await.unwrap(),
            5 => tasks.release(&lease).await.unwrap(),
            _ => drop(tasks.request_cancel(id).await.unwrap()),
        }
    }
    let unsent = tasks.unsent_jobs(64).await.unwrap();
    tasks.mark_sent(&unsent).await.unwrap();
    tasks.due(false).await.unwrap();
    tasks.resend_all().await.unwrap();
    tasks.release_all_leases().await.unwrap();
    tasks.list(50).await.unwrap();
}

/// Who may do what, and who did.
async fn access(store: &Store) {
    let access = &store.access;
    let grants = [Grant::everywhere(Role::Admin)];
    let person = access.ensure_person(NewPerson { login: "ada", name: "Ada", grants: &grants }).await.unwrap();
    access.change_person(person.id, PersonChange { grants: Some(&grants), ..PersonChange::default() }).await.unwrap();
    access.people(Some("a"), 50).await.unwrap();
    access.password("ada").await.unwrap();
    access.anybody_can_sign_in().await.unwrap();
    let (digest, number) = (format!("token-{}", next()), next());
    access.add_token(&digest, person.id, Purpose::SignIn, TTL).await.unwrap();
    access.token(&digest).await.unwrap();
    let cookie = format!("cookie-{number}");
    let session = NewSession { digest: &cookie, address: "::1", agent: "a browser", lasts: TTL };
    let (_, id) = access.use_token(&digest, Some("$argon2id$"), session).await.unwrap();
    access.session(&cookie).await.unwrap();
    access.note_session(id).await.unwrap();
    access.sessions(Some(person.id), None, 50).await.unwrap();
    access.sessions(None, Some(id), 50).await.unwrap();
    access.end_session(id, Some(person.id)).await.unwrap();
    let digest = format!("key-{number}");
    let new = NewKey {
        digest: &digest,
        prefix: "mlsys_12345678",
        name: "a program",
        made_by: person.id,
        grants: &grants,
        lasts: Some(TTL),
    };
    let key = access.add_key(new).await.unwrap();
    access.key(&digest).await.unwrap();
    access.listed_keys(50).await.unwrap();
    access.note_key(key.id).await.unwrap();
    access.keys(Some(person.id), None, 50).await.unwrap();
    access.keys(None, Some(key.id), 50).await.unwrap();
    access.revoke_key(key.id, None).await.unwrap();
    access.pipeline_subject(PipelineId::generate()).await.unwrap();
    let model = "model-7".parse().unwrap();
    store.serving.owner(&model).await.unwrap();
    store.serving.owners_of_deployed().await.unwrap();
    access.model_places(&model).await.unwrap();
    access.record(NewAuditEntry { actor: "ada".to_owned(), ..NewAuditEntry::default() }).await.unwrap();
    let word = || Some("ada".to_owned());
    access.audit(&AuditFilter { limit: 50, ..AuditFilter::default() }).await.unwrap();
    let filter = AuditFilter { actor: word(), action: word(), object: word(), limit: 50, ..AuditFilter::default() };
    access.audit(&filter).await.unwrap();
    store.retention.old_audit_entries(days_ago(9)).await.unwrap();
    store.retention.remove_audit_entries(days_ago(9), 10).await.unwrap();
    store.retention.remove_ended_access(days_ago(9), 10).await.unwrap();
    let other = access.add_person(NewPerson { login: &format!("guest-{number}"), name: "", grants: &[] }).await.unwrap();
    access.open_session(other.id, NewSession { digest: &format!("other-{number}"), ..session }).await.unwrap();
    access.remove_person(other.id).await.unwrap();
}

async fn retention(store: &Store) {
    let retention = &store.retention;
    retention.ago(TTL).await.unwrap();
    retention.end_before_last(1000).await.unwrap();
    retention.end_before_log_bytes(100_000).await.unwrap();
    let kept = retention.rollback_pipelines(10).await.unwrap();
    let kept = &kept[..kept.len().min(1000)];
    let before = days_ago(60);
    let (ended, next) = retention.ended_pipelines(&Cursor::START, before, 10, kept).await.unwrap();
    retention.ended_pipelines(&next.unwrap_or(Cursor::START), before, 10, kept).await.unwrap();
    let ids: Vec<_> = ended.iter().take(64).map(|ended| ended.id).collect();
    retention.remove_logs(&ids, 10, 64).await.unwrap();
    while retention.remove_logs(&ids, 10, 256).await.unwrap() > 0 {}
    retention.remove_pipelines(&ids, 10, true).await.unwrap();
    let (old, next) = retention.old_versions(&VersionCursor::default(), before, 10, kept).await.unwrap();
    retention.old_versions(&next.unwrap_or_default(), before, 10, kept).await.unwrap();
    retention.remove_versions(&old[..old.len().min(64)], 10, true).await.unwrap();
    retention.remove_deliveries(days_ago(85), 64).await.unwrap();
    retention.remove_tasks(Timestamp::from_millisecond(1000).unwrap(), 64).await.unwrap();
    retention.give_back(64).await.unwrap();
}
