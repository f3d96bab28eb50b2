"""Folders written once: a manifest with every file's checksum says that one is whole and of this release."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.errors import VersionError

# Raised when the files of a version or a fit change their meaning: older ones are then made anew.
FORMAT = 15


def is_whole(folder: Path) -> bool:
    try:
        verify(folder, manifest_of(folder))
    except VersionError:
        return False
    return True


def seal(folder: Path, name: str, encoder: str) -> None:
    """Write the manifest last: a folder without one is no version."""
    sums = {path.relative_to(folder).as_posix(): _sum(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    manifest = {"format": FORMAT, "name": name, "encoder": encoder, "files": sums}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def manifest_of(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if manifest["format"] == FORMAT and isinstance(manifest["files"], dict):
            return dict(manifest)
    except FileNotFoundError as error:
        raise VersionError(f"The library version {folder.name} is missing; run `mimika knowledge build`.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, "manifest.json") from error
    raise VersionError(f"The library version {folder.name} is of another release; run `mimika knowledge build`.")


def verify(folder: Path, manifest: Mapping[str, Any]) -> None:
    for name, expected in manifest["files"].items():
        try:
            found = _sum(folder / name)
        except OSError as error:
            raise _damaged(folder, name) from error
        if found != expected:
            raise _damaged(folder, name)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(folder: Path, name: str) -> VersionError:
    return VersionError(
        f"The library version {folder.name} is damaged ({name}); run `mimika knowledge build` to make it anew."
    )
