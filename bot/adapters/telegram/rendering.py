"""Markdown -> Telegram HTML by an allow-list, cut into messages that Telegram takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.messages import Button

# Telegram counts UTF-16 code units of the visible text.
MESSAGE_LIMIT = 4096
# A title this short can share a row with another.
_SHORT_TITLE = 18

_MARKDOWN = MarkdownIt("zero", {"html": False}).enable(["emphasis", "list", "newline", "escape"])
_TAGS = {"strong_open": "b", "em_open": "i"}


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text with the tags around it, outermost first; `marker` is the bullet or number of a list item."""

    text: str
    tags: tuple[str, ...] = ()
    marker: bool = False


Block = tuple[Span, ...]


def units(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def render(markdown: str, limit: int = MESSAGE_LIMIT) -> list[str]:
    """HTML of one or more messages, none longer than `limit`; what is not allowed shows as plain text."""
    return ["".join(map(_html, spans)) for spans in _messages(blocks(markdown), limit)]


def plain(markdown: str, limit: int = MESSAGE_LIMIT) -> list[str]:
    """The same messages without any markup."""
    return ["".join(span.text for span in spans) for spans in _messages(blocks(markdown), limit)]


def rows(buttons: Sequence[Button]) -> list[list[Button]]:
    """Buttons as rows: two short ones share a row, a long one stands alone."""
    found: list[list[Button]] = []
    for button in buttons:
        short = units(button.title) <= _SHORT_TITLE
        if short and found and len(found[-1]) == 1 and units(found[-1][0].title) <= _SHORT_TITLE:
            found[-1].append(button)
        else:
            found.append([button])
    return found


def blocks(markdown: str) -> list[Block]:
    """Paragraphs and list items as spans. Numbers stay: a paragraph that begins with "112." reads as a list."""
    found: list[Block] = []
    marker = ""
    for token in _MARKDOWN.parse(markdown):
        if token.type == "list_item_open":
            marker += f"{token.info}{token.markup} " if token.info else "• "
        elif token.type == "list_item_close" and marker:
            found.append((Span(marker.rstrip(), marker=True),))
            marker = ""
        elif token.type == "inline":
            spans = tuple(_spans(token.children or ()))
            if spans:
                found.append((Span(marker, marker=True), *spans) if marker else spans)
                marker = ""
    return found


def _spans(tokens: Iterable[Token]) -> Iterator[Span]:
    tags: list[str] = []
    for token in tokens:
        if token.type in _TAGS:
            tags.append(_TAGS[token.type])
        elif token.type.endswith("_close"):
            tags.pop()
        elif token.type in ("softbreak", "hardbreak"):
            yield Span("\n", tuple(tags))
        elif token.content:
            yield Span(token.content, tuple(tags))


def _html(span: Span) -> str:
    opened = "".join(f"<{tag}>" for tag in span.tags)
    closed = "".join(f"</{tag}>" for tag in reversed(span.tags))
    return f"{opened}{escape(span.text, quote=False)}{closed}"


def _messages(found: Sequence[Block], limit: int) -> Iterator[list[Span]]:
    """Pack blocks into messages; a block that is too long is cut at a space, where there is one."""
    message: list[Span] = []
    length = 0
    previous: Block | None = None
    for block in found:
        for piece in _pieces(block, limit):
            if not any(span.text.strip() for span in piece):
                continue  # Telegram refuses a message without visible text
            size = sum(units(span.text) for span in piece)
            # Items of one list stand close together, paragraphs apart.
            gap = "\n" if previous is not None and _is_item(previous) and _is_item(block) else "\n\n"
            if message and length + len(gap) + size > limit:
                yield message
                message, length = [], 0
            if message:
                message.append(Span(gap))
                length += len(gap)
            message += piece
            length += size
            previous = block
    if message:
        yield message


def _is_item(block: Block) -> bool:
    return block[0].marker


def _pieces(block: Block, limit: int) -> Iterator[list[Span]]:
    piece: list[Span] = []
    left = limit
    for span in block:
        text = span.text
        while units(text) > left:
            head = _cut(text, left)
            if not head and piece:
                yield piece
                piece, left = [], limit
                continue
            head = head or _prefix(text, left)
            piece.append(Span(head, span.tags))
            yield piece
            piece, left = [], limit
            text = text[len(head) :].lstrip(" ")
        if text:
            piece.append(Span(text, span.tags))
            left -= units(text)
    if piece:
        yield piece


def _prefix(text: str, limit: int) -> str:
    """The longest beginning of at most `limit` units."""
    size = 0
    for number, character in enumerate(text):
        size += units(character)
        if size > limit:
            return text[:number]
    return text


def _cut(text: str, limit: int) -> str:
    """A beginning of at most `limit` units that ends before a space, or nothing."""
    head = _prefix(text, limit)
    return head[: head.rfind(" ")] if " " in head.strip() else ""
