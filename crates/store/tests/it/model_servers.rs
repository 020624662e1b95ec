use std::time::Duration;

use contract::{Environment, ServedModel, ServedState, ServerReport};

use crate::World;

fn report(address: &str, state: ServedState) -> ServerReport {
    let model = ServedModel {
        model_name: "titanic".parse().unwrap(),
        environment: Environment::dev(),
        version: 3,
        generation: 7,
        state,
    };
    ServerReport { address: address.to_owned(), models: vec![model] }
}

async fn servers_are_known_by_their_last_report_until_they_are_silent_too_long(world: World) {
    let store = &world.store;
    assert_eq!(store.serving.model_servers(Duration::MAX).await.unwrap(), []);
    store.serving.report_server(&report("http://b", ServedState::Loading)).await.unwrap();
    store
        .serving
        .report_server(&report("http://a", ServedState::Failed { detail: "no \u{0} file".to_owned() }))
        .await
        .unwrap();
    store.serving.report_server(&report("http://b", ServedState::Ready)).await.unwrap();
    let known: Vec<_> =
        store.serving.model_servers(Duration::from_mins(1)).await.unwrap().into_iter().map(|(known, _)| known).collect();
    let failed = report("http://a", ServedState::Failed { detail: "no \u{0} file".to_owned() });
    assert_eq!(known, [failed, report("http://b", ServedState::Ready)]);

    world.tamper("UPDATE model_servers SET seen_at = seen_at - 120000 WHERE address = 'http://a'").await;
    let known = store.serving.model_servers(Duration::from_mins(1)).await.unwrap();
    assert_eq!(known.iter().map(|(known, _)| known.address.as_str()).collect::<Vec<_>>(), ["http://b"]);
    assert_eq!(store.serving.model_servers(Duration::from_mins(3)).await.unwrap().len(), 2);

    world.tamper("UPDATE model_servers SET seen_at = seen_at - 90000000 WHERE address = 'http://a'").await;
    store.serving.report_server(&report("http://b", ServedState::Ready)).await.unwrap();
    assert_eq!(store.serving.model_servers(Duration::MAX).await.unwrap().len(), 1, "those gone for a day are forgotten");
}

on_both![servers_are_known_by_their_last_report_until_they_are_silent_too_long];
