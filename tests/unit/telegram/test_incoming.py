from datetime import UTC, datetime
from typing import Any

import pytest
from aiogram.types import Update

from bot.adapters.telegram.incoming import chat_of, from_message, from_press
from bot.messages import Attachment, ChatId, Contact, Incoming
from tests.examples import NOON

ANNA = {"id": 1001, "is_bot": False, "first_name": "Анна", "language_code": "ru"}
PRIVATE = {"id": 1001, "type": "private", "first_name": "Анна"}
GROUP = {"id": -1001, "type": "supergroup", "title": "Клиника"}
SENT, EDITED = 1_795_424_400, 1_795_424_460
FILE = {"file_id": "file-1", "file_unique_id": "u1"}


def make_update(kind: str = "message", **content: Any) -> Update:
    """An update as Telegram sends it, with a message of Anna's in her private chat."""
    message = {"message_id": 5, "date": SENT, "chat": PRIVATE, "from": ANNA, **content}
    return Update.model_validate({"update_id": 1, kind: message})


def make_press(**fields: Any) -> Update:
    message = {"message_id": 6, "date": SENT, "chat": PRIVATE, "text": "В среднем 3–4 месяца"}
    query = {"id": "77", "from": ANNA, "chat_instance": "1", "data": "abc", "message": message, **fields}
    return Update.model_validate({"update_id": 1, "callback_query": query})


def read(update: Update) -> Incoming | None:
    if update.edited_message is not None:
        return from_message("mimika", update.edited_message, edited=True)
    assert update.message is not None
    return from_message("mimika", update.message, edited=False)


def test_a_text_message_says_who_wrote_what_where_and_when() -> None:
    incoming = read(make_update(text="сколько держится"))

    assert incoming == Incoming(
        chat_id=ChatId("mimika", "telegram", "1001"),
        sender="1001",
        message_id="5",
        at=datetime.fromtimestamp(SENT, UTC),
        text="сколько держится",
        language_hint="ru",
    )


def test_the_time_is_aware() -> None:
    incoming = read(make_update(text="сколько держится"))
    assert incoming is not None
    assert incoming.at.tzinfo is not None


def test_text_arrives_as_it_was_typed() -> None:
    text = "  <b>x</b> *y* \u202e\u200b😀 "
    incoming = read(make_update(text=text))
    assert incoming is not None
    assert incoming.text == text


def test_a_command_keeps_its_slash_and_its_argument() -> None:
    entity = {"type": "bot_command", "offset": 0, "length": 6}
    incoming = read(make_update(text="/start duration", entities=[entity]))
    assert incoming is not None
    assert incoming.text == "/start duration"


def test_a_caption_travels_as_the_text_of_its_photo() -> None:
    incoming = read(make_update(photo=[{**FILE, "width": 90, "height": 67}], caption="это нормально?"))
    assert incoming is not None
    assert (incoming.text, incoming.attachment) == ("это нормально?", Attachment("photo", "file-1"))


def test_an_edited_message_is_marked_and_has_the_time_of_the_edit() -> None:
    incoming = read(make_update("edited_message", text="сколько стоит", edit_date=EDITED))
    assert incoming is not None
    assert incoming.edited
    assert incoming.message_id == "5"
    assert incoming.at == datetime.fromtimestamp(EDITED, UTC)


def test_a_message_and_its_two_edits_are_three_turns() -> None:
    updates = [
        make_update(text="a"),
        make_update("edited_message", text="b", edit_date=EDITED),
        make_update("edited_message", text="c", edit_date=EDITED + 1),
    ]
    assert len({incoming.turn for update in updates if (incoming := read(update)) is not None}) == 3


def test_a_reply_names_the_message_it_quotes() -> None:
    quoted = {"message_id": 3, "date": SENT, "chat": PRIVATE, "text": "В среднем 3–4 месяца"}
    incoming = read(make_update(text="а потом?", reply_to_message=quoted))
    assert incoming is not None
    assert incoming.reply_to == "3"


def test_the_sender_s_own_contact_is_their_own() -> None:
    contact = {"phone_number": "+79990000000", "first_name": "Анна", "last_name": "Петрова", "user_id": 1001}
    incoming = read(make_update(contact=contact))
    assert incoming is not None
    assert incoming.contact == Contact("+79990000000", "Анна Петрова", own=True)


