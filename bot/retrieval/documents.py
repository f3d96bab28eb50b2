"""Reads the files staff keep: text in UTF-8, YAML that remembers its lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.retrieval.problems import Problem

# Where an item stands: ("questions", 3) is the fourth item of `questions`.
Place = tuple[str | int, ...]

# libyaml's loader is ten times as fast; both have the same marks.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """Parsed YAML with the line of every key and item, counted from 1."""

    path: str
    data: Any
    lines: Mapping[Place, int]

    def line(self, *place: str | int) -> int:
        """The line of `place`, or of the nearest thing around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_text(root: Path, path: Path) -> str | Problem:
    """Text of a file with line ends as newlines; a byte order mark is dropped.

    Windows' Notepad writes BOM and CRLF, which is fine; any encoding but UTF-8 is one clear problem.
    """
    name = path.relative_to(root).as_posix()
    try:
        raw = path.read_bytes()
    except OSError as error:
        return Problem(name, 0, f"can't be read ({error.strerror}); check the file and its permissions")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return Problem(name, line, "is not UTF-8 text; open it in an editor and save it as UTF-8")
    if "\0" in text:
        return Problem(name, text[: text.index("\0")].count("\n") + 1, "holds a NUL character; remove it")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse_yaml(text: str, path: str, first_line: int = 1) -> Document | Problem:
    """Parse YAML; `first_line` is where `text` begins in its file."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(path, None, {(): first_line})
        lines: dict[Place, int] = {}
        duplicate = _note_lines(node, (), lines, first_line)
        if duplicate is not None:
            return Problem(path, lines[duplicate], f"the key `{duplicate[-1]}` stands here twice; keep one")
        return Document(path, loader.construct_document(node), lines)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + first_line if mark is not None else first_line
        what = getattr(error, "problem", None) or "is not valid YAML"
        return Problem(path, line, f'YAML: {what}; put a text with a colon, quote or "#" in double quotes')
    except ValueError as error:
        return Problem(path, first_line, f"YAML: {error}")
    finally:
        loader.dispose()


def read_yaml(root: Path, path: Path) -> Document | Problem:
    text = read_text(root, path)
    if isinstance(text, Problem):
        return text
    return parse_yaml(text, path.relative_to(root).as_posix())


def _note_lines(node: yaml.Node, place: Place, lines: dict[Place, int], first_line: int) -> Place | None:
    """Record the line of everything under `node`; returns the place of a key that stands twice."""
    lines.setdefault(place, node.start_mark.line + first_line)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            twice = inner in lines
            lines[inner] = key.start_mark.line + first_line
            if twice:
                return inner
            found = _note_lines(value, inner, lines, first_line)
            if found is not None:
                return found
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            found = _note_lines(value, (*place, number), lines, first_line)
            if found is not None:
                return found
    return None
