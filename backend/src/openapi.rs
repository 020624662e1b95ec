//! The API's description: made of the routes, so that it can't say what they don't do.

use axum::{
    Router,
    http::header::CONTENT_TYPE,
    routing::{MethodRouter, get},
};
use contract::Problem;
use utoipa::{
    OpenApi,
    openapi::{Content, Ref, RefOr, ResponseBuilder, Schema, schema::ArrayItems},
};
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

use crate::app::described;

/// What is said of the API besides its routes.
#[derive(OpenApi)]
#[openapi(
    info(title = "mlsys", description = "Push a notebook, get a deployed model: the API that the dashboard uses."),
    components(schemas(Problem))
)]
struct Base;

/// A description without routes.
pub(crate) fn base() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

/// The description, as `GET /openapi.json` answers it.
pub fn json() -> String {
    text(described().into_openapi())
}

/// `GET /openapi.json`.
pub(crate) fn route<S: Clone + Send + Sync + 'static>(document: utoipa::openapi::OpenApi) -> MethodRouter<S> {
    let text = bytes::Bytes::from(text(document));
    get(async move || ([(CONTENT_TYPE, "application/json")], text.clone()))
}

/// `/docs`: the description as pages that can try the routes out. All they need is in this program.
pub(crate) fn pages<S: Clone + Send + Sync + 'static>() -> Router<S> {
    // No validator: it would be asked at its own address.
    SwaggerUi::new("/docs").config(SwaggerConfig::from("/openapi.json").use_base_layout().validator_url("none")).into()
}

/// Says of every route that its errors are problems, and of every page what it is a page of, and writes it all down.
fn text(mut document: utoipa::openapi::OpenApi) -> String {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    let error = ResponseBuilder::new().description("What went wrong").content("application/problem+json", problem).build();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for responses in operations.into_iter().flatten().map(|operation| &mut operation.responses.responses) {
            for response in responses.values_mut() {
                if let RefOr::T(response) = response
                    && response.description.is_empty()
                {
                    "Done".clone_into(&mut response.description);
                }
            }
            responses.insert("default".to_owned(), RefOr::T(error.clone()));
        }
    }
    for (name, schema) in document.components.iter_mut().flat_map(|components| &mut components.schemas) {
        // A generic's argument is written out, although it has a name.
        if let Some((_, of)) = name.split_once("Page_")
            && let RefOr::T(Schema::Object(page)) = schema
            && let Some(RefOr::T(Schema::Array(list))) = page.properties.get_mut("items")
        {
            list.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(of).into()));
        }
    }
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}
