//! Everything that can be wrong with a notebook, and how it is said.

use pipeline::{Verdict, Violation, validate};
use serde_json::{Value, json};

use crate::{cell, good, notebook, with, with_config};

fn violations(bytes: &[u8]) -> Vec<Violation> {
    match validate(bytes, "n.ipynb") {
        Verdict::Invalid(violations) => violations,
        other => panic!("{other:?}\n{}", String::from_utf8_lossy(bytes)),
    }
}

/// What is said, whole.
fn said(bytes: &[u8]) -> Vec<String> {
    violations(bytes).iter().map(Violation::to_string).collect()
}

/// Checks that each notebook has exactly one violation, and that its text begins as given.
fn each_says(table: &[(Vec<u8>, &str)]) {
    for (bytes, expected) in table {
        let said = said(bytes);
        let matches = said.len() == 1 && said[0].starts_with(expected);
        assert!(matches, "expected {expected:?}, got {said:#?}");
    }
}

#[test]
fn a_violation_names_cell_line_text_problem_and_fix() {
    let found = violations(&with_config("MODEL_NAME = \"a\"\n\nVERSION = str(1)  # why not"));
    let expected = Violation {
        cell: Some(0),
        line: Some(3),
        text: Some("VERSION = str(1)  # why not".to_owned()),
        problem: "VERSION must be a plain string literal, this is a call".to_owned(),
        fix: "write VERSION = \"1.0.0\", a plain string literal".to_owned(),
    };
    assert_eq!(found, [expected]);
    assert_eq!(
        found[0].to_string(),
        "cell 0, line 3: VERSION must be a plain string literal, this is a call. Fix: write VERSION = \"1.0.0\", a plain string literal."
    );
    let json = serde_json::to_value(&found[0]).expect("JSON");
    assert_eq!(serde_json::from_value::<Violation>(json).expect("its own JSON"), found[0]);
}

#[test]
fn everything_is_reported_at_once_in_the_order_of_the_cells() {
    let cells = [
        cell("mlops:config", "MODEL_NAME = f\"x{1}\"\nGATES = [\"accuracy >\", 3]\ndel VERSION\nTIMEOUT_SECONDS = 0"),
        cell("mlops:trainning", "# nothing yet"),
        cell("mlops:export", "print(\"MODEL_OUTPUT_PATH\")"),
        cell("mlops:evaluation", "x = ("),
    ];
    assert_eq!(
        said(&notebook(&cells)),
        [
            "no cell is tagged mlops:preprocessing. Fix: tag the code cell that prepares the data (mlops:preprocessing).",
            "cell 0, line 1: MODEL_NAME must be a plain string literal, this is an f-string. Fix: write MODEL_NAME = \"my-model\", a plain string literal.",
            "cell 0, line 2: gate \"accuracy >\", column 11: a number or a metric is missing here. Fix: correct the gate; it reads like \"accuracy >= 0.8 and rmse < champion\".",
            "cell 0, line 2: a gate must be a plain string literal, this is a number. Fix: write GATES = [\"accuracy >= 0.8\"], a list of plain string literals.",
            "cell 0, line 3: VERSION may only be set by an assignment of its own at the top level of the cell. Fix: write VERSION = \"1.0.0\", a plain string literal.",
            "cell 0, line 4: TIMEOUT_SECONDS is 0, out of bounds. Fix: write TIMEOUT_SECONDS = 900, a whole number from 1 to 86400.",
            "cell 1: \"mlops:trainning\" is not a tag of the contract. Fix: did you mean mlops:training?",
            "cell 1: the mlops:training cell is empty. Fix: write the code that trains the model (mlops:training).",
            "cell 2: the mlops:export cell never uses MODEL_OUTPUT_PATH. Fix: write the model there: joblib.dump(model, MODEL_OUTPUT_PATH).",
            "cell 3, line 1: Python cannot read this: unexpected EOF while parsing. Fix: correct the code.",
        ]
    );
}

