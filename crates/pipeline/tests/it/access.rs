//! Who may do what.

use contract::{Environment, Grant, Role, Scope};
use jiff::{SignedDuration, Timestamp};
use pipeline::access::{Action, Decision, Object, allowed_everywhere, allows, decide, decide_anywhere, scope};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn environment(name: &str) -> Environment {
    name.parse().expect("an environment")
}

fn of_repo(role: Role, repo: &str) -> Grant {
    Grant { repo: Some(repo.parse().expect("a name")), ..Grant::everywhere(role) }
}

fn of_model(role: Role, model: &str) -> Grant {
    Grant { model: Some(model.parse().expect("a name")), ..Grant::everywhere(role) }
}

fn object(repo: &str, model: &str) -> Object {
    Object { repo: repo.parse().ok(), model: model.parse().ok() }
}

/// What each role may, as the documentation's table has it: `v`iewer, `p`redictor, `d`eveloper, `o`perator, `a`dmin.
const TABLE: [(&str, &str); 23] = [
    ("see", "vdoa"),
    ("predict:dev", "pdoa"),
    ("predict:staging", "pdoa"),
    ("predict:prod", "poa"),
    ("predict", "poa"),
    ("run", "doa"),
    ("cancel", "doa"),
    ("retry", "doa"),
    ("validate", "doa"),
    ("promote:dev", "doa"),
    ("promote:staging", "doa"),
    ("promote:prod", "oa"),
    ("roll_back:dev", "oa"),
    ("roll_back:staging", "oa"),
    ("roll_back:prod", "oa"),
    ("traffic", "oa"),
    ("schedules", "oa"),
    ("batch_predictions", "oa"),
    ("repositories", "a"),
    ("people", "a"),
    ("keys", "a"),
    ("settings", "a"),
    ("audit", "a"),
];

#[test]
fn each_role_may_what_the_table_says_and_nothing_else() {
    let all = Action::all();
    assert_eq!(all.len(), TABLE.len());
    for action in all {
        let (_, roles) = TABLE.iter().find(|(name, _)| *name == action.in_words()).expect("in the table");
        for role in Role::ALL {
            let expected = roles.contains(&role.as_str()[..1]);
            let grants = [Grant::everywhere(role)];
            assert_eq!(allows(role, &action), expected, "{role} {action:?}");
            let decision = decide(&grants, &action, &Object::everything(), NOW);
            let refused = Decision::NeedsRole(action.least_role());
            assert_eq!(decision, if expected { Decision::Allowed } else { refused }, "{role} {action:?}");
            assert!(allows(action.least_role(), &action) || action == Action::Predict(None), "the role that is named may");
        }
        assert_eq!(decide(&[], &action, &Object::everything(), NOW), Decision::NeedsRole(action.least_role()));
    }
}

#[test]
fn a_grant_reaches_what_it_was_given_for() {
    let ours = of_repo(Role::Developer, "octocat/ours");
    let model = of_model(Role::Operator, "titanic");
    for (grant, asked, expected) in [
        (&ours, object("octocat/ours", ""), true),
        (&ours, object("octocat/ours", "titanic"), true),
        (&ours, object("octocat/other", "titanic"), false),
        (&ours, object("", "titanic"), false),
        (&ours, Object::everything(), false),
        (&model, object("octocat/other", "titanic"), true),
        (&model, object("", "titanic"), true),
        (&model, object("octocat/ours", ""), false),
        (&model, object("octocat/ours", "iris"), false),
        (&model, Object::everything(), false),
        (&Grant::everywhere(Role::Developer), object("octocat/ours", "titanic"), true),
    ] {
        let decision = decide(std::slice::from_ref(grant), &Action::Run, &asked, NOW);
        assert_eq!(decision == Decision::Allowed, expected, "{grant:?} {asked:?}");
        assert_eq!(decide_anywhere(std::slice::from_ref(grant), &Action::Run, NOW), Decision::Allowed);
    }
    assert_eq!(decide_anywhere(&[ours, model], &Action::People, NOW), Decision::NeedsRole(Role::Admin));
}

#[test]
fn a_predictors_environment_is_the_only_one() {
    let dev = Grant { environment: Some(environment("dev")), ..of_model(Role::Predictor, "titanic") };
    for (asked, expected) in [(Some("dev"), true), (Some("staging"), false), (Some("prod"), false), (None, false)] {
        let action = Action::Predict(asked.map(environment));
        let decision = decide(std::slice::from_ref(&dev), &action, &object("", "titanic"), NOW);
        assert_eq!(decision == Decision::Allowed, expected, "{asked:?}");
    }
    assert_eq!(allowed_everywhere(&[dev], NOW), [], "it is for one model");
}

