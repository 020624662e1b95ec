//! What must hold of a tagged notebook.

use std::collections::{BTreeMap, HashSet};

use super::{
    Contract,
    assignment::{assigned, assigned_within},
    cell::Tagged,
    code::Code,
    config,
    document::{Cell, Document},
    literal, script,
    tag::{Reading, Tag},
    violation::Violation,
};

/// The variable that holds the path where the export cell writes the model.
const MODEL_OUTPUT_PATH: &str = "MODEL_OUTPUT_PATH";
/// More violations than this help nobody.
const MAX_VIOLATIONS: usize = 200;

/// Checks a notebook; `None` if it bears no tag of ours.
pub(super) fn check(document: &Document) -> Option<Result<Contract, Vec<Violation>>> {
    let mut check = Check { violations: document.violations.clone(), warnings: Vec::new() };
    let tags = check.tags(&document.cells)?;
    check.violations.extend(document.version.clone());
    check.presence(&tags);
    let contract = match &document.foreign_language {
        None => check.code(document, &tags),
        Some(language) => {
            let language: String = language.chars().take(40).collect();
            let problem = format!("the notebook's kernel is for {language:?}, not Python");
            check.violations.push(Violation::of_notebook(problem, "choose a Python kernel"));
            None
        }
    };
    let mut violations = check.violations;
    violations.sort_by_key(|violation| (violation.cell, violation.line));
    violations.truncate(MAX_VIOLATIONS);
    let contract = contract.filter(|_| violations.is_empty());
    Some(contract.ok_or(violations))
}

struct Check {
    violations: Vec<Violation>,
    warnings: Vec<String>,
}

/// The tags of each cell, in the order of the cells.
type CellTags<'a> = Vec<(&'a Cell, Vec<Tag>)>;

