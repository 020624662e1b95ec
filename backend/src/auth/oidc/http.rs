//! How the library asks the issuer: by our client, which bounds how long an answer takes and is.

use std::{pin::Pin, time::Duration};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

use super::issuer::{IssuerError, in_full};

/// How long the issuer may take for each answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// The longest answer, in bytes.
const ANSWER_MAX: usize = 1 << 20;

/// A client for one issuer.
#[derive(Debug)]
pub(super) struct Http(reqwest::Client);

impl Http {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        // Where it sends us on to, nobody has vouched for.
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build().map(Self)
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, IssuerError> {
        // The address may hold a code.
        let failed = |error: reqwest::Error| IssuerError::Unavailable(in_full(&error.without_url()));
        let mut answer = self.0.execute(request.try_into().map_err(failed)?).await.map_err(failed)?;
        let status = answer.status();
        if !status.is_success() && !status.is_client_error() {
            return Err(IssuerError::Unavailable(format!("{} answers {status}", answer.url().path())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > ANSWER_MAX {
                return Err(IssuerError::Unavailable("its answer is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        let mut whole = HttpResponse::new(body);
        *whole.status_mut() = status;
        *whole.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(whole)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = IssuerError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, IssuerError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}
