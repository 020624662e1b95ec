//! A batch prediction from a table in `BigQuery` to others there.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use testkit::BigQuery;
use warehouse::Warehouse;

use crate::{
    passengers,
    place::{Place, asking, column},
};

#[tokio::test(flavor = "multi_thread")]
async fn rows_go_from_bigquery_to_bigquery_once_as_they_were_when_the_job_was_made() {
    let server = tokio::task::spawn_blocking(BigQuery::start).await.unwrap();
    server.create_dataset("own", "b").await;
    let access = server.access();
    let access = access.iter().map(|(name, value)| (*name, &**value));
    let place = Place::over(Warehouse::open(&server.address("own"), access).unwrap()).await;
    let good = passengers(0, 50_000);
    let mut columns = good.columns().to_vec();
    columns[4] = Arc::new((0..50_000).map(|row| (row != 7).then_some(row % 3 + 1)).collect::<Int64Array>());
    place.append("local.b.passengers", &RecordBatch::try_new(good.schema(), columns).unwrap()).await;
    place.append("local.b.passengers", &passengers(50_000, 50_000)).await;
    let model = place.model("titanic-1").await;
    let mut request = asking("titanic-1", "local.b.passengers", "own.b.scored");
    let whole = tables::plan(&place.warehouse, &model.manifest, request.clone()).await.unwrap();
    request.id_columns = Some(vec!["Id".to_owned()]);
    let plan = tables::plan(&place.warehouse, &model.manifest, request).await.unwrap();
    assert_eq!((plan.rows, plan.pieces.len()), (100_000, 2));
    assert!(0 < plan.bytes && plan.bytes < whole.bytes, "only what is needed is read: {} of {}", plan.bytes, whole.bytes);
    // What comes later is not the job's, and neither is an attempt that nobody heard of.
    place.append("local.b.passengers", &passengers(200_000, 10)).await;
    place.score(&plan, &model, "job 1").await.unwrap();
    let version = place.run(&plan, &model, "job 1").await.unwrap();
    let numbers = |rows: &[RecordBatch]| {
        let mut ids: Vec<i64> = column(rows, "Id").iter().map(|id| id.parse().unwrap()).collect();
        ids.sort_unstable();
        ids
    };
    let scored = place.rows("local.b.scored").await;
    assert_eq!(numbers(&scored), (0..100_000).filter(|id| *id != 7).collect::<Vec<_>>());
    let rejects = place.rows("own.b.scored_rejects").await;
    assert_eq!(numbers(&rejects), [7]);
    assert!(column(&rejects, "RejectReason")[0].contains("Pclass"));
    let staged = reqwest::get(format!("{}/{}?list-type=2", server.gcs().url(), BigQuery::BUCKET)).await.unwrap();
    assert!(!staged.text().await.unwrap().contains("<Key>"), "nothing is left of what was staged");
    // Once, however often; and what is written for it again is taken back.
    assert!(place.run(&plan, &model, "job 1").await.unwrap() <= version);
    assert_eq!(place.rows("local.b.scored").await.iter().map(RecordBatch::num_rows).sum::<usize>(), 99_999);
    tables::discard(&place.warehouse, &plan.spec, "job 1").await.unwrap();
    assert_eq!(place.rows("local.b.scored").await.iter().map(RecordBatch::num_rows).sum::<usize>(), 99_999);
}
