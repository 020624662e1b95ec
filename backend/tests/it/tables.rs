//! `/api/tables`, over a real warehouse in a folder, and what `/api/batch-predictions` says of requests that can't be met.

use serde_json::{Value, json};
use warehouse::{Disposition, Format, Import, Warehouse};

use crate::World;

/// Adds a CSV file's rows to a table.
async fn import(world: &World, table: &str, csv: &str) {
    let (home, file) = (world.folder.path(), world.folder.path().join("rows.csv"));
    std::fs::write(&file, csv).unwrap();
    let warehouse = Warehouse::open(&home.join("warehouse").display().to_string(), []).unwrap();
    let import = Import::open(&file, Format::of(&file).unwrap(), None).unwrap();
    let mut writer = warehouse.writer(&table.parse().unwrap(), import.schema(), Disposition::Append).await.unwrap();
    for batch in import {
        writer.write(&batch.unwrap()).await.unwrap();
    }
    writer.commit(Some("job-1")).await.unwrap();
}

#[tokio::test]
async fn tables_are_listed_page_by_page_with_what_is_wrong_with_them() {
    let world = World::new().await;
    assert_eq!(world.json("/api/tables").await, json!({ "items": [], "next": null }));
    for table in ["p.d.b", "p.d.a", "p.c.z"] {
        import(&world, table, "n,t\n1,x\n2,\n").await;
    }
    let broken = world.folder.path().join("warehouse/p/d/b/_delta_log/00000000000000000000.json");
    std::fs::write(broken, "no JSON\n").unwrap();
    let first = world.json("/api/tables?limit=2").await;
    assert_eq!(first["next"], "p.d.a");
    let summary = &first["items"][1];
    assert_eq!((&summary["name"], &summary["rows"], &summary["columns"]), (&json!("p.d.a"), &json!(2), &json!(2)));
    assert!(summary["bytes"].as_u64() > Some(0) && summary["written_at"].is_string() && summary["problem"].is_null());
    let rest = world.json("/api/tables?limit=2&after=p.d.a").await;
    assert_eq!(
        (&rest["next"], &rest["items"][0]["name"], &rest["items"][0]["rows"]),
        (&Value::Null, &json!("p.d.b"), &Value::Null)
    );
    assert!(rest["items"][0]["problem"].as_str().unwrap().contains("damaged"), "{rest}");
    assert_eq!(world.get("/api/tables?after=nothing").await.code(), (400, "bad_table_name".to_owned()));
}

#[tokio::test]
async fn a_table_tells_its_columns_its_versions_and_its_first_rows() {
    let world = World::new().await;
    import(&world, "p.d.t", "n,t\n9007199254740993,x\n2,\n").await;
    import(&world, "p.d.t", "n,t\n3,\"ü\"\n").await;
    let table = world.json("/api/tables/p.d.t").await;
    assert_eq!((&table["version"], &table["rows"], &table["files"]), (&json!(0), &json!(2), &json!(1)), "one job, once");
    let columns =
        json!([{ "name": "n", "type": "long", "nullable": true }, { "name": "t", "type": "string", "nullable": true }]);
    assert_eq!(table["columns"], columns);
    let version = &table["versions"][0];
    assert_eq!((&version["version"], &version["rows"], &version["job"]), (&json!(0), &json!(2), &json!("job-1")));
    let sample = world.json("/api/tables/p.d.t/sample").await;
    let exact = json!([["9007199254740993", "x"], [2, null]]);
    assert_eq!((&sample["columns"], &sample["rows"]), (&json!(["n", "t"]), &exact));
    assert_eq!(world.json("/api/tables/p.d.t/sample?rows=1&version=0").await["rows"].as_array().map(Vec::len), Some(1));
    for (path, code) in [
        ("/api/tables/p.d.none", (404, "not_found")),
        ("/api/tables/p.d.t?version=7", (404, "not_found")),
        ("/api/tables/p.d/sample", (400, "bad_table_name")),
        ("/api/tables/..%2F..%2Fsecret", (400, "bad_table_name")),
    ] {
        let (status, said) = world.get(path).await.code();
        assert_eq!((status, &*said), code, "{path}");
    }
}

#[tokio::test]
async fn a_batch_prediction_that_cannot_be_made_says_why() {
    let world = World::new().await;
    let body = |more: Value| {
        let mut body =
            json!({ "model_name": "titanic", "environment": "dev", "input_table": "p.d.t", "output_table": "p.d.o" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (more, code) in [
        (json!({}), (404, "not_found")),
        (json!({ "version": 3 }), (404, "not_found")),
        (json!({ "job": "" }), (400, "bad_job")),
    ] {
        let (status, said) = world.post("/api/batch-predictions", body(more.clone())).await.code();
        assert_eq!((status, &*said), code, "{more}");
    }
    for wrong in
        [json!({ "write_disposition": "WRITE" }), json!({ "no_such_field": 1 }), json!({ "names": { "predicted": "x" } })]
    {
        assert!([400, 422].contains(&world.post("/api/batch-predictions", body(wrong.clone())).await.status), "{wrong}");
    }
    let query = "env=dev&input_table=p.d.t&output_table=p.d.o&model_name=titanic&model_version=";
    assert_eq!(world.get(&format!("/predict?{query}latest")).await.code(), (400, "bad_version".to_owned()));
    assert_eq!(world.get(&format!("/predict?{query}v3")).await.code(), (404, "not_found".to_owned()));
    let id = contract::BatchId::generate();
    assert_eq!(world.get(&format!("/api/batch-predictions/{id}")).await.code(), (404, "not_found".to_owned()));
    let cancel = format!("/api/batch-predictions/{id}/cancel");
    assert_eq!(world.post(&cancel, json!({})).await.code(), (404, "not_found".to_owned()));
    assert_eq!(world.json("/api/batch-predictions?status=running").await, json!({ "items": [], "next": null }));
    assert_eq!(world.get("/api/batch-predictions?status=busy").await.code(), (400, "bad_status".to_owned()));
}
