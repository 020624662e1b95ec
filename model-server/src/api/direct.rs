//! Predictions past the router.
//!
//! `POST /predict/{name}` is asked thousands of times a second. It goes through the same doors, the same guard and to the same
//! answer as every route, without the copies and boxes of looking a route up. Whatever is unusual about a request, a name that
//! can't be one above all, is left to the router.

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

use super::{
    PREDICT, Serving,
    choice::Choice,
    exchange::Asked,
    guard,
    rest::{self, Forms},
    wants::Wants,
};

/// All routes of a server, and the short way to one of them.
pub(crate) struct Direct {
    pub(crate) serving: Serving,
    /// What stands before it; none: whoever asks stands behind such doors already.
    pub(crate) doors: Option<Doors>,
    pub(crate) router: Router,
}

impl Direct {
    /// The answer to a request.
    pub(crate) async fn answer(self: Arc<Self>, request: Request) -> Response {
        let Some((name, choice, asked)) = usual(&request) else {
            return match self.router.clone().call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
        };
        let predict = |request| async { self.predict((name, choice), asked, request).await };
        match &self.doors {
            Some(doors) => service::briefly(request, PREDICT, |request| doors.pass(request, predict)).await,
            None => predict(request).await,
        }
    }

    async fn predict(&self, (name, choice): (ModelName, Choice), asked: (Wants, Forms), request: Request) -> Response {
        let admitted = guard::admit_prediction(&self.serving, request.headers(), &name, &choice);
        let answered = match admitted {
            Ok(admitted) => {
                let loader = self.serving.loader.clone();
                rest::answer(Asked { loader, name, choice, admitted }, asked, request.into_body()).await
            }
            Err(refused) => Err(refused),
        };
        answered.into_response()
    }
}

/// What a prediction asks for, where nothing about it is unusual.
fn usual(request: &Request) -> Option<(ModelName, Choice, (Wants, Forms))> {
    let name = request.uri().path().strip_prefix("/predict/").filter(|_| request.method() == Method::POST)?;
    let choice = Choice::read(None, request.uri(), request.headers()).ok()?;
    let asked = (Wants::read(request.uri()).ok()?, Forms::read(request.headers()).ok()?);
    Some((name.parse().ok()?, choice, asked))
}
