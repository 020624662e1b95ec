//! What is so only in `BigQuery`.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, StructArray, types::Int64Type};
use arrow_schema::{DataType, Field};
use futures_util::{TryStreamExt, future::join_all};
use serde_json::json;
use testkit::BigQuery;
use warehouse::{Change, Committed, DataFile, Disposition, Error, TableName, Warehouse};

use crate::{
    cases::every_type,
    place::{Place, batch, of_numbers, rows, table},
};

/// An emulator of one's own, whose requests fail.
async fn failing() -> (BigQuery, Place) {
    let server = tokio::task::spawn_blocking(BigQuery::start).await.unwrap();
    let place = Place::in_project(&server).await;
    (server, place)
}

/// The files that are staged.
async fn staged(server: &BigQuery, place: &Place) -> usize {
    let project = place.project.as_deref().unwrap();
    let list = format!("{}/{}?list-type=2&prefix=of/{project}/", server.gcs().url(), BigQuery::BUCKET);
    let listed = reqwest::get(list).await.unwrap().text().await.unwrap();
    listed.matches("<Key>").count()
}

#[tokio::test]
async fn what_is_staged_is_gone_once_it_is_part_of_the_table() {
    let (server, place) = failing().await;
    let (name, other) = (table("staged"), table("others"));
    let file = place.file(&name, &[rows(0..3)], Disposition::Append).await.unwrap();
    place.file(&other, &[rows(0..3)], Disposition::Append).await.unwrap();
    assert_eq!(staged(&server, &place).await, 2);
    let schema = place.warehouse.plan(&name, &rows(0..1).schema(), Disposition::Append).await.unwrap();
    let change = Change { table: &name, schema: &schema, files: &[file], disposition: Disposition::Append, job: None };
    place.warehouse.commit(change).await.unwrap();
    assert_eq!(staged(&server, &place).await, 1);
    // A change may have no rows, too.
    let none = Change { files: &[], disposition: Disposition::Truncate, ..change };
    place.warehouse.commit(none).await.unwrap();
    assert_eq!(place.numbers(&name, None).await, [0; 0]);
    assert_eq!(staged(&server, &place).await, 1);
}

#[tokio::test]
async fn a_table_is_partitioned_by_a_column_where_that_is_wanted() {
    let place = Place::bigquery().await;
    let (name, project) = (table("cut"), place.project.as_deref().unwrap());
    let rows = place.named(&every_type());
    let begin = async |place: &Place| place.warehouse.writer(&name, &rows.schema(), Disposition::Append).await.unwrap();
    let mut writer = begin(&place).await;
    for column in ["nothing", "text"] {
        assert!(matches!(writer.partition_by(column), Err(Error::Unfit { column: of, .. }) if of == column));
    }
    writer.partition_by("day").unwrap();
    writer.write(&rows).await.unwrap();
    writer.commit(None).await.unwrap();
    let url = format!("{}/bigquery/v2/projects/{project}/datasets/tests/tables/cut", BigQuery::shared().url());
    let made: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(made["timePartitioning"], json!({ "type": "DAY", "field": "day" }));
    assert_eq!(place.read(&name, None).await.0.rows(), Some(3));
    assert!(
        matches!(begin(&Place::folder()).await.partition_by("day"), Err(Error::Unfit { column, .. }) if column == "day")
    );
}

/// A change of a job to a table, and the number of rows that came of it.
async fn change(place: &Place, name: &TableName, file: &DataFile, job: &str) -> Result<Committed, Error> {
    let schema = place.warehouse.plan(name, &rows(0..1).schema(), Disposition::Append).await.unwrap();
    let files = std::slice::from_ref(file);
    let change = Change { table: name, schema: &schema, files, disposition: Disposition::Append, job: Some(job) };
    place.warehouse.commit(change).await
}

#[tokio::test]
async fn a_change_happens_once_whatever_becomes_of_the_answers() {
    let (server, place) = failing().await;
    let name = table("once");
    // The first two: whether there is such a job, and the job.
    for (at, wanted) in [
        json!([503]),
        json!([429, 500, 503]),
        json!(["", 503]),
        json!(["", "lost"]),
        json!(["", "lost", 503]),
        json!(["", "slow"]),
        json!(["", "slow", 502, "lost"]),
    ]
    .into_iter()
    .enumerate()
    {
        let (job, first) = (format!("job {at}"), i64::try_from(at).unwrap() * 10);
        let file = place.file(&name, &[rows(first..first + 10)], Disposition::Append).await.unwrap();
        server.fail_next(wanted.clone()).await;
        let done = change(&place, &name, &file, &job).await;
        assert!(matches!(done, Ok(Committed::Now(_))), "{wanted}: {done:?}");
        assert!(place.warehouse.has_job(&name, &job).await.unwrap());
        // Its file is gone; it isn't looked for.
        assert_eq!(change(&place, &name, &file, &job).await.unwrap(), Committed::Before);
        assert_eq!(place.numbers(&name, None).await, (0..first + 10).collect::<Vec<_>>(), "{wanted}");
    }
    assert!(!place.warehouse.has_job(&name, "job 99").await.unwrap());
    assert!(!place.warehouse.has_job(&table("none"), "job 1").await.unwrap());
}