impl Check {
    /// Each cell's tags of the contract, misspelt ones taken for what they were meant to be. `None`: there is no tag of
    /// ours (papermill's `parameters` alone does not make a notebook one of ours).
    fn tags<'a>(&mut self, cells: &'a [Cell]) -> Option<CellTags<'a>> {
        let mut is_ours = false;
        let mut tagged = Vec::new();
        for cell in cells {
            let mut tags = Vec::new();
            for text in &cell.tags {
                let reading = Tag::read(text);
                is_ours |= !matches!(reading, Reading::Foreign | Reading::Exact(Tag::Parameters));
                if let Reading::Misspelt(meant) = reading {
                    self.violations.push(misspelt(cell.index, text, meant));
                }
                if let Reading::Exact(tag) | Reading::Misspelt(Some(tag)) = reading
                    && !tags.contains(&tag)
                {
                    tags.push(tag);
                }
            }
            if let Some(tag) = tags.first()
                && !cell.is_code
            {
                let problem = format!("{} tags a cell that is not a code cell", tag.as_str());
                self.violations.push(Violation::of_cell(
                    cell.index,
                    problem,
                    "move the tag to the code cell it is meant for",
                ));
            }
            tagged.push((cell, tags));
        }
        is_ours.then_some(tagged)
    }

    /// Which tags there must be, how often, and in which order.
    fn presence(&mut self, tags: &CellTags<'_>) {
        let having = |tag: Tag| tags.iter().filter(move |(_, tags)| tags.contains(&tag)).map(|(cell, _)| cell.index);
        for tag in Tag::REQUIRED {
            if having(tag).next().is_none() {
                let problem = format!("no cell is tagged {}", tag.as_str());
                self.violations.push(Violation::of_notebook(problem, format!("tag the code cell {}", purpose(tag))));
            }
        }
        for tag in [Tag::Config, Tag::Parameters] {
            for index in having(tag).skip(1) {
                let problem = format!("a second cell is tagged {}", tag.as_str());
                self.violations.push(Violation::of_cell(index, problem, "keep one such cell and move its lines there"));
            }
        }
        if let (Some(training), Some(export)) = (having(Tag::Training).next(), having(Tag::Export).next())
            && export < training
        {
            let problem = format!("mlops:export stands before mlops:training (cell {training})");
            self.violations.push(Violation::of_cell(export, problem, "move the export cell behind the training cell"));
        }
        for (first, then) in [(Tag::Preprocessing, Tag::Training), (Tag::Training, Tag::Evaluation)] {
            if let (Some(earliest), Some(index)) = (having(first).next(), having(then).next())
                && index < earliest
            {
                self.warnings.push(format!("cell {index}: {} stands before {}", then.as_str(), first.as_str()));
            }
        }
    }

    /// What must hold of the tagged cells' code, and what it declares.
    fn code(&mut self, document: &Document, tags: &CellTags<'_>) -> Option<Contract> {
        let cells = tags.iter().filter_map(|(cell, tags)| {
            let source = cell.source.as_deref().filter(|_| cell.is_code && !tags.is_empty())?;
            Some(Tagged { index: cell.index, source, tags: tags.clone(), code: Code::parse(source) })
        });
        let cells = cells.collect::<Vec<_>>();
        for cell in &cells {
            self.cell(cell);
        }
        self.export(&cells);
        self.skipped(tags);
        let first = |tag: Tag| cells.iter().find(|cell| cell.tags.contains(&tag));
        let config = first(Tag::Config).map(|cell| config::read(cell, &mut self.violations)).unwrap_or_default();
        let parameters = first(Tag::Parameters).map(|cell| self.parameters(cell)).unwrap_or_default();
        let code_cells = document.cells.iter().filter(|cell| cell.is_code);
        let sources = code_cells.filter_map(|cell| Some((cell.index, cell.source.as_deref()?)));
        let script = script::read(sources, &mut self.violations);
        Some(Contract {
            demanded: None,
            model_name: config.model_name?,
            version: config.version?,
            gates: config.gates,
            timeout_seconds: config.timeout_seconds,
            secrets: config.secrets.unwrap_or_default(),
            evaluation_names: evaluation_names(&cells),
            parameters,
            dependencies: script.dependencies,
            requires_python: script.requires_python,
            warnings: std::mem::take(&mut self.warnings),
        })
    }

    fn cell(&mut self, cell: &Tagged<'_>) {
        for fault in cell.code.faults() {
            let problem = format!("Python cannot read this: {}", fault.message);
            let violation = cell.violation(problem, "correct the code").at_line(fault.line, cell.source);
            self.violations.push(violation);
        }
        let required = cell.tags.iter().find(|tag| Tag::REQUIRED.contains(tag));
        let is_read = |tag: &&Tag| matches!(tag, Tag::Config | Tag::Parameters);
        if let Code::Foreign { magic, .. } = &cell.code
            && let Some(tag) = cell.tags.iter().find(is_read)
        {
            let problem = format!("the {} cell is a {magic} cell, not Python", tag.as_str());
            self.violations.push(cell.violation(problem, "write it in Python"));
        } else if let Some(tag) = required
            && cell.code.is_empty()
        {
            let fix = format!("write the code {}", purpose(*tag));
            self.violations.push(cell.violation(format!("the {} cell is empty", tag.as_str()), fix));
        }
    }

    /// One of the export cells must write the model to the given path.
    fn export(&mut self, cells: &[Tagged<'_>]) {
        let mut exports = cells.iter().filter(|cell| cell.tags.contains(&Tag::Export) && !cell.code.is_empty()).peekable();
        if let Some(&first) = exports.peek()
            && !exports.any(|cell| cell.code.mentions(MODEL_OUTPUT_PATH))
        {
            let problem = format!("the mlops:export cell never uses {MODEL_OUTPUT_PATH}");
            let fix = format!("write the model there: joblib.dump(model, {MODEL_OUTPUT_PATH})");
            self.violations.push(first.violation(problem, fix));
        }
    }

    /// Cells that must run and yet ask not to be run.
    fn skipped(&mut self, tags: &CellTags<'_>) {
        for (cell, tags) in tags {
            if let Some(tag) = tags.iter().find(|tag| Tag::REQUIRED.contains(tag))
                && cell.tags.iter().any(|tag| tag == "skip-execution")
            {
                self.warnings.push(format!("cell {}: {} is also tagged skip-execution", cell.index, tag.as_str()));
            }
        }
    }

    fn parameters(&mut self, cell: &Tagged<'_>) -> BTreeMap<String, serde_json::Value> {
        let mut parameters = BTreeMap::new();
        for assignment in cell.code.statements().flat_map(assigned) {
            if let Some(value) = assignment.value.and_then(literal::json) {
                parameters.insert(assignment.name.to_owned(), value);
                continue;
            }
            parameters.remove(assignment.name);
            let line = cell.code.line(assignment.at);
            self.warnings
                .push(format!("cell {}, line {line}: the default of {} is not a literal", cell.index, assignment.name));
        }
        parameters
    }
}

fn misspelt(cell: usize, text: &str, meant: Option<Tag>) -> Violation {
    let text: String = text.chars().take(60).collect();
    let fix = match meant {
        Some(tag) => format!("did you mean {}?", tag.as_str()),
        None => format!("use one of {}", Tag::ALL.map(Tag::as_str).join(", ")),
    };
    Violation::of_cell(cell, format!("{text:?} is not a tag of the contract"), fix)
}

/// What a required cell is for: completes "the code …".
fn purpose(tag: Tag) -> String {
    let purpose = match tag {
        Tag::Config => "that assigns MODEL_NAME and VERSION",
        Tag::Preprocessing => "that prepares the data",
        Tag::Training => "that trains the model",
        Tag::Export => "that writes the model to MODEL_OUTPUT_PATH",
        Tag::Data => "that loads the data",
        Tag::Evaluation => "that computes the metrics",
        Tag::Parameters => "that assigns the defaults of parameters",
    };
    format!("{purpose} ({})", tag.as_str())
}

fn evaluation_names(cells: &[Tagged<'_>]) -> Vec<String> {
    let evaluations = cells.iter().filter(|cell| cell.tags.contains(&Tag::Evaluation));
    let names = evaluations.flat_map(|cell| cell.code.statements()).flat_map(assigned_within);
    let mut seen = HashSet::new();
    names.filter(|name| !name.starts_with('_') && seen.insert(*name)).map(str::to_owned).collect()
}
