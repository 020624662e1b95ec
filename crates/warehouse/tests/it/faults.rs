//! Logs and files that are damaged, hostile or newer than we are.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use futures_util::TryStreamExt;
use testkit::{Moto, Proxy};
use warehouse::{Error, TableName};

use crate::place::{Place, rows, table};

fn folder_of(place: &Place, name: &TableName) -> PathBuf {
    place.folder.path().join("tables").join(name.to_string().replace('.', "/"))
}

/// A table with three rows, and its log's first change.
async fn made(place: &Place, name: &str) -> (TableName, PathBuf, String) {
    let name = table(name);
    place.append(&name, &rows(0..3)).await.unwrap();
    let change = folder_of(place, &name).join("_delta_log/00000000000000000000.json");
    let text = fs::read_to_string(&change).unwrap();
    (name, change, text)
}

async fn read(place: &Place, name: &TableName) -> Result<usize, Error> {
    let snapshot = place.warehouse.snapshot(name, None).await?;
    let batches: Vec<_> = snapshot.batches(None, 0..snapshot.files().len())?.try_collect().await?;
    Ok(batches.iter().map(arrow_array::RecordBatch::num_rows).sum())
}

#[tokio::test]
async fn a_log_that_is_cut_short_or_says_nonsense_is_damaged() {
    let place = Place::folder();
    let (name, change, text) = made(&place, "cut").await;
    for at in [1, text.len() / 3, text.len() / 2, text.len() - 3] {
        fs::write(&change, &text[..at]).unwrap();
        assert!(matches!(read(&place, &name).await, Err(Error::Damaged { .. })), "{at}");
    }
    for (from, to) in [("\"size\":", "\"size\":-"), ("\"metaData\"", "\"other\""), ("\"protocol\"", "\"other\"")] {
        fs::write(&change, text.replace(from, to)).unwrap();
        assert!(matches!(read(&place, &name).await, Err(Error::Damaged { .. })), "{from}");
    }
    fs::write(&change, &text).unwrap();
    fs::write(change.with_file_name("00000000000000000002.json"), "").unwrap();
    assert!(matches!(read(&place, &name).await, Err(Error::Damaged { reason, .. }) if reason.contains("version 2")));
}