#[test]
fn settings_that_are_not_plain_literals_are_refused() {
    let name = |value: &str| with_config(&format!("VERSION = '1'\nMODEL_NAME = {value}"));
    let setting = |line: &str| with_config(&format!("MODEL_NAME = 'a'\nVERSION = '1'\n{line}"));
    let must_be = |what: &str| format!("cell 0, line 2: MODEL_NAME must be a plain string literal, this is {what}.");
    for (value, what) in [
        ("f'a'", "an f-string"),
        ("'a' f'b'", "an f-string"),
        ("'a' + 'b'", "a computation"),
        ("b'a'", "a bytes literal"),
        ("name", "a variable"),
        ("os.name", "an attribute"),
        ("str(1)", "a call"),
        ("5", "a number"),
        ("None", "None"),
        ("['a']", "a list"),
        ("'a',", "a tuple"),
        ("'a' if x else 'b'", "an expression"),
    ] {
        each_says(&[(name(value), &must_be(what))]);
    }
    each_says(&[
        (name("'  '"), "cell 0, line 2: MODEL_NAME is empty."),
        (name("'My Model'"), "cell 0, line 2: model name \"My Model\": must be lower-case"),
        (name("'a'\nMODEL_NAME = 'a'"), "cell 0, line 3: MODEL_NAME is assigned more than once."),
        (
            with_config("MODEL_NAME, x = 'a', '1'\nVERSION = '1'"),
            "cell 0, line 1: MODEL_NAME may only be set by an assignment of its own",
        ),
        (with_config("model_name = 'a'\nVERSION = '1'"), "cell 0: MODEL_NAME is not assigned (model_name is another name)."),
        (setting("VERSION = '2'"), "cell 0, line 3: VERSION is assigned more than once."),
        (setting("GATES = 'accuracy > 1'"), "cell 0, line 3: GATES must be a list of string literals, this is a string."),
        (setting("GATES = ('accuracy > 1',)"), "cell 0, line 3: GATES must be a list of string literals, this is a tuple."),
        (setting("GATES = [*x]"), "cell 0, line 3: a gate must be a plain string literal"),
        (setting("GATES = [\n  'a > 1',\n  'a >> 1',\n]"), "cell 0, line 5: gate \"a >> 1\", column 4:"),
        (
            setting("TIMEOUT_SECONDS = True"),
            "cell 0, line 3: TIMEOUT_SECONDS must be a whole number, this is a truth value.",
        ),
        (setting("TIMEOUT_SECONDS = '9'"), "cell 0, line 3: TIMEOUT_SECONDS must be a whole number, this is a string."),
        (
            setting("TIMEOUT_SECONDS = 15 * 60"),
            "cell 0, line 3: TIMEOUT_SECONDS must be a whole number, this is a computation.",
        ),
        (setting("TIMEOUT_SECONDS = 1.5"), "cell 0, line 3: TIMEOUT_SECONDS must be a whole number, this is a number."),
        (setting("TIMEOUT_SECONDS = -1"), "cell 0, line 3: TIMEOUT_SECONDS is -1, out of bounds."),
        (setting("TIMEOUT_SECONDS = 86401"), "cell 0, line 3: TIMEOUT_SECONDS is 86401, out of bounds."),
        (setting("SECRETS = 'A'"), "cell 0, line 3: SECRETS must be a list of string literals, this is a string."),
        (setting("SECRETS = [name]"), "cell 0, line 3: a secret's name must be a plain string literal, this is a variable"),
        (setting("SECRETS = [\n  'A',\n  'a']"), "cell 0, line 5: a secret's name has 1 to 64 capital letters"),
        (
            setting("SECRETS = ['PATH']"),
            "cell 0, line 3: PATH can't be a secret's name: mlsys or the system sets this variable",
        ),
        (
            setting(
                "SECRETS = ['A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A']",
            ),
            "cell 0, line 3: SECRETS has more than 20 names",
        ),
        (setting("GATES = !ls"), "cell 0, line 3: GATES must be a list of string literals"),
        (setting("x = = 1"), "cell 0, line 3: Python cannot read this:"),
    ]);
    assert_eq!(violations(&name("'My Model'"))[0].fix, "write MODEL_NAME = \"my-model\"");
    assert_eq!(said(&with_config("MODEL_NAME = VERSION = 1")).len(), 2);
}

