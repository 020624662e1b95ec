//! Others who read and write the same tables: delta-rs, `DuckDB`, Polars and pandas.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use tokio::process::Command;
use warehouse::{Committed, Disposition, Error};

use crate::{
    cases::every_type,
    place::{Place, batch, rows, table},
};

/// What reads and writes with us.
const PACKAGES: [&str; 5] = ["deltalake==1.6.6", "duckdb==2.0.1", "polars==2.1.0", "pandas==3.1.1", "pyarrow==26.0.1"];

/// Runs a part of `peers.py` on a table's folder.
async fn peer(place: &Place, part: &str, table: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/peers.py");
    let folder = place.folder.path().join("tables/local/tests").join(table);
    let python = tokio::task::spawn_blocking(|| testkit::python_with("table-peers-1", &PACKAGES)).await.unwrap();
    let answer = Command::new(python).arg(script).arg(part).arg(folder).output().await.unwrap();
    let said = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    assert!(answer.status.success(), "{part}: {said}\n{}", String::from_utf8_lossy(&answer.stderr));
    said
}

#[tokio::test]
async fn what_we_write_others_read() {
    let place = Place::folder();
    let name = table("ours");
    for at in 0..5 {
        place.append(&name, &rows(at * 2..at * 2 + 2)).await.unwrap();
    }
    assert_eq!(peer(&place, "read", "ours").await, "0..9 by delta-rs, DuckDB, Polars, pandas");
    place.put(&name, &[rows(0..3)], Disposition::Truncate, None).await.unwrap();
    assert_eq!(peer(&place, "read", "ours").await, "0..2 by delta-rs, DuckDB, Polars, pandas");
    // A long log, whose beginning is cleared away: what stands for it is enough.
    for at in 3..50 {
        place.put(&name, &[rows(at..=at)], Disposition::Append, Some(&format!("job {at}"))).await.unwrap();
    }
    let log = place.folder.path().join("tables/local/tests/ours/_delta_log");
    for version in 0..=40 {
        std::fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
    }
    assert_eq!(peer(&place, "read", "ours").await, "0..49 by delta-rs, DuckDB, Polars, pandas");
    assert_eq!(place.numbers(&name, None).await, (0..50).collect::<Vec<_>>());
    let again = place.put(&name, &[rows(5..=5)], Disposition::Append, Some("job 5")).await.unwrap();
    assert_eq!(again, Committed::Before, "what jobs were done is still known");
    place.append(&table("all_types"), &every_type()).await.unwrap();
    assert_eq!(peer(&place, "types", "all_types").await, "all types are as they were");
}

#[tokio::test]
async fn what_others_write_we_read_and_all_write_at_once() {
    let place = Place::folder();
    let name = table("theirs");
    // Appended again and again, with a checkpoint after every tenth change, and the log's beginning removed.
    peer(&place, "write", "theirs").await;
    assert_eq!(place.numbers(&name, None).await, (0..35).collect::<Vec<_>>());
    let version = place.warehouse.snapshot(&name, None).await.unwrap().version();
    let older = place.warehouse.snapshot(&name, Some(3)).await.map(drop);
    assert!(matches!(older, Err(Error::NoVersion { version: 3, oldest: 22, latest, .. }) if latest == version), "{older:?}");
    assert_eq!(place.numbers(&name, Some(24)).await, (0..28).collect::<Vec<_>>());
    place.append(&name, &rows(35..40)).await.unwrap();
    assert_eq!(place.warehouse.snapshot(&name, None).await.unwrap().version(), version + 1);
    assert_eq!(peer(&place, "read", "theirs").await, "0..39 by delta-rs, DuckDB, Polars, pandas");
    let (others, ours) = tokio::join!(peer(&place, "append", "theirs"), async {
        for at in 40..50 {
            place.append(&name, &rows(at..=at)).await.unwrap();
        }
    });
    assert_eq!((&*others, ours), ("10 more", ()));
    assert_eq!(place.numbers(&name, None).await, (0..50).chain(1000..1010).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_others_want_of_columns_is_kept_to_and_their_old_times_are_read() {
    let place = Place::folder();
    peer(&place, "strict", "strict").await;
    let name = table("strict");
    let gap = batch([("n", Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef)]);
    let put = place.append(&name, &gap).await;
    assert!(matches!(&put, Err(Error::Unfit { column, .. }) if column == "n"), "{put:?}");
    let none = batch([("t", Arc::new(StringArray::from(vec!["x"])) as ArrayRef)]);
    assert!(matches!(place.append(&name, &none).await, Err(Error::Unfit { column, .. }) if column == "n"));
    place.append(&name, &rows(3..4)).await.unwrap();
    assert_eq!(place.numbers(&name, None).await, [0, 1, 2, 3]);
    peer(&place, "old-times", "old_times").await;
    let (_, read) = place.read(&table("old_times"), None).await;
    let times = TimestampMicrosecondArray::from(vec![-62_135_596_800_000_000, 253_402_300_799_999_999]).with_timezone("UTC");
    assert_eq!(read, [batch([("at", Arc::new(times) as ArrayRef)])]);
}
