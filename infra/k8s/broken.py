"""The checks' own check: manifests that are broken on purpose, each in one way, and what must be said of them."""

import copy


class Manifests:
    """Objects by kind and by the beginning of their names."""

    def __init__(self, objects):
        self.objects = copy.deepcopy(objects)

    def one(self, kind, name):
        found = (one for one in self.objects if one["kind"] == kind and one["metadata"]["name"].startswith(f"mlsys-{name}"))
        return next(found)

    def pod(self, component):
        return self.one("Deployment", component)["spec"]["template"]["spec"]

    def container(self, component):
        return self.pod(component)["containers"][0]

    def policy(self, name):
        return self.one("NetworkPolicy", name)["spec"]

    def remove(self, kind, name):
        self.objects.remove(self.one(kind, name))

    def workload(self, component):
        """A workload more, made from the dashboard's."""
        new = copy.deepcopy(self.one("Deployment", "dashboard"))
        new["metadata"]["name"] = f"mlsys-{component}"
        for labels in (new["spec"]["selector"]["matchLabels"], new["spec"]["template"]["metadata"]["labels"]):
            labels["app.kubernetes.io/component"] = component
        self.objects.append(new)


def of_secret(name):
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": "mlsys-secrets", "key": name}}}


def internet(manifests):
    """The address blocks that pipelines reach: of IPv4, and of IPv6."""
    return [peer["ipBlock"] for peer in manifests.policy("internet")["egress"][0]["to"]]


BROKEN = [
    ("the table in network.py does not say what cache", lambda m: m.workload("cache")),
    ("pods.py does not say which secrets", lambda m: m.workload("cache")),
    ("stranger reaches neighbour", lambda m: m.remove("NetworkPolicy", "closed")),
    ("pipeline reaches metadata:80", lambda m: internet(m)[0]["except"].remove("169.254.0.0/16")),
    ("pipeline reaches metadata:443", lambda m: internet(m)[0]["except"].remove("168.63.129.16/32")),
    ("pipeline reaches metadata:80", lambda m: internet(m)[1]["except"].remove("fe80::/10")),
    ("pipeline reaches private:80", lambda m: internet(m)[1]["except"].remove("64:ff9b::/96")),
    ("pipeline reaches private:443", lambda m: internet(m)[0]["except"].remove("10.0.0.0/8")),
    ("pipeline reaches internet:22", lambda m: m.policy("internet")["egress"][0].pop("ports")),
    ("stranger reaches backend:8000", lambda m: m.policy("backend")["ingress"][0]["from"].append({"namespaceSelector": {}})),
    (
        "pipeline reaches model-server:8001",
        lambda m: m.policy("dns").update(egress=[{}]) or m.policy("model-server").update(ingress=[{}]),
    ),
    ("backend does not reach model-server:8001", lambda m: m.remove("NetworkPolicy", "model-server")),
    (
        "worker does not reach redis:6379",
        lambda m: m.policy("servers")["podSelector"]["matchExpressions"][0]["values"].remove("worker"),
    ),
    ("it is given the secret INTERNAL_TOKEN", lambda m: m.container("dashboard")["env"].append(of_secret("INTERNAL_TOKEN"))),
    ("it is given the secret GITHUB_TOKEN", lambda m: m.container("worker")["env"].append(of_secret("GITHUB_TOKEN"))),
    ("it is not given the secret DATABASE_URL", lambda m: m.container("worker").update(env=[])),
    (
        "it is given the whole Secret",
        lambda m: m.container("backend")["envFrom"].append({"secretRef": {"name": "mlsys-secrets"}}),
    ),
    (
        "of the kind secret",
        lambda m: m.pod("dashboard")["volumes"].append({"name": "s", "secret": {"secretName": "mlsys-secrets"}}),
    ),
    ("of the kind hostPath", lambda m: m.pod("worker")["volumes"].append({"name": "h", "hostPath": {"path": "/"}})),
    ("has no sizeLimit", lambda m: m.pod("backend")["volumes"][0].update(emptyDir={})),
    ("has no sizeLimit", lambda m: m.pod("backend")["volumes"].append({"name": "more", "emptyDir": {"medium": "Memory"}})),
    ("no limit of ephemeral-storage", lambda m: m.container("worker")["resources"]["limits"].pop("ephemeral-storage")),
    ("no limit of memory", lambda m: m.container("model-server")["resources"]["limits"].pop("memory")),
    ("it may write models", lambda m: m.container("model-server")["volumeMounts"][-1].pop("readOnly")),
    ("it may run as root", lambda m: m.pod("backend")["securityContext"].pop("runAsNonRoot")),
    ("it has no seccompProfile", lambda m: m.pod("worker")["securityContext"].pop("seccompProfile")),
    ("a runAsUser beside its pod's", lambda m: m.container("worker")["securityContext"].update(runAsUser=0)),
    ("its root is writable", lambda m: m.container("dashboard")["securityContext"].update(readOnlyRootFilesystem=False)),
    ("has capabilities", lambda m: m.container("backend")["securityContext"]["capabilities"].update(add=["NET_RAW"])),
    (
        "may become more",
        lambda m: m.pod("backend").update(initContainers=[{"name": "first", "securityContext": {"privileged": True}}]),
    ),
    ("shares its node's: hostNetwork", lambda m: m.pod("worker").update(hostNetwork=True)),
    ("automountServiceAccountToken", lambda m: m.pod("model-server").update(automountServiceAccountToken=True)),
    (
        "the restricted pod security standard",
        lambda m: m.one("Namespace", "").update(metadata={"name": m.one("Namespace", "")["metadata"]["name"]}),
    ),
]


def unnoticed(objects, look):
    """What is broken and not said to be."""
    missed = []
    for words, damage in BROKEN:
        manifests = Manifests(objects)
        damage(manifests)
        if not any(words in found for found in look(manifests.objects)):
            missed.append(f"the checks do not notice what is broken so that they would say {words!r}")
    return missed
