"""A patient talks with the real bot: questions, buttons, commands, edits, and what is no question."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, get_args

import pytest

from bot.adapters.telegram.rendering import plain
from bot.conversation import Conversation
from bot.messages import Button, ChatState, Kind, Lang
from bot.retrieval.library import Library
from bot.wording import Phrase
from tests.examples import ROOT, make_incoming
from tests.faults.processes import BotProcess, eventually
from tests.integration.telegram.conftest import messages_in
from tests.telegram.fake_telegram_client import ControlError, Fake, Reply, User

pytestmark = pytest.mark.slow

LANGS = pytest.mark.parametrize("lang", get_args(Lang))
Person = Callable[..., User]

DURATION: Mapping[Lang, str] = {"ru": "сколько держится эффект", "en": "how long does it last"}
PAIN: Mapping[Lang, str] = {"ru": "это больно?", "en": "does it hurt?"}
PRICE: Mapping[Lang, str] = {"ru": "сколько стоит", "en": "how much does it cost"}
MOOD: Mapping[Lang, str] = {"ru": "помогает ли ботокс от депрессии", "en": "does botox help with depression"}
MORE = {"ru": "Подробнее", "en": "More"}
SOURCES = {"ru": "Источники", "en": "Sources"}
CONSULTANT = {"ru": "Спросить консультанта", "en": "Ask a consultant"}
BOOK = {"ru": "Записаться", "en": "Book a visit"}


def ask(user: User, text: str | None = None, **content: Any) -> Reply:
    user.say(text, **content)
    return the_reply(user)


def press(user: User, title: str) -> Reply:
    user.click(title)
    return the_reply(user)


def the_reply(user: User) -> Reply:
    found = user.replies(timeout=15)
    assert len(found) == 1, found
    return found[0]


def answer_of(library: Library, topic: str, lang: Lang) -> str:
    """The article's first paragraph as a patient reads it."""
    article = library.article(topic, lang)
    assert article is not None
    return "".join(plain(article.answer))


def title_of(library: Library, topic: str, lang: Lang) -> str:
    article = library.article(topic, lang)
    assert article is not None
    return article.title


def said(library: Library, lang: Lang, phrase: Phrase) -> str:
    return library.wording(lang, phrase).strip()


# ---- a question -----------------------------------------------------------------------------------------------


@LANGS
def test_a_question_is_answered_with_the_library_s_words_and_warnings(
    person: Person, library: Library, lang: Lang
) -> None:
    reply = ask(person(lang), DURATION[lang])

    assert reply.text.startswith(answer_of(library, "duration", lang))
    assert said(library, lang, Phrase.NOTICE_CONTRAINDICATIONS) in reply.text
    assert said(library, lang, Phrase.NOTICE_UNSIGNED) in reply.text


