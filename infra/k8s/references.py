"""The objects of one environment against one another: what no schema says.

Every name that is referred to is there, every setting is one that mlsys knows, every port and selector meets a container,
and a process has longer to end than it gives its work.
"""

SECRET = "mlsys-secrets"  # made by hand: it is in no manifest


def workloads(objects):
    return [one for one in objects if one["kind"] in ("Deployment", "StatefulSet")]


def known_settings(root):
    sources = [*root.glob("*/src/**/*.rs"), *root.glob("crates/*/src/**/*.rs")]
    return "\n".join(source.read_text() for source in sources)


def check_pod(name, workload, names, settings):
    spec = workload["spec"]["template"]["spec"]
    yield from missing(name, names, "ServiceAccount", spec["serviceAccountName"])
    for volume in spec.get("volumes", []):
        if claim := volume.get("persistentVolumeClaim"):
            yield from missing(name, names, "PersistentVolumeClaim", claim["claimName"])
    for container in spec["containers"]:
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                yield from missing(name, names, "ConfigMap", source["configMapRef"]["name"])
        own = {pair["name"]: pair.get("value") for pair in container.get("env", [])}
        for pair in container.get("env", []):
            if key := pair.get("valueFrom", {}).get("configMapKeyRef"):
                yield from missing(name, names, "ConfigMap", key["name"])
                if key["key"] not in settings:
                    yield f"{name}: {key['name']} has no {key['key']}"
            if (key := pair.get("valueFrom", {}).get("secretKeyRef")) and key["name"] != SECRET:
                yield f"{name}: its Secret is not {SECRET}"
        for setting, kind in (
            ("KUBERNETES_CONFIG_MAP", "ConfigMap"),
            ("KUBERNETES_SERVICE_ACCOUNT", "ServiceAccount"),
            ("KUBERNETES_ARTIFACTS_CLAIM", "PersistentVolumeClaim"),
        ):
            if setting in own:
                yield from missing(name, names, kind, own[setting])
        if own.get("KUBERNETES_IMAGE", container["image"]) != container["image"]:
            yield f"{name}: pipelines would run {own['KUBERNETES_IMAGE']}, not {container['image']}"
    grace = int(settings.get("SHUTDOWN_GRACE_SECONDS", 30))
    if spec.get("terminationGracePeriodSeconds", 30) <= grace:
        yield f"{name}: it is killed before its {grace} s of grace are over"


def missing(name, names, kind, referred):
    if (kind, referred) not in names:
        yield f"{name}: there is no {kind} {referred}"


def check_selector(one, selector, objects):
    matching = [
        workload
        for workload in workloads(objects)
        if selector.items() <= workload["spec"]["template"]["metadata"]["labels"].items()
    ]
    if not matching:
        yield f"{one['kind']} {one['metadata']['name']}: it selects no pod"
    for port in one["spec"].get("ports", []):
        for workload in matching:
            ports = [p["name"] for c in workload["spec"]["template"]["spec"]["containers"] for p in c["ports"]]
            if port["targetPort"] not in ports:
                yield f"{one['kind']} {one['metadata']['name']}: no container has the port {port['targetPort']}"


def findings(environment, objects, source):
    names = {(one["kind"], one["metadata"]["name"]) for one in objects}
    for kind, name in (("Service", f"mlsys-{environment}"), ("ServiceAccount", f"mlsys-sa-{environment}")):
        yield from missing("the names' template", names, kind, name)
    if any(one["kind"] == "Secret" for one in objects):
        yield "a Secret is among the manifests"
    settings = {}
    for one in objects:
        if one["kind"] == "ConfigMap":
            settings |= one["data"]
    yield from (f"{name} is not a setting of mlsys" for name in settings if f'"{name}"' not in source)
    for one in objects:
        if one["kind"] in ("Deployment", "StatefulSet"):
            yield from check_pod(one["metadata"]["name"], one, names, settings)
        elif one["kind"] == "Service":
            yield from check_selector(one, one["spec"]["selector"], objects)
        elif one["kind"] == "PodDisruptionBudget":
            yield from check_selector(one, one["spec"]["selector"]["matchLabels"], objects)
