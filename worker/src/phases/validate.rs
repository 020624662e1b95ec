//! The notebook contract, checked statically before anything runs.

use contract::{ModelName, Phase, PipelineStatus, RepoName};
use declared::Read;
use pipeline::{Contract, Demanded, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    drive::{End, Next},
    error::PhaseError,
    phases::{download, secrets},
    run::Run,
};

const UNTAGGED: &str = "no cell of the notebook has an mlops:* tag, so there is nothing to run";

/// What the phase leaves for the later ones.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Checkpoint {
    Contract(Box<Contract>),
    Untagged,
}

/// Checks the notebook; every violation is said at once.
pub async fn run(run: &Run) -> Result<Next, PhaseError> {
    download::ensure(run).await?;
    let bytes = tokio::fs::read(run.notebook()).await?;
    keep(run, &bytes).await?;
    let path = run.record.notebook_path.clone();
    let verdict = tokio::task::spawn_blocking(move || pipeline::validate(&bytes, &path)).await;
    match verdict.map_err(PhaseError::retry)? {
        Verdict::Skipped => {
            run.log.say(UNTAGGED);
            let checkpoint = serde_json::to_value(Checkpoint::Untagged).map_err(PhaseError::fail)?;
            Ok(Next::Finish(checkpoint, skipped(UNTAGGED)))
        }
        Verdict::Invalid(violations) => {
            for violation in &violations {
                let data = json!({ "violation": violation });
                run.log.write(violation.cell, contract::Stream::Error, violation.to_string(), Some(data));
            }
            let list: Vec<_> = violations.iter().map(ToString::to_string).collect();
            let count = if list.len() == 1 { "1 violation".to_owned() } else { format!("{} violations", list.len()) };
            Err(PhaseError::Fail(format!("{count} of the notebook contract:\n{}", list.join("\n"))))
        }
        Verdict::Valid(mut contract) => {
            contract.demanded = demanded(run, &contract.model_name).await?;
            for warning in &contract.warnings {
                run.log.say(format!("warning: {warning}"));
            }
            check_owner(run, &contract.model_name).await?;
            secrets::check(run, &contract.secrets).await?;
            if let Some(Demanded { file, gates }) = &contract.demanded {
                let gates: Vec<_> = gates.iter().map(ToString::to_string).collect();
                run.log.say(format!("{file} demands beside the notebook's own gates: {}", gates.join("; ")));
            }
            run.log.say(format!("the notebook keeps its contract: {} {}", contract.model_name, contract.version));
            let description = store::Description {
                model_name: Some(contract.model_name.clone()),
                declared_version: Some(contract.version.clone()),
                ..store::Description::default()
            };
            run.describe(description).await?;
            let checkpoint = Checkpoint::Contract(contract);
            Ok(Next::Continue(serde_json::to_value(checkpoint).map_err(PhaseError::fail)?))
        }
    }
}

/// What the file beside the notebook demands of its model. Of a file that can't be read nobody knows what it demands, so nothing passes.
async fn demanded(run: &Run, model: &ModelName) -> Result<Option<Demanded>, PhaseError> {
    let (tree, notebook) = (run.tree(), run.record.notebook_path.clone());
    let read =
        tokio::task::spawn_blocking(move || declared::belonging(&tree, &notebook)).await.map_err(PhaseError::retry)?;
    let Some(Read { path, file, .. }) = read? else { return Ok(None) };
    let file = file.map_err(|problems| {
        for problem in &problems {
            run.log.write(None, contract::Stream::Error, problem.to_string(), None);
        }
        let list: Vec<_> = problems.iter().map(ToString::to_string).collect();
        PhaseError::Fail(list.join("\n"))
    })?;
    let gates = file.gates_for(model, &run.record.notebook_path);
    Ok((!gates.is_empty()).then_some(Demanded { file: path, gates }))
}

/// Fails where the model's name is another repository's: its versions would be served in that one's place.
pub async fn check_owner(run: &Run, model: &ModelName) -> Result<(), PhaseError> {
    let store = &run.worker.store;
    match run.durably(|| store.serving.owner(model)).await? {
        Some(owner) if owner != run.record.repo => Err(PhaseError::Fail(owned_by(model, &owner))),
        _ => Ok(()),
    }
}

/// That a model's name is another repository's.
pub fn owned_by(model: &ModelName, owner: &RepoName) -> String {
    format!("the model name {model} belongs to {owner}: choose another MODEL_NAME, or have an admin hand the name over")
}

/// Keeps the notebook as it was pushed, so that it can be seen whatever becomes of it. What is no notebook is not kept.
async fn keep(run: &Run, bytes: &[u8]) -> Result<(), PhaseError> {
    let Ok(notebook) = kernel::NotebookFile::parse(bytes) else { return Ok(()) };
    let (notebook, store) = (notebook.to_json(), &run.worker.store);
    Ok(run.durably(|| store.pipelines.save_notebook(&run.lease, &notebook)).await?)
}

/// The end of a pipeline whose worker died after it had seen that there is nothing to run.
pub async fn end_if_untagged(run: &Run) -> Result<Option<End>, store::StoreError> {
    let store = &run.worker.store;
    let checkpoint = run.durably(|| store.pipelines.checkpoint(run.record.id, Phase::Validate)).await?;
    let checkpoint = checkpoint.and_then(|value| serde_json::from_value(value).ok());
    Ok(matches!(checkpoint, Some(Checkpoint::Untagged)).then(|| skipped(UNTAGGED)))
}

/// What the notebook declared, for the later phases.
pub async fn contract(run: &Run) -> Result<Contract, PhaseError> {
    match run.checkpoint(Phase::Validate).await? {
        Checkpoint::Contract(contract) => Ok(*contract),
        Checkpoint::Untagged => Err(PhaseError::fail(UNTAGGED)),
    }
}

fn skipped(reason: &str) -> End {
    End { status: PipelineStatus::Skipped, deployed: false, reason: Some(reason.to_owned()) }
}
