"""Everything about the manifests that no schema says. With an environment: `check.py ENVIRONMENT RENDERED ROOT [bucket]`.
With files: what a pod may be, in the Jobs that they hold.
"""

import sys
from pathlib import Path

import broken
import network
import pods
import references
import yaml


def read(file):
    return [one for one in yaml.safe_load_all(Path(file).read_text()) if one]


def templates(objects):
    """The pods that objects make, whatever kind makes them."""
    for one in objects:
        spec = one.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if one["kind"] == "Pod":
            yield one
        elif isinstance(spec.get("template"), dict) and "spec" in spec["template"]:
            yield spec["template"]


def findings(environment, objects, source, bucket):
    yield from references.findings(environment, objects, source)
    namespace = f"mlsys-{environment}"
    level = {one["metadata"]["name"]: one["metadata"].get("labels", {}) for one in objects if one["kind"] == "Namespace"}
    if level.get(namespace, {}).get("pod-security.kubernetes.io/enforce") != "restricted":
        yield f"the namespace {namespace} does not enforce the restricted pod security standard"
    for template in templates(objects):
        yield from pods.findings(template, bucket)
    yield from network.findings(objects, list(templates(objects)), namespace, bucket)


def main():
    if sys.argv[1].endswith((".json", ".yaml")):
        wrong = [
            found for file in sys.argv[1:] for template in templates(read(file)) for found in pods.findings(template, False)
        ]
    else:
        environment, rendered, root, *variant = sys.argv[1:]
        objects, source, bucket = read(rendered), references.known_settings(Path(root)), variant == ["bucket"]

        def look(objects):
            return list(findings(environment, objects, source, bucket))

        # The environments differ in names and sizes only.
        wrong = look(objects) or (broken.unnoticed(objects, look) if environment == "dev" and not bucket else [])
        wrong = [f"{environment}: {one}" for one in wrong]
    sys.exit("\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
