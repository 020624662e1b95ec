//! Where Jobs run, and as what.

use std::time::Duration;

use service::{Check, Setting, Settings};

use super::{Resources, resources::is_at_least, spec::LEAST_DISK};

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help, secret: false }
}

/// What can be set for `RUNNER_BACKEND=kubernetes`, in the order the documentation shows.
pub const SETTINGS: &[Setting] = &[
    setting("KUBERNETES_IMAGE", "", "The worker's image, which pipelines' pods run; must be set"),
    setting("KUBERNETES_NAMESPACE", "", "Where pipelines' Jobs are made; unset: where the worker runs"),
    setting("KUBERNETES_OWNER", "mlsys", "Names this installation on its Jobs; unique among those that share a namespace"),
    setting("KUBERNETES_SERVICE_ACCOUNT", "default", "What pipelines' pods run as; they get no token of it"),
    setting("KUBERNETES_CONFIG_MAP", "", "The ConfigMap that pipelines' pods have their settings from"),
    setting(
        "KUBERNETES_SECRET",
        "",
        "The Secret of which pipelines' pods are given DATABASE_URL, REDIS_URL and, if it has them, GITHUB_TOKEN, SECRETS_KEY and a bucket's keys",
    ),
    setting(
        "KUBERNETES_ARTIFACTS_CLAIM",
        "",
        "The claim of the volume of MLSYS_ARTIFACTS, mounted at that very path; a bucket needs none",
    ),
    setting("KUBERNETES_CPU", "1", "Processors of a pipeline's pod, unless its repository says otherwise"),
    setting("KUBERNETES_MEMORY", "4Gi", "Memory of a pipeline's pod, unless its repository says otherwise"),
    setting(
        "KUBERNETES_DISK",
        "20Gi",
        "Disk of a pipeline's pod: what its notebook writes, its Python environment, its log",
    ),
    setting(
        "KUBERNETES_RUNTIME_CLASS",
        "",
        "The runtime class of pipelines' pods, such as gvisor or kata; unset: the node's own",
    ),
    setting("KUBERNETES_PENDING_SECONDS", "600", "How long a pod may wait for a node or for its start"),
    setting("KUBERNETES_API_URL", "", "The API server; unset: the cluster's own, or the kubeconfig's"),
];

/// Where Jobs run, and as what.
#[derive(Debug, Clone)]
pub struct KubernetesConfig {
    /// The worker's image.
    pub image: String,
    /// Where Jobs are made; none: where the client's configuration says.
    pub namespace: Option<String>,
    /// Names this installation on its Jobs: a label's value.
    pub owner: String,
    /// What pods run as.
    pub service_account: String,
    /// Where pods have their settings from.
    pub config_map: Option<String>,
    /// Where pods have their secrets from.
    pub secret: Option<String>,
    /// The claim of the artifacts' volume, and the path it is mounted at.
    pub artifacts: Option<(String, String)>,
    /// What a pod is given, unless its repository says otherwise.
    pub resources: Resources,
    /// What a pod may write to its node's disk, as a quantity.
    pub disk: String,
    /// What runs the pod's container; none: what its node runs others with.
    pub runtime_class: Option<String>,
    /// How long a pod may wait for a node, and then for its start.
    pub pending: Duration,
    /// What a pipeline may take beside its notebook's run: download, registration, deployment, and their retries.
    pub beside_run: Duration,
    /// How long a running pod may take to end by itself after a cancel, which it also hears of from the store.
    pub cancel_grace: Duration,
    /// How long a pod may take to end when it is told to: its kernel is interrupted, its log stored.
    pub termination: Duration,
    /// The API server; none: the cluster's own, or the kubeconfig's.
    pub api_url: Option<String>,
}

