"""Danger in Telegram, with the real bot and both nets: fixed words, at every entry, before everything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.messages import LANGS, Lang
from bot.retrieval.library import Library
from bot.wording import Phrase
from tests.faults.processes import eventually
from tests.integration.telegram.conftest import messages_in
from tests.telegram.fake_telegram_client import Reply, User

pytestmark = pytest.mark.slow

Person = Callable[..., User]

DANGERS: dict[tuple[Lang, str], str] = {
    ("ru", "emergency"): "после укола в шею мне трудно глотать, давлюсь водой",
    ("en", "emergency"): "I can't breathe properly since the injection",
    ("ru", "crisis"): "не хочу больше жить",
    ("en", "crisis"): "I want to kill myself",
}
EVERY_DANGER = pytest.mark.parametrize(("lang", "kind"), list(DANGERS), ids=[f"{a}-{b}" for a, b in DANGERS])
PRICE: dict[Lang, str] = {"ru": "сколько стоит ботокс?", "en": "how much does botox cost?"}


def plain(text: str) -> str:
    return " ".join(text.replace("**", "").split())


def danger_text(library: Library, lang: Lang, kind: str) -> str:
    return plain(library.red_flags.replies[lang][kind])


def ask(user: User, *said: str, **more: Any) -> Reply:
    user.say(*said, **more)
    return user.replies(timeout=20)[0]


@EVERY_DANGER
def test_a_danger_is_answered_with_its_fixed_words_and_nothing_for_sale(
    person: Person, library: Library, lang: Lang, kind: str
) -> None:
    reply = ask(person(lang), DANGERS[lang, kind])

    assert plain(reply.text) == danger_text(library, lang, kind)
    assert all("запис" not in title.lower() and "book" not in title.lower() for title in reply.buttons)


@EVERY_DANGER
@pytest.mark.parametrize("entry", ["caption", "deep link", "contact note"])
def test_a_danger_is_heard_at_every_entry(person: Person, library: Library, lang: Lang, kind: str, entry: str) -> None:
    anna, words = person(lang), DANGERS[lang, kind]

    if entry == "caption":
        reply = ask(anna, photo=True, caption=words)
    elif entry == "deep link":
        reply = ask(anna, f"/start {words}")
    else:
        card = f"BEGIN:VCARD\nVERSION:3.0\nFN:Anna\nNOTE:{words}\nEND:VCARD"
        reply = ask(anna, contact={"phone_number": "+79990000000", "first_name": "Anna", "vcard": card})

    assert plain(reply.text) == danger_text(library, lang, kind)


def test_a_danger_in_an_edited_message_is_a_new_message(person: Person, library: Library) -> None:
    anna = person()
    question = anna.say("это больно?")
    first = anna.replies(timeout=20)[0]

    anna.say(DANGERS["ru", "emergency"], edited=question["message"]["message_id"])
    second = anna.replies(timeout=20)[0]

    assert (second.kind, second.message_id == first.message_id) == ("sent", False)
    assert plain(second.text) == danger_text(library, "ru", "emergency")


def test_a_danger_overtakes_what_waits_to_be_sent(person: Person, library: Library) -> None:
    """Telegram takes one message a second for a chat: six answers wait longer than a danger may."""
    anna = person()
    for _ in range(6):
        anna.say("это больно?")
    anna.say(DANGERS["ru", "emergency"])

    eventually(lambda: len(messages_in(anna)) >= 7, 30, "all are answered")

    order = [plain(message["text"]) for message in messages_in(anna)]
    assert order.index(danger_text(library, "ru", "emergency")) < 5


@pytest.mark.parametrize("fault", [{"code": 500, "times": 2}, {"drop": "before"}, {"code": 429, "retry_after": 1}])
def test_a_danger_that_telegram_did_not_take_is_sent_again(
    person: Person, library: Library, fault: dict[str, Any]
) -> None:
    anna = person()
    anna.fake.fault("sendMessage", chat_id=anna.chat_id, **fault)

    reply = ask(anna, DANGERS["ru", "crisis"])

    assert plain(reply.text) == danger_text(library, "ru", "crisis")


@pytest.mark.parametrize("lang", LANGS)
def test_after_a_danger_nothing_is_sold_until_the_patient_says_that_all_is_well(
    person: Person, library: Library, lang: Lang
) -> None:
    anna = person(lang)
    ask(anna, DANGERS[lang, "crisis"])

    refused = ask(anna, PRICE[lang])
    assert plain(refused.text).startswith(plain(library.wording(lang, Phrase.CARE_NOT_NOW)))

    anna.click(refused.buttons[-1])
    check = anna.replies(timeout=20)[0]
    anna.click(check.buttons[0])
    anna.replies(timeout=20)
    told = ask(anna, PRICE[lang])

    article = library.article("price", lang)
    assert article is not None
    assert plain(article.answer)[:40] in plain(told.text)
