//! Which repository a delivery says it is of, before anything in it can be believed.

use std::{cell::RefCell, fmt};

use contract::RepoName;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};

use crate::webhook::is_form;

/// The repository that a body names, which says whose secret must have signed it. Reading ends at the name: what comes
/// after it is looked at only once the signature is known to be good. Whoever reads the body then must find the same name.
pub fn named_repo(content_type: Option<&str>, raw_body: &[u8]) -> Option<RepoName> {
    if !content_type.is_some_and(is_form) {
        return in_json(raw_body);
    }
    let (_, payload) = form_urlencoded::parse(raw_body).find(|(name, _)| name == "payload")?;
    in_json(payload.as_bytes())
}

fn in_json(json: &[u8]) -> Option<RepoName> {
    let found = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(json);
    // Its error is the way to end early.
    let _ =
        Object { key: "repository", inner: Some(&Object { key: "full_name", inner: None, found: &found }), found: &found }
            .deserialize(&mut reader);
    found.into_inner()
}

/// An object, of which only one value counts: another object, or the name.
#[derive(Clone, Copy)]
struct Object<'a> {
    key: &'static str,
    inner: Option<&'a Object<'a>>,
    found: &'a RefCell<Option<RepoName>>,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the key {}", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(is_ours)) = map.next_key_seed(KeyIs(self.key))? {
            match self.inner {
                _ if !is_ours => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(inner) => map.next_value_seed(*inner)?,
                None => {
                    *self.found.borrow_mut() = Some(map.next_value()?);
                    return Err(A::Error::custom("found"));
                }
            }
        }
        Ok(())
    }
}

/// Whether a key is the one that is looked for.
struct Key(bool);

struct KeyIs(&'static str);

impl<'de> DeserializeSeed<'de> for KeyIs {
    type Value = Key;
    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Key, D::Error> {
        Ok(Key(std::borrow::Cow::<str>::deserialize(key)? == self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(json: &str) -> Option<String> {
        named_repo(Some("application/json"), json.as_bytes()).map(String::from)
    }

    #[test]
    fn the_name_is_found_and_nothing_behind_it_is_read() {
        let name = Some("octocat/titanic".to_owned());
        for json in [
            r#"{"repository": {"full_name": "octocat/titanic"}}"#,
            r#"{"ref": "r", "commits": [{"full_name": "a/b"}], "repository": {"id": 1, "owner": {"full_name": "a/b"}, "full_name": "octocat/titanic", "#,
            r#"{"repository":{"full_name":"octocat/titanic"}, "repository": {"full_name": "a/b"}"#,
            r#"{"full_name": "a/b", "message": "\"repository\":{\"full_name\":\"a/b\"}", "repository": {"full_name": "octocat/titanic"}}"#,
        ] {
            assert_eq!(named(json), name, "{json}");
        }
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", r#"{"repository": {"full_name": "octocat/titanic"}}"#)
            .finish();
        assert_eq!(named_repo(Some("application/x-www-form-urlencoded"), form.as_bytes()).map(String::from), name);
    }

    #[test]
    fn what_names_none_is_no_repositorys() {
        let deep = "[".repeat(100_000);
        for json in ["", "{", "[]", "null", r#"{"repository": null}"#, r#"{"repository": {"full_name": 7}}"#, &deep] {
            assert_eq!(named(json), None);
        }
        assert_eq!(named(r#"{"repository": {"full_name": "../.."}}"#), None);
    }
}
