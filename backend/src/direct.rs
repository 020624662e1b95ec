//! Predictions past the router, as at a model-server: through the same doors, past the same rule and to the same answer, without
//! the copies and boxes of looking a route up. Whatever is unusual about a request, a name that can't be one above all, is left
//! to the router.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::Method,
    response::{IntoResponse, Response},
};
use contract::ModelName;
use service::Doors;
use tower::Service;

use crate::{Backend, auth, routes::models};

/// Where predictions are asked for: what stands before a model's name, and the route.
const PREDICT: [(&str, &str); 2] = [("/models/", "/models/{name}/predict"), ("/api/models/", "/api/models/{name}/predict")];

/// All routes of a backend, and the short way to one of them.
pub struct Direct {
    pub(crate) backend: Backend,
    pub(crate) doors: Doors,
    pub(crate) router: Router,
}

impl Direct {
    /// The answer to a request.
    pub async fn answer(self: Arc<Self>, request: Request) -> Response {
        let Some((route, name)) = usual(&request) else {
            return match self.router.clone().call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
        };
        let predict = |request| async { self.predict(&name, request).await };
        service::briefly(request, route, |request| self.doors.pass(request, predict)).await
    }

    async fn predict(&self, name: &ModelName, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let answered = match auth::admit_prediction(&self.backend, name, &head).await {
            Ok(environment) => models::pass_on(&self.backend, name, environment, (head, body)).await,
            Err(refused) => Err(refused),
        };
        answered.into_response()
    }
}

/// The route of a prediction, and the model that it asks.
fn usual(request: &Request) -> Option<(&'static str, ModelName)> {
    let asked = request.uri().path().strip_suffix("/predict").filter(|_| request.method() == Method::POST)?;
    let name = |(before, route)| Some((route, asked.strip_prefix(before)?));
    let (route, name) = PREDICT.into_iter().find_map(name)?;
    Some((route, name.parse().ok()?))
}
