//! The same requests to a model-server and to MLflow's own scoring server: the same statuses, the same predictions.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Program, free_port, http_status, packaged, run_python};

use crate::{
    columns::PROGRAM,
    harness::{DEADLINE, Place, Server, assert_close, manifest},
};

const JSON: &str = "application/json";
const CSV: &str = "text/csv";
const PARQUET: &str = "application/vnd.apache.parquet";

/// MLflow's server, with these packaged models.
struct Mlflow {
    url: String,
    _program: Program,
    _folder: TempDir,
}

impl Mlflow {
    fn start(models: &[&str]) -> Self {
        let (folder, port) = (testkit::folder("mlsys-mlflow-peer-"), free_port());
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/mlflow_peer.py");
        let python = testkit::python().to_string_lossy().into_owned();
        let mut command = vec![python, "-P".to_owned(), program.to_owned(), port.to_string()];
        command.extend(models.iter().map(|model| packaged(model).to_string_lossy().into_owned()));
        let path = format!("/{}/ping", models[0]);
        let program = Program::new("mlflow-peer", folder.path(), command)
            .with([("MLFLOW_DISABLE_TELEMETRY", "true")])
            .ready_when(Duration::from_mins(3), move || http_status(port, &path) == Some(200));
        program.start();
        Self { url: format!("http://127.0.0.1:{port}"), _program: program, _folder: folder }
    }
}

/// Numbers that look random, and are the same each time.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % end
    }

    fn one<'v, T>(&mut self, values: &'v [T]) -> &'v T {
        &values[self.below(values.len())]
    }

    fn number(&mut self) -> Value {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let number = self.below(200_000) as f64 / 1000.0 - 50.0;
        json!(number)
    }

    /// A value for a column of the packaged models.
    fn cell(&mut self, kind: &str, name: &str) -> Value {
        match (kind, name) {
            ("string", "Sex") => json!(self.one(&["male", "female", "other, \"unheard\" of"])),
            ("string", _) => json!(self.one(&["S", "C", "Q", "ä"])),
            ("long", _) => json!(self.below(4) + 1),
            ("boolean", _) => json!(self.below(2) == 0),
            // In 32 bits, too, so that both round nothing.
            ("float", _) => json!(*self.one(&[7.25, 30.5, 71.125, 0.0])),
            _ => self.number(),
        }
    }
}

/// Some rows, by column.
type Table = Vec<(String, Vec<Value>)>;

fn table(dice: &mut Dice, signature: &Value) -> Table {
    let rows = dice.below(4) + 1;
    let columns = signature["columns"].as_array().unwrap();
    let column = |column: &Value, dice: &mut Dice| {
        let (name, kind) = (column["name"].as_str().unwrap(), column["type"].as_str().unwrap());
        let mut cells: Vec<_> = (0..rows).map(|_| dice.cell(kind, name)).collect();
        if column["nullable"] == true && kind == "double" && rows > 1 {
            cells[0] = Value::Null;
        }
        (name.to_owned(), cells)
    };
    columns.iter().map(|each| column(each, dice)).collect()
}

fn records(table: &Table) -> Vec<Value> {
    let row = |at: usize| table.iter().map(|(name, cells)| (name.clone(), cells[at].clone())).collect();
    (0..table[0].1.len()).map(|at| Value::Object(row(at))).collect()
}

