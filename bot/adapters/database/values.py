"""Our values as bytes and back: JSON, checked when it is read, so that a state of another time is noticed."""

from __future__ import annotations

import base64
import contextlib
import json
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bot.messages import (
    STATE_SCHEMA,
    Alert,
    ChatState,
    Copy,
    Document,
    Edit,
    Incoming,
    Leaving,
    Reply,
    StaffCard,
)

_LEAVING: dict[str, type[Any]] = {kind.__name__: kind for kind in (Reply, Edit, Document, Copy, StaffCard, Alert)}


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def dump_incoming(incoming: Incoming) -> bytes:
    return _adapter("Incoming").dump_json(incoming)


def load_incoming(found: bytes) -> Incoming:
    incoming: Incoming = _adapter("Incoming").validate_json(found)
    return incoming


def dump_state(state: ChatState) -> bytes:
    return _adapter("ChatState").dump_json(state)


def load_state(found: bytes) -> ChatState:
    """The state; one of another schema keeps only what every schema has: the language and the care mode."""
    row = json.loads(found)
    if row.get("schema") == STATE_SCHEMA:
        try:
            state: ChatState = _adapter("ChatState").validate_python(row, strict=False)
            return state
        except ValidationError:
            pass
    state = ChatState()
    for name in [name for name in ("language", "care_until", "care_for", "owner") if row.get(name) is not None]:
        # One by one: what can be read of a patient's care must not be lost with the rest.
        with contextlib.suppress(ValidationError):
            state = replace(state, **{name: getattr(_adapter("ChatState").validate_python({name: row[name]}), name)})
    return state


def dump_leaving(leaving: Leaving) -> bytes:
    kind = type(leaving)
    if isinstance(leaving, Document):
        content = base64.b64encode(leaving.content).decode("ascii")
        body = _adapter("Document").dump_python(replace(leaving, content=b""), mode="json") | {"content": content}
        return json.dumps([kind.__name__, body]).encode()
    return b'["%s",%s]' % (kind.__name__.encode(), _adapter(kind.__name__).dump_json(leaving))


def load_leaving(found: bytes) -> Leaving:
    name, body = json.loads(found)
    if name == Document.__name__:
        body["content"] = base64.b64decode(body["content"])
    leaving: Leaving = _adapter(name).validate_python(body, strict=False)
    return leaving