impl KubernetesConfig {
    /// Reads the settings; what is wrong with them is kept in `check`.
    pub fn read(settings: &Settings, check: &mut Check) -> Self {
        let text = |name: &str| settings.get(name).map(str::to_owned);
        let named = |name: &str, default: &str| settings.get(name).unwrap_or(default).to_owned();
        let address = settings.get("MLSYS_ARTIFACTS").unwrap_or_default();
        let path = address.strip_prefix("file://").unwrap_or(address);
        let path = path.starts_with('/').then(|| path.to_owned());
        let is_bucket = address.starts_with("s3://") || address.starts_with("gs://");
        let claim = text("KUBERNETES_ARTIFACTS_CLAIM").filter(|_| !is_bucket);
        if claim.is_some() && path.as_ref().is_none_or(|path| path.contains("{env}")) {
            check.refuse("MLSYS_ARTIFACTS", "must be an absolute path without {env}, the same in every pod");
        }
        let owner = named("KUBERNETES_OWNER", "mlsys");
        if !is_label(&owner) {
            check.refuse("KUBERNETES_OWNER", "must be at most 63 letters, digits, '-', '_' or '.'");
        }
        Self {
            image: check.take(settings.require("KUBERNETES_IMAGE")).unwrap_or_default(),
            namespace: text("KUBERNETES_NAMESPACE"),
            owner,
            service_account: named("KUBERNETES_SERVICE_ACCOUNT", "default"),
            config_map: text("KUBERNETES_CONFIG_MAP"),
            secret: text("KUBERNETES_SECRET"),
            artifacts: claim.zip(path),
            resources: resources(&named("KUBERNETES_CPU", "1"), &named("KUBERNETES_MEMORY", "4Gi"), check),
            disk: disk(named("KUBERNETES_DISK", "20Gi"), check),
            runtime_class: text("KUBERNETES_RUNTIME_CLASS"),
            pending: Duration::from_secs(check.or(settings.parse("KUBERNETES_PENDING_SECONDS"), 600)),
            beside_run: Duration::from_mins(15),
            cancel_grace: Duration::from_secs(10),
            termination: Duration::from_secs(20),
            api_url: text("KUBERNETES_API_URL"),
        }
    }
}

fn resources(cpu: &str, memory: &str, check: &mut Check) -> Resources {
    Resources::new(cpu, memory).unwrap_or_else(|error| {
        let name = match error {
            super::ResourcesError::Cpu(_) => "KUBERNETES_CPU",
            super::ResourcesError::Memory(_) => "KUBERNETES_MEMORY",
        };
        check.refuse(name, error.to_string());
        Resources::smallest()
    })
}

fn disk(amount: String, check: &mut Check) -> String {
    if !is_at_least(&amount, LEAST_DISK) {
        check.refuse("KUBERNETES_DISK", format!("must be an amount of at least {LEAST_DISK}, such as 20Gi"));
    }
    amount
}

/// Source: the syntax of label values in Kubernetes's documentation.
fn is_label(text: &str) -> bool {
    let end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && end(bytes.first())
        && end(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (KubernetesConfig, Vec<String>) {
        let settings: Settings = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut check = Check::default();
        let config = KubernetesConfig::read(&settings, &mut check);
        let wrong = check.finish().err().map(|errors| errors.0.into_iter().map(|error| error.name).collect());
        (config, wrong.unwrap_or_default())
    }

    #[test]
    fn a_disk_is_an_amount_that_a_pod_can_ask_for() {
        let image = ("KUBERNETES_IMAGE", "registry/mlsys-worker:1");
        for (amount, is_one) in
            [("1Gi", true), ("1.5Ti", true), ("1023Mi", false), ("0", false), ("-5Gi", false), ("much", false)]
        {
            let (config, wrong) = read(&[image, ("KUBERNETES_DISK", amount)]);
            assert_eq!(wrong.is_empty(), is_one, "{amount}: {wrong:?}");
            assert_eq!(config.disk, amount);
        }
    }

    #[test]
    fn an_image_is_all_that_must_be_set() {
        let (config, wrong) = read(&[("KUBERNETES_IMAGE", "registry/mlsys-worker:1")]);
        assert_eq!(wrong, [""; 0]);
        assert_eq!(config.resources, Resources::new("1", "4Gi").expect("the defaults"));
        assert_eq!(config.pending, Duration::from_mins(10));
    }

    #[test]
    fn a_volume_is_for_a_folder_only() {
        let image = ("KUBERNETES_IMAGE", "registry/mlsys-worker:1");
        for (address, expected) in [
            ("/artifacts", Some("/artifacts")),
            ("file:///artifacts", Some("/artifacts")),
            ("s3://models/prefix", None),
            ("gs://mlsys-models-{env}", None),
        ] {
            let (config, wrong) = read(&[image, ("KUBERNETES_ARTIFACTS_CLAIM", "claim"), ("MLSYS_ARTIFACTS", address)]);
            assert_eq!((config.artifacts.as_ref().map(|(_, path)| path.as_str()), wrong), (expected, vec![]), "{address}");
        }
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let (_, mut wrong) = read(&[
            ("KUBERNETES_OWNER", "-x"),
            ("KUBERNETES_MEMORY", "lots"),
            ("KUBERNETES_PENDING_SECONDS", "soon"),
            ("KUBERNETES_ARTIFACTS_CLAIM", "mlsys-artifacts"),
        ]);
        wrong.sort_unstable();
        let expected =
            ["KUBERNETES_IMAGE", "KUBERNETES_MEMORY", "KUBERNETES_OWNER", "KUBERNETES_PENDING_SECONDS", "MLSYS_ARTIFACTS"];
        assert_eq!(wrong, expected);
    }
}
