//! Files, through the server's own artifact store: each lives below its run, logged model or trace.

use super::{Access, Judge, Kind, Then, forbidden, is_plain};
use crate::mlflow_proxy::refusal::Refusal;

impl Judge<'_> {
    pub(super) fn files(&mut self, method: &str, path: &[&str]) -> Result<Option<Then>, Refusal> {
        match (method, path) {
            ("GET", ["artifacts"]) => {
                let folder = self.call.text("path")?.unwrap_or_default().to_owned();
                let folder = folder.strip_suffix('/').unwrap_or(&folder);
                self.file(&folder.split('/').collect::<Vec<_>>(), Access::Read)?;
            }
            ("GET", ["artifacts" | "presigned", file @ ..]) => self.file(file, Access::Read)?,
            ("PUT" | "DELETE", ["artifacts", file @ ..]) => self.file(file, Access::Write)?,
            ("POST", ["mpu", "create" | "complete" | "abort", folder @ ..]) => {
                // The store takes the last part of this for the file's name.
                let name = self.call.text("path")?.and_then(|path| path.rsplit('/').next()).unwrap_or_default();
                if !is_plain(name) {
                    return Err(Refusal::Unclear("path must end with a file's name".to_owned()));
                }
                self.file(folder, Access::Write)?;
            }
            _ => return Ok(None),
        }
        Ok(Some(Then::Pass))
    }

    /// The thing that a path lies below: a run at `…/ID/artifacts`, a logged model at `…/models/ID/artifacts`, a trace at
    /// `…/traces/ID/artifacts`. That its files really live there, its needs hold fast.
    pub(super) fn file(&mut self, path: &[&str], access: Access) -> Result<(), Refusal> {
        if !path.iter().all(|part| is_plain(part)) {
            return Err(Refusal::Unclear("this path can be read in more than one way".to_owned()));
        }
        let found = path.windows(2).enumerate().find(|(_, pair)| pair[1] == "artifacts").map(|(at, pair)| (at, pair[0]));
        let Some((at, id)) = found else {
            return Err(forbidden("this path lies below no run, logged model or trace"));
        };
        let kind = match at.checked_sub(1).map(|before| path[before]) {
            Some("models") => Kind::Model,
            Some("traces") => Kind::Trace,
            _ => Kind::Run,
        };
        self.need(kind, id, access)?;
        if let Some(need) = self.needs.last_mut() {
            need.files = Some(path[..at + 2].join("/"));
        }
        Ok(())
    }
}