#[tokio::test]
async fn what_a_newer_table_needs_is_named() {
    let place = Place::folder();
    let (name, change, text) = made(&place, "newer").await;
    let old = r#"{"minReaderVersion":1,"minWriterVersion":2}"#;
    assert!(text.contains(old));
    for (from, to, wanted) in [
        (
            old,
            r#"{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors"]}"#,
            "deletionVectors",
        ),
        (old, r#"{"minReaderVersion":4,"minWriterVersion":7}"#, "newer version"),
        (r#""partitionColumns":[]"#, r#""partitionColumns":["n"]"#, r#"partitioned by ["n"]"#),
        (r#""configuration":{}"#, r#""configuration":{"delta.columnMapping.mode":"name"}"#, "column mapping"),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&change, text.replace(from, to)).unwrap();
        let read = read(&place, &name).await;
        assert!(matches!(&read, Err(Error::Unsupported { what, .. }) if what.contains(wanted)), "{read:?}");
    }
    // These can be read, and not written.
    for (from, to) in [
        (old, r#"{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["checkConstraints"]}"#),
        (old, r#"{"minReaderVersion":1,"minWriterVersion":4}"#),
        (r#"\"metadata\":{}"#, r#"\"metadata\":{\"delta.invariants\":\"x\"}"#),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&change, text.replace(from, to)).unwrap();
        assert_eq!(read(&place, &name).await.unwrap(), 3);
        assert!(matches!(place.append(&name, &rows(0..1)).await, Err(Error::Unsupported { .. })), "{to}");
    }
}

#[tokio::test]
async fn files_outside_of_the_table_are_not_read() {
    let place = Place::folder();
    let (other, ..) = made(&place, "other").await;
    let (name, change, text) = made(&place, "linked").await;
    let file = place.warehouse.snapshot(&name, None).await.unwrap().files()[0].path.clone();
    let others = place.warehouse.snapshot(&other, None).await.unwrap().files()[0].path.clone();
    for path in [
        format!("../other/{others}"),
        format!("%2e%2e/other/{others}"),
        format!("{}", folder_of(&place, &other).join(&others).display()),
        format!("file://{}", folder_of(&place, &other).join(&others).display()),
    ] {
        fs::write(&change, text.replace(&file, &path)).unwrap();
        assert!(matches!(read(&place, &name).await, Err(Error::Damaged { .. })), "{path}");
    }
    // A link that leads out.
    fs::write(&change, &text).unwrap();
    let outside = place.folder.path().join("outside.parquet");
    fs::rename(folder_of(&place, &name).join(&file), &outside).unwrap();
    symlink(&outside, folder_of(&place, &name).join(&file)).unwrap();
    let read_by_link = read(&place, &name).await;
    assert!(matches!(&read_by_link, Err(Error::Objects(objects::Error::Refused { .. }))), "{read_by_link:?}");
    fs::remove_file(folder_of(&place, &name).join(&file)).unwrap();
    assert!(matches!(read(&place, &name).await, Err(Error::Objects(objects::Error::Missing { .. }))));
    fs::write(folder_of(&place, &name).join(&file), "PAR1 and no more PAR1").unwrap();
    assert!(matches!(read(&place, &name).await, Err(Error::Damaged { .. })));
}

#[tokio::test]
async fn nothing_is_written_by_a_link_that_leads_out() {
    let place = Place::folder();
    made(&place, "first").await;
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), place.folder.path().join("tables/local/elsewhere")).unwrap();
    // To what is elsewhere, above, or not there.
    symlink("/", place.folder.path().join("tables/local/root")).unwrap();
    symlink(place.folder.path(), place.folder.path().join("tables/local/above")).unwrap();
    symlink(outside.path().join("nothing"), place.folder.path().join("tables/local/nowhere")).unwrap();
    for name in ["elsewhere", "root", "above", "nowhere"] {
        let put = place.append(&format!("local.{name}.table").parse().unwrap(), &rows(0..1)).await;
        assert!(matches!(put, Err(Error::Objects(objects::Error::Refused { .. }))), "{name}: {put:?}");
    }
    assert!(!place.folder.path().join("table").exists());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    // Nor does the list follow one, or stop at what is no table.
    fs::create_dir(place.folder.path().join("tables/lost+found")).unwrap();
    fs::write(place.folder.path().join("tables/local/a file"), "").unwrap();
    let names: Vec<_> = place.warehouse.tables().await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["local.tests.first"]);
}

#[tokio::test]
async fn what_lies_beside_the_changes_is_no_part_of_the_log() {
    let place = Place::folder();
    let (name, change, text) = made(&place, "copied").await;
    let log = change.parent().unwrap();
    fs::create_dir(log.join("backup")).unwrap();
    fs::write(log.join("backup/00000000000000000007.json"), &text).unwrap();
    fs::write(log.join("00000000000000000001.json.tmp"), "half a chan").unwrap();
    symlink("/", log.join("link")).unwrap();
    assert_eq!(read(&place, &name).await.unwrap(), 3);
    place.append(&name, &rows(3..5)).await.unwrap();
    assert_eq!(place.numbers(&name, None).await, (0..5).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_others_say_of_a_table_stays_and_what_it_needs_is_added_to() {
    let place = Place::folder();
    let (name, change, text) = made(&place, "described").await;
    let text = text.replace(r#""metaData":{"#, r#""metaData":{"name":"people","description":"of all times","#);
    fs::write(&change, text).unwrap();
    let times = arrow_array::TimestampMicrosecondArray::from(vec![1]);
    let times = crate::place::batch([("at", std::sync::Arc::new(times) as arrow_array::ArrayRef)]);
    place.put(&name, std::slice::from_ref(&times), warehouse::Disposition::Truncate, None).await.unwrap();
    let text = fs::read_to_string(change.with_file_name("00000000000000000001.json")).unwrap();
    for wanted in [
        r#""description":"of all times","name":"people""#,
        r#""readerFeatures":["timestampNtz"]"#,
        r#""writerFeatures":["appendOnly","invariants","timestampNtz"]"#,
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert_eq!(place.read(&name, None).await.1, [times]);
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_found_or_said_to_be_uncertain() {
    let server = Moto::shared();
    let place = Place::s3().await;
    let (bucket, name) = (place.warehouse.url().to_owned(), table("lost"));
    let proxy = Proxy::to(&[server.port()]);
    let through = Place { warehouse: crate::place::s3(&bucket, &format!("http://127.0.0.1:{}", proxy.port())), ..place };
    through.append(&name, &rows(0..3)).await.unwrap();
    let file = through.file(&name, &[rows(3..5)], warehouse::Disposition::Append).await.unwrap();
    let schema = through.warehouse.snapshot(&name, None).await.unwrap().schema().clone();
    proxy.reset();
    let change = warehouse::Change {
        table: &name,
        schema: &schema,
        files: &[file],
        disposition: warehouse::Disposition::Append,
        job: Some("once"),
    };
    let lost = through.warehouse.commit(change).await;
    assert!(matches!(lost, Err(Error::Objects(objects::Error::Unavailable { .. }) | Error::Unsure { .. })), "{lost:?}");
    proxy.heal();
    through.warehouse.commit(change).await.unwrap();
    through.warehouse.commit(change).await.unwrap();
    assert_eq!(through.numbers(&name, None).await, (0..5).collect::<Vec<_>>());
}
