//! Lists and numbers of what belongs to some repositories and models.

use contract::{Environment, Flavour, PipelineStatus, Scope};
use jiff::{SignedDuration, Timestamp};
use store::{AuditFilter, Description, Filter, ModelFilter, ModelOrder, NewAuditEntry, NewPipeline, NewVersion};

use crate::{TTL, World, pushed};

fn scope(repos: &[&str], models: &[&str]) -> Scope {
    let repos = repos.iter().map(|repo| format!("acme/{repo}").parse().unwrap()).collect();
    Scope::Only { repos, models: models.iter().map(|model| model.parse().unwrap()).collect() }
}

/// Of the repositories `a` and `b`, two models each: a pipeline that succeeded and one that failed of each model, and one that
/// is queued and has no model yet. Their notebooks are called as the repository, the model and how they ended.
async fn fill(world: &World) {
    let store = &world.store;
    for repo in ["a", "b"] {
        let name = format!("acme/{repo}").parse().unwrap();
        store.intake.add_repo(&name, "main", "*.ipynb").await.unwrap();
        let new = |notebook_path| NewPipeline { repo: name.clone(), manual: true, notebook_path, ..pushed(1, "") };
        for number in 1..=2 {
            let model = format!("{repo}{number}");
            for (version, status) in [(1, PipelineStatus::Succeeded), (2, PipelineStatus::Failed)] {
                let id = store.intake.create_pipeline(new(format!("{model}-{}", status.as_str()))).await.unwrap();
                let lease = store.pipelines.take_lease(id, "w", TTL).await.unwrap().unwrap();
                let (uri, sha256) = ("file:///v".to_owned(), "ab".repeat(32));
                let new = NewVersion { model: model.parse().unwrap(), version, flavour: Flavour::Onnx, uri, sha256 };
                store.serving.record_version(&lease, new).await.unwrap();
                let described = Description { model_name: model.parse().ok(), ..Description::default() };
                store.pipelines.describe(&lease, described).await.unwrap();
                store.pipelines.finish_pipeline(&lease, status, false, None).await.unwrap();
            }
        }
        store.intake.create_pipeline(new(format!("{repo}-queued"))).await.unwrap();
    }
}

/// All pages of a list of pipelines, one by one.
async fn listed(world: &World, filter: &Filter) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = world.store.pipelines.pipelines(&Filter { limit: 1, after, ..filter.clone() }).await.unwrap();
        found.extend(page.into_iter().map(|one| one.notebook_path));
        after = next;
        if after.is_none() {
            assert_eq!(world.store.pipelines.count(filter).await.unwrap(), found.len() as u64, "{filter:?}");
            return found;
        }
    }
}

