//! What the notebooks of a repository may reach of tables and files. As secrets, only where a run is of a branch that the
//! repository runs: whoever can't push there reaches nothing.

use contract::{DataGrant, DataKind};
use pipeline::Trigger;

use crate::{data::Folders, error::PhaseError, run::Run};

/// The folders that the run may reach; they are told in its log.
pub async fn open(run: &Run) -> Result<Folders, PhaseError> {
    let (intake, name, branch) = (&run.worker.store.intake, &run.record.repo, &run.record.branch);
    let allowed = run.durably(|| intake.data_of(name)).await?;
    if allowed.is_empty() {
        return Ok(Folders::default());
    }
    let repo = run.durably(|| intake.repo_by_name(name)).await?;
    let runs =
        |repo: &store::Repo| Trigger::new(&repo.branch, &repo.notebook_glob).is_ok_and(|trigger| trigger.runs_on(branch));
    if !repo.as_ref().is_some_and(runs) {
        run.log.say(format!("no tables and files may be reached from {branch}: only from the branches that {name} runs"));
        return Ok(Folders::default());
    }
    let grants: Vec<_> = allowed.into_iter().map(|one| DataGrant { place: one.place, access: one.access }).collect();
    let folders = run.worker.data.open(&grants)?;
    let of = |grant: &DataGrant| {
        let what = if matches!(grant.place.kind(), DataKind::Bucket(_)) { "files in" } else { "tables of" };
        format!("{} {what} {}", grant.access, grant.place)
    };
    run.log.say(format!("the notebook may {}", grants.iter().map(of).collect::<Vec<_>>().join(", ")));
    Ok(folders)
}
