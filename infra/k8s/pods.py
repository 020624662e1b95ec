"""What a pod may be: which secrets it is given, what it may write, and how little it may do to its node."""

BUCKET = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_SERVICE_ACCOUNT_KEY"}

# Which secrets each is given: the ones that it works with. A workload that is missing here is refused.
SECRETS = {
    "backend": {"DATABASE_URL", "REDIS_URL", "INTERNAL_TOKEN", "GITHUB_WEBHOOK_SECRET", "GITHUB_TOKEN", "SECRETS_KEY"},
    "worker": {"DATABASE_URL", "REDIS_URL", "INTERNAL_TOKEN", "SIGNING_KEY"},
    "model-server": {"INTERNAL_TOKEN"},
    "dashboard": set(),
    "pipeline": {"DATABASE_URL", "REDIS_URL", "GITHUB_TOKEN", "SECRETS_KEY"} | BUCKET,
}
# The workers make pipelines' Jobs.
SPEAKS_TO_THE_CLUSTER = {"worker"}
READS_ARTIFACTS = {"model-server"}
NO_ARTIFACTS = {"dashboard"}


def findings(template, bucket):
    component = template["metadata"]["labels"].get("app.kubernetes.io/component")
    if component not in SECRETS:
        yield f"{component}: pods.py does not say which secrets it is given"
        return
    spec = template["spec"]
    for found in [*pod(component, spec), *volumes(component, spec), *secrets(component, spec, bucket)]:
        yield f"{component}: {found}"


def containers(spec):
    return spec["containers"] + spec.get("initContainers", []) + spec.get("ephemeralContainers", [])


def pod(component, spec):
    for shared in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(shared):
            yield f"it shares its node's: {shared}"
    if spec.get("automountServiceAccountToken") is not (component in SPEAKS_TO_THE_CLUSTER):
        yield "automountServiceAccountToken is not what it needs"
    if spec.get("enableServiceLinks") is not False:
        yield "enableServiceLinks is not false: it is told of every service"
    context = spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield "it may run as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "it has no seccompProfile"
    for container in containers(spec):
        yield from confined(container)


def confined(container):
    name, context = container["name"], container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        yield f"{name} may become more than it is"
    if context.get("readOnlyRootFilesystem") is not True:
        yield f"{name}: its root is writable"
    capabilities = context.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
        yield f"{name} has capabilities"
    for own in sorted({"runAsNonRoot", "runAsUser", "runAsGroup", "seccompProfile"} & context.keys()):
        yield f"{name} has a {own} beside its pod's"
    limits = container.get("resources", {}).get("limits", {})
    yield from (
        f"{name} has no limit of {resource}" for resource in ("memory", "ephemeral-storage") if resource not in limits
    )


def volumes(component, spec):
    claims = set()
    for volume in spec.get("volumes", []):
        kind = next(iter(volume.keys() - {"name"}), None)
        if kind == "emptyDir":
            if not (volume[kind] or {}).get("sizeLimit"):
                yield f"the emptyDir {volume['name']} has no sizeLimit"
        elif kind == "persistentVolumeClaim" and component not in NO_ARTIFACTS:
            claims.add(volume["name"])
        else:
            yield f"it has the volume {volume['name']} of the kind {kind}"
    for container in containers(spec):
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in claims:
                continue
            own = mount.get("subPath", "")
            if component in READS_ARTIFACTS and mount.get("readOnly") is not True:
                yield "it may write models"
            if component == "pipeline" and not (own.startswith("packages/") and mount["mountPath"].endswith("/" + own)):
                yield "it sees more of the models' volume than its own pipeline's folder"


def secrets(component, spec, bucket):
    given = set()
    for container in containers(spec):
        for source in container.get("envFrom", []):
            if "secretRef" in source:
                yield f"it is given the whole Secret {source['secretRef'].get('name')}"
        for variable in container.get("env", []):
            if key := variable.get("valueFrom", {}).get("secretKeyRef"):
                given.add(key["key"])
    expected = SECRETS[component]
    if bucket and component in ("backend", "worker", "model-server"):
        expected = expected | BUCKET
    yield from (f"it is given the secret {one}" for one in sorted(given - expected))
    yield from (f"it is not given the secret {one}" for one in sorted(expected - given))
