"""Every article, in both languages, on every path to it: warnings, buttons, languages (design.md, promise 3).

What is owed is reckoned here anew, from catalogue.yml and the articles' own flags; only the words come from the bot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

import pytest
import yaml

from bot.conversation import TOUCHED
from bot.messages import LANGS, Kind, Lang, Notice, Reply
from bot.retrieval.library import Library
from tests.examples import KNOWLEDGE, Chat, ScriptedLibrary, signed, whole_knowledge

OWED = {
    "mood": Notice.PSYCHOTHERAPY,
    "medical": Notice.CONTRAINDICATIONS,
    "commercial": Notice.ADVERTISING,
    "watch": Notice.WATCH,
}
# Nothing is sold under these, nor under the flags `mood` and `urgent`: pregnancy and under 18.
QUIET = {"pregnancy-breastfeeding", "pregnancy-after-injection", "minors"}
# Replies that lead nowhere on purpose: «ничего из этого» is the way out of a choice.
DEAD_ENDS = {"none"}
TOPICS = sorted({topic for topic, _ in whole_knowledge().articles})
ARTICLES = sorted(whole_knowledge().articles)
BY_LANG = [(lang, topic) for topic, lang in ARTICLES]


@cache
def flags(topic: str) -> frozenset[str]:
    catalogue = yaml.safe_load((KNOWLEDGE / "catalogue.yml").read_text(encoding="utf-8"))
    least = {row["id"]: row["flags"] for rows in catalogue.values() for row in rows}
    own = [article.flags for (found, _), article in whole_knowledge().articles.items() if found == topic]
    return frozenset(least[topic]).union(*own)


def is_quiet(topic: str) -> bool:
    return bool(flags(topic) & {"mood", "urgent"}) or topic in QUIET


def sells(payload: str) -> bool:
    return payload == "book" or (payload.startswith("topic:") and "commercial" in flags(payload.removeprefix("topic:")))


def cyrillic_share(text: str) -> float:
    cyrillic, latin = len(re.findall("[а-яё]", text, re.IGNORECASE)), len(re.findall("[a-z]", text, re.IGNORECASE))
    return cyrillic / max(1, cyrillic + latin)


def check(reply: Reply, library: Library, lang: Lang, touched: Iterable[str] = ()) -> None:
    """Everything that holds for every reply; `touched` are topics of the question beyond those of the reply."""
    payloads = [button.payload for button in reply.buttons]
    _check_words(reply, lang)
    assert len(set(payloads)) == len(payloads)
    assert 0.0 <= reply.confidence <= 1.0
    owed = {OWED[flag] for topic in (*reply.topics, *touched) for flag in flags(topic) if flag in OWED}
    if reply.kind is not Kind.ANSWER and any("urgent" in flags(topic) for topic in (*reply.topics, *touched)):
        owed.add(Notice.WATCH)  # the article itself begins with the emergency signs
    if any(map(sells, payloads)):
        owed.add(Notice.ADVERTISING)
    assert set(reply.notices) - {Notice.UNSIGNED} == owed
    assert list(reply.notices) == [notice for notice in Notice if notice in reply.notices]
    for notice in Notice:
        count = reply.text.count(library.wording(lang, f"notices.{notice}"))  # type: ignore[arg-type]
        assert count == (notice in reply.notices), notice
    if Notice.ADVERTISING in reply.notices:
        assert reply.text.startswith(f"*{library.wording(lang, 'notices.advertising')}*")  # type: ignore[arg-type]
    if Notice.WATCH in reply.notices:
        assert reply.text.endswith(f"*{library.wording(lang, 'notices.watch')}*")  # type: ignore[arg-type]
    if any(map(is_quiet, (*reply.topics, *touched))):
        assert not [payload for payload in payloads if sells(payload)]


def _check_words(reply: Reply, lang: Lang) -> None:
    assert reply.text.strip()
    assert not re.search(r"\{\w*\}|\[@", reply.text), "an unfilled place or a citation mark"
    # Titles of publications and «Русский» / English stay in their own language.
    said = "\n".join(line for line in reply.text.split("\n") if line not in _citations())
    titles = " ".join(button.title for button in reply.buttons if not button.payload.startswith("language:"))
    for text in filter(None, (said, titles)):
        share = cyrillic_share(text)
        assert share > 0.7 if lang == "ru" else share < 0.2, text
    assert all(button.title.strip() and button.payload for button in reply.buttons)


@cache
def _citations() -> frozenset[str]:
    return frozenset(f"- {source.citation()}" for source in whole_knowledge().sources.values())


def chat_in(lang: Lang, library: Library, unsigned: str = "mark") -> Chat:
    chat = Chat(library, unsigned)  # type: ignore[arg-type]
    chat.presses(f"language:{lang}")
    return chat


def check_buttons(chat: Chat, reply: Reply, library: Library, lang: Lang) -> None:
    """Every button under a reply leads somewhere."""
    for button in reply.buttons:
        if button.payload not in DEAD_ENDS:
            reached = chat.presses(button.payload)
            assert reached.kind is not Kind.UNKNOWN, button
            check(reached, library, lang if not button.payload.startswith("language:") else chat.state.language or lang)


@pytest.mark.parametrize(("lang", "topic"), BY_LANG)
def test_an_article_is_sound_on_every_path_to_it(lang: Lang, topic: str) -> None:
    question = {"ru": "вопрос вот такой", "en": "the question is this"}[lang]
    library = ScriptedLibrary({question: {topic: 0.9}})

    for path in ("asked", "deep link", f"topic:{topic}", f"more:{topic}", f"sources:{topic}"):
        chat = chat_in(lang, library)
        if path == "asked":
            reply = chat.says(question)
        elif path == "deep link":
            reply = chat.says(f"/start {topic}")
        else:
            reply = chat.presses(path)

        assert (reply.kind, reply.topics) == (Kind.ANSWER, (topic,)), path
        article = whole_knowledge().articles[topic, lang]
        assert (Notice.UNSIGNED in reply.notices) is not article.signed(chat.clock.at.date())
        check(reply, library, lang)
        check_buttons(chat, reply, library, lang)


@pytest.mark.parametrize(("lang", "topic"), BY_LANG)
def test_an_article_is_sound_among_offers_and_its_warnings_outlive_the_choice(lang: Lang, topic: str) -> None:
    question = {"ru": "вопрос вот такой", "en": "the question is this"}[lang]
    others = [other for other, other_lang in ARTICLES if other_lang == lang and other != topic]

    for other in others:
        library = ScriptedLibrary({question: {topic: 0.4, other: 0.3}})
        chat = chat_in(lang, library)
        choice = chat.says(question)
        if "red-flags" in (topic, other):
            assert (choice.kind, choice.topics) == (Kind.ANSWER, ("red-flags",))  # danger is told, not offered
            check(choice, library, lang)
            continue
        check(choice, library, lang, touched=[topic, other])
        assert bool(choice.topics) is (choice.kind is Kind.CLARIFY)
        assert set(choice.topics) >= {name for name in (topic, other) if "commercial" not in flags(name)}
        check(chat.presses("none"), library, lang, touched=choice.topics)
        chat.says(question)
        assert not choice.topics or chat.says("1").topics == choice.topics[:1]


@pytest.mark.parametrize(("lang", "topic"), BY_LANG)
def test_an_article_offered_alone_is_sound(lang: Lang, topic: str) -> None:
    question = {"ru": "вопрос вот такой", "en": "the question is this"}[lang]
    library = ScriptedLibrary({question: {topic: 0.6}})

    reply = chat_in(lang, library).says(question)

    assert reply.kind is (Kind.ANSWER if topic == "red-flags" else Kind.CLARIFY if reply.topics else Kind.UNKNOWN)
    check(reply, library, lang, touched=[topic])


@pytest.mark.parametrize(("lang", "topic"), BY_LANG)
def test_a_question_that_only_touches_an_article_owes_its_warnings(lang: Lang, topic: str) -> None:
    question = {"ru": "вопрос вот такой", "en": "the question is this"}[lang]
    library = ScriptedLibrary({question: {topic: 0.3}})

    reply = chat_in(lang, library).says(question)

    assert reply.kind is Kind.UNKNOWN
    check(reply, library, lang, touched=[topic])


@pytest.mark.parametrize("lang", LANGS)
def test_every_button_leads_somewhere_and_the_menus_to_every_article(lang: Lang) -> None:
    library = ScriptedLibrary()
    seen = dict(_crawled(chat_in(lang, library)))

    for payload, reply in seen.items():
        assert reply.kind is not Kind.UNKNOWN, payload
        if not payload.startswith("language:"):
            check(reply, library, lang)
    shown = {topic for topic, found in ARTICLES if found == lang and f"topic:{topic}" in seen}
    missing = {topic for topic, found in ARTICLES if found == lang} - shown
    # What sells is left out of a list where something forbids it; it is found by asking.
    assert all("commercial" in flags(topic) for topic in missing)


def _crawled(chat: Chat) -> Iterator[tuple[str, Reply]]:
    """Every button that can be reached from a command, with what it says."""
    language = chat.state.language
    waiting, seen = ["start", "help", "language", "privacy", "mydata", "forget"], {"none"}
    while waiting:
        payload = waiting.pop()
        if payload in seen:
            continue
        seen.add(payload)
        reply = chat.presses(payload)
        yield payload, reply
        waiting += [button.payload for button in reply.buttons]
        if payload.startswith("language:"):
            chat.presses(f"language:{language}")


@pytest.mark.parametrize("lang", LANGS)
def test_where_unsigned_texts_are_hidden_no_path_shows_one(lang: Lang) -> None:
    # given every second article signed as it stands, and the texts of the others told apart by a word
    articles = whole_knowledge().articles
    changed = [signed(articles[topic, found]) for topic, found in ARTICLES if _is_signed(topic)]
    library = ScriptedLibrary({"?": {}}, changed=changed)
    chat = chat_in(lang, library, "hide")

    seen = dict(_crawled(chat))
    for topic in TOPICS:
        seen[f"topic:{topic}"] = chat.presses(f"topic:{topic}")
        seen[f"more:{topic}"] = chat.presses(f"more:{topic}")
        seen[f"sources:{topic}"] = chat.presses(f"sources:{topic}")

    hidden = [articles[topic, lang] for topic in TOPICS if (topic, lang) in articles and not _is_signed(topic)]
    assert hidden
    for payload, reply in seen.items():
        if payload.startswith("language:"):
            continue
        check(reply, library, lang)
        assert Notice.UNSIGNED not in reply.notices
        assert not [article.id for article in hidden if article.answer in reply.text or article.more in reply.text]
        assert not [article.id for article in hidden if f"topic:{article.id}" in [b.payload for b in reply.buttons]]
        if payload.partition(":")[2] in {article.id for article in hidden}:
            assert reply.kind is Kind.UNKNOWN


def _is_signed(topic: str) -> bool:
    return TOPICS.index(topic) % 2 == 0


@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGS)
def test_questions_of_the_library_get_sound_replies(library: Library, lang: Lang) -> None:
    for (_, found), article in sorted(whole_knowledge().articles.items()):
        if found != lang:
            continue
        for question in article.questions[::7]:  # the encoder takes its time
            (reply, *_) = Chat(library).turn(question, only=lang).replies
            if reply.kind in (Kind.EMERGENCY, Kind.CRISIS, Kind.URGENT):
                assert "112" in reply.text  # a fixed text: nothing may stand around it
                continue
            found = library.find(library.read(question, only=lang))
            near = [hit.label for hit in found.hits if hit.probability >= TOUCHED and "/" not in hit.label]
            offered = [topic for topic in found.decision.topics if reply.kind is Kind.CLARIFY]
            check(reply, library, lang, touched=near if reply.kind is Kind.UNKNOWN else offered)
