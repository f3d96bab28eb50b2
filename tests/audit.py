"""Looks up the default install in the advisory databases: `python tests/audit.py` (`make audit`).

Says how many packages were really looked up. Where no advisory source can be reached it says "not audited" and ends
with 2: a pass with nothing audited is no pass. Known vulnerabilities end with 1.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

SOURCES = ("pypi", "osv")
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def default_install(name: str = "mimika") -> dict[str, str]:
    """What a default install brings, by name with its version: requirements of requirements, without extras."""
    found: dict[str, str] = {}
    left = [name]
    while left:
        here = distribution(left.pop())
        for line in here.requires or []:
            needed = _NAME.match(line)
            if needed is None or "extra ==" in line:
                continue
            try:
                there = distribution(needed[0])
            except ImportError:
                continue  # for another system or Python
            key = there.metadata["Name"]
            if key not in found:
                found[key] = there.version
                left.append(key)
    return found


def look_up(packages: dict[str, str], source: str) -> list[dict[str, object]] | None:
    """What one source says of the packages; None if it could not be asked."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text("".join(f"{name}=={version}\n" for name, version in packages.items()), encoding="utf-8")
        command = [sys.executable, "-m", "pip_audit", "-r", str(listed), "--no-deps", "--disable-pip"]
        command += [
            "--vulnerability-service",
            source,
            "--format",
            "json",
            "--progress-spinner",
            "off",
            "--timeout",
            "10",
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            return None
    try:
        rows: list[dict[str, object]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    return rows


def main() -> int:
    packages = default_install()
    for source in SOURCES:
        rows = look_up(packages, source)
        if rows is None:
            print(f"{source}: could not be asked")
            continue
        audited = [row for row in rows if "skip_reason" not in row]
        bad = [row for row in audited if row.get("vulns")]
        print(f"{source}: {len(audited)} of {len(packages)} packages audited, {len(bad)} with known vulnerabilities")
        for row in bad:
            print(f"  {row['name']} {row['version']}: {', '.join(str(one['id']) for one in row['vulns'])}")  # type: ignore[attr-defined]
        if audited:
            return 1 if bad else 0
    print(f"not audited: no advisory source can be reached from here ({len(packages)} packages)")
    return 2


if __name__ == "__main__":
    sys.exit(main())
