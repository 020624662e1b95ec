//! The API's description, and the pages that show it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::World;

#[tokio::test]
async fn the_description_is_the_same_however_one_asks_and_names_what_it_means() {
    let world = World::new().await;
    let printed = backend::openapi_json();
    assert_eq!(world.get("/openapi.json").await.text(), printed);

    let document: Value = serde_json::from_str(&printed).unwrap();
    let mut references = Vec::new();
    refer(&document, &mut references);
    assert!(references.len() > 50, "{references:?}");
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    let paths = document["paths"].as_object().unwrap();
    let operations: Vec<_> = paths.values().flat_map(|path| path.as_object().unwrap().values()).collect();
    let names: BTreeSet<_> = operations.iter().filter_map(|operation| operation["operationId"].as_str()).collect();
    assert_eq!(names.len(), operations.len(), "each operation has a name of its own: {names:?}");
    for operation in operations {
        let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(problem, "#/components/schemas/Problem", "{operation}");
    }
}

#[tokio::test]
async fn the_pages_need_nothing_from_elsewhere_and_run_no_script_of_their_own_text() {
    let world = World::new().await;
    let page = read(&world, "/docs/").await;
    for needed in page.split(['"', '\'']).filter(|part| [".js", ".css", ".png"].iter().any(|end| part.ends_with(end))) {
        assert!(!needed.contains("//"), "{needed}");
        read(&world, &format!("/docs/{}", needed.trim_start_matches("./"))).await;
    }
    let scripts: Vec<_> = page.split("<script").skip(1).filter_map(|script| script.split("</script>").next()).collect();
    assert!(scripts.len() >= 2, "{page}");
    for script in scripts {
        let (attributes, text) = script.split_once('>').expect("a script");
        assert!(attributes.contains("src=") && text.trim().is_empty(), "{script}");
    }
    assert!(!page.contains("<style") && !page.contains("style="), "{page}");
    assert!(read(&world, "/docs/swagger-initializer.js").await.contains("\"/openapi.json\""));
}

async fn read(world: &World, path: &str) -> String {
    let answer = world.get(path).await;
    assert!(answer.status == 200 && !answer.body.is_empty(), "{path}: {}", answer.status);
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// Every reference in a value.
fn refer(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| refer(item, found)),
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| refer(field, found));
        }
        _ => {}
    }
}