#[tokio::test]
async fn one_that_failed_is_made_with_the_next_id_and_several_at_once_make_one() {
    let place = Place::bigquery().await;
    let name = table("again");
    let gone = DataFile { path: "part-gone.parquet".to_owned(), size: 1, rows: Some(1), written_at: 0 };
    for _ in 0..2 {
        let failed = change(&place, &name, &gone, "job").await;
        assert!(matches!(&failed, Err(Error::Unsupported { what, .. }) if what.contains("part-gone")), "{failed:?}");
        assert!(!place.warehouse.has_job(&name, "job").await.unwrap());
    }
    let file = place.file(&name, &[rows(0..5)], Disposition::Append).await.unwrap();
    let done = join_all((0..4).map(|_| change(&place, &name, &file, "job"))).await;
    let made = done.iter().filter(|done| matches!(done, Ok(Committed::Now(_)))).count();
    assert_eq!(made, 1, "{done:?}");
    assert_eq!(place.numbers(&name, None).await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let (server, place) = failing().await;
    let file = place.file(&table("denied"), &[rows(0..1)], Disposition::Append).await.unwrap();
    server.fail_next(json!(["", 403])).await;
    let denied = change(&place, &table("denied"), &file, "job").await;
    assert!(
        matches!(&denied, Err(Error::Objects(error @ objects::Error::Denied { .. })) if error.to_string().contains("GOOGLE_")),
        "{denied:?}"
    );
    let nowhere: TableName = "local.nowhere.table".parse().unwrap();
    let refused = place.append(&nowhere, &rows(0..1)).await;
    assert!(matches!(&refused, Err(Error::Unsupported { what, .. }) if what.contains("bq --location")), "{refused:?}");
    assert!(matches!(place.warehouse.snapshot(&nowhere, None).await, Err(Error::NoTable { .. })));
    let odd = batch([("wall clock", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    let refused = place.append(&table("odd"), &odd).await;
    assert!(matches!(&refused, Err(Error::Unfit { column, .. }) if column == "wall clock"), "{refused:?}");
    // What can be asked for at all.
    for (address, wanted) in [
        ("bigquery://project", "PROJECT/BUCKET"),
        ("bigquery://Project/bucket", "project's id"),
        ("bigquery://project/Bucket", "bucket's name"),
        ("bigquery://project/bucket/{env}", "one place"),
    ] {
        let refused = Warehouse::open(address, [("BIGQUERY_EMULATOR_HOST", "127.0.0.1:1")]).unwrap_err().to_string();
        assert!(refused.contains(wanted), "{address}: {refused}");
    }
    // Where a part of the emulator is not known, Google is not asked in its place.
    let project = place.project.as_deref().unwrap();
    place.append(&table("some"), &rows(0..3)).await.unwrap();
    let access = server.access();
    let access = access.iter().filter(|(name, _)| !name.contains("GRPC")).map(|(name, value)| (*name, &**value));
    let half = Warehouse::open(&server.address(project), access).unwrap();
    let snapshot = half.snapshot(&table("some"), None).await.unwrap();
    let read: Result<Vec<_>, _> = snapshot.batches(None, 0..1).unwrap().try_collect().await;
    assert!(read.is_err_and(|error| error.to_string().contains("BIGQUERY_STORAGE_GRPC_ENDPOINT")));
    assert_eq!(snapshot.sample(2).await.unwrap().len(), 2, "that needs no other part");
}

#[tokio::test]
async fn what_is_being_read_does_not_change() {
    let place = Place::bigquery().await;
    let name = table("moving");
    place.append(&name, &rows(0..10)).await.unwrap();
    let snapshot = place.warehouse.snapshot(&name, None).await.unwrap();
    let columns = ["n".to_owned()];
    let parts = snapshot.parts(&columns).await.unwrap();
    place.append(&name, &rows(10..20)).await.unwrap();
    let other = batch([("m", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    place.put(&name, &[other], Disposition::Truncate, None).await.unwrap();
    let numbers =
        |batches: Vec<RecordBatch>| batches.iter().flat_map(|batch| of_numbers(batch.column(0))).collect::<Vec<_>>();
    // By whoever has the parts, and another look at the table.
    let later = place.warehouse.snapshot(&name, Some(snapshot.version())).await.unwrap();
    assert_eq!((later.version(), later.rows()), (snapshot.version(), None));
    let read = later.read(parts, &columns).unwrap().try_collect().await.unwrap();
    assert_eq!(numbers(read), (0..10).collect::<Vec<_>>());
    // By whoever looked at it before, and begins now.
    let read = snapshot.batches(Some(&columns), 0..1).unwrap().try_collect().await.unwrap();
    assert_eq!(numbers(read), (0..10).collect::<Vec<_>>());
    assert_eq!(later.sample(3).await.unwrap()[2], json!({ "n": 2, "t": "text 2" }));
    // A read that was begun is kept for a while only.
    let part =
        warehouse::Part { path: "projects/p/locations/US/sessions/x/streams/0".to_owned(), size: 0, groups: 0..1, rows: 1 };
    let gone: Result<Vec<_>, _> = later.read(vec![part], &columns).unwrap().try_collect().await;
    assert!(matches!(&gone, Err(Error::Unsupported { what, .. }) if what.contains("six hours")), "{gone:?}");
}

#[tokio::test]
async fn a_sample_is_the_same_as_of_a_folder() {
    let (place, folder) = (Place::bigquery().await, Place::folder());
    let name = table("sampled");
    let rows = place.named(&every_type());
    // Which digits a decimal has is not kept by the emulator.
    let rows = rows.project(&(0..12).collect::<Vec<_>>()).unwrap();
    let mut samples = Vec::new();
    for place in [&place, &folder] {
        place.append(&name, &rows).await.unwrap();
        samples.push(place.warehouse.snapshot(&name, None).await.unwrap().sample(10).await.unwrap());
    }
    // A narrow number is a wide one there.
    let wide = |value: &serde_json::Value| value["float"].as_f64().map(|number| (number * 1e6).round() / 1e6);
    for (one, other) in samples[0].iter().zip(&samples[1]) {
        assert_eq!(wide(one), wide(other));
        for column in rows.schema().fields().iter().map(|field| field.name()).filter(|name| *name != "float") {
            assert_eq!(one[column], other[column], "{column}");
        }
    }
    // More than a page.
    place.append(&table("long"), &crate::place::rows(0..12_000)).await.unwrap();
    let long = place.warehouse.snapshot(&table("long"), None).await.unwrap();
    assert_eq!(long.sample(11_000).await.unwrap()[10_999]["n"], 10_999);
    assert_eq!(long.sample(100_000).await.unwrap().len(), 12_000);
}

#[tokio::test]
async fn lists_and_structures_are_kept_and_what_comes_as_text_is_not_written() {
    let place = Place::bigquery().await;
    let project = place.project.as_deref().unwrap();
    let name = table("nested");
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), Some(2)]), Some(vec![])]);
    let inner: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    let record = StructArray::from(vec![(Arc::new(Field::new("a", DataType::Utf8, true)), inner)]);
    let nested = batch([("list", Arc::new(list) as ArrayRef), ("record", Arc::new(record))]);
    place.append(&name, &nested).await.unwrap();
    let snapshot = place.warehouse.snapshot(&name, None).await.unwrap();
    let sample = snapshot.sample(2).await.unwrap();
    assert_eq!(sample[0], json!({ "list": [1, 2], "record": { "a": "x" } }));
    assert_eq!(place.read(&name, None).await.1[0].num_columns(), 2);
    // Made by others.
    let server = BigQuery::shared();
    let fields = json!([
        { "name": "n", "type": "INTEGER" }, { "name": "at", "type": "TIME" }, { "name": "said", "type": "JSON" },
    ]);
    let make = |name: &str, fields: &serde_json::Value| {
        let tables = format!("/bigquery/v2/projects/{project}/datasets/tests/tables");
        let body = json!({ "tableReference": { "tableId": name }, "schema": { "fields": fields } });
        async move { server.post(&tables, &body).await }
    };
    make("foreign", &fields).await;
    let name = table("foreign");
    let put = async |column: &str| {
        place.append(&name, &batch([(column, Arc::new(StringArray::from(vec!["{}"])) as ArrayRef)])).await
    };
    let refused = put("said").await;
    assert!(
        matches!(&refused, Err(Error::Unfit { column, reason, .. }) if column == "said" && reason.contains("JSON")),
        "{refused:?}"
    );
    assert!(matches!(put("at").await, Err(Error::Unfit { column, .. }) if column == "at"));
    make("ranges", &json!([{ "name": "days", "type": "RANGE", "rangeElementType": { "type": "DATE" } }])).await;
    let refused = place.warehouse.snapshot(&table("ranges"), None).await;
    assert!(matches!(&refused, Err(Error::Unsupported { what, .. }) if what.contains("days")), "{refused:?}");
}
