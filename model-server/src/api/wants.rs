//! What an answer is to hold.

use std::num::NonZeroUsize;

use axum::{
    extract::{FromRequestParts, Query},
    http::{StatusCode, Uri, request::Parts},
};
use scoring::Extras;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};
use service::ApiError;

use crate::serve::Version;

/// What a query may say of it. The rest is [`Choice`](super::choice::Choice)'s.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Said {
    #[serde(rename = "version")]
    _version: IgnoredAny,
    #[serde(rename = "env")]
    _environment: IgnoredAny,
    #[serde(rename = "routing_key")]
    _key: IgnoredAny,
    /// Separated by commas.
    #[serde(deserialize_with = "outputs")]
    outputs: Option<Outputs>,
    top_k: Option<NonZeroUsize>,
    explain: bool,
}

/// What an answer is to hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wants {
    /// None: predictions, and probabilities where the model gives any.
    outputs: Option<Outputs>,
    /// Of each row, so many of the most probable classes.
    pub(super) top_k: Option<NonZeroUsize>,
    /// How much each input column adds.
    pub(super) explain: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Outputs {
    predictions: bool,
    probabilities: bool,
    decision: bool,
}

fn outputs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Outputs>, D::Error> {
    let names = String::deserialize(deserializer)?;
    let mut outputs = Outputs::default();
    for name in names.split(',') {
        match name.trim() {
            "predictions" => outputs.predictions = true,
            "probabilities" => outputs.probabilities = true,
            "decision" => outputs.decision = true,
            _ => return Err(de::Error::custom("outputs are predictions, probabilities and decision, separated by commas")),
        }
    }
    Ok(Some(outputs))
}

impl<S: Sync> FromRequestParts<S> for Wants {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Self::read(&parts.uri)
    }
}

impl Wants {
    /// What a request's query says.
    ///
    /// # Errors
    /// When it says what nobody knows, or what can't be read.
    pub(super) fn read(uri: &Uri) -> Result<Self, ApiError> {
        if uri.query().is_none() {
            return Ok(Self::default());
        }
        let Query(Said { outputs, top_k, explain, .. }) = Query::try_from_uri(uri)
            .map_err(|bad| ApiError::new(StatusCode::BAD_REQUEST, "bad_request", bad.body_text()))?;
        Ok(Self { outputs, top_k, explain })
    }

    pub(super) fn predictions(self) -> bool {
        self.outputs.is_none_or(|outputs| outputs.predictions)
    }

    /// Those that there are.
    pub(super) fn probabilities(self) -> bool {
        self.outputs.is_none_or(|outputs| outputs.probabilities)
    }

    /// What the engine is to compute besides.
    pub(super) fn extras(self) -> Extras {
        Extras { decision: self.outputs.is_some_and(|outputs| outputs.decision), explanations: self.explain }
    }

    /// Whether a version can give that, as far as its manifest tells.
    pub(super) fn check(self, version: &Version) -> Result<(), String> {
        if version.gives_probabilities() {
            return Ok(());
        }
        if self.outputs.is_some_and(|outputs| outputs.probabilities) {
            return Err("this model gives no probabilities; leave them out of outputs".to_owned());
        }
        if self.top_k.is_some() {
            return Err("top_k is for classifiers that give probabilities, which this model does not".to_owned());
        }
        Ok(())
    }
}