@LANGS
def test_warnings_stand_in_italics(person: Person, library: Library, lang: Lang) -> None:
    reply = ask(person(lang), DURATION[lang])

    units = reply.text.encode("utf-16-le")
    italic = [
        units[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le")
        for entity in reply.raw["message"]["entities"]
        if entity["type"] == "italic"
    ]
    assert said(library, lang, Phrase.NOTICE_CONTRAINDICATIONS) in italic


@LANGS
def test_under_an_answer_stand_more_sources_related_topics_and_a_human(
    person: Person, library: Library, lang: Lang
) -> None:
    article = library.article("duration", lang)
    assert article is not None

    reply = ask(person(lang), DURATION[lang])

    related = [title_of(library, topic, lang) for topic in article.related]
    assert reply.buttons == [MORE[lang], SOURCES[lang], *related, CONSULTANT[lang]]


@LANGS
def test_an_answer_about_a_price_warns_first_and_can_be_followed_by_a_booking(
    person: Person, library: Library, lang: Lang
) -> None:
    reply = ask(person(lang), PRICE[lang])

    assert reply.text.startswith(said(library, lang, Phrase.NOTICE_ADVERTISING))
    assert BOOK[lang] in reply.buttons


@LANGS
def test_an_answer_about_mood_carries_its_warning_and_offers_no_booking(
    person: Person, library: Library, lang: Lang
) -> None:
    anna = person(lang)

    for reply in (ask(anna, MOOD[lang]), press(anna, MORE[lang]), press(anna, SOURCES[lang])):
        assert said(library, lang, Phrase.NOTICE_PSYCHOTHERAPY) in reply.text
        assert BOOK[lang] not in reply.buttons
        assert title_of(library, "price", lang) not in reply.buttons
        assert title_of(library, "how-to-book", lang) not in reply.buttons


def test_each_message_is_answered_in_its_own_language(person: Person, library: Library) -> None:
    anna = person("ru")
    assert ask(anna, DURATION["ru"]).text.startswith(answer_of(library, "duration", "ru"))
    assert ask(anna, PAIN["en"]).text.startswith(answer_of(library, "pain", "en"))


def test_two_questions_in_one_message_get_two_answers(person: Person, library: Library) -> None:
    anna = person()

    anna.say(f"{PAIN['ru']} {DURATION['ru']}?")
    first, second = anna.replies(timeout=15, count=2)

    assert first.text.startswith(answer_of(library, "pain", "ru"))
    assert second.text.startswith(answer_of(library, "duration", "ru"))


def test_the_patient_sees_that_the_bot_is_typing(person: Person) -> None:
    anna = person()
    ask(anna, DURATION["ru"])

    actions = anna.fake.get("messages", chat_id=anna.chat_id, kinds="action")["events"]
    assert [action["action"] for action in actions] == ["typing"]


# ---- buttons --------------------------------------------------------------------------------------------------


@LANGS
def test_more_shows_the_rest_of_the_article_under_its_title(person: Person, library: Library, lang: Lang) -> None:
    anna = person(lang)
    ask(anna, DURATION[lang])

    reply = press(anna, MORE[lang])

    article = library.article("duration", lang)
    assert article is not None
    assert reply.text.startswith("".join(plain(f"**{article.title}**\n\n{article.more}")))
    assert said(library, lang, Phrase.NOTICE_CONTRAINDICATIONS) in reply.text


@LANGS
def test_sources_names_what_the_answer_rests_on_and_how_good_it_is(
    person: Person, library: Library, lang: Lang
) -> None:
    anna = person(lang)
    ask(anna, DURATION[lang])

    reply = press(anna, SOURCES[lang])

    assert "".join(plain(library.sources["satriyasa-2019"].citation())) in reply.text
    assert "".join(plain(library.sources["nhs-botox"].citation())) in reply.text
    assert said(library, lang, Phrase.EVIDENCE_MODERATE) in reply.text


@LANGS
def test_a_related_topic_is_answered(person: Person, library: Library, lang: Lang) -> None:
    anna = person(lang)
    ask(anna, DURATION[lang])

    reply = press(anna, title_of(library, "onset", lang))

    assert reply.text.startswith(answer_of(library, "onset", lang))


@LANGS
def test_asking_for_a_consultant_says_honestly_what_exists(person: Person, library: Library, lang: Lang) -> None:
    anna = person(lang)
    ask(anna, DURATION[lang])

    assert press(anna, CONSULTANT[lang]).text == said(library, lang, Phrase.HUMAN)


@LANGS
def test_booking_says_honestly_what_exists(person: Person, library: Library, lang: Lang) -> None:
    anna = person(lang)
    ask(anna, PRICE[lang])

    assert said(library, lang, Phrase.BOOK) in press(anna, BOOK[lang]).text


def test_a_pressed_button_stops_waiting(person: Person) -> None:
    anna = person()
    ask(anna, DURATION["ru"])
    press(anna, MORE["ru"])

    def answered() -> list[Any]:
        return list(anna.fake.get("messages", chat_id=anna.chat_id, kinds="answered")["events"])

    eventually(answered, 5, "the press is answered")


def test_a_button_of_an_earlier_message_still_works(person: Person, library: Library) -> None:
    anna = person()
    first = ask(anna, DURATION["ru"])
    ask(anna, PAIN["ru"])

    anna.fake.post("click", chat_id=anna.chat_id, user=anna.profile, message_id=first.message_id, text=MORE["ru"])

    assert the_reply(anna).text.startswith(title_of(library, "duration", "ru"))


def test_every_button_fits_telegram_s_64_bytes(person: Person) -> None:
    reply = ask(person(), DURATION["ru"])
    data = [button["callback_data"] for row in reply.raw["reply_markup"]["inline_keyboard"] for button in row]
    assert all(1 <= len(one.encode()) <= 64 for one in data)
    assert len(set(data)) == len(reply.buttons)


@LANGS
def test_a_button_the_bot_never_made_is_answered_kindly(person: Person, library: Library, lang: Lang) -> None:
    anna = person(lang)
    reply = ask(anna, DURATION[lang])

    for data in ("nonsense", "topic:price", "../../etc/passwd", "ы" * 32):
        anna.fake.post(
            "click", chat_id=anna.chat_id, user=anna.profile, message_id=reply.message_id, data=data, force=True
        )
        assert the_reply(anna).text == said(library, lang, Phrase.OLD_BUTTON)


def test_a_button_that_another_patient_was_given_is_refused(person: Person, library: Library) -> None:
    anna, boris = person(), person()
    asked = ask(anna, MOOD["ru"])
    of_anna = asked.raw["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    of_boris = ask(boris, DURATION["ru"])

    boris.fake.post(
        "click", chat_id=boris.chat_id, user=boris.profile, message_id=of_boris.message_id, data=of_anna, force=True
    )

    assert the_reply(boris).text == said(library, "ru", Phrase.OLD_BUTTON)


# ---- a choice -------------------------------------------------------------------------------------------------


def unclear_question(conversation: Conversation, lang: Lang) -> tuple[str, tuple[Button, ...]]:
    """A labelled question that the library at hand answers with a choice; which one it is changes with the texts."""
    for line in (ROOT / "tests" / "quality" / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["lang"] == lang:
            reply = conversation.answer(make_incoming(row["text"]), ChatState(), None).replies[0]
            if reply.kind is Kind.CLARIFY:
                return row["text"], reply.buttons
    raise AssertionError("no question of questions.jsonl leads to a choice")


@LANGS
def test_an_unclear_question_is_answered_with_a_choice_and_the_choice_with_its_topic(
    person: Person, library: Library, conversation: Conversation, lang: Lang
) -> None:
    question, buttons = unclear_question(conversation, lang)
    anna = person(lang)

    offer = ask(anna, question)
    chosen = press(anna, buttons[0].title)

    assert offer.text.startswith(said(library, lang, Phrase.CLARIFY))
    assert offer.buttons == [button.title for button in buttons]
    assert answer_of(library, buttons[0].payload.removeprefix("topic:"), lang) in chosen.text


# ---- commands -------------------------------------------------------------------------------------------------


@LANGS
def test_start_says_who_answers(person: Person, library: Library, lang: Lang) -> None:
    assert ask(person(lang), "/start").text == said(library, lang, Phrase.START)


@LANGS
def test_a_link_to_a_topic_opens_it(person: Person, library: Library, lang: Lang) -> None:
    reply = ask(person(lang), "/start duration")
    assert reply.text.startswith(answer_of(library, "duration", lang))


@LANGS
def test_a_link_to_an_unknown_topic_says_so(person: Person, library: Library, lang: Lang) -> None:
    reply = ask(person(lang), "/start no-such-topic")
    assert reply.text == said(library, lang, Phrase.UNKNOWN_TOPIC)


@LANGS
def test_help_says_what_the_bot_does_and_does_not(person: Person, library: Library, lang: Lang) -> None:
    assert ask(person(lang), "/help").text == said(library, lang, Phrase.HELP)


@LANGS
def test_topics_are_found_by_category(person: Person, library: Library, lang: Lang) -> None:
    anna = person(lang)

    categories = ask(anna, "/topics")
    topics = press(anna, said(library, lang, Phrase.CATEGORY_DURATION))
    answer = press(anna, title_of(library, "how-often", lang))

    assert categories.buttons == [
        said(library, lang, Phrase(f"categories.{name}"))
        for name in library.catalogue.categories()
        if library.topics(lang, name)
    ]
    assert set(topics.buttons) == {article.title for article in library.topics(lang, "duration")}
    assert answer.text.startswith(answer_of(library, "how-often", lang))


def test_the_language_can_be_chosen(person: Person, library: Library) -> None:
    anna = person("ru")

    question = ask(anna, "/language")
    chosen = press(anna, "English")

    assert question.buttons == ["Русский", "English"]
    assert chosen.text == said(library, "en", Phrase.LANGUAGE_SET)
    assert ask(anna, "/help").text == said(library, "en", Phrase.HELP)


def settings_sent(fake: Fake, method: str, field: str) -> dict[str, Any]:
    """What the bot told Telegram about itself, by language code."""

    def both() -> dict[str, Any]:
        calls = fake.get("calls", method=method)
        found = {call["args"].get("language_code", ""): call["args"][field] for call in calls if call["status"] == 200}
        return found if len(found) == 2 else {}

    return dict(eventually(both, 10, f"{method} in both languages"))


def test_the_command_menu_is_set_in_both_languages(bot: BotProcess, fake: Fake, library: Library) -> None:
    menus = settings_sent(fake, "setmycommands", "commands")
    for code, lang in {"": "ru", "en": "en"}.items():
        commands = {row["command"]: row["description"] for row in json.loads(menus[code])}
        assert list(commands) == ["start", "help", "topics", "language", "privacy", "mydata", "forget"]
        assert commands["topics"] == library.wording("ru" if lang == "ru" else "en", Phrase.COMMAND_TOPICS)
        assert all(len(description) <= 256 for description in commands.values())


@pytest.mark.parametrize(
    ("method", "field", "phrase", "limit"),
    [
        ("setmydescription", "description", Phrase.PROFILE_DESCRIPTION, 512),
        ("setmyshortdescription", "short_description", Phrase.PROFILE_SHORT, 120),
    ],
)
def test_the_profile_is_set_in_both_languages_and_fits(
    bot: BotProcess, fake: Fake, library: Library, method: str, field: str, phrase: Phrase, limit: int
) -> None:
    texts = settings_sent(fake, method, field)
    assert texts == {"": library.wording("ru", phrase), "en": library.wording("en", phrase)}
    assert all(0 < len(text.encode("utf-16-le")) // 2 <= limit for text in texts.values())


# ---- what is no question --------------------------------------------------------------------------------------


@LANGS
@pytest.mark.parametrize(
    ("kind", "phrase"),
    [
        ("photo", Phrase.ATTACHMENT_PHOTO),
        ("voice", Phrase.ATTACHMENT_VOICE),
        ("video_note", Phrase.ATTACHMENT_VOICE),
        ("sticker", Phrase.ATTACHMENT_STICKER),
        ("document", Phrase.ATTACHMENT_OTHER),
        ("contact", Phrase.CONTACT),
    ],
)
def test_what_is_no_text_gets_a_kind_sentence(
    person: Person, library: Library, lang: Lang, kind: str, phrase: Phrase
) -> None:
    assert ask(person(lang), **{kind: True}).text == said(library, lang, phrase)


def test_a_question_under_a_photo_is_answered(person: Person, library: Library) -> None:
    reply = ask(person(), photo=True, caption=DURATION["ru"])
    assert reply.text.startswith(answer_of(library, "duration", "ru"))


@pytest.mark.parametrize("text", ["😀" * 4096, "\u200b\u200d\u202e", "\0", "...", "-"])
def test_a_message_without_a_word_is_told_so(person: Person, library: Library, text: str) -> None:
    assert ask(person(), text).text == said(library, "ru", Phrase.NOTHING_TO_READ)


@pytest.mark.parametrize(
    "text", ["<b>сколько</b> <i>держится</i> эффект", "*сколько* _держится_ [эффект](x)", "сколько\0держится эффект"]
)
def test_markup_in_a_question_does_no_harm(person: Person, library: Library, text: str) -> None:
    reply = ask(person(), text)
    assert reply.text.startswith(answer_of(library, "duration", "ru"))


def test_a_group_chat_is_left_alone(person: Person, bot: BotProcess, fake: Fake) -> None:
    anna = person()
    group = fake.group("Болтаем", members=[anna.profile["id"]])
    in_group = fake.user(anna.profile["id"], chat_id=group)

    in_group.say("/start")
    in_group.say(DURATION["ru"])
    ask(anna, DURATION["ru"])

    assert messages_in(in_group) == []
    assert fake.get("calls", chat_id=group) == []


# ---- an edited question ---------------------------------------------------------------------------------------


def edit(user: User, message: dict[str, Any], text: str) -> None:
    user.say(text, edited=message["message"]["message_id"])


def texts_in(user: User) -> list[str]:
    return [message["text"] for message in messages_in(user)]


def test_an_edited_question_is_answered_in_the_place_of_the_earlier_answer(person: Person, library: Library) -> None:
    anna = person()
    question = anna.say(DURATION["ru"])
    earlier = the_reply(anna)

    edit(anna, question, PAIN["ru"])
    later = the_reply(anna)

    assert (later.kind, later.message_id) == ("edited", earlier.message_id)
    assert later.text.startswith(answer_of(library, "pain", "ru"))
    assert title_of(library, "how-it-goes", "ru") in later.buttons


def test_an_edit_to_two_questions_keeps_the_first_place_and_adds_a_message(person: Person, library: Library) -> None:
    anna = person()
    question = anna.say(DURATION["ru"])
    earlier = the_reply(anna)

    edit(anna, question, f"{PAIN['ru']} {DURATION['ru']}?")
    changed, added = anna.replies(timeout=15, count=2)

    assert (changed.kind, changed.message_id, added.kind) == ("edited", earlier.message_id, "sent")
    assert changed.text.startswith(answer_of(library, "pain", "ru"))
    assert added.text.startswith(answer_of(library, "duration", "ru"))


def test_an_edit_to_fewer_questions_takes_the_spare_answers_away(person: Person, library: Library) -> None:
    anna = person()
    question = anna.say(f"{PAIN['ru']} {DURATION['ru']}?")
    first, _ = anna.replies(timeout=15, count=2)

    edit(anna, question, PRICE["ru"])
    eventually(lambda: len(messages_in(anna)) == 1, 10, "one answer is left")

    (left,) = messages_in(anna)
    assert left["message_id"] == first.message_id
    assert answer_of(library, "price", "ru") in left["text"]


def test_a_question_edited_twice_still_has_its_answer_in_the_first_place(person: Person, library: Library) -> None:
    anna = person()
    question = anna.say(f"{PAIN['ru']} {DURATION['ru']}?")
    first, _ = anna.replies(timeout=15, count=2)
    edit(anna, question, PRICE["ru"])
    the_reply(anna)

    edit(anna, question, DURATION["ru"])
    later = the_reply(anna)

    assert (later.kind, later.message_id) == ("edited", first.message_id)
    assert later.text.startswith(answer_of(library, "duration", "ru"))


def test_an_edit_that_changes_nothing_leaves_the_answer_as_it_is(person: Person, library: Library) -> None:
    anna = person()
    question = anna.say(DURATION["ru"])
    the_reply(anna)
    before = messages_in(anna)

    edit(anna, question, DURATION["ru"] + "?")
    anna.say("/help")
    eventually(lambda: texts_in(anna)[-1] == said(library, "ru", Phrase.HELP), 10, "the help is read")

    assert messages_in(anna)[:-1] == before


def test_a_question_edited_before_its_answer_left_has_one_answer(person: Person, library: Library) -> None:
    anna = person()
    anna.fake.fault("sendMessage", code=429, retry_after=1, chat_id=anna.chat_id)

    question = anna.say(DURATION["ru"])
    edit(anna, question, PAIN["ru"])
    anna.replies(timeout=15, count=2)

    (text,) = texts_in(anna)
    assert text.startswith(answer_of(library, "pain", "ru"))


def test_an_answer_that_can_no_longer_be_edited_is_sent_anew(person: Person, library: Library) -> None:
    anna = person()
    question = anna.say(DURATION["ru"])
    the_reply(anna)
    anna.fake.fault("editMessageText", code=400, description="Bad Request: message can't be edited")

    edit(anna, question, PAIN["ru"])
    later = the_reply(anna)

    assert later.kind == "sent"
    assert later.text.startswith(answer_of(library, "pain", "ru"))


def test_an_edit_of_a_message_the_bot_never_saw_is_answered_as_new(person: Person, library: Library) -> None:
    anna = person()
    message = {
        "message_id": 900_001,
        "date": int(time.time()) - 60,
        "edit_date": int(time.time()),
        "chat": {"id": anna.chat_id, "type": "private"},
        "from": {"is_bot": False, "first_name": "Анна", **anna.profile},
        "text": DURATION["ru"],
    }
    with pytest.raises(ControlError):
        anna.fake.get("chat", chat_id=anna.chat_id)
    ask(anna, "/help")

    anna.fake.post("update", type="edited_message", payload=message, key=anna.chat_id)

    reply = the_reply(anna)
    assert reply.kind == "sent"
    assert reply.text.startswith(answer_of(library, "duration", "ru"))
