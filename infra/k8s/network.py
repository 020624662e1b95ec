"""Who may connect to whom: reads the NetworkPolicies as Kubernetes does, and holds every answer against a table.

A policy that selects a pod closes it in the directions that it names, but for what some policy's rules open.
"""

from functools import cache
from ipaddress import ip_address, ip_network

DNS = {"dns:53", "dns:53/UDP"}
SERVERS = {"postgresql:5432", "redis:6379", "mlflow:5000"}
INTERNET = {"internet:80", "internet:443"}

# What each reaches, and nothing else. A workload that is missing here is refused.
REACHES = {
    "backend": DNS | SERVERS | INTERNET | {"model-server:8001"},
    # The API server has another address in every cluster.
    "worker": DNS
    | SERVERS
    | {f"{place}:{port}" for place in ("internet", "private") for port in (443, 6443)}
    | {"model-server:8001"},
    "model-server": DNS | {"backend:8000"},
    "dashboard": DNS | {"backend:8000"},
    "pipeline": DNS | SERVERS | INTERNET,
    # Pods of others, in namespaces with a label or without any, and in mlsys's own.
    "ingress": {"dashboard:8080"},
    "clients": {"model-server:8001"},
    "monitoring": {"backend:8000", "worker:8002", "model-server:8001"},
    "stranger": set(),
    "neighbour": set(),
}

# Addresses that stand for all of their kind.
PLACES = {
    "internet": ["203.0.113.5", "8.8.8.8", "2606:4700:4700::1111"],
    "private": [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "127.0.0.1",
        "0.0.0.0",
        "::1",
        "::",
        "fc00::1",
        "fd12:3456::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:a00:1::",
    ],
    # AWS, its containers and its pods, Azure, Alibaba, Oracle, Google; link-local as a whole.
    "metadata": [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fe80::a9fe:a9fe",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
    ],
}
PORTS = [("TCP", port) for port in (22, 53, 80, 443, 5000, 5432, 6379, 6443, 8000, 8001, 8002, 8080)] + [("UDP", 53)]


class Pod:
    """A pod as policies see it: its labels, its namespace's, and its ports' names."""

    def __init__(self, labels, namespace, ours=False, ports=None):
        self.labels, self.namespace, self.ours, self.ports = labels, namespace, ours, ports or {}


def selects(selector, labels):
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for one in selector.get("matchExpressions", []):
        found, values = labels.get(one["key"]), one.get("values", [])
        holds = {
            "In": found in values,
            "NotIn": found not in values,
            "Exists": found is not None,
            "DoesNotExist": found is None,
        }
        if not holds[one["operator"]]:
            return False
    return True


@cache
def is_within(address, cidr):
    # An address of the other version is in none.
    return ip_address(address) in ip_network(cidr)


def is_peer(peer, other):
    """Whether a rule's peer is a pod, or an address where `other` is a text."""
    if block := peer.get("ipBlock"):
        if isinstance(other, Pod):
            return False
        return is_within(other, block["cidr"]) and not any(is_within(other, cidr) for cidr in block.get("except", []))
    if not isinstance(other, Pod):
        return False
    namespace = selects(peer["namespaceSelector"], other.namespace) if "namespaceSelector" in peer else other.ours
    return namespace and selects(peer.get("podSelector", {}), other.labels)


def is_port(ports, protocol, number, names):
    for port in ports:
        wanted = port.get("port", number)
        low = names.get(wanted, -1) if isinstance(wanted, str) else wanted
        if port.get("protocol", "TCP") == protocol and low <= number <= port.get("endPort", low):
            return True
    return not ports


def directions(spec):
    # One that names none closes the way in, and the way out where it has rules for it.
    return spec.get("policyTypes", ["Ingress"] + ["Egress"] * ("egress" in spec))


def may(policies, direction, pod, other, protocol, number, names):
    """Whether the policies of a pod of ours open it towards another."""
    field, peers = {"Egress": ("egress", "to"), "Ingress": ("ingress", "from")}[direction]
    its = [spec for spec in policies if direction in directions(spec) and selects(spec.get("podSelector", {}), pod.labels)]
    for rule in (rule for spec in its for rule in spec.get(field) or []):
        is_for = not rule.get(peers) or any(is_peer(peer, other) for peer in rule[peers])
        if is_for and is_port(rule.get("ports") or [], protocol, number, names):
            return True
    return not its


def connects(policies, one, other, protocol, number):
    names = other.ports if isinstance(other, Pod) else {}
    out = not one.ours or may(policies, "Egress", one, other, protocol, number, names)
    into = not (isinstance(other, Pod) and other.ours) or may(policies, "Ingress", other, one, protocol, number, names)
    return out and into


def pods_of(workloads, namespace):
    """Pods of ours by component, and pods of others."""
    own = {"kubernetes.io/metadata.name": namespace}
    pods = {"neighbour": Pod({}, own, ours=True)}
    for template in workloads:
        labels = template["metadata"]["labels"]
        ports = {port["name"]: port["containerPort"] for c in template["spec"]["containers"] for port in c.get("ports", [])}
        pods[labels["app.kubernetes.io/component"]] = Pod(labels, own, ours=True, ports=ports)
    # The workers make these: worker/src/runner/spec.rs.
    pods["pipeline"] = Pod({"app.kubernetes.io/name": "mlsys", "app.kubernetes.io/component": "pipeline"}, own, ours=True)
    for name in ("postgresql", "redis", "mlflow", "ingress", "clients", "monitoring"):
        pods[name] = Pod({"app": name}, {"kubernetes.io/metadata.name": f"of-{name}", f"mlsys/{name}": "true"})
    pods["dns"] = Pod({"k8s-app": "kube-dns"}, {"kubernetes.io/metadata.name": "kube-system"})
    # It calls itself what it likes; only a namespace's label counts.
    pods["stranger"] = Pod(
        {"app.kubernetes.io/name": "mlsys", "app.kubernetes.io/component": "backend"},
        {"kubernetes.io/metadata.name": "other"},
    )
    return pods


def findings(objects, workloads, namespace, bucket):
    policies = [one["spec"] for one in objects if one["kind"] == "NetworkPolicy"]
    pods = pods_of(workloads, namespace)
    for name, pod in pods.items():
        if name not in REACHES:
            if pod.ours:
                yield f"network: the table in network.py does not say what {name} reaches"
            continue
        expected = REACHES[name] | (INTERNET if bucket and name == "model-server" else set())
        places = {other: [place] for other, place in pods.items() if other != name} | PLACES
        if not pod.ours:
            # Others are not ours to close: what counts is whether they come in.
            places = {other: found for other, found in places.items() if other in pods and pods[other].ours}
        reached = {
            f"{place}:{port}" + (f"/{protocol}" if protocol != "TCP" else "")
            for place, found in places.items()
            for protocol, port in PORTS
            if any(connects(policies, pod, one, protocol, port) for one in found)
        }
        yield from (f"network: {name} reaches {place}" for place in sorted(reached - expected))
        yield from (f"network: {name} does not reach {place}" for place in sorted(expected - reached))
