"""Asks the public databases of known faults about what others wrote: the Rust crates, the dashboard's packages, and the
platform's Python packages. A database that can't be reached is skipped by name; what is known fails.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Seconds that one question may take, with the installation of the tool that asks it.
PATIENCE = 180


class Skipped(Exception):
    """The database did not answer."""


def ask(*command):
    try:
        return subprocess.run([*command], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired as late:
        raise Skipped(f"no answer within {PATIENCE} s") from late


def one_line(text):
    return " ".join(text.split())[:300]


def rust():
    """The RustSec database, as it is now or as an earlier look left it."""
    reasons = []
    for how in ([], ["--offline"]):
        answer = ask("infra/tool", "cargo-deny", "--format", "json", *how, "check", "--hide-inclusion-graph", "advisories")
        lines = [json.loads(line) for line in answer.stderr.splitlines() if line.startswith("{")]
        said = [line["fields"] for line in lines if line["type"] == "diagnostic"]
        known = [one for one in said if one["severity"] == "error"]
        if answer.returncode == 0 or known:
            return [fault(one) for one in known]
        reasons += [line["fields"]["message"] for line in lines if line["type"] == "log"] or [answer.stderr]
    raise Skipped(one_line(reasons[0]))


def fault(diagnostic):
    # A crate that was withdrawn has no advisory.
    advisory = diagnostic.get("advisory") or {}
    name = f"{advisory.get('package', '')} {advisory.get('id', diagnostic['code'])}"
    return f"{name.strip()}: {diagnostic['message']}"


def npm(folder):
    answer = ask("npm", "audit", "--prefix", folder, "--package-lock-only", "--json")
    try:
        said = json.loads(answer.stdout)
    except ValueError as error:
        raise Skipped(one_line(answer.stderr)) from error
    if "vulnerabilities" not in said:
        raise Skipped(one_line(said.get("message") or answer.stderr))
    known = []
    for name, one in said["vulnerabilities"].items():
        why = ", ".join(via["title"] if isinstance(via, dict) else f"by {via}" for via in one["via"])
        known.append(f"{name}: {one['severity']}: {why}")
    return known


def python():
    """What PyPI knows, or else osv.dev."""
    reasons = []
    command = [
        "infra/tool",
        "pip-audit",
        "-r",
        "crates/python/platform/requirements.lock",
        "--disable-pip",
        "--require-hashes",
    ]
    for database in ("pypi", "osv"):
        answer = ask(*command, "--vulnerability-service", database, "--format", "json", "--progress-spinner", "off")
        try:
            packages = json.loads(answer.stdout)["dependencies"]
        except (ValueError, KeyError):
            reasons.append(answer.stderr)
            continue
        known = [f"{one['name']} {one['version']}: {fault['id']}" for one in packages for fault in one.get("vulns", [])]
        # Of what the database does not have nobody knows whether it is well.
        unknown = [one["skip_reason"] for one in packages if "skip_reason" in one]
        if known or not unknown:
            return known
        reasons.append(f"{len(unknown)} of {len(packages)} packages are unknown there: {unknown[0]}")
    raise Skipped(one_line(reasons[0]))


PARTS = {"Rust": rust, "the dashboard": lambda: npm("frontend"), "the platform's Python": python}


def main():
    bad = False
    for name, look in PARTS.items():
        try:
            known = look()
        except Skipped as why:
            print(f"audit of {name}: SKIPPED: {why}")
            continue
        bad |= bool(known)
        print(f"audit of {name}: {'no known faults' if not known else f'{len(known)} known faults'}")
        print("".join(f"  {one}\n" for one in known), end="")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
