//! A version that a request asks for: by path, query or header, in every protocol.

use serde_json::{Value, json};

use crate::{
    backend_double::{BackendDouble, list, model, shared},
    harness::{Place, Server, manifest},
};

const PROTOCOLS: [&str; 4] =
    ["/predict/titanic", "/predict/titanic/versions/2", "/models/titanic/invocations", "/v2/models/titanic/infer"];

fn body(path: &str) -> Value {
    let example = &manifest("titanic-1")["input_example"];
    if !path.starts_with("/v2") {
        return json!({ "dataframe_split": example });
    }
    let columns = example["columns"].as_array().unwrap().iter().enumerate();
    let datatypes = ["FP64", "FP32", "INT64", "BYTES", "BYTES", "BOOL"];
    let input = |(at, name): (usize, &Value)| {
        let data: Vec<_> = example["data"].as_array().unwrap().iter().skip(1).take(1).map(|row| row[at].clone()).collect();
        json!({"name": name, "datatype": datatypes[at], "shape": [data.len(), 1], "data": data})
    };
    json!({"inputs": columns.map(input).collect::<Vec<_>>()})
}

/// The status, the version that is named, and what is said of an error.
async fn ask(server: &Server, path: &str, headers: &[(&str, &str)]) -> (u16, Option<u64>, String) {
    let asked = headers.iter().fold(server.post(path), |asked, (name, value)| asked.header(*name, *value));
    let response = asked.json(&body(path)).send().await.unwrap();
    let version = response.headers().get("x-model-version").map(|version| version.to_str().unwrap().parse().unwrap());
    (response.status().as_u16(), version, response.text().await.unwrap())
}

/// Version 1 answers all, version 2 only who names it, version 3 shadows.
async fn three(place: &mut Place) -> Server {
    let names = ["titanic-1", "titanic-2", "titanic-1"];
    let mut models = Vec::new();
    for (number, (name, weight)) in (1..).zip(names.into_iter().zip([100, 0, 0])) {
        let location = place.put(name, "titanic", number).await;
        let model = shared(weight, model("titanic", "dev", (&location, number), number));
        models.push(contract::DesiredModel { shadow: u32::from(number == 3), ..model });
    }
    let backend = BackendDouble::saying(list(3, models)).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&["titanic dev 1 1 ready", "titanic dev 2 2 ready", "titanic dev 3 3 ready"]).await;
    server
}

#[tokio::test]
async fn a_version_can_be_named_by_path_query_and_header_in_every_protocol_whatever_its_share() {
    let mut place = Place::new();
    let server = three(&mut place).await;
    for path in PROTOCOLS {
        let named = path.ends_with("/2").then_some(2);
        assert_eq!(ask(&server, path, &[]).await.1, Some(named.unwrap_or(1)), "{path}");
        for version in [1, 2, 3].into_iter().filter(|version| named.is_none_or(|named| named == *version)) {
            let number = version.to_string();
            let header = [("x-model-version", number.as_str())];
            let query = format!("{path}?version={version}&env=dev");
            for (path, headers) in [(path, &header[..]), (query.as_str(), &[]), (query.as_str(), &header)] {
                let (status, answered, text) = ask(&server, path, headers).await;
                assert_eq!((status, answered), (200, Some(version)), "{path} {headers:?}: {text}");
            }
        }
        let (status, answered, _) = ask(&server, path, &[("x-routing-key", "customer-7")]).await;
        assert_eq!((status, answered), (200, Some(named.unwrap_or(1))), "a key is no pin");
    }
    let (status, answered, _) = ask(&server, "/v2/models/titanic/versions/3/infer", &[]).await;
    assert_eq!((status, answered), (200, Some(3)));
    let ready = server.client.get(format!("{}/v2/models/titanic/ready", server.url)).header("x-model-version", "4");
    assert_eq!(ready.send().await.unwrap().status(), 404);
    server.stop().await;
}

