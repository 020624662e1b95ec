//! A container: a real process with its pod's environment, in a process group of its own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
};

use nix::{sys::signal::Signal, unistd::Pid};
use serde_json::Value;
use tokio::process::{Child, Command};

use super::{Cluster, Wishes};

/// Kills a process group when its standard input closes, as it does however the test ends.
const WATCHDOG: &str = "read -r _; kill -KILL -- \"-$0\"";

/// A running container. Dropped, it is killed with all that it started.
pub(super) struct Container {
    child: Child,
    pid: Pid,
    _watchdog: Child,
}

impl Container {
    /// Starts a pod's only container. Its output goes to a file in the pod's folder.
    pub fn start(cluster: &Cluster, pod: &Value, program: &Path, environment: BTreeMap<String, String>) -> Self {
        let folder = cluster.folder_of(pod);
        let container = &pod["spec"]["containers"][0];
        let words = |field: &str| container[field].as_array().cloned().unwrap_or_default();
        let arguments = words("command").into_iter().skip(1).chain(words("args"));
        let arguments = arguments.filter_map(|word| word.as_str().map(str::to_owned));
        let output = std::fs::File::create(output_file(&folder)).expect("a file");
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(environment)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file"))
            .stderr(output)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let number = child.id().expect("it runs");
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, &number.to_string()])
            .stdin(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("sh runs");
        Self { child, pid: Pid::from_raw(i32::try_from(number).expect("a process id")), _watchdog: watchdog }
    }

    /// Waits for its end; answers the exit code as a container runtime counts it.
    pub async fn wait(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        let status = self.child.wait().await.expect("waited for");
        // What it started ends with it, as with the init process of a container.
        self.kill();
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
    }

    /// Asks its first process to end.
    pub fn terminate(&self) {
        let _ = nix::sys::signal::kill(self.pid, Signal::SIGTERM);
    }

    /// Kills all its processes.
    pub fn kill(&self) {
        let _ = nix::sys::signal::killpg(self.pid, Signal::SIGKILL);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where a pod's output is kept.
pub(super) fn output_file(folder: &Path) -> PathBuf {
    folder.join("output")
}

/// The container's environment, or why the node can't make it, in its words.
pub(super) fn environment(cluster: &Cluster, wishes: &Wishes, pod: &Value) -> Result<BTreeMap<String, String>, String> {
    let container = &pod["spec"]["containers"][0];
    let mut environment = BTreeMap::new();
    for source in container["envFrom"].as_array().into_iter().flatten() {
        let Some(name) = source["configMapRef"]["name"].as_str() else { continue };
        match wishes.config_maps.get(name) {
            Some(pairs) => environment.extend(pairs.clone()),
            None if source["configMapRef"]["optional"] == true => {}
            None => return Err(format!("configmap \"{name}\" not found")),
        }
    }
    for variable in container["env"].as_array().into_iter().flatten() {
        let of_secret = &variable["valueFrom"]["secretKeyRef"];
        let name = variable["name"].as_str().unwrap_or_default().to_owned();
        if of_secret.is_object() {
            match secret(cluster, wishes, of_secret) {
                Ok(value) => drop(environment.insert(name, value)),
                Err(_) if of_secret["optional"] == true => {}
                Err(message) => return Err(message),
            }
            continue;
        }
        let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
            Some(path) => path.split('.').try_fold(pod, |value, part| value.get(part)).and_then(Value::as_str),
            None => variable["value"].as_str(),
        };
        environment.insert(name, value.unwrap_or_default().to_owned());
    }
    let mounts = mounts(cluster, wishes, pod)?;
    for value in environment.values_mut() {
        if let Some((path, folder)) = mounts.iter().find(|(path, _)| Path::new(value.as_str()).starts_with(path)) {
            *value = folder.join(value[path.len()..].trim_start_matches('/')).to_string_lossy().into_owned();
        }
    }
    Ok(environment)
}

fn secret(cluster: &Cluster, wishes: &Wishes, key: &Value) -> Result<String, String> {
    let text = |field: &str| key[field].as_str().unwrap_or_default();
    let (name, key) = (text("name"), text("key"));
    let known = wishes.secrets.get(name).ok_or_else(|| format!("secret \"{name}\" not found"))?;
    let missing = || format!("couldn't find key {key} in Secret {}/{name}", cluster.namespace);
    known.get(key).cloned().ok_or_else(missing)
}

/// Where the pod's mounts lie on this machine, the deepest first. A process has no mounts of its own here, so its
/// environment names the folders instead. Temporary files stay where this machine has them.
fn mounts(cluster: &Cluster, wishes: &Wishes, pod: &Value) -> Result<Vec<(String, PathBuf)>, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut mounts = Vec::new();
    for mount in pod["spec"]["containers"][0]["volumeMounts"].as_array().into_iter().flatten() {
        let volumes = pod["spec"]["volumes"].as_array();
        let volume = volumes.into_iter().flatten().find(|volume| volume["name"] == mount["name"]).expect("it was checked");
        let folder = match volume["persistentVolumeClaim"]["claimName"].as_str() {
            Some(claim) => {
                wishes.claims.get(claim).cloned().ok_or_else(|| format!("persistentvolumeclaim \"{claim}\" not found"))?
            }
            None => cluster.folder_of(pod).join(text(&mount["name"])),
        };
        let folder = folder.join(text(&mount["subPath"]));
        std::fs::create_dir_all(&folder).expect("made");
        mounts.push((text(&mount["mountPath"]), folder));
    }
    mounts.retain(|(path, _)| path != "/tmp");
    mounts.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    Ok(mounts)
}