#[test]
fn a_setting_that_anything_but_its_assignment_could_touch_is_refused() {
    for (line, statement) in [
        (3, "VERSION += '2'"),
        (3, "del VERSION"),
        (3, "import x as VERSION"),
        (3, "import VERSION.x"),
        (3, "from x import VERSION"),
        (3, "(a, [*VERSION]) = x"),
        (3, "print(VERSION := '2')"),
        (3, "x = [VERSION := y for y in z]"),
        (3, "x[(VERSION := 1)] = 2"),
        (3, "def VERSION(): pass"),
        (3, "def f(x=(VERSION := 1)): pass"),
        (3, "class VERSION: pass"),
        (3, "for VERSION in x: pass"),
        (3, "with x as VERSION: pass"),
        (4, "if x:\n    VERSION = '2'"),
        (4, "try: pass\nexcept E as VERSION: pass"),
        (4, "def f():\n    global VERSION"),
        (4, "match x:\n    case {'a': [VERSION, *_]}: pass"),
        (4, "match x:\n    case [1, *VERSION]: pass"),
        (4, "match x:\n    case {**VERSION}: pass"),
    ] {
        let notebook = with_config(&format!("MODEL_NAME = 'a'\nVERSION = '1'\n{statement}"));
        let problem = "VERSION may only be set by an assignment of its own at the top level of the cell.";
        each_says(&[(notebook, &format!("cell 0, line {line}: {problem}"))]);
    }
}

#[test]
fn tags_must_be_there_once_spelt_right_and_in_order() {
    let retagged = |index: usize, tags: Value| {
        let mut cells = good();
        cells[index]["metadata"]["tags"] = tags;
        notebook(&cells)
    };
    let mut markdown = good();
    markdown[2]["cell_type"] = "markdown".into();
    let mut twice = good();
    twice.push(cell("mlops:config", ""));
    let mut order = good();
    order.swap(2, 4);
    each_says(&[
        (retagged(2, json!([])), "no cell is tagged mlops:training. Fix: tag the code cell that trains the model"),
        (
            retagged(0, json!(["MLOPS:Config"])),
            "cell 0: \"MLOPS:Config\" is not a tag of the contract. Fix: did you mean mlops:config?",
        ),
        (
            retagged(3, json!(["mlops:deploy"])),
            "cell 3: \"mlops:deploy\" is not a tag of the contract. Fix: use one of mlops:config, ",
        ),
        (retagged(3, json!([5])), "cell 3: a tag is not text."),
        (retagged(3, json!("mlops:evaluation")), "cell 3: tags is not a list."),
        (notebook(&markdown), "cell 2: mlops:training tags a cell that is not a code cell."),
    ]);
    assert!(said(&notebook(&twice)).iter().any(|said| said.starts_with("cell 5: a second cell is tagged mlops:config.")));
    assert_eq!(
        said(&notebook(&order)),
        ["cell 2: mlops:export stands before mlops:training (cell 4). Fix: move the export cell behind the training cell."]
    );
    assert_eq!(said(&notebook(&[cell("mlop:train", "x")])).len(), 4, "a misspelt tag makes the notebook ours");
}

#[test]
fn cells_must_hold_python_that_does_their_job() {
    each_says(&[
        (with(1, cell("mlops:preprocessing", " \n# todo\n")), "cell 1: the mlops:preprocessing cell is empty."),
        (with(2, cell("mlops:training", "x = 1\ndef f(:\n  pass")), "cell 2, line 2: Python cannot read this:"),
        (with(2, cell("mlops:training", "x = 'open")), "cell 2, line 1: Python cannot read this:"),
        (
            with(4, cell("mlops:export", "# MODEL_OUTPUT_PATH\ndump(model)")),
            "cell 4: the mlops:export cell never uses MODEL_OUTPUT_PATH.",
        ),
        (with(4, cell("mlops:export", "")), "cell 4: the mlops:export cell is empty."),
        (with(0, cell("mlops:config", "%%bash\nx")), "cell 0: the mlops:config cell is a %%bash cell, not Python."),
    ]);
    let long = violations(&with(2, cell("mlops:training", &format!("x = = '{}'", "é".repeat(500)))));
    assert_eq!(long[0].text.as_ref().map(|text| text.chars().count()), Some(200));
}