async fn lists_and_numbers_are_of_the_scope_alone_and_of_nothing_twice(world: World) {
    fill(&world).await;
    let (store, now) = (&world.store, Timestamp::now());
    let since = now - SignedDuration::from_hours(1);
    let of_a = ["a-queued", "a2-failed", "a2-succeeded", "a1-failed", "a1-succeeded"];
    for (scope, pipelines, models, repos) in [
        (scope(&["a"], &[]), of_a.to_vec(), vec!["a1", "a2"], 1),
        (scope(&["a"], &["a1"]), of_a.to_vec(), vec!["a1", "a2"], 1),
        (scope(&["a"], &["b2", "a1"]), [&["b2-failed", "b2-succeeded"][..], &of_a[..]].concat(), vec!["a1", "a2", "b2"], 1),
        (scope(&[], &["a1"]), vec!["a1-failed", "a1-succeeded"], vec!["a1"], 0),
        (scope(&["A", "none"], &["none"]), vec![], vec![], 0),
        (scope(&[], &[]), vec![], vec![], 0),
    ] {
        let filter = Filter { scope: scope.clone(), ..Filter::default() };
        assert_eq!(listed(&world, &filter).await, pipelines, "{scope:?}");
        let ends = |end: &str| pipelines.iter().copied().filter(|one| one.ends_with(end)).collect::<Vec<_>>();
        for status in [PipelineStatus::Failed, PipelineStatus::Queued] {
            let filter = Filter { status: Some(status), ..filter.clone() };
            assert_eq!(listed(&world, &filter).await, ends(status.as_str()), "{scope:?} {status:?}");
        }
        let failed = ends("failed");
        let attention = Filter { attention_since: Some(since), ..filter.clone() };
        assert_eq!(listed(&world, &attention).await, failed, "{scope:?}");
        let search = Filter { search: Some("2-FAILED".to_owned()), ..filter.clone() };
        assert_eq!(listed(&world, &search).await, ends("2-failed"), "{scope:?}");
        for (repo, model) in [("acme/a", None), ("acme/b", None), ("acme/b", Some("b2")), ("acme/a", Some("a1"))] {
            let (repo, model) = (repo.parse().ok(), model.and_then(|model| model.parse().ok()));
            let both = Filter { repo, model, ..filter.clone() };
            let all = listed(&world, &Filter { scope: Scope::Everything, ..both.clone() }).await;
            let expected: Vec<_> = all.into_iter().filter(|one| pipelines.contains(&one.as_str())).collect();
            assert_eq!(listed(&world, &both).await, expected, "{both:?}");
        }

        let counts = store.pipelines.counts(&scope, since).await.unwrap();
        assert_eq!(counts.all.failed, failed.len() as u64, "{scope:?}");
        assert_eq!((counts.all.queued, counts.lately), (ends("queued").len() as u64, counts.all), "{scope:?}");
        let attention = store.pipelines.attention(&scope, since, 10).await.unwrap();
        assert_eq!((attention.failed, attention.first.len()), (failed.len() as u64, failed.len()), "{scope:?}");
        let today = store.pipelines.statistics(&scope, now, 1).await.unwrap();
        let ended: u64 = today.iter().map(|day| day.failed).sum();
        assert_eq!(ended, failed.len() as u64, "{scope:?}");

        for order in [ModelOrder::Name(None), ModelOrder::Updated(None)] {
            let mut filter = ModelFilter { scope: scope.clone(), order, limit: 1, ..ModelFilter::default() };
            assert_eq!(store.serving.count_models(&filter).await.unwrap(), models.len() as u64, "{scope:?}");
            let mut found = Vec::new();
            loop {
                let (page, next) = store.serving.models(&filter).await.unwrap();
                found.extend(page.into_iter().map(|one| one.name.to_string()));
                let Some(next) = next else { break };
                filter.order = next;
            }
            found.sort();
            assert_eq!(found, models, "{scope:?}");
        }
        let counts = store.serving.counts(&scope).await.unwrap();
        assert_eq!((counts.models, counts.versions), (models.len() as u64, 2 * models.len() as u64), "{scope:?}");
        assert_eq!(store.intake.repos(&scope).await.unwrap().len(), repos, "{scope:?}");
        assert_eq!(store.intake.repos_without_push(&scope).await.unwrap().0, repos as u64, "{scope:?}");
    }
    // The models of a repository are those whose names belong to it now.
    store.serving.hand_over(&"a1".parse().unwrap(), &"acme/b".parse().unwrap()).await.unwrap();
    let filter = ModelFilter { scope: scope(&["b"], &[]), limit: 9, environment: None, ..ModelFilter::default() };
    assert_eq!(store.serving.count_models(&filter).await.unwrap(), 3);
    let nowhere = ModelFilter { environment: Some(Environment::dev()), ..filter };
    assert_eq!(store.serving.count_models(&nowhere).await.unwrap(), 0);
}

async fn the_audit_log_of_a_scope_has_what_is_about_it(world: World) {
    let access = &world.store.access;
    for (object, repo, model) in [
        ("1", Some("acme/a"), None),
        ("2", Some("acme/a"), Some("m")),
        ("3", None, Some("m")),
        ("4", Some("acme/b"), Some("n")),
        ("5", None, None),
    ] {
        let (repo, model) = (repo.and_then(|repo| repo.parse().ok()), model.and_then(|model| model.parse().ok()));
        let entry =
            NewAuditEntry { action: "run".to_owned(), object: object.to_owned(), repo, model, ..NewAuditEntry::default() };
        access.record(entry).await.unwrap();
    }
    for (scope, expected) in [
        (Scope::Everything, "54321"),
        (scope(&["a"], &[]), "21"),
        (scope(&[], &["m"]), "32"),
        (scope(&["a"], &["m"]), "321"),
        (scope(&["a", "b"], &["m", "n"]), "4321"),
        (scope(&[], &["x"]), ""),
        (scope(&[], &[]), ""),
    ] {
        let since = Some(Timestamp::now() - SignedDuration::from_hours(1));
        let mut filter = AuditFilter { scope, since, action: Some("run".to_owned()), limit: 1, ..AuditFilter::default() };
        let mut found = String::new();
        loop {
            let (page, more) = access.audit(&filter).await.unwrap();
            found.extend(page.iter().map(|one| one.object.as_str()));
            filter.before = page.last().map(|last| last.id);
            if !more {
                break;
            }
        }
        assert_eq!(found, expected, "{filter:?}");
    }
}

on_both!(lists_and_numbers_are_of_the_scope_alone_and_of_nothing_twice, the_audit_log_of_a_scope_has_what_is_about_it);
