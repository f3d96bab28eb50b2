"""Builds HTML so that text is always escaped: only what this module made is taken as markup."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

# Text, markup, or several of them.
Content: TypeAlias = str | Iterable["Content"]

_VOID = frozenset({"meta", "line", "rect"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def el(name: str, /, *children: Content, **attributes: object) -> Markup:
    """An element; a child that is no Markup is escaped, an iterable is put in one after the other.

    `_` in an attribute's name stands for `-`, one at the end is dropped (`class_`); an attribute of None is left out.
    """
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        # Closed as in XML, which HTML allows, so that a picture can be taken out and used alone.
        return Markup(f"<{name}{shown}/>")
    return Markup(f"<{name}{shown}>{joined(children)}</{name}>")


def joined(children: Iterable[Content]) -> Markup:
    return Markup("".join(_one(child) if isinstance(child, str) else joined(child) for child in children))


def _one(child: str) -> str:
    return child if isinstance(child, Markup) else escape(child)
