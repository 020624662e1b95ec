//! The settings in force, as they may be shown.

use crate::{Setting, Settings};

/// What a secret that is set is shown as.
const HIDDEN: &str = "••••";

/// A setting, and what it is. Holds no secret.
#[derive(Debug, Clone)]
pub struct EffectiveSetting {
    /// The setting.
    pub setting: Setting,
    /// Its value, or its default; dots in the place of a secret; none when it is unset and has no default.
    pub value: Option<String>,
    /// Whether it was set.
    pub is_set: bool,
}

impl Settings {
    /// What these settings are.
    pub fn effective<'a>(&self, settings: impl IntoIterator<Item = &'a Setting>) -> Vec<EffectiveSetting> {
        let effective = |setting: &Setting| {
            let given = self.get(setting.name);
            let value = match given {
                Some(_) if setting.secret => Some(HIDDEN.to_owned()),
                Some(value) => Some(without_password(value)),
                None => Some(setting.default.to_owned()).filter(|default| !default.is_empty()),
            };
            EffectiveSetting { setting: *setting, value, is_set: given.is_some() }
        };
        settings.into_iter().map(effective).collect()
    }
}

/// An address without the name and password in it; anything else as it is.
fn without_password(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{HIDDEN}{}", &rest[at..]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn setting(name: &'static str, default: &'static str, secret: bool) -> Setting {
        Setting { name, default, help: "", secret }
    }

    #[test]
    fn no_secret_is_shown_and_every_value_says_whether_it_was_set() {
        let table = [
            setting("TOKEN", "", true),
            setting("OTHER", "", true),
            setting("PORT", "80", false),
            setting("URL", "", false),
        ];
        let given = [("TOKEN", "hunter2"), ("URL", "http://user:hunter2@h:1/x@y")];
        let settings: Settings = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let effective = settings.effective(&table);
        let shown: Vec<_> = effective.iter().map(|one| (one.value.as_deref(), one.is_set)).collect();
        assert_eq!(shown, [(Some("••••"), true), (None, false), (Some("80"), false), (Some("http://••••@h:1/x@y"), true)]);
        assert!(!format!("{effective:?}").contains("hunter2"));
    }

    #[test]
    fn a_password_with_a_slash_leaves_nothing_behind() {
        assert_eq!(without_password("a://u:p@w@h"), "a://••••@h");
        assert_eq!(without_password("plain"), "plain");
        assert_eq!(without_password("http://h/x?y=a@b"), "http://h/x?y=a@b");
    }
}
