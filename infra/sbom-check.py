"""Holds bills of materials against CycloneDX's schema, which the library brings, and makes sure that they name something."""

import json
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main():
    for file in map(Path, sys.argv[1:]):
        text = file.read_text()
        bill = json.loads(text)
        version = SchemaVersion.from_version(bill["specVersion"])
        if error := JsonStrictValidator(version).validate_str(text):
            sys.exit(f"{file}: it is not as CycloneDX {bill['specVersion']} says: {error}")
        unnamed = [one["name"] for one in bill["components"] if not one.get("purl")]
        if unnamed or not bill["components"]:
            sys.exit(f"{file}: it names nothing, or without an address: {unnamed}")
        print(f"{file}: {len(bill['components'])} components, CycloneDX {bill['specVersion']}")


if __name__ == "__main__":
    main()
