//! Notebooks that are in order, and those that are none of our business.

use pipeline::{Contract, Verdict, validate};
use serde_json::json;

use crate::{cell, examples, good, notebook, with, with_config};

fn valid(bytes: &[u8]) -> Contract {
    match validate(bytes, "n.ipynb") {
        Verdict::Valid(contract) => *contract,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_notebook_in_order_gives_its_contract() {
    let mut cells = good();
    cells[0] = cell(
        "mlops:config",
        "\"\"\"What this is.\"\"\"\nimport os  # allowed\nMODEL_NAME: str = 'titanic'\nVERSION = r\"1.0\" \".0\"\nGATES = [\n  \"accuracy >= 0.8\",\n  'rmse < champion',\n]\nTIMEOUT_SECONDS = 1_200\nSECRETS = ['S3_KEY', \"A_TOKEN\", 'S3_KEY']\nDATA = os.environ.get('X')\n",
    );
    cells[3] = cell(
        "mlops:evaluation",
        "accuracy, [f1, *_rest] = scores()\nn: int = 3\nMETRICS = {'auc': 1}\n_private = 1\nif n:\n    inner = 1\naccuracy = 2\nm.x = 1\n",
    );
    cells.insert(1, cell("parameters", "depth = 4\nrate: float = -0.5\nnames = ['a', ('b', None, True)]\nopts = {'k': 1}\nbase = depth * 2\nhuge = 2**99"));
    cells.insert(0, cell("", "# /// script\n# requires-python = \">=3.11\"\n# dependencies = [\n#   \"pandas>=2\",\n#\n#   \"scikit-learn==1.5.0\",\n# ]\n# ///\n%pip list\n!ls"));
    let contract = valid(&notebook(&cells));
    assert_eq!(
        serde_json::to_value(&contract).expect("a contract is JSON"),
        json!({
            "model_name": "titanic",
            "version": "1.0.0",
            "gates": ["accuracy >= 0.8", "rmse < champion"],
            "timeout_seconds": 1200,
            "secrets": ["A_TOKEN", "S3_KEY"],
            "evaluation_names": ["accuracy", "f1", "n", "METRICS", "inner"],
            "parameters": {"depth": 4, "rate": -0.5, "names": ["a", ["b", null, true]], "opts": {"k": 1}},
            "dependencies": ["pandas>=2", "scikit-learn==1.5.0"],
            "requires_python": ">=3.11",
            "warnings": ["cell 2, line 5: the default of base is not a literal", "cell 2, line 6: the default of huge is not a literal"],
        })
    );
    let back: Contract = serde_json::from_value(serde_json::to_value(&contract).expect("JSON")).expect("its own JSON");
    assert_eq!(back, contract);
}

#[test]
fn metrics_may_be_assigned_in_blocks_of_any_depth() {
    for (source, names) in [
        ("with open(x) as f:\n    a = 1\n    with y:\n        b = 2", &["a", "b"][..]),
        ("for i in range(3):\n    a = i\nelse:\n    b = 1", &["a", "b"]),
        ("if x:\n    a = 1\nelif y:\n    b = 1\nelse:\n    c = 1", &["a", "b", "c"]),
        ("try:\n    a = 1\nexcept E as e:\n    b = 2\nelse:\n    c = 3\nfinally:\n    d = 4", &["a", "b", "c", "d"]),
        ("try:\n    a = 1\nexcept* E:\n    b = 2", &["a", "b"]),
        ("while (a := next(x)):\n    b += a", &["a", "b"]),
        ("match x:\n    case [p, *q]:\n        a = 1\n    case _:\n        b = 2", &["a", "b"]),
        ("async with x as y:\n    a = await z", &["a"]),
        ("async for k in x:\n    a = k", &["a"]),
        ("print(a := 1, f'{(b := 2)}')", &["a", "b"]),
        (
            "if 1:\n    (a, [b, *c]), d = x\n    e: float = 1\n    f: int\n    g = h = 2",
            &["a", "b", "c", "d", "e", "g", "h"],
        ),
        ("def f():\n    a = 1\nclass C:\n    b = 1\nlambda: (c := 1)\n[d for d in x if (e := d)]\nimport g\ndel h", &[]),
        ("x.a = 1\ny['b'] = 2\nz[0]: int = 3", &[]),
        ("%%time\nwith x:\n    a = 1", &["a"]),
        ("%time a = f()\nif a:\n    %time (b, c) = g(a)\n%time\n%time --no-raise-error f()\n%time !ls", &["a", "b", "c"]),
    ] {
        assert_eq!(valid(&with(3, cell("mlops:evaluation", source))).evaluation_names, names, "{source}");
    }
}

#[test]
fn what_is_optional_may_be_left_out() {
    let contract = valid(&notebook(&good()));
    assert_eq!((contract.gates, contract.timeout_seconds, contract.dependencies), (None, None, None));
    assert_eq!(contract.evaluation_names, ["accuracy"]);
    assert!(contract.parameters.is_empty() && contract.warnings.is_empty());
    assert_eq!(valid(&with_config("MODEL_NAME = 'a'; VERSION = '1'; GATES = []")).gates, Some(Vec::new()));
}

#[test]
fn a_notebook_without_our_tags_is_skipped() {
    let others = [
        notebook(&[]),
        notebook(&[cell("", "this is not python")]),
        notebook(&[cell("parameters", "x = 1"), cell("raises-exception", "1/0"), cell("training", "")]),
        br#"{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [{"cell_type": "code", "input": "x"}]}]}"#.to_vec(),
    ];
    for bytes in others {
        assert_eq!(validate(&bytes, "n.ipynb"), Verdict::Skipped, "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn all_minor_versions_and_both_forms_of_source_are_read() {
    for minor in 0..=5 {
        let mut file: serde_json::Value = serde_json::from_slice(&notebook(&good())).expect("JSON");
        file["nbformat_minor"] = minor.into();
        file["cells"][0]["source"] = json!(["MODEL_NAME = \"a\"\n", "VERSION = \"1\""]);
        assert_eq!(valid(file.to_string().as_bytes()).version, "1", "4.{minor}");
    }
}

#[test]
fn magics_shell_lines_and_odd_layouts_are_python_too() {
    for (index, tag, source) in [
        (1, "mlops:preprocessing", "%matplotlib inline\n!pip list\nfiles = !ls\nx?"),
        (1, "mlops:preprocessing", "%%bash\necho $(( 1 + "),
        (2, "mlops:training", "%%time\nmodel = await fit(x)"),
        (2, "mlops:training", "    if x:\n        y = 1\n    model = 2"),
        (2, "mlops:training", "match x:\r\n    case 1:\r\n        y = f'{x!r:>{3}}'\r\n"),
        (4, "mlops:export", "!cp model.pkl {MODEL_OUTPUT_PATH}"),
        (4, "mlops:export", "if x:\n    !echo \"\"\"\n    !cp 'it \\\n  $MODEL_OUTPUT_PATH\n    y = 1"),
        (4, "mlops:export", "'''\n!is this a magic?\n'''\nx = MODEL_OUTPUT_PATH\nx??\nt = %time f('"),
    ] {
        valid(&with(index, cell(tag, source)));
    }
}

#[test]
fn a_config_cell_may_do_anything_that_leaves_its_settings_alone() {
    for statement in [
        "print(MODEL_NAME, f'{VERSION}')\nnp.random.seed(42)",
        "%matplotlib inline\n!pip install x\nfiles = !ls\nx?",
        "import warnings, os.path as p\nwarnings.filterwarnings('ignore')",
        "MODEL_NAME: str\nVERSION.x = 1\nos.environ['VERSION'] = VERSION\ndel x",
        "def f(VERSION, *a, b=1):\n    VERSION = 2\n    import VERSION\n    return lambda MODEL_NAME: (VERSION := 3)",
        "@d\nclass C(B, metaclass=M):\n    VERSION = 2\n    def GATES(self): pass",
        "if x:\n    y = 1\nelse:\n    assert y, VERSION\nfor i in range(3):\n    i += 1\nwith open(x) as f: f.read()",
        "try:\n    raise E\nexcept E as e:\n    pass\nmatch x:\n    case VERSION.a | [1, *_]: pass",
        "x = {VERSION for VERSION in y if (n := VERSION)}",
    ] {
        let contract = valid(&with_config(&format!("MODEL_NAME = 'a'\n{statement}\nVERSION = '1'")));
        assert_eq!((contract.version.as_str(), contract.warnings), ("1", Vec::new()), "{statement}");
    }
}

#[test]
fn several_cells_may_share_a_tag_and_a_cell_may_have_several() {
    let mut cells = good();
    cells.push(cell("mlops:export", "print('done')"));
    cells.insert(2, cell("mlops:preprocessing", "x = 2"));
    cells[3]["metadata"]["tags"] = json!(["mlops:training", "raises-exception", "mlops:data"]);
    valid(&notebook(&cells));
}

#[test]
fn odd_but_allowed_things_are_warned_about() {
    let mut cells = good();
    cells.swap(2, 3);
    cells[4]["metadata"]["tags"] = json!(["mlops:export", "skip-execution"]);
    assert_eq!(
        valid(&notebook(&cells)).warnings,
        ["cell 2: mlops:evaluation stands before mlops:training", "cell 4: mlops:export is also tagged skip-execution"]
    );
}

#[test]
fn the_example_notebooks_are_in_order() {
    for (name, bytes) in examples() {
        match validate(&bytes, &name) {
            Verdict::Valid(contract) => assert_eq!(contract.warnings, Vec::<String>::new(), "{name}"),
            Verdict::Skipped => {}
            Verdict::Invalid(violations) => panic!("{name}: {violations:#?}"),
        }
    }
}
