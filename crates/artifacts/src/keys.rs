//! Every name below a store's address: `mlsys-models-{env}/{model}/v{N}/{file}`, without its first part where each environment
//! has an address of its own, and `packages/{pipeline}/{run}/{file}` for what is not registered yet.

use contract::{Environment, ModelName, Names, PipelineId};

/// The file of a version that is written first: the digest of the `metadata.json` that it will have. Whoever puts it decides
/// what the version is, and from then on everybody can only write the same.
pub(crate) const DIGEST_FILE: &str = ".sha256";

/// The beginning of a folder's name on this machine while it is being filled.
pub(crate) const INCOMING: &str = ".incoming-";

/// Whether environments share an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// They do: each has a folder there.
    Shared,
    /// Each has its own.
    Apart,
}

/// What a folder of files is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A model's version in an environment.
    Version(Environment, ModelName, u64),
    /// A model that a run of a pipeline packaged.
    Package(PipelineId, String),
}

impl Place {
    /// The environment whose bucket it is in. What is not registered yet will be in the first.
    pub fn environment(&self) -> Environment {
        match self {
            Self::Version(environment, ..) => environment.clone(),
            Self::Package(..) => Environment::dev(),
        }
    }
}

impl Layout {
    /// The key of a folder.
    pub fn key(self, place: &Place) -> String {
        match place {
            Place::Version(environment, model, version) => match self {
                Self::Shared => format!("{}/{model}/v{version}", self.bucket(environment)),
                Self::Apart => format!("{model}/v{version}"),
            },
            Place::Package(pipeline, run) => format!("{}/{run}", self.packages(*pipeline)),
        }
    }

    /// The key that an environment's versions lie below.
    pub fn bucket(self, environment: &Environment) -> String {
        match self {
            Self::Shared => Names::of(environment).bucket,
            Self::Apart => String::new(),
        }
    }

    /// The key of the folder of a pipeline's packages.
    pub fn packages(self, pipeline: PipelineId) -> String {
        match self {
            Self::Shared => format!("packages/{pipeline}"),
            // A model could be called "packages".
            Self::Apart => format!(".packages/{pipeline}"),
        }
    }

    /// What lies at a key in an environment's bucket, if anything may. Only the one spelling of a key is one.
    pub fn place(self, environment: &Environment, key: &str) -> Option<Place> {
        let mut parts = key.rsplitn(3, '/');
        let (last, middle, first) = (parts.next()?, parts.next()?, parts.next());
        let version = || {
            let environment = match first {
                Some(bucket) => Environment::all().find(|environment| Names::of(environment).bucket == bucket)?,
                None => environment.clone(),
            };
            Some(Place::Version(environment, middle.parse().ok()?, last.strip_prefix('v')?.parse().ok()?))
        };
        let package = || Some(Place::Package(middle.parse().ok()?, Some(last).filter(|run| is_file_name(run))?.to_owned()));
        version().or_else(package).filter(|place| self.key(place) == key)
    }
}

/// Whether a file may be called this: one plain name, which no path or hidden file is, and that every store can keep.
pub(crate) fn is_file_name(name: &str) -> bool {
    let unfit = |letter: char| letter.is_control() || matches!(letter, '/' | '\\' | '#' | '%');
    !name.is_empty() && !name.starts_with('.') && name.len() <= 255 && !name.contains(unfit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_place_and_no_other_text_does() {
        let dev = Environment::dev();
        let pipeline = "0193b5a0-0000-7000-8000-000000000001".parse::<PipelineId>().expect("a pipeline");
        for layout in [Layout::Shared, Layout::Apart] {
            for place in [
                Place::Version(dev.clone(), "titanic".parse().expect("a name"), 7),
                Place::Package(pipeline, "run-1".to_owned()),
            ] {
                assert_eq!(layout.place(&dev, &layout.key(&place)), Some(place));
            }
            for other in
                ["titanic/v07", "titanic/v+7", "titanic/v", "/titanic/v7", "titanic//v7", "../v7", "titanic/v7/..", "v7", ""]
            {
                assert_eq!(layout.place(&dev, other), None, "{other}");
            }
        }
        assert_eq!(Layout::Shared.place(&dev, "titanic/v7"), None);
        assert_eq!(Layout::Shared.place(&dev, "mlsys-models-nowhere/titanic/v7"), None);
        assert_eq!(Layout::Apart.place(&dev, "mlsys-models-dev/titanic/v7"), None);
    }
}
