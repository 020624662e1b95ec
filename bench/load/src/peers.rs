//! What one would write by hand in Rust for one model: axum, typed rows, and either ONNX Runtime or a constant answer.
//!
//! The rows are those of `bench/serving/models.py`: eight columns, numbers and texts, any of which may be missing; or one of texts.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use ort::{
    session::{Session, SessionInputValue},
    value::Tensor,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// Where to listen, and what to answer with.
#[derive(clap::Args)]
pub struct Options {
    /// The port, on loopback
    #[arg(long)]
    port: u16,
    /// A graph with one input for each column; without it, the answer is constant
    #[arg(long, requires = "library")]
    onnx: Option<PathBuf>,
    /// ONNX Runtime's shared library
    #[arg(long)]
    library: Option<PathBuf>,
    /// How many sessions
    #[arg(long, default_value_t = 2)]
    sessions: usize,
}

#[derive(Deserialize)]
struct Row {
    age: Option<f64>,
    income: Option<f64>,
    score: Option<f64>,
    balance: Option<f64>,
    #[serde(default)]
    visits: f64,
    #[serde(default)]
    children: f64,
    plan: Option<String>,
    town: Option<String>,
    text: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    predictions: Vec<i64>,
    probabilities: Vec<[f64; 2]>,
}

type Sessions = Arc<Mutex<Vec<Session>>>;

/// Answers until it is ended.
pub async fn run(options: Options) -> Result<()> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port))).await?;
    let router: Router = match (&options.onnx, &options.library) {
        (Some(graph), Some(library)) => {
            let environment = ort::init_from(library)?.with_name("peer").build()?;
            let open =
                |_| Session::builder(&environment)?.with_intra_threads(1)?.with_inter_threads(1)?.commit_from_file(graph);
            let sessions = (0..options.sessions).map(open).collect::<ort::Result<Vec<_>>>()?;
            let sessions: Sessions = Arc::new(Mutex::new(sessions));
            Router::new().route("/predict", post(predict)).with_state(sessions)
        }
        _ => Router::new().route("/predict", post(constant)),
    };
    Ok(axum::serve(listener, router.route("/health", get(|| async { "ok" }))).await?)
}

async fn constant(Json(rows): Json<Vec<Row>>) -> Json<Answer> {
    Json(Answer { predictions: vec![1; rows.len()], probabilities: vec![[0.25, 0.75]; rows.len()] })
}

async fn predict(State(sessions): State<Sessions>, Json(rows): Json<Vec<Row>>) -> Result<Json<Answer>, StatusCode> {
    compute(&sessions, &rows).map(Json).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn compute(sessions: &Sessions, rows: &[Row]) -> Result<Answer> {
    let take = || sessions.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut session = loop {
        // A request may wait for another's end, which is near: there are as many sessions as threads.
        if let Some(session) = take() {
            break session;
        }
        std::thread::yield_now();
    };
    let answer = infer(&mut session, rows);
    sessions.lock().unwrap_or_else(PoisonError::into_inner).push(session);
    answer
}

fn infer(session: &mut Session, rows: &[Row]) -> Result<Answer> {
    let shape = [rows.len(), 1];
    let names: Vec<_> = session.inputs().iter().map(|input| input.name().to_owned()).collect();
    let mut inputs: Vec<SessionInputValue<'_>> = Vec::with_capacity(names.len());
    for name in &names {
        let number = |value: fn(&Row) -> Option<f64>| {
            Tensor::from_array((shape, rows.iter().map(|row| value(row).unwrap_or(f64::NAN)).collect::<Vec<_>>()))
        };
        let text = |value: fn(&Row) -> &Option<String>| {
            let texts: Vec<_> = rows.iter().map(|row| value(row).clone().unwrap_or_else(|| "nan".to_owned())).collect();
            Tensor::from_string_array((shape, texts.as_slice()))
        };
        inputs.push(match name.as_str() {
            "age" => number(|row| row.age)?.into(),
            "income" => number(|row| row.income)?.into(),
            "score" => number(|row| row.score)?.into(),
            "balance" => number(|row| row.balance)?.into(),
            "visits" => number(|row| Some(row.visits))?.into(),
            "children" => number(|row| Some(row.children))?.into(),
            "plan" => text(|row| &row.plan)?.into(),
            "town" => text(|row| &row.town)?.into(),
            _ => text(|row| &row.text)?.into(),
        });
    }
    let outputs = session.run(inputs.as_slice())?;
    let (_, labels) = outputs[0].try_extract_tensor::<i64>()?;
    let probabilities = match outputs[1].try_extract_tensor::<f64>() {
        Ok((_, values)) => values.to_vec(),
        Err(_) => outputs[1].try_extract_tensor::<f32>()?.1.iter().map(|value| f64::from(*value)).collect(),
    };
    let pairs = probabilities.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    Ok(Answer { predictions: labels.to_vec(), probabilities: pairs })
}
