"""Flags -> warnings, in their order and wording; what may not be sold beside what."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messages import LANGS, Button, Kind, Lang, Notice, Reply
from bot.retrieval.articles import FLAGS
from bot.safety.notices import attach, nothing_for_sale, owed, without_sales
from bot.wording import Phrase, Wording
from tests.examples import ScriptedLibrary, whole_knowledge

WORDING = ScriptedLibrary().wording
NOTICES = st.lists(st.sampled_from(list(Notice)), unique=True).map(tuple)
PHRASES = {
    Notice.ADVERTISING: Phrase.NOTICE_ADVERTISING,
    Notice.UNSIGNED: Phrase.NOTICE_UNSIGNED,
    Notice.CONTRAINDICATIONS: Phrase.NOTICE_CONTRAINDICATIONS,
    Notice.PSYCHOTHERAPY: Phrase.NOTICE_PSYCHOTHERAPY,
    Notice.WATCH: Phrase.NOTICE_WATCH,
}


def make_reply(text: str = "Текст.", **fields: object) -> Reply:
    return Reply(Kind.ANSWER, text, **fields)  # type: ignore[arg-type]


def words(notice: Notice, wording: Wording = WORDING, lang: Lang = "ru") -> str:
    return wording(lang, PHRASES[notice])


# ---- what is owed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "notice"),
    [
        ("mood", Notice.PSYCHOTHERAPY),
        ("medical", Notice.CONTRAINDICATIONS),
        ("commercial", Notice.ADVERTISING),
        ("watch", Notice.WATCH),
    ],
)
def test_a_flag_owes_its_notice(flag: str, notice: Notice) -> None:
    assert owed([flag], unsigned=False) == (notice,)


@pytest.mark.parametrize("flag", ["clinic", "urgent"])
def test_a_flag_that_warns_of_nothing_owes_nothing(flag: str) -> None:
    assert owed([flag], unsigned=False) == ()


def test_an_unsigned_text_owes_its_mark_whatever_its_flags() -> None:
    assert owed([], unsigned=True) == (Notice.UNSIGNED,)


def test_notices_are_owed_once_and_in_the_order_in_which_they_stand() -> None:
    assert owed([*FLAGS, *reversed(FLAGS)], unsigned=True) == tuple(Notice)


@given(st.lists(st.sampled_from(FLAGS)), st.lists(st.sampled_from(FLAGS)), st.booleans())
def test_another_flag_never_takes_a_notice_away(flags: list[str], more: list[str], unsigned: bool) -> None:
    assert set(owed(flags, unsigned=unsigned)) <= set(owed([*flags, *more], unsigned=unsigned))


# ---- how they are put into the reply ------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGS)
@given(notices=NOTICES)
def test_each_notice_stands_once_advertising_before_the_text_the_others_after_it(
    lang: Lang, notices: tuple[Notice, ...]
) -> None:
    reply = attach(make_reply("Здесь текст."), notices, WORDING, lang)

    before, after = reply.text.split("Здесь текст.")
    for notice in Notice:
        place = before if notice is Notice.ADVERTISING else after
        assert place.count(words(notice, lang=lang)) == (notice in notices)
    assert reply.notices == tuple(notice for notice in Notice if notice in notices)


def test_watch_stands_last() -> None:
    reply = attach(make_reply(), tuple(reversed(Notice)), WORDING, "ru")

    assert reply.text.endswith(f"*{words(Notice.WATCH)}*")


@given(NOTICES, NOTICES)
def test_notices_attached_twice_stand_once(first: tuple[Notice, ...], second: tuple[Notice, ...]) -> None:
    reply = attach(attach(make_reply(), first, WORDING, "ru"), second, WORDING, "ru")

    assert set(reply.notices) == {*first, *second}
    assert [reply.text.count(words(notice)) for notice in Notice] == [int(notice in reply.notices) for notice in Notice]


def test_without_notices_a_reply_stays_as_it_is() -> None:
    reply = make_reply(buttons=(Button("Ещё", "more:pain"),), topics=("pain",), confidence=0.5)

    assert attach(reply, (), WORDING, "ru") == reply


def test_only_text_and_notices_change() -> None:
    reply = make_reply(buttons=(Button("Ещё", "more:pain"),), topics=("pain",), confidence=0.5, sources=("nhs-botox",))

    warned = attach(reply, (Notice.WATCH,), WORDING, "ru")

    assert replace(warned, text=reply.text, notices=()) == reply


@pytest.mark.parametrize("lang", LANGS)
def test_no_notices_words_are_part_of_anothers(lang: Lang) -> None:
    texts = [words(notice, lang=lang) for notice in Notice]

    assert not [(one, other) for one, other in combinations(texts, 2) if one in other or other in one]


# ---- what may not be sold -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "topic",
    [
        "mood-evidence",
        "anti-stress-programme",
        "red-flags",
        "pregnancy-breastfeeding",
        "pregnancy-after-injection",
        "minors",
    ],
)
def test_under_mood_urgent_pregnancy_and_minors_nothing_is_for_sale(topic: str) -> None:
    assert nothing_for_sale(["duration", topic], ScriptedLibrary())


def test_under_other_topics_something_may_be_sold() -> None:
    assert not nothing_for_sale(["duration", "price", "side-effects", "no-such-topic"], ScriptedLibrary())


def test_what_sells_is_taken_out_and_the_rest_keeps_its_order() -> None:
    topics = ["mood-how", "price", "mood-evidence", "how-to-book", "duration", "anti-stress-programme"]

    assert without_sales(topics, ScriptedLibrary()) == ["mood-how", "mood-evidence", "duration"]


@pytest.mark.parametrize("flag", ["mood", "urgent"])
def test_a_flag_that_an_article_adds_forbids_sales_too(flag: str) -> None:
    article = whole_knowledge().articles["duration", "en"]
    library = ScriptedLibrary(changed=[replace(article, flags=(*article.flags, flag))])

    assert nothing_for_sale(["duration"], library)


def test_a_topic_that_sells_only_by_its_article_is_taken_out_too() -> None:
    article = whole_knowledge().articles["duration", "en"]
    library = ScriptedLibrary(changed=[replace(article, flags=(*article.flags, "commercial"))])

    assert without_sales(["duration", "onset"], library) == ["onset"]