fn csv(table: &Table) -> String {
    let field = |cell: &Value| match cell {
        Value::Null => String::new(),
        Value::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
        Value::String(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        other => other.to_string(),
    };
    let mut text = table.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(",");
    for at in 0..table[0].1.len() {
        text = format!("{text}\n{}", table.iter().map(|(_, cells)| field(&cells[at])).collect::<Vec<_>>().join(","));
    }
    text
}

/// A table in one of the protocol's forms.
fn body(dice: &mut Dice, table: &Table) -> (&'static str, String) {
    let columns: Vec<_> = table.iter().map(|(name, _)| name).collect();
    let rows = 0..table[0].1.len();
    let data: Vec<Vec<_>> = rows.map(|at| table.iter().map(|(_, cells)| &cells[at]).collect()).collect();
    let by_column: serde_json::Map<_, _> = table.iter().map(|(name, cells)| (name.clone(), json!(cells))).collect();
    let json = match dice.below(6) {
        0 => json!({"dataframe_split": {"columns": columns, "data": data}}),
        1 => json!({ "dataframe_records": records(table), "params": {"of": "no signature"}}),
        2 => return (CSV, csv(table)),
        3 => json!({ "instances": records(table) }),
        4 => json!({ "inputs": records(table) }),
        _ => json!({ "inputs": by_column }),
    };
    // MLflow's own client writes a missing number so.
    let json = if dice.below(2) == 0 { json.to_string().replace("null", "NaN") } else { json.to_string() };
    (JSON, json)
}

/// What may have happened to a good table on its way.
fn change(dice: &mut Dice, table: &mut Table) {
    match dice.below(6) {
        0 => drop(table.remove(0)),
        1 => {
            let rows = table[0].1.len();
            table.push(("Ticket".to_owned(), vec![json!("extra"); rows]));
        }
        2 => table.reverse(),
        3 => table[0].1.fill(json!("no number")),
        _ => {}
    }
}

/// Requests for a model with columns.
fn for_columns(dice: &mut Dice, model: &str, count: usize) -> Vec<(&'static str, String)> {
    let signature = manifest(model)["signature"].clone();
    (0..count)
        .map(|_| {
            let mut table = table(dice, &signature);
            change(dice, &mut table);
            body(dice, &table)
        })
        .collect()
}

/// Requests for a model of an array of this width. No CSV: MLflow refuses any for an array, by an error of its own.
fn for_array(dice: &mut Dice, width: usize, count: usize) -> Vec<(&'static str, String)> {
    let names = ["a", "b", "c", "d"];
    let request = |dice: &mut Dice| {
        let width = if dice.below(8) == 0 { width + 1 } else { width };
        let rows: Vec<Vec<_>> = (0..=dice.below(4)).map(|_| (0..width).map(|_| dice.number()).collect()).collect();
        let table: Table =
            (0..width).map(|at| (names[at].to_owned(), rows.iter().map(|row| row[at].clone()).collect())).collect();
        let json = match dice.below(4) {
            0 => json!({ "inputs": rows }),
            1 => json!({ "instances": rows }),
            2 => {
                json!({"dataframe_split": {"columns": names[..width], "data": rows, "index": (0..rows.len()).collect::<Vec<_>>()}})
            }
            _ => json!({ "dataframe_records": records(&table) }),
        };
        (JSON, json.to_string())
    };
    (0..count).map(|_| request(dice)).collect()
}

/// Files of Parquet's for a model with columns, of its columns' own types.
fn of_parquet(dice: &mut Dice, model: &str, count: usize) -> Vec<(&'static str, Vec<u8>)> {
    let (folder, signature) = (testkit::folder("mlsys-parquet-"), manifest(model)["signature"].clone());
    let cells = |table: Table| table.into_iter().map(|(_, cells)| cells).collect::<Vec<_>>();
    let tables: Vec<_> = (0..count).map(|_| cells(table(dice, &signature))).collect();
    let described = json!({ "columns": signature["columns"], "tables": tables }).to_string();
    run_python(PROGRAM, &["parquet", &folder.path().to_string_lossy(), &described]);
    (0..count).map(|at| (PARQUET, std::fs::read(folder.path().join(format!("{at}.parquet"))).unwrap())).collect()
}

/// Bodies that are none, for a model with the columns `length` and `width`.
const BAD: &[(&str, &str)] = &[
    (JSON, ""),
    (JSON, "{"),
    (JSON, "[]"),
    (JSON, "3"),
    (JSON, "null"),
    (JSON, "{}"),
    (JSON, r#"[{"length":1,"width":2}]"#),
    (JSON, r#"{"rows":[{"length":1,"width":2}]}"#),
    (JSON, r#"{"instances":[{"length":1,"width":2}],"inputs":{"length":[1],"width":[2]}}"#),
    (JSON, r#"{"dataframe_records":[]}"#),
    (JSON, r#"{"dataframe_records":{"length":[1],"width":[2]}}"#),
    (JSON, r#"{"dataframe_records":[{"length":1}]}"#),
    (JSON, r#"{"dataframe_records":[{"length":{"x":1},"width":1}]}"#),
    (JSON, r#"{"dataframe_split":[[1,2]]}"#),
    (JSON, r#"{"dataframe_split":{"columns":["length","width"]}}"#),
    (JSON, r#"{"dataframe_split":{"columns":["length","width"],"data":[[1,2,3]]}}"#),
    (JSON, r#"{"dataframe_split":{"columns":["length","width"],"data":[]}}"#),
    (JSON, r#"{"instances":[]}"#),
    (JSON, r#"{"instances":[[1,2]]}"#),
    (JSON, r#"{"instances":"text"}"#),
    (JSON, r#"{"inputs":{}}"#),
    (JSON, r#"{"inputs":{"length":[1,2],"width":[1]}}"#),
    (JSON, r#"{"inputs":{"length":["text"],"width":[1]}}"#),
    (JSON, r#"{"inputs":[[1,2]]}"#),
    (CSV, ""),
    (CSV, "length,width"),
    (CSV, "length\n1"),
    (CSV, "length,width\n1,text"),
    (CSV, "length,width\n1,2\n1,2,3"),
    (CSV, "length,width\n1,\"2"),
    (PARQUET, ""),
    (PARQUET, "PAR1, but no more of it PAR1"),
    ("text/plain", "length,width\n1,2"),
    ("application/json; charset=latin-1", r#"{"inputs":{"length":[1],"width":[2]}}"#),
    ("application/json; version=1", r#"{"inputs":{"length":[1],"width":[2]}}"#),
];

/// Bodies of less usual forms that are good, for the same model.
const GOOD: &[(&str, &str)] = &[
    (JSON, r#"{"inputs":{"length":1,"width":2}}"#),
    (JSON, r#"{"inputs":[{"length":1,"width":2}]}"#),
    (JSON, r#"{"instances":{"length":[1,2.5],"width":[2,0.125]}}"#),
    (JSON, r#"{"dataframe_split":{"data":[[1,2]],"columns":["width","length"]}}"#),
    (JSON, r#"{"dataframe_records":[{"length":1,"width":2}],"more":[1]}"#),
    ("application/json; charset=UTF-8", r#"{"inputs":{"length":[1],"width":[2]}}"#),
    (CSV, "\u{feff}length,width\r\n 1 ,2e0\r\n\r\n3,4\r\n"),
    (CSV, "\"width\",length,length\n1,2,3\n"),
    ("text/csv; charset=utf-8", ",length,width\n0,1,2\n1,3,4\n"),
];

async fn send(client: &Client, url: &str, (content_type, body): (&str, &[u8])) -> (u16, String) {
    let request = client.post(format!("{url}/invocations")).header("content-type", content_type);
    let answer = request.body(body.to_vec()).timeout(DEADLINE).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Asks both, and gives how many were answered by predictions.
async fn compare<B: AsRef<[u8]>>(server: &Server, mlflow: &Mlflow, model: &str, requests: &[(&str, B)]) -> usize {
    let (ours, theirs) = (format!("{}/models/{model}", server.url), format!("{}/{model}", mlflow.url));
    let (mut good, mut differences) = (0, Vec::new());
    for (content_type, body) in requests {
        let body = body.as_ref();
        let (status, text) = send(&server.client, &ours, (content_type, body)).await;
        let (expected, wanted) = send(&server.client, &theirs, (content_type, body)).await;
        if status != expected {
            let body = String::from_utf8_lossy(body);
            differences.push(format!("{model}: {content_type} {body}: {status} {text}, not {expected} {wanted}"));
            continue;
        }
        if status == 200 {
            good += 1;
            let (answer, wanted_answer): (Value, Value) =
                (serde_json::from_str(&text).unwrap(), serde_json::from_str(&wanted).unwrap());
            assert_close(&answer["predictions"], &wanted_answer["predictions"], 1e-9);
            if manifest(model)["task"] == "classification" {
                assert_eq!(text, wanted, "{}", String::from_utf8_lossy(body));
            }
        } else if status != 415 {
            let error: Value = serde_json::from_str(&text).unwrap();
            assert!(error["error_code"].is_string() && error["message"].is_string(), "{text}");
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    good
}

#[tokio::test]
async fn the_scoring_protocol_is_answered_as_by_mlflow() {
    let models = ["flowers", "prices", "truths", "boosted", "titanic-1"];
    let starting = tokio::task::spawn_blocking(move || Mlflow::start(&models));
    let place = Place::new();
    let server = place.serve().await;
    for model in models {
        let location =
            if model == "titanic-1" { place.put_as(model, model).await } else { place.put(model, model, 1).await };
        server.loads(model, &location, 1, "dev").await;
    }
    let mlflow = starting.await.unwrap();
    let mut dice = Dice(0x5eed_cafe);
    let mut good = 0;
    for (model, count) in [("titanic-1", 60), ("flowers", 40), ("boosted", 20)] {
        good += compare(&server, &mlflow, model, &for_columns(&mut dice, model, count)).await;
        let files = of_parquet(&mut dice, model, 5);
        assert_eq!(compare(&server, &mlflow, model, &files).await, files.len(), "{model}");
    }
    for (model, width) in [("prices", 3), ("truths", 2)] {
        good += compare(&server, &mlflow, model, &for_array(&mut dice, width, 30)).await;
    }
    let given =
        |bodies: &[(&'static str, &str)]| bodies.iter().map(|(kind, body)| (*kind, (*body).to_owned())).collect::<Vec<_>>();
    assert_eq!(compare(&server, &mlflow, "flowers", &given(BAD)).await, 0);
    assert_eq!(compare(&server, &mlflow, "flowers", &given(GOOD)).await, GOOD.len());
    assert!((90..170).contains(&good), "{good} were answered");

    for path in ["ping", "health", "version"] {
        let (ours, theirs) = (format!("/models/flowers/{path}"), format!("{}/flowers/{path}", mlflow.url));
        let (answer, wanted) = (server.get(&ours).await, server.client.get(theirs).send().await.unwrap());
        assert_eq!(answer.status(), wanted.status());
        assert_eq!(answer.headers()["content-type"], wanted.headers()["content-type"]);
        assert_eq!(answer.text().await.unwrap(), wanted.text().await.unwrap(), "{path}");
    }
    server.stop().await;
}
