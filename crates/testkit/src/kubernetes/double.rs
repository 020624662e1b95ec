//! The double as a test holds it.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_util::sync::CancellationToken;

use crate::{Proxy, background};

use super::{
    check, container, controller, kubelet, now, routes,
    selector::Selector,
    state::{Kind, State},
};

/// What the only node has, as quantities.
#[derive(Debug, Clone)]
pub struct Node {
    /// Processors.
    pub cpu: String,
    /// Memory.
    pub memory: String,
}

impl Default for Node {
    fn default() -> Self {
        Self { cpu: "64".to_owned(), memory: "256Gi".to_owned() }
    }
}

type Pairs = BTreeMap<String, String>;

/// How the double is to behave.
#[derive(Clone, Default)]
pub(super) struct Wishes {
    pub node: Node,
    pub images: HashMap<String, PathBuf>,
    pub config_maps: HashMap<String, Pairs>,
    pub secrets: HashMap<String, Pairs>,
    pub claims: HashMap<String, PathBuf>,
    pub refusal: Option<String>,
    pub pod_refusal: Option<String>,
    pub held: Option<String>,
    pub gone_as_status: bool,
}

/// What can be done to a pod.
pub(super) enum Order {
    Delete { grace: u64 },
    Disrupt { reason: String, message: String },
    Evict(String),
    OutOfMemory,
    Kill,
}

/// What the parts of the double share.
pub(super) struct Cluster {
    pub namespace: String,
    pub state: Arc<State>,
    pub wishes: watch::Sender<Wishes>,
    pods: Mutex<HashMap<String, mpsc::Sender<Order>>>,
    folder: PathBuf,
    end: CancellationToken,
}