@pytest.mark.parametrize("owner", [{"user_id": 2002}, {}])
def test_a_contact_of_another_person_is_foreign(owner: dict[str, int]) -> None:
    incoming = read(make_update(contact={"phone_number": "+79991111111", "first_name": "Мария", **owner}))
    assert incoming is not None
    assert incoming.contact == Contact("+79991111111", "Мария", own=False)


def test_of_a_photo_the_largest_size_is_taken() -> None:
    sizes = [{**FILE, "file_id": f"file-{width}", "width": width, "height": width} for width in (90, 320, 1280)]
    incoming = read(make_update(photo=sizes))
    assert incoming is not None
    assert incoming.attachment == Attachment("photo", "file-1280")


STICKER = {**FILE, "width": 512, "height": 512, "type": "regular", "is_animated": False, "is_video": False}
ANIMATION = {**FILE, "width": 320, "height": 240, "duration": 3}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"voice": {**FILE, "duration": 3}}, Attachment("voice", "file-1")),
        ({"audio": {**FILE, "duration": 3}}, Attachment("audio", "file-1")),
        ({"video": ANIMATION}, Attachment("video", "file-1")),
        ({"video_note": {**FILE, "length": 240, "duration": 3}}, Attachment("video", "file-1")),
        ({"animation": ANIMATION, "document": {**FILE, "file_id": "file-2"}}, Attachment("video", "file-1")),
        ({"sticker": STICKER}, Attachment("sticker", "file-1")),
        ({"document": FILE}, Attachment("document", "file-1")),
        ({"location": {"latitude": 55.8, "longitude": 37.6}}, Attachment("location")),
        ({"dice": {"emoji": "🎲", "value": 3}}, Attachment("other")),
    ],
)
def test_what_is_no_text_arrives_as_an_attachment_of_its_kind(content: dict[str, Any], expected: Attachment) -> None:
    incoming = read(make_update(**content))
    assert incoming is not None
    assert (incoming.attachment, incoming.text) == (expected, "")


def test_parts_of_an_album_name_their_album() -> None:
    incoming = read(make_update(photo=[{**FILE, "width": 90, "height": 67}], media_group_id="album-9"))
    assert incoming is not None
    assert incoming.album == "album-9"


def test_what_telegram_itself_says_is_not_for_the_bot() -> None:
    pinned = {"message_id": 3, "date": SENT, "chat": PRIVATE, "text": "В среднем 3–4 месяца"}
    assert read(make_update(pinned_message=pinned)) is None


# ---- whose chat it is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["message", "edited_message"])
def test_a_message_in_a_private_chat_belongs_to_that_chat(kind: str) -> None:
    assert chat_of(make_update(kind, text="сколько держится")) == 1001


def test_a_press_in_a_private_chat_belongs_to_that_chat() -> None:
    assert chat_of(make_press()) == 1001


@pytest.mark.parametrize("chat", [GROUP, {**GROUP, "type": "group"}, {**GROUP, "type": "channel"}])
@pytest.mark.parametrize("kind", ["message", "edited_message"])
def test_a_message_in_a_group_belongs_to_no_patient(kind: str, chat: dict[str, Any]) -> None:
    assert chat_of(make_update(kind, chat=chat, text="сколько держится")) is None


def test_a_press_in_a_group_belongs_to_no_patient() -> None:
    assert chat_of(make_press(message={"message_id": 6, "date": SENT, "chat": GROUP, "text": "x"})) is None


def test_a_press_on_a_message_that_is_gone_still_belongs_to_its_chat() -> None:
    assert chat_of(make_press(message={"message_id": 6, "date": 0, "chat": PRIVATE})) == 1001


def test_an_update_of_another_kind_belongs_to_nobody() -> None:
    query = {"id": "1", "from": ANNA, "query": "x", "offset": ""}
    assert chat_of(Update.model_validate({"update_id": 1, "inline_query": query})) is None


# ---- presses --------------------------------------------------------------------------------------------------


def test_a_press_says_who_pressed_and_what_the_button_means() -> None:
    query = make_press().callback_query
    assert query is not None

    incoming = from_press("mimika", query, "more:duration", NOON)

    assert incoming == Incoming(
        chat_id=ChatId("mimika", "telegram", "1001"),
        sender="1001",
        message_id="press-77",
        at=NOON,
        press="more:duration",
        language_hint="ru",
    )
