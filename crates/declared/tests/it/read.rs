//! What a file's text declares, and what is said of one that is not in order.

use contract::{Misfire, Overlap, ScheduleKind};
use declared::{File, Work};

const WHOLE: &str = r#"
[gates]
"*" = ["accuracy > 0.5"]
titanic-survival = ["accuracy >= 0.8", "f1 >= champion - 0.01"]
"deep/a.ipynb" = ["rmse < 3"]

[[schedules]]
kind = "batch_prediction"
model_name = "titanic-survival"
environment = "prod"
input_table = "local.titanic.passengers"
output_table = "local.titanic.nightly"
write_disposition = "WRITE_TRUNCATE"
cron = "30 2 * * *"
time_zone = "Europe/Berlin"
overlap = "queue"
misfire = "all"

[[schedules]]
name = "weekly"
kind = "retraining"
notebook_path = "a.ipynb"
parameters = { depth = 3, names = ["a", "b"], rate = 0.5 }
cron = "@weekly"
paused = true
"#;

fn told(text: &str) -> Vec<String> {
    match File::read("n/mlsys.toml", text) {
        Ok(file) => panic!("{file:?}"),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_file_declares_gates_and_schedules() {
    let file = File::read("n/mlsys.toml", WHOLE).unwrap();
    let gates = |model: &str, notebook: &str| -> Vec<String> {
        file.gates_for(&model.parse().unwrap(), notebook).iter().map(ToString::to_string).collect()
    };
    assert_eq!(gates("titanic-survival", "n/b.ipynb"), ["accuracy > 0.5", "accuracy >= 0.8", "f1 >= champion - 0.01"]);
    assert_eq!(gates("other", "n/deep/a.ipynb"), ["accuracy > 0.5", "rmse < 3"]);
    assert_eq!(gates("other", "deep/a.ipynb"), ["accuracy > 0.5"]);

    let repo = "acme/boats".parse().unwrap();
    let [batch, weekly] = &file.schedules[..] else { panic!("{file:?}") };
    let work = batch.work(&repo, "main");
    assert_eq!((work.kind(), &*work.default_name()), (ScheduleKind::BatchPrediction, "titanic-survival-predictions-prod"));
    assert_eq!((batch.when.overlap, batch.when.misfire, batch.when.paused), (Overlap::Queue, Misfire::All, None));
    assert_eq!((&*batch.when.cron, &*batch.when.time_zone), ("30 2 * * *", "Europe/Berlin"));
    let Work::Retraining(retraining) = weekly.work(&repo, "master") else { panic!("{weekly:?}") };
    assert_eq!((&retraining.repo, &*retraining.branch, &*retraining.notebook_path), (&repo, "master", "n/a.ipynb"));
    assert_eq!(serde_json::to_string(&retraining.parameters).unwrap(), r#"{"depth":3,"names":["a","b"],"rate":0.5}"#);
    assert_eq!(
        (weekly.when.name.as_deref(), weekly.when.paused, &*weekly.when.time_zone),
        (Some("weekly"), Some(true), "UTC")
    );
    assert_eq!(File::read("mlsys.toml", "").unwrap(), File::default());
}

#[test]
fn each_problem_says_where_it_is_and_how_to_fix_it() {
    let retraining = "[[schedules]]\nkind = \"retraining\"\nnotebook_path = \"a.ipynb\"\n";
    let batch = "[[schedules]]\nkind = \"batch_prediction\"\nmodel_name = \"m\"\nenvironment = \"dev\"\ncron = \"@daily\"\n";
    for (text, place, words) in [
        ("[gates", "line 1, column 7", "TOML"),
        ("gate = 1", "line 1, column 1", "[gates] and [[schedules]]"),
        ("gates = 1", "line 1, column 9", "must be a table, this is an integer"),
        ("[schedules]", "line 1, column 1", "two brackets"),
        ("schedules = [1]", "line 1, column 14", "two brackets"),
        ("[gates]\nm = \"a > 1\"", "line 2, column 5", "a list of texts"),
        ("[gates]\nm = []", "line 2, column 5", "demands nothing"),
        ("[gates]\nm = [1]", "line 2, column 6", "must be a text, this is an integer"),
        ("[gates]\nm = [\"a > 1\", \"b >\"]", "line 2, column 15", "gate \"b >\""),
        ("[gates]\n\"A B\" = [\"a > 1\"]", "line 2, column 1", "model name"),
        ("[gates]\n\"../a.ipynb\" = [\"a > 1\"]", "line 2, column 1", "no path of a notebook"),
        ("[[schedules]]\ncron = \"@daily\"", "line 1, column 1", "batch_prediction"),
        (retraining, "line 1, column 1", "cron = \"30 2 * * *\""),
        (&format!("{retraining}cron = \"61 * * * *\""), "line 4, column 8", "five fields"),
        (&format!("{retraining}cron = 5"), "line 4, column 8", "expected a string"),
        (&format!("{retraining}cron = \"@daily\"\ntime_zone = \"Berlin\""), "line 5, column 13", "Europe/Berlin"),
        (&format!("{retraining}cron = \"@daily\"\noverlap = \"wait\""), "line 5, column 11", "skip"),
        (
            &format!("{retraining}cron = \"@daily\"\noverlap = \"replace\"\nmisfire = \"all\""),
            "line 5, column 11",
            "contradict",
        ),
        (&format!("{retraining}cron = \"@daily\"\nname = \"a b\""), "line 5, column 8", "letters, digits"),
        (&format!("{retraining}cron = \"@daily\"\ncorn = 1"), "line 5, column 1", "unknown field `corn`"),
        (&format!("{retraining}cron = \"@daily\"\nrepo = \"a/b\""), "line 5, column 1", "one of this repository"),
        (&format!("{retraining}cron = \"@daily\"\nparameters = {{ at = 2026-01-01 }}"), "line 5, column 21", "as a text"),
        (&format!("{retraining}cron = \"@daily\"\nparameters = {{ at = -inf }}"), "line 5, column 21", "finite"),
        (
            "[[schedules]]\nkind = \"retraining\"\nnotebook_path = \"../a.ipynb\"\ncron = \"@daily\"",
            "line 3, column 17",
            "below",
        ),
        ("[[schedules]]\nkind = \"retention\"\ncron = \"@daily\"", "line 2, column 8", "mlsys schedules create retention"),
        ("[[schedules]]\nkind = \"registry_scan\"\ncron = \"@daily\"", "line 2, column 8", "registry-scan"),
        (batch, "line 1, column 1", "add input_table"),
        (&format!("{batch}input_table = \"a.b\"\noutput_table = \"a.b.c\""), "line 6, column 15", "three parts"),
        (&format!("{batch}input_table = \"a.b.c\"\noutput_table = \"a b.c.d\""), "line 7, column 16", "letters, digits"),
    ] {
        let told = told(text);
        assert_eq!(told.len(), 1, "{text}: {told:#?}");
        assert!(told[0].starts_with(&format!("n/mlsys.toml, {place}: ")), "{text}: {told:#?}");
        assert!(told[0].contains(words) && told[0].contains("Fix: "), "{text}: {told:#?}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_in_its_order() {
    let text = "[[schedules]]\nkind = \"retraining\"\nnotebook_path = \"a.py\"\ncron = \"x\"\ntime_zone = \"UTC\"\n\n[gates]\nm = [\"a >\"]\n";
    let told = told(text);
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].contains(".ipynb") && told[1].contains("cron pattern") && told[2].contains("line 8"), "{told:#?}");
}