impl Cluster {
    /// Runs a task until the double ends.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        background().spawn(self.end.clone().run_until_cancelled_owned(task));
    }

    pub fn take_pod(&self, uid: String, orders: mpsc::Sender<Order>) {
        self.pods.lock().expect("unpoisoned").insert(uid, orders);
    }

    pub fn release_pod(&self, uid: &str) {
        self.pods.lock().expect("unpoisoned").remove(uid);
    }

    /// Tells a pod's kubelet something; answers whether there is still one.
    pub fn order(&self, pod: &Value, order: Order) -> bool {
        let pods = self.pods.lock().expect("unpoisoned");
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        pods.get(uid).is_some_and(|orders| orders.try_send(order).is_ok())
    }

    /// Deletes a pod, within its grace period if it runs; answers it as it then is.
    pub fn delete_pod(&self, pod: &Value, grace: Option<u64>) -> Value {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let grace = grace.or_else(|| pod["spec"]["terminationGracePeriodSeconds"].as_u64()).unwrap_or(30);
        let marked = self.state.update(Kind::Pods, &self.namespace, name, |pod| {
            if pod["metadata"]["deletionTimestamp"].is_null() {
                pod["metadata"]["deletionTimestamp"] = json!(now());
                pod["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
            }
        });
        if !self.order(pod, Order::Delete { grace }) || grace == 0 {
            self.state.remove(Kind::Pods, &self.namespace, name);
        }
        marked.unwrap_or(Value::Null)
    }

    /// Warns of something.
    pub fn event(&self, about: &Value, reason: &str, message: &str) {
        let metadata = &about["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default();
        let kind = if name.matches('-').count() > 6 && metadata["ownerReferences"].is_array() { "Pod" } else { "Job" };
        let mut event = json!({
            "metadata": {"name": format!("{name}.{}", check::suffix())},
            "involvedObject": {"kind": kind, "namespace": self.namespace, "name": name, "uid": metadata["uid"]},
            "type": "Warning", "reason": reason, "message": message, "count": 1,
            "firstTimestamp": now(), "lastTimestamp": now(), "source": {"component": "double"},
        });
        check::complete(&mut event, &self.namespace, "Event", "v1");
        // The same name twice would take a miracle.
        let _ = self.state.create(Kind::Events, event);
    }

    /// The folder of a pod's files.
    pub fn folder_of(&self, pod: &Value) -> PathBuf {
        // Short: sockets lie within.
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let folder = self.folder.join(name.rsplit('-').next().unwrap_or_default());
        std::fs::create_dir_all(&folder).expect("made");
        folder
    }

    /// What a pod's container wrote; nothing if it has not been started.
    pub fn output_of(&self, pod: &Value) -> Option<String> {
        let bytes = std::fs::read(container::output_file(&self.folder_of(pod))).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// A double of Kubernetes. Dropped, it ends with all its pods' processes.
pub struct KubernetesApi {
    cluster: Arc<Cluster>,
    proxy: Arc<Proxy>,
    _folder: TempDir,
}

impl KubernetesApi {
    /// Starts one on a free port, with one namespace.
    pub fn start(namespace: &str) -> Self {
        let folder = crate::folder("mlsys-k8s-");
        let cluster = Arc::new(Cluster {
            namespace: namespace.to_owned(),
            state: Arc::default(),
            wishes: watch::Sender::default(),
            pods: Mutex::default(),
            folder: folder.path().to_owned(),
            end: CancellationToken::new(),
        });
        let _runtime = background().enter();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let listener = TcpListener::from_std(listener).expect("a socket");
        let proxy = Arc::new(Proxy::to(&[listener.local_addr().expect("an address").port()]));
        let router = routes::router(cluster.clone());
        cluster.spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { cluster, proxy, _folder: folder }
    }

    /// The API server's address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.proxy.port())
    }

    fn wish(&self, wish: impl FnOnce(&mut Wishes)) {
        self.cluster.wishes.send_modify(wish);
    }

    /// Says which program an image holds. Images that no program is known for can't be pulled.
    pub fn image(&self, name: &str, program: impl Into<PathBuf>) {
        self.wish(|wishes| _ = wishes.images.insert(name.to_owned(), program.into()));
    }

    /// Makes a `ConfigMap`.
    pub fn config_map(&self, name: &str, pairs: impl IntoIterator<Item = (String, String)>) {
        self.wish(|wishes| _ = wishes.config_maps.insert(name.to_owned(), pairs.into_iter().collect()));
    }

    /// Makes a Secret.
    pub fn secret(&self, name: &str, pairs: impl IntoIterator<Item = (String, String)>) {
        self.wish(|wishes| _ = wishes.secrets.insert(name.to_owned(), pairs.into_iter().collect()));
    }

    /// Makes a volume's claim: a folder of this machine.
    pub fn claim(&self, name: &str, folder: impl Into<PathBuf>) {
        self.wish(|wishes| _ = wishes.claims.insert(name.to_owned(), folder.into()));
    }

    /// Gives the cluster another node.
    pub fn node(&self, node: Node) {
        self.wish(|wishes| wishes.node = node);
    }

    /// Refuses new Jobs with 403, in these words, or no longer.
    pub fn refuse_jobs(&self, why: Option<&str>) {
        self.wish(|wishes| wishes.refusal = why.map(str::to_owned));
    }

    /// Makes no pods for new Jobs, for this reason, or does again.
    pub fn refuse_pods(&self, why: Option<&str>) {
        self.wish(|wishes| wishes.pod_refusal = why.map(str::to_owned));
    }

    /// Keeps scheduled pods from starting, with this warning (a volume that can't be mounted), or no longer.
    pub fn hold_starts(&self, warning: Option<&str>) {
        self.wish(|wishes| wishes.held = warning.map(str::to_owned));
    }

    /// Cuts every connection, and takes no new one for a while. The node goes on.
    pub fn go_away(&self, lasting: Duration) {
        self.proxy.reset();
        let proxy = self.proxy.clone();
        self.cluster.spawn(async move {
            tokio::time::sleep(lasting).await;
            proxy.heal();
        });
    }

    /// Takes what is sent, and answers nothing, until it is brought back.
    pub fn fall_silent(&self) {
        self.proxy.blackhole();
    }

    /// Brings it back.
    pub fn come_back(&self) {
        self.proxy.heal();
    }

    /// Forgets all changes so far and cuts every connection: watches that resume get 410 Gone, as an event within the
    /// watch or as the answer's status.
    pub fn compact(&self, as_status: bool) {
        self.wish(|wishes| wishes.gone_as_status = as_status);
        self.cluster.state.compact();
        self.proxy.cut();
    }

    /// All Jobs.
    pub fn jobs(&self) -> Vec<Value> {
        self.cluster.state.list(Kind::Jobs, &self.cluster.namespace, &Selector::default()).0
    }

    /// All pods.
    pub fn pods(&self) -> Vec<Value> {
        self.cluster.state.list(Kind::Pods, &self.cluster.namespace, &Selector::default()).0
    }

    /// Waits until there is a pod as asked.
    pub async fn pod(&self, asked: impl Fn(&Value) -> bool) -> Value {
        let mut versions = self.cluster.state.versions();
        let wait = async {
            loop {
                versions.mark_unchanged();
                if let Some(pod) = self.pods().into_iter().find(&asked) {
                    return pod;
                }
                versions.changed().await.expect("the double lives");
            }
        };
        let found = tokio::time::timeout(Duration::from_mins(1), wait).await;
        found.unwrap_or_else(|_| panic!("no such pod among {:#?}", self.pods()))
    }

    /// Waits until there is a running pod.
    pub async fn running_pod(&self) -> Value {
        self.pod(|pod| pod["status"]["phase"] == "Running").await
    }

    /// What a pod wrote.
    pub fn output(&self, pod: &Value) -> String {
        self.cluster.output_of(pod).unwrap_or_default()
    }

    /// Evicts a pod as a node under pressure does.
    pub fn evict(&self, pod: &Value, message: &str) {
        assert!(self.cluster.order(pod, Order::Evict(message.to_owned())), "the pod has ended");
    }

    /// Kills a pod's processes as the kernel does when they have used up their memory.
    pub fn oom_kill(&self, pod: &Value) {
        assert!(self.cluster.order(pod, Order::OutOfMemory), "the pod has ended");
    }

    /// Kills a pod's processes.
    pub fn kill(&self, pod: &Value) {
        assert!(self.cluster.order(pod, Order::Kill), "the pod has ended");
    }

    /// Deletes a pod as `kubectl delete pod` does.
    pub fn delete_pod(&self, pod: &Value) {
        self.cluster.delete_pod(pod, None);
    }

    /// Deletes the Job of a pod as `kubectl delete job` does.
    pub fn delete_job(&self, pod: &Value) {
        let name = pod["metadata"]["labels"]["batch.kubernetes.io/job-name"].as_str().expect("a Job's pod");
        let job = self.cluster.state.get(Kind::Jobs, &self.cluster.namespace, name).expect("its Job");
        controller::delete(&self.cluster, &job, Some("Background"));
    }

    /// Waits until all Jobs and pods are gone.
    pub async fn emptied(&self) {
        let mut versions = self.cluster.state.versions();
        let wait = async {
            while !self.pods().is_empty() || !self.jobs().is_empty() {
                versions.changed().await.expect("the double lives");
            }
        };
        let gone = tokio::time::timeout(Duration::from_mins(1), wait).await;
        gone.unwrap_or_else(|_| panic!("there still are {:#?} and {:#?}", self.jobs(), self.pods()));
    }

    /// Deletes a pod for the cluster's own reasons: `PreemptionByScheduler`, `EvictionByEvictionAPI`.
    pub fn disrupt(&self, pod: &Value, reason: &str, message: &str) {
        self.mark_disrupted(pod, reason, message);
        let order = Order::Disrupt { reason: reason.to_owned(), message: message.to_owned() };
        assert!(self.cluster.order(pod, order), "the pod has ended");
    }

    /// The pod's node is heard of no more: the pod is to go, and nobody is there to end it. Its process runs on.
    pub fn lose_node(&self, pod: &Value) {
        self.mark_disrupted(pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint");
    }

    fn mark_disrupted(&self, pod: &Value, reason: &str, message: &str) {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        self.cluster.state.update(Kind::Pods, &self.cluster.namespace, name, |pod| {
            pod["metadata"]["deletionTimestamp"] = json!(now());
            kubelet::condition(&mut pod["status"], "DisruptionTarget", "True", reason, message);
        });
    }
}

impl Drop for KubernetesApi {
    fn drop(&mut self) {
        self.cluster.end.cancel();
    }
}
