//! Signing in with an issuer: the whole way of a browser, and each way to cheat.

use axum::http::Method;
use contract::Role;
use serde_json::{Value, json};

use crate::{
    Answer, World,
    issuer::{Issuer, Signed},
    world::{NOWHERE, PUBLIC},
};

async fn world(issuer: &Issuer) -> World {
    World::with(NOWHERE, |config| config.oidc = Some(issuer.config())).await
}

/// A browser: the cookies it has, by name.
#[derive(Default, Clone)]
struct Browser {
    cookies: Vec<(String, String)>,
    address: String,
}

impl Browser {
    fn at(address: &str) -> Self {
        Self { address: address.to_owned(), ..Self::default() }
    }

    async fn get(&mut self, world: &World, path: &str) -> Answer {
        let jar: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let jar = jar.join("; ");
        let mut headers = vec![("cookie", jar.as_str())];
        if !self.address.is_empty() {
            headers.push(("from-address", &self.address));
        }
        let answer = world.ask(Method::GET, path, &headers, "").await;
        for set in answer.headers.get_all("set-cookie") {
            let (pair, rest) = set.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(["HttpOnly", "SameSite=Lax", "Secure"].iter().all(|part| rest.contains(part)), "{rest}");
            self.cookies.retain(|(known, _)| known != name);
            if !rest.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    /// Goes to the issuer and answers the path that it sends the browser back to.
    async fn asks_issuer(&mut self, world: &World, next: &str) -> String {
        let begun = self.get(world, &format!("/api/sign-in/issuer?next={next}")).await;
        assert_eq!((begun.status, begun.header("cache-control")), (303, "no-store"), "{}", begun.text());
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let sent = http.get(begun.header("location")).send().await.unwrap();
        let back = sent.headers()["location"].to_str().unwrap();
        let path = back.strip_prefix(PUBLIC).unwrap_or_else(|| panic!("{back}"));
        assert!(path.starts_with("/api/sign-in/callback?"), "{path}");
        path.to_owned()
    }

    /// The whole way; answers where it ends.
    async fn signs_in(&mut self, world: &World, next: &str) -> String {
        let path = self.asks_issuer(world, next).await;
        let answer = self.get(world, &path).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("location").to_owned()
    }

    fn is_signed_in(&self) -> bool {
        self.cookies.iter().any(|(name, _)| name == "mlsys_session")
    }
}

/// The results of all attempts to sign in, newest first, with who it was.
async fn noted(world: &World) -> Vec<(String, String)> {
    let found = world.json("/api/audit?action=sign_in").await;
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    found["items"].as_array().unwrap().iter().map(|one| (text(one, "actor"), text(one, "result"))).collect()
}

#[tokio::test]
async fn a_browser_that_the_issuer_vouches_for_is_signed_in_with_its_groups_roles() {
    let issuer = Issuer::start().await;
    let world = world(&issuer).await;
    let ways = world.ask_as_nobody(Method::GET, "/api/sign-in", &[], "").await;
    assert_eq!(ways.json(), json!({ "issuer": "127.0.0.1" }));
    let mut browser = Browser::default();
    assert_eq!(browser.signs_in(&world, "/models%3Fsearch=a").await, "/models?search=a");
    assert!(browser.is_signed_in() && browser.cookies.len() == 1, "the attempt's cookie is gone");
    let me = browser.get(&world, "/api/me").await.json();
    assert_eq!(
        (&me["name"], &me["kind"], &me["grants"]),
        (&json!("ada"), &json!("person"), &json!([{ "role": "developer" }]))
    );
    let end: jiff::Timestamp = me["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(end.as_second() - jiff::Timestamp::now().as_second() <= 12 * 3600, "then the issuer is asked again");
    assert_eq!(noted(&world).await, [("ada".to_owned(), "done".to_owned())]);

    // The same person, whatever they are called by now, and with what they may by now.
    issuer
        .says()
        .claims
        .extend([("preferred_username".to_owned(), json!("countess")), ("groups".to_owned(), json!(["ml-admins", "x"]))]);
    let mut other = Browser::default();
    other.signs_in(&world, "/").await;
    let me = other.get(&world, "/api/me").await.json();
    assert_eq!((&me["name"], &me["grants"]), (&json!("ada"), &json!([{ "role": "admin" }])));
    let people = world.json("/api/people").await;
    assert_eq!((&people["items"][0]["from_issuer"], people["items"].as_array().unwrap().len()), (&json!(true), 1));
}

#[tokio::test]
async fn who_has_no_group_with_a_role_stays_out_and_who_lost_them_is_out_everywhere() {
    let issuer = Issuer::start().await;
    issuer.says().claims.insert("groups".to_owned(), json!(["strangers", "ML-Admins"]));
    let world = world(&issuer).await;
    let mut browser = Browser::default();
    assert_eq!(browser.signs_in(&world, "/keys").await, "/sign-in?refused=no_role&next=%2Fkeys");
    assert!(!browser.is_signed_in());
    assert_eq!(world.json("/api/people").await["items"], json!([]), "nothing is kept of strangers");

    issuer.says().claims.insert("groups".to_owned(), json!(["ml-admins"]));
    browser.signs_in(&world, "/").await;
    let cookie = format!("{}={}", browser.cookies[0].0, browser.cookies[0].1);
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/json")];
    let made = world
        .ask(Method::POST, "/api/keys", &headers, json!({ "name": "x", "grants": [{ "role": "viewer" }] }).to_string())
        .await;
    let shown = format!("Bearer {}", made.json()["key"].as_str().unwrap());
    let by_key = async || world.ask(Method::GET, "/api/me", &[("authorization", shown.as_str())], "").await.status;
    assert_eq!(by_key().await, 200);

    issuer.says().claims.remove("groups");
    let mut elsewhere = Browser::default();
    assert_eq!(elsewhere.signs_in(&world, "/").await, "/sign-in?refused=no_role&next=%2F");
    assert_eq!(browser.get(&world, "/api/me").await.status, 401, "their other browser is signed out");
    assert_eq!(by_key().await, 401, "and their keys let nobody in");
    let actor = "Ada".to_owned();
    assert_eq!(noted(&world).await[0], (actor, "no_role".to_owned()));
    issuer.says().claims.insert("groups".to_owned(), json!(["data-science"]));
    elsewhere.signs_in(&world, "/").await;
    assert_eq!((elsewhere.is_signed_in(), by_key().await), (true, 200), "they are back");
}

#[tokio::test]
async fn a_token_that_does_not_prove_who_it_is_signs_nobody_in() {
    let issuer = Issuer::start().await;
    let world = world(&issuer).await;
    let now = jiff::Timestamp::now().as_second();
    let mut lies: Vec<(Value, Signed)> = [
        json!({ "nonce": "0".repeat(64) }),
        json!({ "nonce": null }),
        json!({ "aud": "another client" }),
        json!({ "aud": ["mlsys of ours", "another client"] }),
        json!({ "aud": [] }),
        json!({ "aud": null }),
        json!({ "azp": "another client" }),
        json!({ "iss": "https://attacker.example" }),
        json!({ "iss": [issuer.url, "https://attacker.example"] }),
        json!({ "iss": null }),
        json!({ "exp": now - 120 }),
        json!({ "exp": "9999999999" }),
        json!({ "exp": null }),
        json!({ "nbf": now + 3600 }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
    ]
    .into_iter()
    .map(|lie| (lie, Signed::Well))
    .collect();
    for signed in [Signed::Not, Signed::BySecret, Signed::ByPublicKey, Signed::ByAnother, Signed::ByUnknown] {
        lies.push((json!({}), signed));
    }
    for (number, (lie, signed)) in lies.iter().enumerate() {
        {
            let mut says = issuer.says();
            says.lies = lie.as_object().unwrap().clone();
            says.signed = *signed;
        }
        let mut browser = Browser::at(&format!("10.1.0.{number}"));
        assert_eq!(browser.signs_in(&world, "/").await, "/sign-in?refused=bad_answer&next=%2F", "{lie} {number}");
        assert!(!browser.is_signed_in(), "{lie} {number}");
    }
    assert_eq!(world.json("/api/people").await["items"], json!([]));
    let noted = noted(&world).await;
    assert!(noted.len() == lies.len() && noted.iter().all(|(_, result)| result == "bad_answer"), "{noted:?}");
    issuer.says().lies.clear();
    issuer.says().signed = Signed::Well;
    let mut honest = Browser::at("10.1.1.1");
    assert_eq!((honest.signs_in(&world, "/").await.as_str(), honest.is_signed_in()), ("/", true));
}

#[tokio::test]
async fn an_answer_is_good_for_the_browser_that_asked_alone_and_once() {
    let issuer = Issuer::start().await;
    let world = world(&issuer).await;
    let mut victim = Browser::at("10.2.0.1");
    let mut attacker = Browser::at("10.2.0.2");
    let path = attacker.asks_issuer(&world, "/").await;
    let other = "/sign-in?refused=another_attempt&next=%2F";
    // The victim is led to the attacker's answer: without an attempt, then with one of their own.
    for attempt in ["no attempt", "an attempt"] {
        if attempt == "an attempt" {
            victim.asks_issuer(&world, "/").await;
        }
        assert_eq!(victim.get(&world, &path).await.header("location"), other, "{attempt}");
        assert!(!victim.is_signed_in(), "{attempt}");
    }
    for wrong in
        ["", "?code=code-0", "?code=code-0&state=", "?code=code-0&state=x&state=x", "?state=x", "?code=%00&state=%FF"]
    {
        let mut browser = attacker.clone();
        assert_eq!(browser.get(&world, &format!("/api/sign-in/callback{wrong}")).await.header("location"), other, "{wrong}");
    }
    // The attacker redeems their code with another's attempt: the challenge is not theirs.
    let mut thief = Browser::at("10.2.0.3");
    let own = thief.asks_issuer(&world, "/").await;
    let (code, state) = (path.split(['=', '&']).nth(1).unwrap(), own.split("state=").nth(1).unwrap());
    let stolen = thief.get(&world, &format!("/api/sign-in/callback?code={code}&state={state}")).await;
    assert_eq!(stolen.header("location"), "/sign-in?refused=bad_answer&next=%2F");
    // Used twice: the cookie went with the first time, and the issuer takes a code once.
    let mut honest = Browser::at("10.2.0.4");
    let path = honest.asks_issuer(&world, "/").await;
    let before = honest.clone();
    assert_eq!(honest.get(&world, &path).await.header("location"), "/");
    assert_eq!(honest.get(&world, &path).await.header("location"), other);
    assert_eq!(before.clone().get(&world, &path).await.header("location"), "/sign-in?refused=bad_answer&next=%2F");
    // Somebody said no there.
    let path = honest.asks_issuer(&world, "/audit").await;
    let state = path.split("state=").nth(1).unwrap();
    let denied = honest.get(&world, &format!("/api/sign-in/callback?error=access_denied&state={state}")).await;
    assert_eq!(denied.header("location"), "/sign-in?refused=issuer_refused&next=%2Faudit");
}

#[tokio::test]
async fn who_fails_too_often_waits_and_the_issuer_is_not_asked_for_them() {
    let issuer = Issuer::start().await;
    issuer.says().signed = Signed::Not;
    let world = world(&issuer).await;
    let mut browser = Browser::at("10.3.0.1");
    for _ in 0..10 {
        assert!(browser.signs_in(&world, "/").await.contains("bad_answer"));
    }
    issuer.says().signed = Signed::Well;
    assert!(browser.signs_in(&world, "/").await.contains("too_many_attempts"));
    let mut other = Browser::at("10.3.0.2");
    assert_eq!(other.signs_in(&world, "/").await, "/", "another address is not held up");
}

#[tokio::test]
async fn new_keys_of_the_issuer_are_asked_for_and_not_too_often() {
    let issuer = Issuer::start().await;
    let world = world(&issuer).await;
    for id in ["one", "two", "two"] {
        // The last time, under a name that is known.
        issuer.rotate(id);
        let mut browser = Browser::default();
        assert_eq!(browser.signs_in(&world, "/").await, "/", "{id}");
    }
    let asked = issuer.says().keys_asked;
    assert_eq!(asked, 3, "at first, and for each of two others");
    issuer.says().signed = Signed::ByAnother;
    for number in 0..20 {
        let mut browser = Browser::at(&format!("10.4.0.{number}"));
        assert!(browser.signs_in(&world, "/").await.contains("bad_answer"));
    }
    let more = issuer.says().keys_asked - asked;
    assert_eq!(more, 3, "five times a minute in all");
}

#[tokio::test]
async fn an_issuer_that_is_down_is_said_to_be_and_passwords_still_work() {
    let issuer = Issuer::start().await;
    issuer.says().down = true;
    let world = world(&issuer).await;
    let begun = Browser::default().get(&world, "/api/sign-in/issuer?next=/models").await;
    assert_eq!((begun.status, begun.header("location")), (303, "/sign-in?refused=issuer_unavailable&next=%2Fmodels"));
    let made = world.post("/api/people", json!({ "login": "grace", "grants": [{ "role": "viewer" }] })).await.json();
    let token = made["invitation"].as_str().unwrap().split("#invitation=").nth(1).unwrap().to_owned();
    let json = [("content-type", "application/json")];
    let body = json!({ "token": token, "password": "correct horse" }).to_string();
    assert_eq!(world.ask_as_nobody(Method::POST, "/api/sessions", &json, body).await.status, 201);
    let body = json!({ "login": "grace", "password": "correct horse" }).to_string();
    assert_eq!(world.ask_as_nobody(Method::POST, "/api/sessions", &json, body).await.status, 201);
}

#[tokio::test]
async fn groups_come_from_the_user_info_where_the_token_has_none_and_only_ones_own() {
    let issuer = Issuer::start().await;
    issuer.says().claims.remove("groups");
    issuer.says().user_info = Some(json!({ "sub": "248289761001", "groups": ["ml-admins"] }));
    let world = world(&issuer).await;
    let mut browser = Browser::default();
    assert_eq!(browser.signs_in(&world, "/").await, "/");
    assert_eq!(browser.get(&world, "/api/me").await.json()["grants"], json!([{ "role": "admin" }]));
    issuer.says().user_info = Some(json!({ "sub": "another", "groups": ["ml-admins"] }));
    assert!(Browser::default().signs_in(&world, "/").await.contains("bad_answer"));
    issuer.says().access_token = "of two\nlines".to_owned();
    assert!(Browser::default().signs_in(&world, "/").await.contains("bad_answer"));
}

#[tokio::test]
async fn no_name_at_the_issuer_makes_somebody_another_here() {
    let issuer = Issuer::start().await;
    let mut config = issuer.config();
    config.default_role = Some(Role::Viewer);
    let world = World::with(NOWHERE, |settings| settings.oidc = Some(config)).await;
    world.post("/api/people", json!({ "login": "grace", "grants": [{ "role": "admin" }] })).await;
    for (number, called) in ["grace", "owner", "admin", "Grace", "grace"].iter().enumerate() {
        {
            let claims = json!({ "sub": format!("stranger {number}"), "preferred_username": called, "groups": [] });
            issuer.says().claims = claims.as_object().unwrap().clone();
        }
        let mut browser = Browser::default();
        assert_eq!(browser.signs_in(&world, "/").await, "/");
        let me = browser.get(&world, "/api/me").await.json();
        let name = me["name"].as_str().unwrap();
        assert!(
            name.starts_with(&format!("{}-", called.to_lowercase())) && me["grants"] == json!([{ "role": "viewer" }]),
            "{me}"
        );
    }
    assert_eq!(world.json("/api/me").await["name"], "owner", "the home is still its own");
}

#[tokio::test]
async fn what_the_issuer_decides_is_decided_nowhere_else() {
    let issuer = Issuer::start().await;
    let world = world(&issuer).await;
    let mut browser = Browser::default();
    browser.signs_in(&world, "/").await;
    let id = world.json("/api/people").await["items"][0]["id"].as_str().unwrap().to_owned();
    let decided = (409, "decided_by_issuer".to_owned());
    let path = format!("/api/people/{id}");
    assert_eq!(world.send(Method::PATCH, &path, &json!({ "grants": [{ "role": "admin" }] })).await.code(), decided);
    assert_eq!(world.post(&format!("{path}/invitation"), Value::Null).await.code(), decided);
    let cookie = format!("{}={}", browser.cookies[0].0, browser.cookies[0].1);
    let again = world.ask(Method::POST, "/api/sessions/address", &[("cookie", &cookie)], "").await;
    assert_eq!(again.code(), decided, "a session begets no longer one");
    // Keeping somebody out is for whoever decides about people.
    assert_eq!(world.send(Method::PATCH, &path, &json!({ "disabled": true })).await.status, 200);
    assert_eq!(Browser::default().signs_in(&world, "/").await, "/sign-in?refused=no_role&next=%2F");
    assert_eq!(browser.get(&world, "/api/me").await.status, 401);
}

#[tokio::test]
async fn without_an_issuer_there_is_no_way_to_one() {
    let world = World::new().await;
    assert_eq!(world.ask_as_nobody(Method::GET, "/api/sign-in", &[], "").await.json(), json!({ "issuer": null }));
    for path in ["/api/sign-in/issuer", "/api/sign-in/callback?code=a&state=b"] {
        assert_eq!(world.ask_as_nobody(Method::GET, path, &[], "").await.code(), (404, "not_found".to_owned()), "{path}");
    }
}