#[tokio::test]
async fn what_contradicts_itself_or_cannot_be_read_is_refused_with_a_way_out() {
    let place = Place::new();
    let server = place.serve().await;
    let location = place.put("titanic-1", "titanic", 2).await;
    server.loads("titanic", &location, 2, "dev").await;
    let long = "k".repeat(257);
    for path in PROTOCOLS {
        for (query, headers, says) in [
            ("?version=1", &[("x-model-version", "2")][..], "name one"),
            ("?version=x", &[], "whole number"),
            ("?version=", &[], "whole number"),
            ("?version=%2B2", &[], "whole number"),
            ("?version=99999999999999999999", &[], "whole number"),
            ("", &[("x-model-version", "latest")], "whole number"),
            ("", &[("x-model-version", "2"), ("x-model-version", "3")], "name one"),
            ("?routing_key=a", &[("x-routing-key", "b")], "send one"),
            ("", &[("x-routing-key", &long)], "256"),
            ("?env=moon", &[], "environment"),
        ] {
            let (status, _, text) = ask(&server, &format!("{path}{query}"), headers).await;
            assert_eq!((status, text.contains(says)), (400, true), "{path}{query} {headers:?}: {text}");
        }
        for (query, headers) in [
            ("?version=2&routing_key=", &[("x-model-version", "2"), ("x-routing-key", "")][..]),
            ("?routing_key=a", &[("x-routing-key", "a")]),
            ("", &[("x-routing-key", &long[1..])]),
        ] {
            let (status, answered, text) = ask(&server, &format!("{path}{query}"), headers).await;
            assert_eq!((status, answered), (200, Some(2)), "{path}{query} {headers:?}: {text}");
        }
        let (status, answered, _) = ask(&server, path, &[("x-model-version", "7")]).await;
        assert_eq!((status, answered), (if path.ends_with("/2") { 400 } else { 404 }, None), "{path}");
    }
    for path in ["/predict/titanic/versions/latest", "/v2/models/titanic/versions/latest/infer"] {
        assert_eq!(ask(&server, path, &[]).await.0, 400, "{path}");
    }
    assert_eq!(ask(&server, "/predict/titanic/versions/2?version=1", &[]).await.0, 400);
    server.stop().await;
}

#[tokio::test]
async fn an_error_of_a_version_names_it() {
    let place = Place::new();
    let server = place.serve().await;
    let location = place.put("titanic-1", "titanic", 4).await;
    server.loads("titanic", &location, 4, "dev").await;
    for path in ["/predict/titanic", "/models/titanic/invocations", "/v2/models/titanic/infer"] {
        let answer = server.post(path).header("content-type", "application/json").body("rubbish").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["x-model-version"]), (400, &"4".parse().unwrap()), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_may_ask_is_decided_on_the_version_that_answers() {
    let mut place = Place::new();
    place.open.predictions = vec!["dev".parse().unwrap()];
    let server = place.serve().await;
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    server.loads("titanic", &first, 1, "dev").await;
    server.loads("titanic", &second, 2, "prod").await;
    let status = async |path: &str, version: Option<&str>| {
        let asked = server.stranger.post(format!("{}{path}", server.url)).json(&body(path));
        let asked = version.into_iter().fold(asked, |asked, version| asked.header("x-model-version", version));
        asked.send().await.unwrap().status().as_u16()
    };
    for path in ["/predict/titanic", "/models/titanic/invocations", "/v2/models/titanic/infer"] {
        assert_eq!(status(path, None).await, 401, "prod answers: {path}");
        assert_eq!(status(path, Some("1")).await, 200, "dev answers: {path}");
        assert_eq!(status(path, Some("2")).await, 401, "prod answers: {path}");
        assert_eq!(status(&format!("{path}?env=dev"), Some("2")).await, 404, "nobody answers: {path}");
    }
    assert_eq!(status("/predict/titanic/versions/1", None).await, 200);
    assert_eq!(status("/predict/titanic/versions/2", None).await, 401);
    server.stop().await;
}
