//! The secrets that a notebook asks for by name: its repository's, and only where it runs on a branch that the repository runs.
//! So whoever can't push there, as the author of a fork, is given none.

use contract::{RunSecrets, SecretName};
use pipeline::Trigger;

use crate::{error::PhaseError, run::Run};

/// How much one notebook may ask for in all, in bytes: all of it is looked for in whatever the run puts out.
const TOGETHER_MAX: usize = 256 << 10;

/// Fails unless the notebook can be given all that it asks for.
pub async fn check(run: &Run, asked: &[SecretName]) -> Result<(), PhaseError> {
    if asked.is_empty() {
        return Ok(());
    }
    let (intake, name, branch) = (&run.worker.store.intake, &run.record.repo, &run.record.branch);
    let repo = run.durably(|| intake.repo_by_name(name)).await?;
    let repo = repo.ok_or_else(|| PhaseError::Fail(format!("{name} is not registered any more, so it has no secrets")))?;
    if !Trigger::new(&repo.branch, &repo.notebook_glob).is_ok_and(|trigger| trigger.runs_on(branch)) {
        return Err(PhaseError::Fail(format!(
            "the notebook asks for secrets, which are given on the branches {} of {name} only: this run is of {branch}",
            repo.branch
        )));
    }
    let there: Vec<_> = run.durably(|| intake.run_secrets(name)).await?.into_iter().map(|secret| secret.name).collect();
    match asked.iter().find(|name| !there.contains(name)) {
        Some(missing) => Err(PhaseError::Fail(missing_secret(run, missing, &there))),
        None => Ok(()),
    }
}

/// Opens them for the run that begins now.
pub async fn open(run: &Run, asked: &[SecretName]) -> Result<RunSecrets, PhaseError> {
    check(run, asked).await?;
    let (intake, repo) = (&run.worker.store.intake, &run.record.repo);
    let opened = run.durably(|| intake.open_run_secrets(repo, asked)).await?;
    if let Some(removed) = asked.iter().find(|name| !opened.0.contains_key(name)) {
        return Err(PhaseError::Fail(missing_secret(run, removed, &[])));
    }
    if opened.0.values().map(String::len).sum::<usize>() > TOGETHER_MAX {
        let most = TOGETHER_MAX >> 10;
        return Err(PhaseError::Fail(format!("the secrets that the notebook asks for have more than {most} KiB together")));
    }
    Ok(opened)
}

fn missing_secret(run: &Run, missing: &SecretName, there: &[SecretName]) -> String {
    let repo = &run.record.repo;
    let there: Vec<_> = there.iter().map(SecretName::as_str).collect();
    let there = if there.is_empty() { String::new() } else { format!(" (it has {})", there.join(", ")) };
    format!(
        "SECRETS asks for {missing}, which {repo} does not have{there}. Fix: `mlsys secrets set {missing} --repo {repo}`, or \
         correct the name"
    )
}
