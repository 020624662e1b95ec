//! A double of an issuer (OIDC): it signs whoever comes in at once, and can be told to lie.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use backend::OidcConfig;
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::Role;
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Map, Value, json};
use service::Secret;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::world::PUBLIC;

const CLIENT: &str = "mlsys of ours";
const CLIENT_SECRET: &str = "what mlsys shows + more:%";

/// How its ID tokens are signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Well,
    /// `alg` is none, with no signature.
    Not,
    /// By the secret that both know, as anybody could who learnt it.
    BySecret,
    /// By its public key as if that were a secret.
    ByPublicKey,
    /// By another's key, under the name of its own.
    ByAnother,
    /// By another's key, under a name that it has none of.
    ByUnknown,
}

/// What it says, and how.
pub struct Says {
    /// The claims of who signs in.
    pub claims: Map<String, Value>,
    /// What is different in the ID token from what it should be; null: it is not there.
    pub lies: Map<String, Value>,
    /// What the user info endpoint says; none: there is no such endpoint.
    pub user_info: Option<Value>,
    pub signed: Signed,
    /// What opens the user info endpoint.
    pub access_token: String,
    /// Whether everything fails.
    pub down: bool,
    /// How often it was asked for its keys.
    pub keys_asked: usize,
    key: Key,
    codes: HashMap<String, HashMap<String, String>>,
}

struct Key {
    id: String,
    pair: EcdsaKeyPair,
}

impl Key {
    fn new(id: &str) -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self { id: id.to_owned(), pair: EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap() }
    }
}

pub struct Issuer {
    pub url: String,
    state: Shared,
    _server: AbortOnDropHandle<()>,
}

type Shared = Arc<Mutex<Says>>;

impl Issuer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // Two are of another type than the standard's, as some issuers have them.
        let claims = json!({
            "sub": "248289761001", "preferred_username": "Ada", "name": "Ada Lovelace", "groups": ["data-science"],
            "email_verified": "true", "updated_at": "2026-11-30T08:00:00Z",
        });
        let state = Arc::new(Mutex::new(Says {
            claims: claims.as_object().unwrap().clone(),
            lies: Map::new(),
            user_info: None,
            access_token: "opens userinfo".to_owned(),
            signed: Signed::Well,
            down: false,
            keys_asked: 0,
            key: Key::new("one"),
            codes: HashMap::new(),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/userinfo", get(user_info))
            .layer(axum::Extension(url.clone()))
            .with_state(Arc::clone(&state));
        let server = AbortOnDropHandle::new(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
        Self { url, state, _server: server }
    }

    /// How it answers, to be changed.
    pub fn says(&self) -> MutexGuard<'_, Says> {
        self.state.lock().unwrap()
    }

    /// From now on it signs with another key.
    pub fn rotate(&self, id: &str) {
        self.says().key = Key::new(id);
    }

    /// What an mlsys is told of it.
    pub fn config(&self) -> OidcConfig {
        OidcConfig {
            issuer: self.url.clone(),
            client_id: CLIENT.to_owned(),
            client_secret: Secret::new(CLIENT_SECRET),
            scopes: "openid profile".to_owned(),
            groups_claim: "groups".to_owned(),
            roles: vec![("ml-admins".to_owned(), Role::Admin), ("data-science".to_owned(), Role::Developer)],
            default_role: None,
            public_url: PUBLIC.parse().unwrap(),
        }
    }
}

async fn discovery(State(state): State<Shared>, axum::Extension(url): axum::Extension<String>) -> Response {
    let says = state.lock().unwrap();
    if says.down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let mut document = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize?tenant=1"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
    });
    if says.user_info.is_some() {
        document["userinfo_endpoint"] = json!(format!("{url}/userinfo"));
    }
    Json(document).into_response()
}

async fn keys(State(state): State<Shared>) -> Json<Value> {
    let mut says = state.lock().unwrap();
    says.keys_asked += 1;
    let point = says.key.pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    let ours = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": says.key.id, "x": x, "y": y });
    // A kind that nobody knows yet does not keep the others from being used.
    Json(json!({ "keys": [{ "kty": "LATTICE", "kid": "future" }, ours] }))
}

async fn authorize(State(state): State<Shared>, Query(query): Query<HashMap<String, String>>) -> Response {
    for (name, value) in
        [("response_type", "code"), ("client_id", CLIENT), ("code_challenge_method", "S256"), ("tenant", "1")]
    {
        assert_eq!(query[name], value, "{query:?}");
    }
    assert!(query["scope"].split(' ').any(|scope| scope == "openid") && query["state"].len() > 30, "{query:?}");
    let mut says = state.lock().unwrap();
    let code = format!("code-{}", says.codes.len());
    let separator = if query["redirect_uri"].contains('?') { '&' } else { '?' };
    let to = format!("{}{separator}code={code}&state={}", query["redirect_uri"], query["state"]);
    says.codes.insert(code, query);
    Redirect::to(&to).into_response()
}

/// Its tokens, for a code that was not used, of who shows the secret and began with this challenge.
async fn token(
    State(state): State<Shared>,
    axum::Extension(url): axum::Extension<String>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let mut says = state.lock().unwrap();
    if says.down {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let shown = STANDARD.encode(format!("{}:{}", encoded(CLIENT), encoded(CLIENT_SECRET)));
    if headers["authorization"] != format!("Basic {shown}") {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response();
    }
    let asked = says.codes.remove(&form["code"]).filter(|asked| {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
        asked["code_challenge"] == challenge && asked["redirect_uri"] == form["redirect_uri"]
    });
    let Some(asked) = asked else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response();
    };
    let now = jiff::Timestamp::now().as_second();
    let mut claims = says.claims.clone();
    let own = json!({ "iss": url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"] });
    claims.extend(own.as_object().unwrap().clone());
    claims.extend(says.lies.clone());
    claims.retain(|_, value| !value.is_null());
    let token = signed(&says, &Value::Object(claims));
    Json(json!({ "access_token": says.access_token, "token_type": "Bearer", "expires_in": 300, "id_token": token }))
        .into_response()
}

fn signed(says: &Says, claims: &Value) -> String {
    let algorithm = match says.signed {
        Signed::Well | Signed::ByAnother | Signed::ByUnknown => "ES256",
        Signed::Not => "none",
        Signed::BySecret | Signed::ByPublicKey => "HS256",
    };
    let id = if says.signed == Signed::ByUnknown { "unknown" } else { &says.key.id };
    let header = json!({ "alg": algorithm, "typ": "JWT", "kid": id });
    let message = [header.to_string(), claims.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let by = |key: &Key| key.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec();
    let mac = |secret: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes()).as_ref().to_vec();
    let signature = match says.signed {
        Signed::Well => by(&says.key),
        Signed::ByAnother | Signed::ByUnknown => by(&Key::new("another")),
        Signed::Not => Vec::new(),
        Signed::BySecret => mac(CLIENT_SECRET.as_bytes()),
        Signed::ByPublicKey => mac(says.key.pair.public_key().as_ref()),
    };
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

async fn user_info(State(state): State<Shared>, headers: HeaderMap) -> Response {
    let says = state.lock().unwrap();
    match (&says.user_info, headers.get("authorization")) {
        (Some(said), Some(shown)) if shown == "Bearer opens userinfo" => Json(said.clone()).into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}
