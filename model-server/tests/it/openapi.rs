//! A model's own `OpenAPI` document.

use serde_json::{Value, json};

use crate::harness::{Place, manifest};

/// What is wrong with a value by a schema of the document; only what these documents use is understood.
fn wrong(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    for (word, said) in schema.as_object().unwrap() {
        let fault = match word.as_str() {
            "$ref" => {
                let target = document.pointer(said.as_str().unwrap().trim_start_matches('#')).unwrap();
                wrong(document, target, value)
            }
            "type" => {
                let kinds = said.as_array().cloned().unwrap_or_else(|| vec![said.clone()]);
                let is = |kind: &Value| match kind.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    "number" => value.is_number(),
                    "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
                    other => panic!("{other}"),
                };
                (!kinds.iter().any(is)).then(|| format!("{value} is no {said}"))
            }
            "required" => {
                let missing = |key: &&Value| value.is_object() && value.get(key.as_str().unwrap()).is_none();
                said.as_array().unwrap().iter().find(missing).map(|key| format!("no {key}"))
            }
            "properties" => {
                let fits = |(key, schema): (&String, &Value)| wrong(document, schema, value.get(key)?);
                said.as_object().unwrap().iter().find_map(fits)
            }
            "items" => value.as_array().and_then(|items| items.iter().find_map(|item| wrong(document, said, item))),
            "minItems" | "maxItems" => {
                let (length, said) = (value.as_array().unwrap().len() as u64, said.as_u64().unwrap());
                let fits = if word == "minItems" { length >= said } else { length <= said };
                (!fits).then(|| format!("{length} items"))
            }
            "oneOf" | "anyOf" => {
                let fitting = said.as_array().unwrap().iter().filter(|one| wrong(document, one, value).is_none()).count();
                (fitting == 0 || word == "oneOf" && fitting > 1).then(|| format!("{fitting} fit {value}"))
            }
            "enum" => (!said.as_array().unwrap().contains(value)).then(|| format!("{value} is none of {said}")),
            "const" => (said != value).then(|| format!("{value} is not {said}")),
            "format" | "description" => None,
            other => panic!("{other}"),
        };
        if fault.is_some() {
            return fault;
        }
    }
    None
}

#[tokio::test]
async fn a_model_describes_what_it_takes_and_answers() {
    let place = Place::new();
    for name in ["titanic-1", "prices", "flowers", "boosted", "truths"] {
        let server = place.serve().await;
        let model = manifest(name)["model_name"].as_str().unwrap().to_owned();
        let location = place.put(name, &model, 1).await;
        server.loads(&model, &location, 1, "dev").await;
        let document: Value = server.get(&format!("/models/{model}/openapi.json")).await.json().await.unwrap();
        assert_eq!((&document["openapi"], &document["info"]["version"]), (&json!("3.1.0"), &json!("1")));
        assert_eq!(document["security"], json!([{"key": []}, {}]), "dev is open");
        let schemas = &document["components"]["schemas"];
        let operation = &document["paths"][format!("/predict/{model}")]["post"];
        let asked = &operation["requestBody"]["content"]["application/json"];
        let example = &asked["example"];
        assert_eq!(wrong(&document, &asked["schema"], example), None, "{name}");
        let answer = server.answer(&model, example.to_string()).await;
        let answered = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert_eq!(wrong(&document, answered, &answer), None, "{name}");
        // What the server refuses, the document does not have.
        for bad in [json!({}), json!({"inputs": "x"}), json!([]), json!({"instances": [["x", "y"]]})] {
            assert!(wrong(&document, &schemas["Rows"], &bad).is_some(), "{name}: {bad}");
            server.refusal(&model, bad.to_string()).await;
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn a_column_is_described_by_its_type_and_by_whether_it_may_be_missing() {
    let place = Place::new();
    let server = place.serve().await;
    let location = place.put("titanic-1", "titanic", 4).await;
    server.loads("titanic", &location, 4, "prod").await;
    let document: Value = server.get("/models/titanic/openapi.json?version=4").await.json().await.unwrap();
    assert_eq!(document["security"], json!([{"key": []}]));
    let row = &document["components"]["schemas"]["Row"];
    assert_eq!(row["properties"]["Age"], json!({"type": ["number", "null"], "format": "double"}));
    assert_eq!(row["properties"]["Pclass"], json!({"type": "integer", "format": "int64"}));
    assert_eq!(row["properties"]["Embarked"], json!({"type": ["string", "null"]}));
    assert_eq!(row["properties"]["Sex"], json!({"type": "string"}));
    assert_eq!(row["properties"]["Alone"], json!({"type": "boolean"}));
    assert_eq!(row["required"], json!(["Age", "Fare", "Pclass", "Sex", "Alone"]));
    for path in ["absent/openapi.json", "titanic/openapi.json?version=5", "titanic/openapi.json?env=dev"] {
        assert_eq!(server.get(&format!("/models/{path}")).await.status(), 404, "{path}");
    }
    server.stop().await;
}
