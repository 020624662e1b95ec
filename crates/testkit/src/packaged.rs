//! Small models that are trained and packaged once, for those that only load and serve them.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

/// What trains and packages them.
const PROGRAM: &str = include_str!("packaged.py");
/// What they are made with: other versions of scikit-learn make other files.
const PACKAGES: &str = include_str!("../../python/platform/requirements.lock");

/// The folder of a packaged model, as artifacts have it: `packaged.py` names them. Not to be written to.
pub fn packaged(name: &str) -> PathBuf {
    let digest = hex::encode(Sha256::new().chain_update(PROGRAM).chain_update(PACKAGES).finalize());
    let folder = crate::servers::once(&format!("packaged-{}", &digest[..16]), |folder| {
        std::fs::create_dir(folder).expect("a folder");
        crate::run_python(PROGRAM, &[&folder.to_string_lossy()]);
    });
    folder.join(name)
}
