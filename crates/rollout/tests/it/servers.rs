//! Model-servers that answer over real sockets and go by the store's row, as real ones do, but fail when they are told to.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use contract::{Environment, LoadRequest, ServedModel, ServedState, ServerReport};
use serde_json::json;
use store::{Serves, Serving};
use tokio::{net::TcpListener, sync::watch, task::AbortHandle};

/// How a server takes the next loads of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// The model is at fault.
    Refuses,
    /// It is overloaded.
    Busy,
    /// It never answers.
    Hangs,
}

type Served = HashMap<(String, Environment), (u64, u64)>;

/// Two of them.
pub struct Servers {
    models: Arc<Mutex<[Served; 2]>>,
    mood: watch::Sender<(Mood, u64)>,
    tasks: Vec<AbortHandle>,
}

#[derive(Clone)]
struct Server {
    number: usize,
    models: Arc<Mutex<[Served; 2]>>,
    mood: watch::Sender<(Mood, u64)>,
}

impl Servers {
    /// Starts them, has them report and follow the store.
    pub async fn start(serving: &Serving) -> Self {
        let (mood, models) = (watch::Sender::new((Mood::Well, 0)), Arc::<Mutex<[Served; 2]>>::default());
        let mut tasks = Vec::new();
        for number in 0..2 {
            let server = Server { number, models: models.clone(), mood: mood.clone() };
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            let router = Router::new().route("/internal/load/{name}", post(load)).with_state(server.clone());
            tasks.push(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }).abort_handle());
            tasks.push(tokio::spawn(follow(server, address, serving.clone())).abort_handle());
        }
        Self { models, mood, tasks }
    }

    /// Waits until the store knows of both.
    pub async fn reported(&self, serving: &Serving) {
        let since = Instant::now();
        while serving.model_servers(Duration::from_secs(10)).await.unwrap().len() < 2 {
            assert!(since.elapsed() < Duration::from_secs(20), "they never report");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How they take loads of this version from now on; other versions are taken well.
    pub fn feel(&self, mood: Mood, version: u64) {
        self.mood.send_replace((mood, version));
    }

    /// What each of them serves of a model.
    pub fn serve(&self, model: &str, environment: &Environment) -> [Option<u64>; 2] {
        let models = self.models.lock().unwrap();
        models.each_ref().map(|own| own.get(&(model.to_owned(), environment.clone())).map(|(_, version)| *version))
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

async fn load(State(server): State<Server>, Path(name): Path<String>, Json(request): Json<LoadRequest>) -> Response {
    let mut mood = server.mood.subscribe();
    let problem = |status: u16, detail: &str| {
        let problem = json!({
            "type": "about:blank", "title": "No", "status": status, "code": "no", "detail": detail, "request_id": "r"
        });
        (StatusCode::from_u16(status).unwrap(), Json(problem)).into_response()
    };
    let now = *mood.borrow_and_update();
    match now {
        (Mood::Refuses, version) if version == request.version => return problem(422, "the self-test failed"),
        (Mood::Busy, version) if version == request.version => return problem(429, "too many loads at once"),
        (Mood::Hangs, version) if version == request.version => {
            mood.wait_for(|(mood, _)| *mood != Mood::Hangs).await.unwrap();
        }
        _ => {}
    }
    let place = (name.clone(), request.environment.clone());
    let mut models = server.models.lock().unwrap();
    let known = models[server.number].get(&place).map(|(generation, _)| *generation);
    if known.is_some_and(|known| known > request.generation) {
        return problem(409, "a later deployment is known");
    }
    models[server.number].insert(place, (request.generation, request.version));
    let loaded = json!({
        "model_name": name, "model_version": request.version, "environment": request.environment, "flavour": "onnx",
        "sha256": request.sha256, "loaded_at": "2026-01-01T00:00:00Z"
    });
    Json(loaded).into_response()
}

/// Brings a server in line with the row, again and again.
async fn follow(server: Server, address: String, serving: Serving) {
    loop {
        if let Ok((_, desired)) = serving.desired().await {
            let (mood, version) = *server.mood.borrow();
            let state = |of: u64| match mood {
                Mood::Refuses if of == version => ServedState::Failed { detail: "the self-test failed".to_owned() },
                Mood::Busy | Mood::Hangs if of == version => ServedState::Loading,
                _ => ServedState::Ready,
            };
            let told = |Serves { deployment, .. }: &Serves| ServedModel {
                model_name: deployment.model.clone(),
                environment: deployment.environment.clone(),
                version: deployment.version,
                generation: deployment.generation,
                state: state(deployment.version),
            };
            let models = desired.iter().map(told).collect();
            let _ = serving.report_server(&ServerReport { address: address.clone(), models }).await;
            // What answers most.
            let desired: Vec<_> =
                desired.into_iter().filter(|serves| serves.weight >= 50).map(|serves| serves.deployment).collect();
            let mut models = server.models.lock().unwrap();
            let own = &mut models[server.number];
            let is_desired = |place: &(String, Environment)| {
                desired.iter().any(|one| (one.model.as_str(), &one.environment) == (place.0.as_str(), &place.1))
            };
            own.retain(|place, _| is_desired(place));
            for one in desired.into_iter().filter(|one| mood == Mood::Well || one.version != version) {
                own.insert((one.model.to_string(), one.environment), (one.generation, one.version));
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