#[test]
fn the_dependency_block_must_be_one_closed_toml_table_of_requirements() {
    let block = |source: &str| {
        let mut cells = good();
        cells.push(cell("", source));
        notebook(&cells)
    };
    each_says(&[
        (block("x = 1\n# /// script\n# dependencies = []"), "cell 5, line 2: the `# /// script` block is not closed"),
        (block("# /// script\n# dependencies = [\n# ///"), "cell 5, line 1: the `# /// script` block is not TOML:"),
        (block("# /// script\n# dependencies = \"x\"\n# ///"), "cell 5, line 1: dependencies must be a list"),
        (block("# /// script\n# dependencies = [\"--index-url=x\"]\n# ///"), "cell 5, line 1: dependencies must be a list"),
        (block("# /// script\n# requires-python = 3\n# ///"), "cell 5, line 1: requires-python must be a version"),
        (block("# /// script\n# ///\n\n# /// script\n# ///"), "cell 5, line 4: there is more than one"),
    ]);
}

#[test]
fn files_that_are_not_notebooks_say_what_they_are() {
    let nested = "[".repeat(100_000);
    let table: &[(&[u8], &str)] = &[
        (b"", "n.ipynb is empty."),
        (b"  \n", "n.ipynb is empty."),
        (b"\xef\xbb\xbf{}", "n.ipynb has no list of cells."),
        (b"{\"a\": \"\xff\"}", "n.ipynb is not UTF-8 (byte 7)."),
        (b"\xff{\0", "n.ipynb is not UTF-8 (byte 0)."),
        (b"\xff\xfe{\0\0\xd8", "n.ipynb is neither UTF-8 nor UTF-16."),
        (b"{\"cells\": [],}", "n.ipynb is not valid JSON: trailing comma at line 1 column 14."),
        (b"{\"cells\": []} x", "n.ipynb is not valid JSON: trailing characters at line 1 column 15."),
        (b"{", "n.ipynb is not valid JSON: EOF while parsing an object at line 1 column 1."),
        (b"{\n<<<<<<< HEAD\n}", "n.ipynb holds a git merge conflict."),
        (b"version https://git-lfs.github.com/spec/v1\n", "n.ipynb is a Git LFS pointer, not a notebook."),
        (b"[]", "n.ipynb is JSON, but not an object."),
        (b"{}", "n.ipynb has no list of cells."),
        (br#"{"cells": {}}"#, "n.ipynb has no list of cells."),
        (nested.as_bytes(), "n.ipynb is not valid JSON: recursion limit exceeded"),
    ];
    for (bytes, expected) in table {
        each_says(&[(bytes.to_vec(), expected)]);
    }
}

#[test]
fn wrong_types_and_versions_are_named() {
    let changed = |change: fn(&mut Value)| {
        let mut file: Value = serde_json::from_slice(&notebook(&good())).expect("JSON");
        change(&mut file);
        file.to_string().into_bytes()
    };
    each_says(&[
        (
            changed(|file| file["nbformat"] = 3.into()),
            "notebook format 3 is no longer read. Fix: upgrade it: jupyter nbconvert",
        ),
        (changed(|file| file["nbformat"] = 5.into()), "notebook format 5 is not known."),
        (changed(|file| file["nbformat_minor"] = 6.into()), "notebook format 4.6 is not known."),
        (changed(|file| file["nbformat"] = "4".into()), "nbformat is not a number."),
        (changed(|file| file["nbformat_minor"] = Value::Null), "nbformat_minor is not a number."),
        (changed(|file| file["metadata"] = 1.into()), "the notebook's metadata is not an object."),
        (changed(|file| file["metadata"]["kernelspec"] = 1.into()), "metadata.kernelspec is not an object."),
        (
            changed(|file| file["metadata"]["kernelspec"]["language"] = "R".into()),
            "the notebook's kernel is for \"R\", not Python.",
        ),
        (changed(|file| file["cells"][3] = 1.into()), "cell 3: the cell is not an object."),
        (changed(|file| file["cells"][3]["cell_type"] = "kode".into()), "cell 3: cell_type is not code"),
        (changed(|file| file["cells"][3]["source"] = json!([1])), "cell 3: source is not text or a list of lines."),
        (changed(|file| file["cells"][3]["source"] = Value::Null), "cell 3: source is not text or a list of lines."),
        (changed(|file| file["cells"][3]["metadata"] = json!([])), "cell 3: the cell's metadata is not an object."),
    ]);
}