#[test]
fn a_grant_that_makes_no_sense_is_named() {
    let repo = "octocat/ours".parse().ok();
    assert!(Grant { repo, ..of_model(Role::Viewer, "titanic") }.check().is_err());
    for role in Role::ALL {
        let one = Grant { environment: Some(environment("dev")), ..Grant::everywhere(role) };
        assert_eq!(one.check().is_ok(), role == Role::Predictor, "{role}");
        assert_eq!(role.as_str().parse(), Ok(role));
    }
    assert!("root".parse::<Role>().is_err());
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(Role::ALL.to_vec())
}

fn action() -> impl Strategy<Value = Action> {
    prop::sample::select(Action::all())
}

/// A grant for one of few things, so that some are asked about.
fn grant() -> impl Strategy<Value = Grant> {
    let place = prop::sample::select(vec![None, Some("dev"), Some("staging"), Some("prod")]);
    (role(), 0..3_u8, prop::bool::ANY, place, prop::option::of(-5_i64..5)).prop_map(|(role, scope, first, place, end)| {
        let made = match (scope, first) {
            (0, _) => Grant::everywhere(role),
            (1, first) => of_repo(role, if first { "octocat/ours" } else { "octocat/other" }),
            (_, first) => of_model(role, if first { "titanic" } else { "iris" }),
        };
        let environment = place.filter(|_| role == Role::Predictor).map(environment);
        Grant { environment, expires_at: end.map(|end| NOW + SignedDuration::from_secs(end)), ..made }
    })
}

fn asked() -> impl Strategy<Value = Object> {
    let repo = prop::sample::select(vec!["", "octocat/ours", "octocat/other"]);
    let model = prop::sample::select(vec!["", "titanic", "iris"]);
    (repo, model).prop_map(|(repo, model)| object(repo, model))
}

proptest! {
    #[test]
    fn a_higher_role_never_may_less(action in action()) {
        let ladder = [Role::Viewer, Role::Developer, Role::Operator, Role::Admin];
        for pair in ladder.windows(2) {
            prop_assert!(!allows(pair[0], &action) || allows(pair[1], &action), "{:?}", pair);
        }
        prop_assert!(!allows(Role::Predictor, &action) || allows(Role::Operator, &action));
    }

    #[test]
    fn another_grant_never_takes_anything_back(
        grants in prop::collection::vec(grant(), 0..4), more in grant(), action in action(), object in asked(),
    ) {
        let before = decide(&grants, &action, &object, NOW);
        let all = [&grants[..], &[more]].concat();
        prop_assert!(before != Decision::Allowed || decide(&all, &action, &object, NOW) == Decision::Allowed);
    }

    #[test]
    fn what_is_allowed_of_something_is_not_refused_before_it_is_known(
        grants in prop::collection::vec(grant(), 0..4), action in action(), object in asked(),
    ) {
        let known = decide(&grants, &action, &object, NOW);
        prop_assert!(known != Decision::Allowed || decide_anywhere(&grants, &action, NOW) == Decision::Allowed);
    }

    #[test]
    fn a_list_shows_what_is_allowed_of_each_thing_in_it(
        grants in prop::collection::vec(grant(), 0..4), action in action(), object in asked(),
    ) {
        let listed = match scope(&grants, &action, NOW) {
            Scope::Everything => true,
            Scope::Only { repos, models } => {
                object.repo.as_ref().is_some_and(|repo| repos.contains(repo))
                    || object.model.as_ref().is_some_and(|model| models.contains(model))
            }
        };
        prop_assert_eq!(listed, decide(&grants, &action, &object, NOW) == Decision::Allowed);
    }

    #[test]
    fn what_has_expired_allows_nothing(
        grants in prop::collection::vec(grant(), 0..4), action in action(), object in asked(),
    ) {
        let over: Vec<_> = grants.into_iter().map(|one| Grant { expires_at: Some(NOW), ..one }).collect();
        prop_assert_ne!(decide(&over, &action, &object, NOW), Decision::Allowed);
        prop_assert!(allowed_everywhere(&over, NOW).is_empty());
    }

    #[test]
    fn a_grant_for_something_reaches_less_than_one_for_everything(
        one in grant(), action in action(), object in asked(),
    ) {
        let wide = Grant { repo: None, model: None, ..one.clone() };
        let narrow = decide(&[one], &action, &object, NOW);
        prop_assert!(narrow != Decision::Allowed || decide(&[wide], &action, &object, NOW) == Decision::Allowed);
    }
}
