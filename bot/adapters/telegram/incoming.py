"""Update -> Incoming: Telegram's message, edit or press of a button as one of our values."""

from __future__ import annotations

from datetime import UTC, datetime

from aiogram.types import CallbackQuery, Message, Update

from bot.messages import Attachment, AttachmentKind, ChatId, Contact, Incoming

CHANNEL = "telegram"
# Everything else Telegram could send is not asked for.
UPDATES = ["message", "edited_message", "callback_query"]

_KINDS: dict[str, AttachmentKind] = {
    "photo": "photo",
    "voice": "voice",
    "video": "video",
    "video_note": "video",
    "animation": "video",
    "audio": "audio",
    "sticker": "sticker",
    "document": "document",
    "location": "location",
    "venue": "location",
}


def chat_of(update: Update) -> int | None:
    """The private chat an update belongs to; None for groups, channels and what we don't serve."""
    message = update.message or update.edited_message
    if message is None and update.callback_query is not None and update.callback_query.message is not None:
        chat = update.callback_query.message.chat
    elif message is not None:
        chat = message.chat
    else:
        return None
    return chat.id if chat.type == "private" else None


def text_of(update: Update) -> str:
    """Whatever words an update carries: text, caption, or the note of a contact."""
    message = update.message or update.edited_message
    return _words(message) if message is not None else ""


def from_message(bot: str, message: Message, *, edited: bool) -> Incoming | None:
    """A message or its edit; None for what Telegram itself says (a pinned message, a changed title)."""
    attachment = _attachment(message)
    text = _words(message)
    if not text and attachment is None and message.contact is None:
        return None
    sender = message.from_user
    contact = message.contact
    moment = message.edit_date if edited and message.edit_date else message.date
    return Incoming(
        chat_id=ChatId(bot, CHANNEL, str(message.chat.id)),
        sender=str(sender.id if sender else message.chat.id),
        message_id=str(message.message_id),
        at=_aware(moment),
        text=text,
        album=message.media_group_id,
        contact=Contact(
            contact.phone_number,
            " ".join(filter(None, [contact.first_name, contact.last_name])),
            sender is not None and contact.user_id == sender.id,
        )
        if contact
        else None,
        attachment=attachment,
        reply_to=str(message.reply_to_message.message_id) if message.reply_to_message else None,
        edited=edited,
        language_hint=sender.language_code if sender else None,
    )


def from_press(bot: str, query: CallbackQuery, payload: str, at: datetime) -> Incoming:
    """A press of one of our buttons; `payload` is what the button means."""
    assert query.message is not None
    return Incoming(
        chat_id=ChatId(bot, CHANNEL, str(query.message.chat.id)),
        sender=str(query.from_user.id),
        message_id=f"press-{query.id}",
        at=at,
        press=payload,
        language_hint=query.from_user.language_code,
    )


def _words(message: Message) -> str:
    words = message.text or message.caption
    if not words:
        card = (message.contact.vcard or "") if message.contact else ""
        words = " ".join(line.partition(":")[2] for line in card.splitlines() if line.upper().startswith("NOTE"))
    # Half of an emoji is no text: nothing could store it, and the update would come again for ever.
    return words.encode("utf-8", "replace").decode("utf-8")


def _attachment(message: Message) -> Attachment | None:
    for field, kind in _KINDS.items():
        value = getattr(message, field, None)
        if value:
            file = value[-1] if isinstance(value, list) else value
            return Attachment(kind, getattr(file, "file_id", ""))
    if message.text is None and message.contact is None and message.content_type in ("poll", "dice", "story", "game"):
        return Attachment("other")
    return None


def _aware(moment: datetime | int) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)
