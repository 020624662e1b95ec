//! Stores that fail.

use std::time::{Duration, Instant};

use artifacts::Error;
use testkit::{Gcs, Moto, Proxy};

use crate::place::{Place, open, s3_access};

/// How long a caller waits at most for a store that is down.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_store_that_is_down_is_said_to_be_in_time_and_serves_again_when_it_is_back() {
    for place in [Place::s3("").await, Place::gcs("")] {
        let server = place.gcs.as_ref().map_or_else(|| Moto::shared().port(), Gcs::port);
        let proxy = Proxy::to(&[server]);
        let url = format!("http://127.0.0.1:{}", proxy.port());
        let access = if place.gcs.is_some() { vec![("STORAGE_EMULATOR_HOST", url)] } else { s3_access(&url) };
        let place = Place { store: open(&place.address, &access).unwrap(), ..place };
        let location = place.put(1, "weights").await.unwrap();
        proxy.reset();
        let asked = Instant::now();
        assert!(matches!(place.fetch(&location).await, Err(Error::Unavailable { .. })));
        assert!(matches!(place.put(2, "weights").await, Err(Error::Unavailable { .. })));
        assert!(matches!(place.store.verify(&location).await, Err(Error::Unavailable { .. })));
        assert!(asked.elapsed() < 3 * PATIENCE, "{:?}", asked.elapsed());
        proxy.heal();
        place.fetch(&location).await.unwrap();
        place.put(2, "weights").await.unwrap();
        let (fetched, ()) = tokio::join!(place.fetch(&location), async {
            proxy.cut();
        });
        fetched.unwrap();
    }
}

#[tokio::test]
async fn a_busy_store_is_asked_again_and_a_broken_one_given_up() {
    let place = Place::gcs("");
    let gcs = place.gcs.as_ref().unwrap();
    gcs.fail_next([503, 500, 429, 503]);
    let location = place.put(1, "weights").await.unwrap();
    gcs.fail_next([503, 502]);
    place.fetch(&location).await.unwrap();
    gcs.fail_next([503; 6]);
    assert!(matches!(place.fetch(&location).await, Err(Error::Unavailable { .. })));
    place.fetch(&location).await.unwrap();
}

#[tokio::test]
async fn refused_credentials_are_said_with_the_settings_to_check() {
    let (moto, gcs) = (Moto::locked(), Gcs::locked());
    gcs.create_bucket("models");
    let place = Place::folder("");
    let location = place.put(1, "weights").await.unwrap();
    let missing = place.path("none.json").display().to_string();
    for (address, access, setting) in [
        ("s3://models", s3_access(&moto.url()), "AWS_SECRET_ACCESS_KEY"),
        ("gs://models", vec![("STORAGE_EMULATOR_HOST", gcs.url())], "GOOGLE_APPLICATION_CREDENTIALS"),
        ("gs://models", vec![("GOOGLE_APPLICATION_CREDENTIALS", missing)], "GOOGLE_APPLICATION_CREDENTIALS"),
        ("gs://models", vec![("GOOGLE_SERVICE_ACCOUNT_KEY", "{hunter2".to_owned())], "GOOGLE_SERVICE_ACCOUNT_KEY"),
    ] {
        let refused = match open(address, &access) {
            Ok(store) => store.take_over(&place.store, &location).await.map(drop),
            Err(error) => Err(error),
        };
        let Err(error @ Error::Denied { .. }) = refused else { panic!("{address} {access:?}: {refused:?}") };
        let text = error.to_string();
        assert!(text.contains(setting) && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_missing() {
    for place in [Place::s3("").await, Place::gcs("")] {
        let store = open(&place.address.replace("://models", "://nowhere"), &place.access).unwrap();
        let folder = Place::folder("");
        let location = folder.put(1, "weights").await.unwrap();
        let put = store.take_over(&folder.store, &location).await;
        assert!(matches!(put, Err(Error::Missing { .. })), "{put:?}");
    }
}
