//! The executed notebook as papermill writes it.
//! Source of the format: papermill 2.6, `execute.py`, `engines.py`, `parameterize.py`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    KernelError, NotebookFile, literal,
    notebook::{Cell, CellKind},
};

const PARAMETERS: &str = "parameters";
const INJECTED: &str = "injected-parameters";
const ERROR_MARK: &str = "papermill-error-cell-tag";

/// A cell of the executed notebook.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Where it is in the executed notebook.
    pub(crate) position: usize,
    /// The cell that stands for it in the notebook that was given.
    pub(crate) index: usize,
}

/// What a run starts from.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) notebook: NotebookFile,
    pub(crate) steps: Vec<Step>,
    /// Parameters were given, and no cell says where they belong.
    pub(crate) no_parameters_cell: bool,
}

/// Clears what an earlier run left, and injects the parameters.
pub(crate) fn prepare(
    mut notebook: NotebookFile,
    parameters: &BTreeMap<String, Value>,
    paths: (&str, &str),
    now: Timestamp,
) -> Result<Prepared, KernelError> {
    if let Some(name) = parameters.keys().find(|name| !literal::is_name(name)) {
        return Err(KernelError::ParameterName(name.clone()));
    }
    let given = std::mem::take(notebook.cells_mut());
    let mut cells: Vec<(usize, Cell)> =
        given.into_iter().enumerate().filter(|(_, cell)| !cell.has_tag(ERROR_MARK)).collect();
    let no_parameters_cell = !parameters.is_empty() && inject(&mut cells, parameters);
    for (_, cell) in &mut cells {
        if cell.kind() == CellKind::Code {
            cell.set_outputs(Vec::new());
            cell.set_execution_count(None);
        }
        let metadata = cell.metadata_mut();
        metadata.remove("execution");
        metadata.entry("tags").or_insert_with(|| json!([]));
        let pending =
            json!({"duration": null, "end_time": null, "exception": null, "start_time": null, "status": "pending"});
        metadata.insert("papermill".to_owned(), pending);
    }
    let steps = cells.iter().enumerate().map(|(position, (index, _))| Step { position, index: *index }).collect();
    *notebook.cells_mut() = cells.into_iter().map(|(_, cell)| cell).collect();
    let whole = json!({
        "default_parameters": {}, "parameters": parameters, "environment_variables": {}, "version": env!("CARGO_PKG_VERSION"),
        "input_path": paths.0, "output_path": paths.1, "start_time": now.to_string(), "end_time": null, "duration": null,
        "exception": null,
    });
    notebook.metadata_mut().insert("papermill".to_owned(), whole);
    Ok(Prepared { notebook, steps, no_parameters_cell })
}

/// Puts the parameters' cell where it belongs; the answer is whether that had to be the top.
fn inject(cells: &mut Vec<(usize, Cell)>, parameters: &BTreeMap<String, Value>) -> bool {
    let assignments = parameters.iter().map(|(name, value)| format!("{name} = {}\n", literal::python(value)));
    let source = format!("# Parameters\n{}", assignments.collect::<String>());
    let injected = Cell::new(CellKind::Code, source, INJECTED);
    let bearing = |tag: &str| cells.iter().position(|(_, cell)| cell.has_tag(tag));
    if let Some(at) = bearing(INJECTED) {
        cells[at].1 = injected;
    } else if let Some(at) = bearing(PARAMETERS) {
        let index = cells[at].0;
        cells.insert(at + 1, (index, injected));
    } else {
        cells.insert(0, (0, injected));
        return true;
    }
    false
}

/// Whether a cell assigns the parameters: their defaults, or what was given for the run.
pub(crate) fn sets_parameters(cell: &Cell) -> bool {
    cell.has_tag(PARAMETERS) || cell.has_tag(INJECTED)
}

/// Marks a cell as running.
pub(crate) fn cell_started(cell: &mut Cell, now: Timestamp) {
    let Some(facts) = facts(cell.metadata_mut()) else { return };
    facts.insert("start_time".to_owned(), now.to_string().into());
    facts.insert("status".to_owned(), "running".into());
}

/// Marks a cell as ended.
pub(crate) fn cell_ended(cell: &mut Cell, times: (Timestamp, Timestamp), failed: bool) {
    let Some(facts) = facts(cell.metadata_mut()) else { return };
    facts.insert("start_time".to_owned(), times.0.to_string().into());
    ended(facts, times, failed.into());
    facts.insert("status".to_owned(), if failed { "failed" } else { "completed" }.into());
}

/// Marks the notebook as ended, with signposts to the cell that failed.
pub(crate) fn finish(notebook: &mut NotebookFile, times: (Timestamp, Timestamp), failed: Option<usize>) {
    if let Some(facts) = facts(notebook.metadata_mut()) {
        let exception = if failed.is_some() { true.into() } else { Value::Null };
        ended(facts, times, exception);
    }
    let Some(position) = failed else { return };
    let cells = notebook.cells_mut();
    let count = cells.get(position).and_then(Cell::execution_count);
    let count = count.map_or_else(|| " ".to_owned(), |count| count.to_string());
    let style = "style=\"color:red; font-size:2em;\"";
    let anchor = format!("<span id=\"papermill-error-cell\" {style}>The run stopped here, at an exception:</span>");
    let top = format!(
        "<span {style}>The run stopped at an exception in <a href=\"#papermill-error-cell\">In [{count}]</a>.</span>"
    );
    cells.insert(position.min(cells.len()), Cell::new(CellKind::Markdown, anchor, ERROR_MARK));
    cells.insert(0, Cell::new(CellKind::Markdown, top, ERROR_MARK));
}

fn facts(metadata: &mut Map<String, Value>) -> Option<&mut Map<String, Value>> {
    metadata.get_mut("papermill").and_then(Value::as_object_mut)
}

fn ended(facts: &mut Map<String, Value>, (start, end): (Timestamp, Timestamp), exception: Value) {
    facts.insert("end_time".to_owned(), end.to_string().into());
    facts.insert("duration".to_owned(), end.duration_since(start).as_secs_f64().into());
    facts.insert("exception".to_owned(), exception);
}
