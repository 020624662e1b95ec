//! Signing in and out, keys and people, and what is written down of it.

use axum::http::Method;
use contract::{Grant, Role};
use serde_json::{Value, json};
use store::NewPerson;

use crate::{Answer, World, world::HOME};

const JSON: (&str, &str) = ("content-type", "application/json");
const PASSWORD: &str = "correct horse";

/// The token in an address.
fn token(address: &str, kind: &str) -> String {
    let (_, token) = address.split_once(&format!("/sign-in#{kind}=")).unwrap_or_else(|| panic!("{address}"));
    token.to_owned()
}

async fn sign_in(world: &World, body: &Value) -> Answer {
    world.ask_as_nobody(Method::POST, "/api/sessions", &[JSON], body.to_string()).await
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    let (cookie, _) = answer.header("set-cookie").split_once(';').unwrap();
    cookie.to_owned()
}

/// Invites somebody, who chooses a password; answers their id and their cookie.
pub async fn invited(world: &World, login: &str, role: &str) -> (String, String) {
    let made = world.post("/api/people", json!({ "login": login, "grants": [{ "role": role }] })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let token = token(made.json()["invitation"].as_str().unwrap(), "invitation");
    let answer = sign_in(world, &json!({ "token": token, "password": PASSWORD })).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    (made.json()["person"]["id"].as_str().unwrap().to_owned(), cookie(&answer))
}

async fn with_cookie(world: &World, method: Method, path: &str, cookie: &str) -> Answer {
    world.ask(method, path, &[("cookie", cookie), JSON], "").await
}

async fn with_key(world: &World, path: &str, key: &str) -> Answer {
    world.ask(Method::GET, path, &[("authorization", &format!("Bearer {key}"))], "").await
}

/// Makes a key; answers its id and itself.
async fn key(world: &World, grant: Value) -> (String, String) {
    let made = world.post("/api/keys", json!({ "name": "a program", "grants": [grant] })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn who_has_a_network_of_addresses_fails_as_often_as_who_has_one() {
    let world = World::new().await;
    let attempt = async |address: &str, login: &str| {
        let body = json!({ "login": login, "password": "wrong horse" }).to_string();
        world.ask_as_nobody(Method::POST, "/api/sessions", &[JSON, ("from-address", address)], body).await.status
    };
    for number in 1..=10 {
        assert_eq!(attempt(&format!("2001:db8::{number}"), &format!("login-{number}")).await, 401);
    }
    assert_eq!(attempt("2001:db8::ffff:1", "another").await, 429);
    assert_eq!(attempt("2001:db8:0:1::1", "another").await, 401);
}

#[tokio::test]
async fn what_one_may_for_a_time_one_gives_nobody_for_longer() {
    let world = World::new().await;
    let ask = async |key: &str, grant: Value, days: Value| {
        let body = json!({ "name": "x", "grants": [grant], "days": days }).to_string();
        world.ask(Method::POST, "/api/keys", &[("authorization", &format!("Bearer {key}")), JSON], body).await
    };
    let in_days = |days: i64| (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days)).to_string();
    let end = in_days(10);
    let (_, of_right) = key(&world, json!({ "role": "admin", "repo": "octocat/titanic", "expires_at": end })).await;
    let made = world
        .post("/api/keys", json!({ "name": "x", "grants": [{ "role": "admin", "repo": "octocat/titanic" }], "days": 10 }));
    let of_key = made.await.json()["key"].as_str().unwrap().to_owned();
    for key in [&of_right, &of_key] {
        let viewer = |end: Value| json!({ "role": "viewer", "repo": "octocat/titanic", "expires_at": end });
        for (grant, days, status) in [
            (viewer(Value::Null), Value::Null, 403),
            (viewer(Value::Null), json!(11), 403),
            (viewer(json!(in_days(11))), Value::Null, 403),
            (viewer(json!(in_days(11))), json!(9), 201),
            (viewer(json!(in_days(9))), json!(1000), 201),
            (viewer(json!(in_days(9))), Value::Null, 201),
        ] {
            let answer = ask(key, grant.clone(), days.clone()).await;
            assert_eq!(answer.status, status, "{grant} for {days} days: {}", answer.text());
            assert!(status == 201 || answer.json()["code"] == "outlasts_yours");
        }
        let other = json!({ "role": "viewer", "repo": "octocat/other", "expires_at": in_days(1) });
        assert_eq!(ask(key, other, json!(1)).await.code(), (403, "forbidden".to_owned()));
    }
    let same = json!({ "role": "viewer", "repo": "octocat/titanic", "expires_at": end });
    assert_eq!(ask(&of_right, same, Value::Null).await.status, 201, "as long as one's own");
}

#[tokio::test]
async fn a_one_time_address_signs_in_once_and_the_cookie_until_one_signs_out() {
    let world = World::new().await;
    let made = world.post("/api/sessions/address", Value::Null).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let address = made.json()["address"].as_str().unwrap().to_owned();
    assert!(address.starts_with("https://mlsys.example.org/sign-in#token="), "{address}");
    let body = json!({ "token": token(&address, "token") });
    let answer = sign_in(&world, &body).await;
    let me = answer.json();
    assert_eq!((answer.status, &me["name"], &me["kind"]), (201, &json!("owner"), &json!("person")));
    assert!(me["may"].as_array().unwrap().contains(&json!("promote:prod")), "{me}");
    let set = answer.header("set-cookie");
    for part in ["mlsys_session=", "; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(sign_in(&world, &body).await.code(), (401, "bad_token".to_owned()), "it works once");

    let cookie = cookie(&answer);
    assert_eq!(with_cookie(&world, Method::GET, "/api/me", &cookie).await.json()["name"], "owner");
    let listed = world.json("/api/sessions").await;
    assert_eq!((&listed["items"][0]["login"], &listed["next"]), (&json!("owner"), &Value::Null));
    let out = with_cookie(&world, Method::DELETE, "/api/sessions/current", &cookie).await;
    assert!(out.status == 204 && out.header("set-cookie").contains("Max-Age=0"), "{}", out.header("set-cookie"));
    assert_eq!(with_cookie(&world, Method::GET, "/api/me", &cookie).await.code(), (401, "unauthorized".to_owned()));
    assert_eq!(world.json("/api/sessions").await["items"], json!([]));
}

#[tokio::test]
async fn an_invitation_lets_a_person_choose_a_password_which_signs_in_from_then_on() {
    let world = World::new().await;
    let made =
        world.post("/api/people", json!({ "login": "grace", "name": "Grace", "grants": [{ "role": "viewer" }] })).await;
    let made = made.json();
    let invitation = token(made["invitation"].as_str().unwrap(), "invitation");
    for (body, code) in [
        (json!({ "token": invitation }), (400, "password_required")),
        (json!({ "token": invitation, "password": "short" }), (400, "bad_password")),
        (json!({ "token": invitation, "password": "x".repeat(2000) }), (400, "bad_password")),
        (json!({ "token": "another", "password": PASSWORD }), (401, "bad_token")),
        (json!({ "login": "grace", "password": "" }), (401, "bad_password")),
        (json!({ "login": "grace" }), (400, "bad_sign_in")),
        (json!({}), (400, "bad_sign_in")),
    ] {
        let answer = sign_in(&world, &body).await.code();
        assert_eq!((answer.0, answer.1.as_str()), code, "{body}");
    }
    assert_eq!(sign_in(&world, &json!({ "token": invitation, "password": PASSWORD })).await.status, 201);
    let answer = sign_in(&world, &json!({ "login": "grace", "password": PASSWORD })).await;
    assert_eq!((answer.status, &answer.json()["may"]), (201, &json!(["see"])));
    let cookie = cookie(&answer);
    assert_eq!(with_cookie(&world, Method::GET, "/api/repos", &cookie).await.status, 200);
    let refused = with_cookie(&world, Method::GET, "/api/people", &cookie).await;
    assert!(refused.code() == (403, "forbidden".to_owned()) && refused.text().contains("admin"), "{}", refused.text());
    let for_nobody = sign_in(&world, &json!({ "login": "nobody", "password": PASSWORD })).await;
    let for_grace = sign_in(&world, &json!({ "login": "grace", "password": "wrong" })).await;
    assert_eq!(for_nobody.json()["detail"], for_grace.json()["detail"], "whether there is a login is nobody's business");
}

#[tokio::test]
async fn who_fails_too_often_waits_and_what_is_right_is_not_even_looked_at() {
    let world = World::new().await;
    invited(&world, "grace", "viewer").await;
    let wrong = json!({ "token": "none" });
    for _ in 0..10 {
        assert_eq!(sign_in(&world, &wrong).await.status, 401);
    }
    let answer = sign_in(&world, &json!({ "login": "grace", "password": PASSWORD })).await;
    assert_eq!(answer.code(), (429, "too_many_attempts".to_owned()));
    assert!(answer.header("retry-after").parse::<u64>().unwrap() <= 61);

    let (_, good) = key(&world, json!({ "role": "viewer" })).await;
    assert_eq!(with_key(&world, "/api/me", &good).await.status, 200);
    let mut last = 0;
    for number in 0..70 {
        last = with_key(&world, "/api/me", &format!("mlsys_{number}")).await.status;
    }
    assert_eq!(last, 429);
    assert_eq!(with_key(&world, "/api/me", &good).await.status, 200, "who is known goes on");
}

#[tokio::test]
async fn a_key_is_shown_once_and_revoked_at_once() {
    let world = World::new().await;
    let (id, made) = key(&world, json!({ "role": "viewer" })).await;
    assert!(made.starts_with("mlsys_") && made.len() == 78, "{made}");
    let me = with_key(&world, "/api/me", &made).await.json();
    assert_eq!((&me["kind"], &me["may"], &me["session_id"]), (&json!("key"), &json!(["see"]), &Value::Null));
    let listed = world.get("/api/keys").await;
    assert!(!listed.text().contains(&made[14..]), "only its beginning is known");
    assert_eq!(listed.json()["items"][0]["prefix"], made[..14]);
    assert_eq!(with_key(&world, "/api/repos", &made).await.status, 200);
    assert_eq!(with_key(&world, "/api/keys", &made).await.code(), (403, "forbidden".to_owned()));
    assert_eq!(
        world.ask(Method::POST, "/api/sessions/address", &[("authorization", &format!("Bearer {made}"))], "").await.status,
        403
    );

    let gone = world.send(Method::DELETE, &format!("/api/keys/{id}"), &Value::Null).await;
    assert_eq!(gone.status, 204);
    assert_eq!(with_key(&world, "/api/me", &made).await.code(), (401, "unauthorized".to_owned()));
    assert!(with_key(&world, "/api/me", &made).await.header("www-authenticate").starts_with("Bearer"));
    for bad in [
        json!({ "name": "", "grants": [{ "role": "viewer" }] }),
        json!({ "name": "x", "grants": [] }),
        json!({ "name": "x", "grants": [{ "role": "viewer", "environment": "dev" }] }),
        json!({ "name": "x", "grants": [{ "role": "viewer", "repo": "a/b", "model": "c" }] }),
        json!({ "name": "x", "grants": [{ "role": "viewer" }], "days": 0 }),
    ] {
        assert_eq!(world.post("/api/keys", bad.clone()).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_key_that_another_backend_revoked_lets_nobody_in_after_two_seconds() {
    let world = World::new().await;
    let (id, made) = key(&world, json!({ "role": "viewer" })).await;
    assert_eq!(with_key(&world, "/api/me", &made).await.status, 200);
    // Behind this backend's back.
    world.store.access.revoke_key(id.parse().unwrap(), None).await.unwrap();
    let revoked = std::time::Instant::now();
    while with_key(&world, "/api/me", &made).await.status != 401 {
        assert!(revoked.elapsed() < std::time::Duration::from_secs(2));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_key_for_one_model_and_environment_predicts_there_and_nowhere_else() {
    let world = World::new().await;
    let (_, dev) = key(&world, json!({ "role": "predictor", "model": "titanic", "environment": "prod" })).await;
    let (_, all) = key(&world, json!({ "role": "predictor" })).await;
    let headers = |key: &str| format!("Bearer {key}");
    let ask = async |key: Option<&str>, path: &str| {
        let shown = key.map(headers);
        let given: Vec<_> = shown.iter().map(|shown| ("authorization", shown.as_str())).collect();
        world.ask_as_nobody(Method::POST, path, &given, "[]").await.status
    };
    for base in ["/api/models", "/models"] {
        for (key, path, status) in [
            (None, "titanic/predict?env=dev", 502),
            (None, "titanic/predict?env=staging", 502),
            (None, "titanic/predict?env=prod", 401),
            (None, "titanic/predict?env=dev&env=prod", 401),
            (None, "titanic/predict", 401),
            (Some(&*dev), "titanic/predict?env=prod", 502),
            (Some(&*dev), "iris/predict?env=prod", 403),
            (Some(&*dev), "titanic/predict", 403),
            (Some(&*all), "iris/predict?env=prod", 502),
            (Some(&*all), "iris/predict?version=7", 502),
            (Some("mlsys_none"), "titanic/predict?env=dev", 401),
        ] {
            // There is no model-server: 502 says that it was asked for.
            assert_eq!(ask(key, &format!("{base}/{path}")).await, status, "{path}");
            // Written so, it goes another way.
            let path = path.replacen("titanic", "%74itanic", 1).replacen("iris", "%69ris", 1);
            assert_eq!(ask(key, &format!("{base}/{path}")).await, status, "{path}");
        }
    }
    assert_eq!(with_key(&world, "/api/models", &all).await.status, 403, "who predicts sees nothing");
    let closed = World::with(crate::world::NOWHERE, |config| config.open.predictions.clear()).await;
    let answer = closed.ask_as_nobody(Method::POST, "/models/titanic/predict?env=dev", &[], "[]").await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn rights_for_one_repository_or_model_reach_no_further_and_can_be_handed_on_no_further() {
    let world = World::new().await;
    let (ours, theirs) = (world.repo("octocat/titanic").await, world.repo("octocat/other").await);
    let lease = world.leased("n.ipynb").await;
    let (_, key) = key(&world, json!({ "role": "admin", "repo": "octocat/titanic" })).await;
    let shown = format!("Bearer {key}");
    let headers = [("authorization", shown.as_str()), JSON];
    let id = lease.pipeline_id;
    for (path, status) in [
        (format!("/api/pipelines/{id}"), 200),
        (format!("/api/pipelines/{}", contract::PipelineId::generate()), 403),
        ("/api/pipelines?repo=octocat/titanic".to_owned(), 200),
        (format!("/api/repos/{ours}"), 200),
        (format!("/api/repos/{theirs}"), 403),
        ("/api/repos/987654".to_owned(), 403),
        ("/api/people".to_owned(), 403),
        ("/api/keys".to_owned(), 200),
    ] {
        assert_eq!(world.ask(Method::GET, &path, &headers, "").await.status, status, "{path}");
    }
    let make = async |grant: Value| {
        let body = json!({ "name": "x", "grants": [grant] }).to_string();
        world.ask(Method::POST, "/api/keys", &headers, body).await.status
    };
    assert_eq!(make(json!({ "role": "viewer", "repo": "octocat/titanic" })).await, 201);
    assert_eq!(make(json!({ "role": "viewer", "repo": "octocat/other" })).await, 403);
    assert_eq!(make(json!({ "role": "viewer" })).await, 403);
    let run = async |repo: &str| {
        let body = json!({ "repo": repo, "ref": "5".repeat(40), "notebook_path": "n.ipynb" }).to_string();
        world.ask(Method::POST, "/api/pipelines", &headers, body).await.status
    };
    // It comes as far as the code host, which would say whether the commit is on its branch, and isn't there.
    assert_eq!((run("octocat/titanic").await, run("octocat/other").await), (503, 403));
}

#[tokio::test]
async fn who_may_no_longer_may_not_at_once() {
    let world = World::new().await;
    let (id, cookie) = invited(&world, "grace", "developer").await;
    let list = async || with_cookie(&world, Method::GET, "/api/repos", &cookie).await.status;
    assert_eq!(list().await, 200);
    let path = format!("/api/people/{id}");
    let change = async |body: Value| world.send(Method::PATCH, &path, &body).await.status;
    assert_eq!(change(json!({ "grants": [{ "role": "predictor" }] })).await, 200);
    assert_eq!(list().await, 403);
    assert_eq!(change(json!({ "grants": [{ "role": "viewer" }] })).await, 200);
    assert_eq!(list().await, 200);
    assert_eq!(change(json!({ "disabled": true })).await, 200);
    assert_eq!(list().await, 401);
    assert_eq!(sign_in(&world, &json!({ "login": "grace", "password": PASSWORD })).await.code().1, "bad_password");
    assert_eq!(world.send(Method::DELETE, &path, &Value::Null).await.status, 204);
    assert_eq!(world.send(Method::DELETE, &path, &Value::Null).await.status, 404);
}

#[tokio::test]
async fn the_last_who_decides_about_people_stays() {
    let world = World::new().await;
    let (id, _) = invited(&world, "ada", "admin").await;
    let path = format!("/api/people/{id}");
    let last = (409, "last_admin".to_owned());
    assert_eq!(world.send(Method::DELETE, &path, &Value::Null).await.code(), last);
    assert_eq!(world.send(Method::PATCH, &path, &json!({ "grants": [] })).await.code(), last);
    let taken = world.post("/api/people", json!({ "login": "ada", "grants": [] })).await;
    assert_eq!(taken.code(), (409, "conflict".to_owned()));
    for bad in ["", "Ada", "a b", "a\n"] {
        assert_eq!(world.post("/api/people", json!({ "login": bad, "grants": [] })).await.code().1, "bad_login", "{bad}");
    }
}

#[tokio::test]
async fn one_ends_ones_own_sessions_and_an_admin_everybodys() {
    let world = World::new().await;
    let (_, grace) = invited(&world, "grace", "viewer").await;
    let (_, ada) = invited(&world, "ada", "viewer").await;
    let sessions =
        async |cookie: &str| with_cookie(&world, Method::GET, "/api/sessions", cookie).await.json()["items"].clone();
    let hers = sessions(&grace).await;
    assert_eq!((hers.as_array().unwrap().len(), &hers[0]["login"]), (1, &json!("grace")));
    let path = format!("/api/sessions/{}", hers[0]["id"].as_str().unwrap());
    assert_eq!(with_cookie(&world, Method::DELETE, &path, &ada).await.status, 404, "of others, nothing is known");
    assert_eq!(world.json("/api/sessions").await["items"].as_array().unwrap().len(), 2);
    assert_eq!(world.send(Method::DELETE, &path, &Value::Null).await.status, 204);
    assert_eq!(with_cookie(&world, Method::GET, "/api/me", &grace).await.status, 401);
    assert_eq!(with_cookie(&world, Method::GET, "/api/me", &ada).await.status, 200);
}

#[tokio::test]
async fn whatever_changes_anything_is_written_down_with_who_and_what_came_of_it() {
    let world = World::new().await;
    let (_, viewer) = key(&world, json!({ "role": "viewer" })).await;
    assert_eq!(world.post("/api/repos", json!({ "full_name": "local/new" })).await.status, 201);
    assert_eq!(world.post("/api/repos", json!({ "full_name": "local/new" })).await.status, 409);
    let shown = format!("Bearer {viewer}");
    let refused = world.ask(Method::DELETE, "/api/repos/1", &[("authorization", shown.as_str())], "").await;
    assert_eq!(refused.status, 403);
    assert_eq!(world.send(Method::PATCH, "/api/repos/1", &json!({ "branch": "release" })).await.status, 200);
    sign_in(&world, &json!({ "login": "=cmd()", "password": "x" })).await;
    world.json("/api/audit").await;
    let log = world.json("/api/audit").await["items"].as_array().unwrap().clone();
    let rows: Vec<_> = log
        .iter()
        .map(|entry| ["actor_kind", "action", "object", "result"].map(|field| entry[field].as_str().unwrap().to_owned()))
        .collect();
    let prefix = &viewer[..14];
    let expected = [
        ["person", "sign_in", "sessions", "bad_password"],
        ["home", "repositories", "local/new", "done"],
        ["key", "repositories", "DELETE repos/1", "403 Forbidden"],
        ["home", "repositories", "local/new", "409 Conflict"],
        ["home", "repositories", "local/new", "done"],
        ["home", "keys", &format!("key {prefix} (a program)"), "done"],
    ];
    assert_eq!(rows, expected.map(|row| row.map(str::to_owned)));
    assert!(log[1]["before"].as_str().unwrap().starts_with("branches main,"), "{}", log[1]);
    assert!(log[1]["after"].as_str().unwrap().starts_with("branches release,"), "{}", log[1]);
    assert!(log.iter().all(|entry| !entry.to_string().contains(&viewer[14..])), "no secret is in it");

    let some = world.json("/api/audit?action=repositories&actor=owner&limit=2").await;
    assert_eq!(some["items"].as_array().unwrap().len(), 2);
    let rest =
        world.json(&format!("/api/audit?action=repositories&actor=owner&after={}", some["next"].as_str().unwrap())).await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    assert_eq!(world.get("/api/audit?after=x").await.code().1, "bad_page");
    let table = world.get("/api/audit?format=csv").await;
    assert!(table.header("content-type").starts_with("text/csv"));
    assert!(table.text().lines().count() == 7 && table.text().contains("\"'=cmd()\""), "{}", table.text());
}

#[tokio::test]
async fn a_page_leads_to_the_sign_in_and_a_program_is_told_how() {
    let world = World::new().await;
    let page = world.ask_as_nobody(Method::GET, "/docs/", &[("accept", "text/html,*/*")], "").await;
    assert_eq!((page.status, page.header("location")), (303, "/sign-in?next=/docs/"));
    let program = world.ask_as_nobody(Method::GET, "/openapi.json", &[], "").await;
    assert_eq!(program.code(), (401, "unauthorized".to_owned()));
    assert!(program.text().contains("/sign-in") && program.header("www-authenticate").starts_with("Bearer"));
    for path in ["/", "/sign-in", "/keys", "/people", "/audit", "/settings"] {
        let page = world.ask_as_nobody(Method::GET, path, &[], "").await;
        assert!([200, 503].contains(&page.status), "{path}: the pages themselves are open; what they show is not");
    }
    let by_cookie = world.ask_as_nobody(Method::GET, "/api/me", &[("cookie", &format!("mlsys_session={HOME}"))], "").await;
    assert_eq!(by_cookie.status, 401, "the home's token is no cookie");
}

#[tokio::test]
async fn numbers_need_a_viewer_unless_they_are_open() {
    let world = World::new().await;
    assert_eq!(world.ask_as_nobody(Method::GET, "/metrics", &[], "").await.status, 401);
    let (_, viewer) = key(&world, json!({ "role": "viewer" })).await;
    let (_, predictor) = key(&world, json!({ "role": "predictor" })).await;
    assert_eq!(
        (with_key(&world, "/metrics", &viewer).await.status, with_key(&world, "/metrics", &predictor).await.status),
        (200, 403)
    );
    let open = World::with(crate::world::NOWHERE, |config| config.open.metrics = true).await;
    assert_eq!(open.ask_as_nobody(Method::GET, "/metrics", &[], "").await.status, 200);
}

#[tokio::test]
async fn the_first_person_of_a_server_is_invited_until_somebody_can_sign_in() {
    let world = World::new().await;
    let address = world.backend.first_invitation("https://mlsys.example.org").await.unwrap().expect("nobody is known");
    let again = world.backend.first_invitation("https://mlsys.example.org").await.unwrap().expect("nobody has come");
    assert_eq!(sign_in(&world, &json!({ "token": token(&address, "invitation"), "password": PASSWORD })).await.status, 401);
    let answer = sign_in(&world, &json!({ "token": token(&again, "invitation"), "password": PASSWORD })).await;
    assert_eq!((answer.status, &answer.json()["name"]), (201, &json!("admin")));
    assert_eq!(world.backend.first_invitation("https://mlsys.example.org").await.unwrap(), None);
    let grants = [Grant::everywhere(Role::Viewer)];
    let known = world.store.access.ensure_person(NewPerson { login: "admin", name: "", grants: &grants }).await.unwrap();
    assert_eq!(known.grants, [Grant::everywhere(Role::Admin)], "who is known stays as they are");
}
