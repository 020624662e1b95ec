//! What an ID token has to be. `openidconnect` reads it and checks its signature, issuer, audience, end and nonce (OIDC
//! Core 1.0, section 3.1.3.7); here is what we decide, and what the library leaves to its caller.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use openidconnect::{
    AdditionalClaims, ClaimsVerificationError, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    IdToken, IdTokenFields, Nonce, StandardErrorResponse, StandardTokenResponse,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm as Encryption, CoreJwsSigningAlgorithm as Algorithm, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How far the issuer's clock and ours may differ.
const LEEWAY: Duration = Duration::from_secs(30);

/// What may be signed with: what only the issuer's own key can make. Not `none`, and not what our secret makes, too.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

/// The claims that the standard does not name, as they are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Others(Map<String, Value>);

impl AdditionalClaims for Others {}

type Token = IdToken<Others, CoreGenderClaim, Encryption, Algorithm>;
type Fields = IdTokenFields<Others, EmptyExtraTokenFields, CoreGenderClaim, Encryption, Algorithm>;
/// What an issuer gives for a code.
pub(super) type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
/// What this mlsys is to an issuer that was asked for its addresses and keys.
pub(super) type Client = openidconnect::Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    Encryption,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What the token says, if all of it is in order.
pub(super) fn verify(token: &Token, client: &Client, nonce: &Nonce) -> Result<Map<String, Value>, ClaimsVerificationError> {
    let verifier =
        client.id_token_verifier().set_allowed_algs(ALGORITHMS).set_time_fn(|| (SystemTime::now() - LEEWAY).into());
    let claims = token.claims(&verifier, nonce)?;
    if claims.authorized_party().is_some_and(|party| party != client.client_id()) {
        return Err(ClaimsVerificationError::InvalidAudience("it was made for another client".to_owned()));
    }
    let said = said(claims);
    let latest = Timestamp::now().as_duration().as_secs_f64() + LEEWAY.as_secs_f64();
    if said.get("nbf").is_some_and(|begin| begin.as_f64().is_none_or(|begin| begin > latest)) {
        return Err(ClaimsVerificationError::Other("it is not valid yet".to_owned()));
    }
    Ok(said)
}

/// All claims, by their names.
pub(super) fn said(claims: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(claims) {
        Ok(Value::Object(said)) => said,
        _ => Map::new(),
    }
}
