"""One turn after another: what a patient sends, what the bot says, what it remembers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.messages import (
    CARE_LASTS,
    LANGS,
    Attachment,
    ChatState,
    Contact,
    Erase,
    Key,
    Kind,
    Lang,
    Notice,
    Outcome,
    Reply,
    ShowData,
    Unanswered,
)
from bot.retrieval.articles import Article
from bot.retrieval.questions import KINDS
from bot.wording import Phrase
from tests.examples import NOON, Chat, ScriptedLibrary, signed, whole_knowledge

# A choice of two topics under which something may be sold, and what a patient asked to get it.
UNCLEAR = {"расскажите про сроки": {"duration": 0.4, "onset": 0.3}}
MOODY = {"грустно и дорого": {"mood-evidence": 0.4, "mood-how": 0.3}}


def payloads(reply: Reply) -> list[str]:
    return [button.payload for button in reply.buttons]


def words(lang: Lang, phrase: Phrase) -> str:
    return ScriptedLibrary().wording(lang, phrase)


def asked_unclearly() -> Chat:
    chat = Chat(ScriptedLibrary({**UNCLEAR, **MOODY, "про начало": {"onset": 0.9}, "больно?": {"pain": 0.9}}))
    chat.says("расскажите про сроки")
    return chat


# ---- answer, clarify, unknown ---------------------------------------------------------------------------------


def test_a_question_found_for_sure_is_answered_with_the_articles_first_paragraph() -> None:
    chat = Chat(ScriptedLibrary({"сколько держится?": {"duration": 0.93}}))

    reply = chat.says("сколько держится?")

    article = whole_knowledge().articles["duration", "ru"]
    assert (reply.kind, reply.topics, reply.confidence) == (Kind.ANSWER, ("duration",), 0.93)
    assert reply.text.startswith(article.answer)
    assert article.more not in reply.text
    assert reply.sources == article.sources


def test_under_an_answer_stand_more_sources_related_topics_and_a_human() -> None:
    chat = Chat(ScriptedLibrary({"сколько держится?": {"duration": 0.93}}))

    reply = chat.says("сколько держится?")

    related = [f"topic:{topic}" for topic in whole_knowledge().articles["duration", "ru"].related]
    assert payloads(reply) == ["more:duration", "sources:duration", *related, "human"]


def test_a_question_between_two_topics_offers_both_likelier_first() -> None:
    chat = Chat(ScriptedLibrary(UNCLEAR))

    reply = chat.says("расскажите про сроки")

    assert (reply.kind, reply.topics) == (Kind.CLARIFY, ("duration", "onset"))
    assert payloads(reply) == ["topic:duration", "topic:onset", "none"]
    assert reply.confidence == pytest.approx(0.7)


def test_a_question_that_finds_nothing_is_unknown_and_offers_a_human() -> None:
    chat = Chat(ScriptedLibrary({"что-то странное": {"pain": 0.1}}))

    reply = chat.says("что-то странное")

    assert (reply.kind, reply.topics) == (Kind.UNKNOWN, ())
    assert words("ru", Phrase.UNKNOWN) in reply.text
    assert payloads(reply) == ["topics", "human"]


def test_the_second_unknown_in_a_row_says_where_to_ask_instead() -> None:
    chat = Chat(ScriptedLibrary())
    chat.says("что-то странное")

    reply = chat.says("что-то совсем странное")

    assert words("ru", Phrase.UNKNOWN_AGAIN) in reply.text


def test_an_answer_between_two_unknowns_starts_the_count_anew() -> None:
    chat = Chat(ScriptedLibrary({"больно?": {"pain": 0.9}}))
    chat.says("что-то странное")
    chat.says("больно?")

    reply = chat.says("что-то совсем странное")

    assert words("ru", Phrase.UNKNOWN) in reply.text


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in whole_knowledge().catalogue])
def test_an_outside_question_is_sent_on_by_its_kind(kind: str) -> None:
    chat = Chat(ScriptedLibrary({"постороннее": {f"outside/{kind}": 0.9}}))

    reply = chat.says("постороннее")

    assert reply.kind is Kind.UNKNOWN
    assert reply.text == words("ru", KINDS[kind])


def test_no_kind_of_outside_question_bears_the_id_of_a_topic() -> None:
    assert [kind for kind in KINDS if kind in whole_knowledge().catalogue] == []


def test_an_outside_question_near_a_topic_owes_the_topics_warnings() -> None:
    chat = Chat(ScriptedLibrary({"таблетки от депрессии": {"outside/medicine": 0.6, "mood-evidence": 0.3}}))

    reply = chat.says("таблетки от депрессии")

    assert reply.kind is Kind.UNKNOWN
    assert reply.notices == (Notice.CONTRAINDICATIONS, Notice.PSYCHOTHERAPY)


# ---- choosing among the offers ------------------------------------------------------------------------------------


def test_a_pressed_offer_answers_and_settles_the_choice() -> None:
    chat = asked_unclearly()

    reply = chat.presses("topic:onset")

    assert (reply.kind, reply.topics, reply.confidence) == (Kind.ANSWER, ("onset",), 1.0)
    assert (chat.state.offered, chat.state.offered_question) == ((), "")


@pytest.mark.parametrize("typed", ["2", "2.", "№2", "второе", "Вторая", "второй вариант", "the second one", "second"])
def test_a_number_or_a_word_of_order_chooses_an_offer(typed: str) -> None:
    chat = asked_unclearly()

    reply = chat.says(typed)

    assert (reply.kind, reply.topics) == (Kind.ANSWER, ("onset",))


@pytest.mark.parametrize("typed", ["Когда подействует", "когда ПОДЕЙСТВУЕТ", " когда подействует "])
def test_a_typed_title_chooses_an_offer(typed: str) -> None:
    chat = asked_unclearly()

    reply = chat.says(typed)

    assert (reply.kind, reply.topics) == (Kind.ANSWER, ("onset",))


def test_words_that_fit_one_offer_choose_it() -> None:
    chat = asked_unclearly()

    reply = chat.says("про начало")

    assert (reply.kind, reply.topics) == (Kind.ANSWER, ("onset",))


def test_a_number_beyond_the_offers_chooses_none() -> None:
    chat = asked_unclearly()

    assert chat.says("3").kind is Kind.UNKNOWN


def test_another_question_typed_over_the_offers_is_answered_itself() -> None:
    chat = asked_unclearly()

    reply = chat.says("больно?")

    assert (reply.kind, reply.topics) == (Kind.ANSWER, ("pain",))


def test_a_number_after_the_choice_is_settled_chooses_nothing() -> None:
    chat = asked_unclearly()
    chat.says("1")

    assert chat.says("2").kind is Kind.UNKNOWN


def test_none_of_these_keeps_the_warnings_of_what_was_offered() -> None:
    chat = Chat(ScriptedLibrary(MOODY))
    chat.says("грустно и дорого")

    reply = chat.presses("none")

    assert (reply.kind, chat.state.offered) == (Kind.UNKNOWN, ())
    assert reply.notices == (Notice.CONTRAINDICATIONS, Notice.PSYCHOTHERAPY)


def test_offers_are_remembered_with_the_question_they_came_from() -> None:
    chat = asked_unclearly()

    assert chat.state.offered == ("duration", "onset")
    assert chat.state.offered_question == "расскажите про сроки"


def test_beside_a_mood_topic_no_price_is_offered() -> None:
    chat = Chat(ScriptedLibrary({"от депрессии дорого?": {"mood-evidence": 0.4, "price": 0.3}}))

    reply = chat.says("от депрессии дорого?")

    assert payloads(reply) == ["topic:mood-evidence", "none"]


def test_a_choice_keeps_the_warning_of_a_topic_it_does_not_offer() -> None:
    chat = Chat(ScriptedLibrary({"от депрессии дорого?": {"mood-evidence": 0.4, "price": 0.3}}))

    reply = chat.says("от депрессии дорого?")

    assert Notice.ADVERTISING in reply.notices


@pytest.mark.parametrize("found", [{"anti-stress-programme": 0.6}, {"anti-stress-programme": 0.5, "mood-how": 0.1}])
def test_a_choice_that_may_not_be_offered_is_no_choice_without_topics(found: dict[str, float]) -> None:
    chat = Chat(ScriptedLibrary({"про программу": found}))

    reply = chat.says("про программу")

    assert payloads(reply) != ["none"]
    assert Notice.PSYCHOTHERAPY in reply.notices


def test_offers_are_forgotten_like_the_topic() -> None:
    chat = asked_unclearly()

    chat.waits(timedelta(days=7))

    assert chat.says("2").kind is Kind.UNKNOWN


def test_yes_to_a_single_offer_takes_it() -> None:
    chat = Chat(ScriptedLibrary({"долго ли": {"duration": 0.6}, "да": {"intent/affirm": 0.9}}))
    chat.says("долго ли")

    reply = chat.says("да")

    assert (reply.kind, reply.topics) == (Kind.ANSWER, ("duration",))


# ---- follow-ups ---------------------------------------------------------------------------------------------------

PAIN = whole_knowledge().articles["pain", "ru"].title
FOLLOWING = {
    "больно?": {"pain": 0.9},
    "а если на лбу?": {"forehead-lines": 0.3, "pain": 0.25},
    f"{PAIN}: если на лбу?": {"pain": 0.8},
    "а сколько держится?": {"duration": 0.95},
    f"{PAIN}: сколько держится?": {"pain": 0.9},
    "мне страшно": {"pain": 0.02},
    f"{PAIN}: мне страшно": {"pain": 0.95},
    "нет, я про лоб": {"forehead-lines": 0.3, "pain": 0.1},
    "я про лоб": {"forehead-lines": 0.9},
    f"{PAIN}: я про лоб": {"pain": 0.9},
}


def spoke_of_pain() -> Chat:
    chat = Chat(ScriptedLibrary(FOLLOWING))
    chat.says("больно?")
    return chat


@pytest.mark.parametrize("minutes", [0, 29, 30])
def test_a_follow_up_within_half_an_hour_is_read_with_the_chats_topic(minutes: int) -> None:
    chat = spoke_of_pain()
    chat.waits(timedelta(minutes=minutes))

    reply = chat.says("а если на лбу?")

    assert (reply.kind, reply.topics) == (Kind.ANSWER, ("pain",))


def test_a_follow_up_after_half_an_hour_is_a_question_of_its_own() -> None:
    chat = spoke_of_pain()
    chat.waits(timedelta(minutes=30, seconds=1))

    assert chat.says("а если на лбу?").kind is Kind.CLARIFY


def test_a_follow_up_in_a_new_chat_is_a_question_of_its_own() -> None:
    chat = Chat(ScriptedLibrary(FOLLOWING))

    assert chat.says("а если на лбу?").kind is Kind.CLARIFY


def test_each_answer_keeps_the_topic_alive_for_another_half_hour() -> None:
    chat = spoke_of_pain()
    chat.waits(timedelta(minutes=20))
    chat.presses("more:pain")
    chat.waits(timedelta(minutes=20))

    assert chat.says("а если на лбу?").topics == ("pain",)


def test_a_question_that_is_clear_alone_is_not_read_with_the_topic() -> None:
    chat = spoke_of_pain()

    assert chat.says("а сколько держится?").topics == ("duration",)


def test_a_message_that_has_nothing_to_do_with_the_topic_does_not_get_its_article() -> None:
    chat = spoke_of_pain()

    assert chat.says("мне страшно").kind is not Kind.ANSWER


def test_a_correction_does_not_get_the_same_article_again() -> None:
    chat = spoke_of_pain()

    reply = chat.says("нет, я про лоб")

    assert (reply.kind, reply.topics) == (Kind.ANSWER, ("forehead-lines",))


@pytest.mark.parametrize(
    ("typed", "payload"),
    [
        ("подробнее", "more"),
        ("расскажите подробнее", "more"),
        ("More!", "more"),
        ("источники?", "sources"),
        ("sources", "sources"),
    ],
)
def test_a_typed_button_of_the_last_answer_does_what_the_button_does(typed: str, payload: str) -> None:
    chat, other = spoke_of_pain(), spoke_of_pain()

    assert chat.says(typed) == replace(other.presses(f"{payload}:pain"), key=Key("1", 0))


# ---- danger -------------------------------------------------------------------------------------------------------

DANGERS = [("мне трудно дышать", Kind.EMERGENCY), ("i want to die", Kind.CRISIS)]


@pytest.mark.parametrize(("text", "kind"), DANGERS)
def test_danger_comes_before_any_search_and_has_nothing_under_it(text: str, kind: Kind) -> None:
    library = ScriptedLibrary({text: {"pain": 0.99}})

    reply = Chat(library).says(text)

    assert (reply.kind, reply.buttons, reply.notices) == (kind, (), ())
    assert "112" in reply.text
    assert library.searched == []


@pytest.mark.parametrize(("text", "kind"), DANGERS)
def test_danger_comes_before_a_choice_and_settles_it(text: str, kind: Kind) -> None:
    chat = asked_unclearly()

    assert chat.says(text).kind is kind
    assert chat.state.offered == ()


@pytest.mark.parametrize(("text", "kind"), DANGERS)
def test_danger_in_a_caption_or_an_edited_message_or_behind_a_slash_is_danger(text: str, kind: Kind) -> None:
    replies = [
        Chat(ScriptedLibrary()).says(text, attachment=Attachment("photo")),
        Chat(ScriptedLibrary()).says(text, edited=True),
        Chat(ScriptedLibrary()).says(f"/{text}"),
        Chat(ScriptedLibrary()).says(text, contact=Contact("+79991234567", "Анна", own=True)),
    ]

    assert {reply.kind for reply in replies} == {kind}


@pytest.mark.parametrize("command", ["/start", "/help", "/topics"])
def test_danger_behind_a_command_is_danger(command: str) -> None:
    assert Chat(ScriptedLibrary()).says(f"{command} мне трудно дышать").kind is Kind.EMERGENCY


def test_danger_is_answered_while_a_human_holds_the_chat() -> None:
    chat = Chat(ScriptedLibrary(), state=ChatState(owner="human"))

    assert chat.says("мне трудно дышать").kind is Kind.EMERGENCY


# ---- two questions in one message ---------------------------------------------------------------------------------

TWO = {
    "Сколько стоит?": {"price": 0.9},
    "И больно ли это?": {"pain": 0.9},
    "Это больно?": {"pain": 0.9},
    "Здравствуйте!": {"intent/greet": 0.9},
    "Здравствуйте! Это больно?": {"intent/greet": 0.6},
    "Я волнуюсь.": {"mood-anxiety": 0.2},
    "Сколько держится?": {"duration": 0.9},
    "Как часто?": {"how-often": 0.9},
}


def test_two_questions_get_two_replies_in_their_order() -> None:
    chat = Chat(ScriptedLibrary(TWO))

    replies = chat.turn("Сколько стоит? И больно ли это?").replies

    assert [reply.topics for reply in replies] == [("price",), ("pain",)]


def test_each_of_two_replies_carries_its_own_warnings_and_buttons() -> None:
    chat = Chat(ScriptedLibrary(TWO))

    price, pain = chat.turn("Сколько стоит? И больно ли это?").replies

    assert Notice.ADVERTISING in price.notices
    assert "book" in payloads(price)
    assert Notice.CONTRAINDICATIONS in pain.notices
    assert "book" not in payloads(pain)


def test_after_two_questions_the_chat_is_about_the_last_one() -> None:
    chat = Chat(ScriptedLibrary(TWO))

    chat.turn("Сколько стоит? И больно ли это?")

    assert chat.state.topic == "pain"


def test_the_same_question_asked_twice_in_a_message_is_answered_once() -> None:
    chat = Chat(ScriptedLibrary(TWO))

    assert chat.says("И больно ли это? Это больно?").topics == ("pain",)


@pytest.mark.parametrize("text", ["Здравствуйте! Это больно?", "Здравствуйте! Я волнуюсь. Это больно?"])
def test_what_stands_around_a_question_does_not_hide_it(text: str) -> None:
    chat = Chat(ScriptedLibrary(TWO))

    reply = chat.says(text)

    assert (reply.kind, reply.topics) == (Kind.ANSWER, ("pain",))


def test_a_wall_of_questions_is_read_as_one() -> None:
    wall = "Сколько стоит? Это больно? Сколько держится? Как часто?"
    chat = Chat(ScriptedLibrary({**TWO, wall: {"how-it-goes": 0.9}}))

    assert chat.says(wall).topics == ("how-it-goes",)


# ---- nothing is sold beside mood and pregnancy ----------------------------------------------------------------------

QUIET = {
    "Сколько стоит?": {"price": 0.9},
    "Депрессию лечит?": {"mood-evidence": 0.9},
    "Я беременна, можно?": {"pregnancy-breastfeeding": 0.9},
    "что почём": {"price": 0.4, "pain": 0.3},
}


def sells(reply: Reply) -> bool:
    """Whether a button leads to a booking, a price or an offer."""
    return bool({"book", "topic:how-to-book", "topic:price", "topic:is-it-for-me"} & set(payloads(reply)))


@pytest.mark.parametrize("first", ["Депрессию лечит?", "Я беременна, можно?"])
def test_while_the_chat_is_about_mood_or_pregnancy_even_a_price_offers_no_booking(first: str) -> None:
    chat = Chat(ScriptedLibrary(QUIET))
    chat.says(first)

    assert not sells(chat.says("что почём"))
    assert not sells(chat.presses("category:clinic"))
    price = chat.says("Сколько стоит?")
    assert (price.topics, sells(price)) == (("price",), False)
    assert Notice.ADVERTISING in price.notices


def test_half_an_hour_later_a_price_offers_a_booking_again() -> None:
    chat = Chat(ScriptedLibrary(QUIET))
    chat.says("Депрессию лечит?")
    chat.waits(timedelta(minutes=31))

    assert sells(chat.says("Сколько стоит?"))


def test_an_offer_of_mood_topics_keeps_the_next_price_without_booking() -> None:
    chat = Chat(
        ScriptedLibrary({"станет ли легче": {"mood-evidence": 0.5, "mood-duration": 0.3}, "цена": {"price": 0.9}})
    )
    assert chat.says("станет ли легче").kind is Kind.CLARIFY

    reply = chat.says("цена")

    assert reply.topics == ("price",)
    assert "book" not in [button.payload for button in reply.buttons]


def test_under_18_a_verdict_is_refused_and_the_next_price_offers_no_booking() -> None:
    chat = Chat(ScriptedLibrary({"цена": {"price": 0.9}}))
    refusal = chat.says("мне 16")
    assert (refusal.kind, refusal.topics) == (Kind.REFUSAL, ("minors",))

    reply = chat.says("цена")

    assert reply.topics == ("price",)
    assert "book" not in [button.payload for button in reply.buttons]


@pytest.mark.parametrize("text", ["Я беременна, можно? Сколько стоит?", "Сколько стоит? Я беременна, можно?"])
def test_in_one_message_with_pregnancy_a_price_offers_no_booking_in_either_order(text: str) -> None:
    replies = Chat(ScriptedLibrary(QUIET)).turn(text).replies

    assert [sells(reply) for reply in replies] == [False, False]


# ---- what is no question ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["ru", "en"])
@pytest.mark.parametrize("intent", ["greet", "thanks", "goodbye", "affirm", "deny"])
def test_an_intent_without_an_action_is_answered_with_its_response(intent: str, lang: Lang) -> None:
    text = {"ru": "ну такое дело", "en": "well such a thing"}[lang]
    chat = Chat(ScriptedLibrary({text: {f"intent/{intent}": 0.9}}))

    reply = chat.says(text)

    assert (reply.kind, reply.topics, reply.notices) == (Kind.CHAT, (), ())
    assert payloads(reply) == ["topics"]


@pytest.mark.parametrize("chooses", ["types", "presses"])
def test_a_wish_to_book_is_told_honestly_that_nothing_is_booked_here(chooses: str) -> None:
    chat = Chat(ScriptedLibrary({"запишите меня": {"intent/book": 0.6}}))

    reply = chat.says("запишите меня") if chooses == "types" else chat.presses("book")

    assert (reply.kind, reply.topics) == (Kind.BOOKING, ("how-to-book",))
    assert reply.notices == (Notice.ADVERTISING,)
    assert "не умею" in reply.text


@pytest.mark.parametrize("chooses", ["types", "presses"])
def test_a_wish_for_a_human_is_told_honestly_that_nobody_reads_this_chat(chooses: str) -> None:
    chat = Chat(ScriptedLibrary({"позовите человека": {"intent/human": 0.6}}))

    reply = chat.says("позовите человека") if chooses == "types" else chat.presses("human")

    assert reply.kind is Kind.HANDOFF
    assert "не умею" in reply.text
    assert "112" in reply.text


def test_thanks_leave_the_topic_and_the_offers_as_they_were() -> None:
    chat = Chat(ScriptedLibrary({**UNCLEAR, "больно?": {"pain": 0.9}, "спасибо": {"intent/thanks": 0.9}}))
    chat.says("больно?")
    chat.says("расскажите про сроки")

    chat.says("спасибо")

    assert chat.state.topic == "pain"
    assert chat.state.offered == ("duration", "onset")


@pytest.mark.parametrize("kind", ["photo", "voice", "video", "audio", "sticker", "document", "location", "other"])
def test_something_that_is_no_text_gets_a_kind_sentence(kind: str) -> None:
    chat = Chat(ScriptedLibrary())

    reply = chat.says("", attachment=Attachment(kind))  # type: ignore[arg-type]

    assert reply.kind is Kind.CHAT
    assert reply.text in [
        text for key, text in whole_knowledge().wording["ru"].items() if key.startswith("attachments.")
    ]


def test_a_photos_caption_is_answered() -> None:
    chat = Chat(ScriptedLibrary({"больно?": {"pain": 0.9}}))

    assert chat.says("больно?", attachment=Attachment("photo")).topics == ("pain",)


def test_a_shared_phone_number_is_neither_needed_nor_repeated() -> None:
    chat = Chat(ScriptedLibrary())

    reply = chat.says("", contact=Contact("+79991234567", "Анна", own=True))

    assert reply.text == words("ru", Phrase.CONTACT)


# ---- commands and buttons -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "phrase"),
    [("/start", Phrase.START), ("/help", Phrase.HELP), ("/topics", Phrase.TOPICS), ("/language", Phrase.LANGUAGE),
     ("/HELP", Phrase.HELP), ("/help@mimika_bot", Phrase.HELP), ("/help please", Phrase.HELP)],
)  # fmt: skip
def test_a_command_is_obeyed(command: str, phrase: Phrase) -> None:
    reply = Chat(ScriptedLibrary()).says(command)

    assert reply.kind is Kind.CHAT
    assert reply.text == words("ru", phrase)


def test_a_deep_link_shows_its_topic() -> None:
    reply = Chat(ScriptedLibrary()).says("/start duration")

    assert (reply.kind, reply.topics, reply.confidence) == (Kind.ANSWER, ("duration",), 1.0)


@pytest.mark.parametrize("link", ["no-such-topic", "topic:duration", "../../etc/passwd", "' OR 1=1 --", "intent/book"])
def test_a_deep_link_to_nothing_shows_the_way_to_the_topics(link: str) -> None:
    reply = Chat(ScriptedLibrary()).says(f"/start {link}")

    assert (reply.kind, reply.text) == (Kind.UNKNOWN, words("ru", Phrase.UNKNOWN_TOPIC))
    assert payloads(reply) == ["topics"]


@pytest.mark.parametrize("typed", ["/restart", '/book{"name":"x"}', "//restart"])
def test_a_slash_is_not_trusted_and_what_follows_is_read_as_words(typed: str) -> None:
    library = ScriptedLibrary({typed.lstrip("/"): {"pain": 0.9}})

    assert Chat(library).says(typed, only="en").topics == ("pain",)


def test_starting_anew_forgets_the_offers() -> None:
    chat = asked_unclearly()

    chat.says("/start")

    assert chat.state.offered == ()
    assert chat.says("2").kind is Kind.UNKNOWN


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "nonsense",
        "topic",
        "more:",
        "more:nothing",
        "sources:nothing",
        "category:nothing",
        "language:de",
        "intent/book",
    ],
)
def test_a_button_that_means_nothing_any_more_says_so(payload: str) -> None:
    reply = Chat(ScriptedLibrary()).presses(payload)

    assert reply.kind is Kind.UNKNOWN
    assert payloads(reply) == ["topics"]


def test_more_shows_the_rest_of_the_article_and_the_way_to_its_sources() -> None:
    reply = Chat(ScriptedLibrary()).presses("more:duration")

    article = whole_knowledge().articles["duration", "ru"]
    assert article.title in reply.text
    assert article.more in reply.text
    assert payloads(reply)[0] == "sources:duration"


def test_sources_name_the_published_ones_and_grade_the_evidence() -> None:
    reply = Chat(ScriptedLibrary()).presses("sources:duration")

    knowledge = whole_knowledge()
    article = knowledge.articles["duration", "ru"]
    published = [key for key in article.sources if key.startswith(("nhs", "satriyasa"))]
    assert published
    assert all(knowledge.sources[key].citation() in reply.text for key in published)
    assert words("ru", Phrase(f"evidence.{article.evidence}")) in reply.text


def test_sources_that_only_the_clinic_can_vouch_for_are_not_shown_as_publications() -> None:
    article = replace(whole_knowledge().articles["price", "ru"], sources=("clinic-post", "clinic-profile", "practice"))

    reply = Chat(ScriptedLibrary(changed=[article])).presses("sources:price")

    assert words("ru", Phrase.SOURCES_NONE) in reply.text


# ---- what is kept about a person ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGS)
def test_privacy_says_what_is_kept_with_the_edition_of_the_text_and_the_ways_to_see_and_erase_it(lang: Lang) -> None:
    reply = Chat(ScriptedLibrary()).says("/privacy", lang)

    assert (reply.kind, reply.text) == (Kind.CHAT, words(lang, Phrase.PRIVACY))
    assert payloads(reply) == ["mydata"]
    assert {"/mydata", "/forget"} <= set(reply.text.split())
    assert "(редакция 1)" in reply.text or "(edition 1)" in reply.text


@pytest.mark.parametrize("way", ["/mydata", "button"])
def test_whoever_wants_to_see_their_data_is_told_that_a_file_comes_and_gets_it(way: str) -> None:
    chat = Chat(ScriptedLibrary())

    outcome = chat.turn("/mydata") if way == "/mydata" else chat.turn(press="mydata")

    assert [reply.text for reply in outcome.replies] == [words("ru", Phrase.MYDATA)]
    assert [type(effect) for effect in outcome.effects] == [ShowData]


def test_seeing_ones_data_changes_nothing_of_them() -> None:
    chat = asked_unclearly()
    before = chat.state

    chat.turn("/mydata")

    assert replace(chat.state, language=before.language) == before


def test_before_anything_is_erased_the_bot_asks_and_erases_nothing_yet() -> None:
    chat = asked_unclearly()
    before = chat.state

    outcome = chat.turn("/forget")

    (reply,) = outcome.replies
    assert reply.text == words("ru", Phrase.FORGET)
    assert payloads(reply) == ["forget:yes", "forget:no"]
    assert outcome.effects == ()
    assert chat.state.offered == before.offered


def test_whoever_confirms_is_forgotten_at_once_and_told_what_stays_and_why() -> None:
    chat = asked_unclearly()
    chat.says("/forget")

    outcome = chat.turn(press="forget:yes")

    (reply,) = outcome.replies
    assert reply.text.strip() == words("ru", Phrase.FORGOTTEN).strip()
    assert reply.buttons == ()
    assert [type(effect) for effect in outcome.effects] == [Erase]
    assert chat.state == ChatState(language="ru")


def test_whoever_thinks_better_of_it_loses_nothing() -> None:
    chat = asked_unclearly()
    chat.says("/forget")
    before = chat.state

    outcome = chat.turn(press="forget:no")

    assert [reply.text for reply in outcome.replies] == [words("ru", Phrase.PRIVACY)]
    assert outcome.effects == ()
    assert chat.state == before


@pytest.mark.parametrize(
    "text", ["/forget yes", "/forget:yes", "forget:yes", "/forget да", "/forget_yes", "да", "yes", "стереть"]
)
def test_no_typed_word_erases_anything(text: str) -> None:
    """Neither a guess, nor a deep link, nor a hasty «да»: only the button under the question does."""
    chat = Chat(ScriptedLibrary())
    chat.says("/forget")

    outcome = chat.turn(text)

    assert [effect for effect in outcome.effects if isinstance(effect, Erase)] == []


@pytest.mark.parametrize("lang", LANGS)
def test_whoever_is_forgotten_hears_of_it_in_their_language(lang: Lang) -> None:
    chat = Chat(ScriptedLibrary())
    chat.presses(f"language:{lang}")

    assert chat.presses("forget:yes").text.strip() == words(lang, Phrase.FORGOTTEN).strip()


def test_care_after_a_danger_outlives_being_forgotten_and_the_patient_is_told() -> None:
    chat = Chat(ScriptedLibrary({"сколько стоит?": {"price": 0.9}, "больно?": {"pain": 0.9}}))
    chat.says("хочу умереть")
    chat.says("больно?")
    until, care_for = chat.state.care_until, chat.state.care_for

    reply = chat.presses("forget:yes")

    assert until is not None
    assert chat.state == ChatState(language="ru", care_until=until, care_for=care_for)
    assert words("ru", Phrase.FORGOTTEN_IN_CARE).strip() in reply.text
    assert "care:check" in payloads(reply)
    assert chat.says("сколько стоит?").text == words("ru", Phrase.CARE_NOT_NOW)


def test_of_a_care_that_has_passed_nothing_is_kept() -> None:
    chat = Chat(ScriptedLibrary())
    chat.says("хочу умереть")
    chat.waits(CARE_LASTS + timedelta(seconds=1))

    reply = chat.presses("forget:yes")

    assert (chat.state.care_until, chat.state.care_for) == (None, "")
    assert words("ru", Phrase.FORGOTTEN_IN_CARE).strip() not in reply.text


@pytest.mark.parametrize("text", ["/privacy", "/mydata", "/forget"])
def test_a_danger_written_after_such_a_command_is_heard_like_any_other(text: str) -> None:
    assert Chat(ScriptedLibrary()).says(f"{text} не могу дышать").kind is Kind.EMERGENCY


# ---- questions nobody answered --------------------------------------------------------------------------------------


def unanswered(outcome: Outcome) -> list[str]:
    return [effect.question for effect in outcome.effects if isinstance(effect, Unanswered)]


def test_a_question_that_finds_nothing_is_kept_for_the_clinic_with_everything_personal_masked() -> None:
    outcome = Chat(ScriptedLibrary()).turn("а со слониками, мой номер 89161234567, anna@mail.ru, меня зовут аня")

    assert unanswered(outcome) == ["а со слониками, мой номер ▒, ▒, меня зовут ▒"]


def test_a_question_whose_offers_were_all_refused_is_kept_once_and_not_with_the_press() -> None:
    chat = Chat(ScriptedLibrary({"про сроки у Марии": {"duration": 0.4, "onset": 0.3}}))

    asked = chat.turn("про сроки у Марии")
    refused = chat.turn(press="none")
    again = chat.turn(press="none")

    assert unanswered(asked) == []
    assert unanswered(refused) == ["про сроки у ▒"]
    assert unanswered(again) == []


@pytest.mark.parametrize(
    "text", ["больно?", "/help", "хочу умереть", "не могу дышать", "у меня миастения, мне можно?", "…", "👍"]
)
def test_what_was_answered_refused_or_no_question_is_not_kept(text: str) -> None:
    outcome = Chat(ScriptedLibrary({"больно?": {"pain": 0.9}})).turn(text)

    assert unanswered(outcome) == []


def test_while_a_human_holds_the_chat_no_question_is_kept() -> None:
    assert Chat(ScriptedLibrary(), state=ChatState(owner="human")).turn("а со слониками?").effects == ()


# ---- languages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "as_read", "lang"),
    [
        ("сколько держится эффект", "сколько держится эффект", "ru"),
        ("how long does it last", "how long does it last", "en"),
        ("skolko derzhitsya effekt", "сколко держиця еффект", "ru"),
        ("crjkmrj lth;bncz 'aatrn", "сколько держится эффект", "ru"),
        ("рщц дщтп вщуы ше дфые", "how long does it last", "en"),
        ("сколько держится botox", "сколько держится ботокс", "ru"),
        ("Скажите, Botox Cosmetic действует сразу?", "Скажите, ботокс цосметиц действует сразу?", "ru"),
        ("how long does ботокс last for me", "how long does ботокс last for me", "en"),
    ],
)
def test_the_language_is_told_by_letters_and_words_of_each_message(text: str, as_read: str, lang: Lang) -> None:
    chat = Chat(ScriptedLibrary({as_read: {"duration": 0.9}}))

    outcome = chat.turn(text)

    assert (outcome.language, chat.state.language) == (lang, lang)
    assert outcome.replies[0].text.startswith(whole_knowledge().articles["duration", lang].answer)


def test_each_message_decides_its_language_anew() -> None:
    chat = Chat(ScriptedLibrary())

    assert [chat.turn(text).language for text in ("это больно?", "is it painful", "а сколько стоит")] == [
        "ru",
        "en",
        "ru",
    ]


@pytest.mark.parametrize(("text", "lang"), [("это больно?", "en"), ("is it painful?", "ru")])
def test_a_language_given_from_outside_is_not_in_question(text: str, lang: Lang) -> None:
    assert Chat(ScriptedLibrary()).turn(text, only=lang).language == lang


@pytest.mark.parametrize(
    ("hint", "lang"),
    [("ru", "ru"), ("uk", "ru"), ("kk-KZ", "ru"), ("en-GB", "en"), ("de", "en"), (None, "ru"), ("", "ru")],
)
def test_before_the_first_words_the_devices_language_decides(hint: str | None, lang: Lang) -> None:
    assert Chat(ScriptedLibrary()).turn("/start", language_hint=hint).language == lang


@pytest.mark.parametrize("text", ["👍", "123", "?"])
def test_a_message_without_words_keeps_the_chats_language(text: str) -> None:
    chat = Chat(ScriptedLibrary())
    chat.says("is it painful?")

    assert chat.turn(text).language == "en"


def test_a_single_russian_letter_does_not_turn_the_chat_english() -> None:
    chat = Chat(ScriptedLibrary())
    chat.says("это больно?")

    assert chat.turn("ыыыы").language == "ru"


def test_a_button_answers_in_the_chats_language() -> None:
    chat = Chat(ScriptedLibrary())
    chat.says("is it painful?")

    assert chat.presses("topic:duration").text.startswith(whole_knowledge().articles["duration", "en"].answer)


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_the_chosen_language_is_kept(lang: Lang) -> None:
    chat = Chat(ScriptedLibrary())

    assert chat.presses(f"language:{lang}").text == words(lang, Phrase.LANGUAGE_SET)
    assert chat.presses("topics").text == words(lang, Phrase.TOPICS)


# ---- signed and unsigned texts ------------------------------------------------------------------------------------

ASKED = {"больно?": {"pain": 0.9}}


def pain(**changes: object) -> Article:
    return replace(whole_knowledge().articles["pain", "ru"], **changes)  # type: ignore[arg-type]


def test_an_unsigned_text_is_shown_and_marked() -> None:
    reply = Chat(ScriptedLibrary(ASKED, changed=[pain(reviewed_by=None)])).says("больно?")

    assert reply.kind is Kind.ANSWER
    assert Notice.UNSIGNED in reply.notices
    assert words("ru", Phrase.NOTICE_UNSIGNED) in reply.text


def test_a_signed_text_is_not_marked() -> None:
    reply = Chat(ScriptedLibrary(ASKED, changed=[signed(pain())])).says("больно?")

    assert Notice.UNSIGNED not in reply.notices
    assert words("ru", Phrase.NOTICE_UNSIGNED) not in reply.text


def test_a_text_changed_since_it_was_signed_is_marked() -> None:
    changed = replace(signed(pain()), answer="Иначе.", body="Иначе.\n\n## Подробнее\nИначе.")

    assert Notice.UNSIGNED in Chat(ScriptedLibrary(ASKED, changed=[changed])).says("больно?").notices


@pytest.mark.parametrize(("days", "marked"), [(0, False), (-1, True)])
def test_a_text_is_marked_from_the_day_after_its_review_was_due(days: int, marked: bool) -> None:
    due = signed(pain(), review_by=NOON.date() + timedelta(days=days))

    reply = Chat(ScriptedLibrary(ASKED, changed=[due])).says("больно?")

    assert (Notice.UNSIGNED in reply.notices) is marked


def test_where_unsigned_texts_are_hidden_a_signed_one_is_shown() -> None:
    library = ScriptedLibrary(ASKED, changed=[signed(pain(), answer="Подписано.")])

    reply = Chat(library, unsigned="hide").says("больно?")

    assert (reply.kind, reply.topics) == (Kind.ANSWER, ("pain",))
    assert reply.text.startswith("Подписано.")
    assert Notice.UNSIGNED not in reply.notices


def test_where_unsigned_texts_are_hidden_the_last_signed_copy_is_served() -> None:
    copy = signed(pain(), answer="Как подписано.", more="И это подписано.", body="Как подписано.")
    library = ScriptedLibrary(ASKED, signed_copies=[copy])
    chat = Chat(library, unsigned="hide")

    texts = [chat.says("больно?").text, chat.presses("more:pain").text, chat.presses("topic:pain").text]

    assert ["Как подписано." in text or "И это подписано." in text for text in texts] == [True, True, True]


def test_where_unsigned_texts_are_hidden_an_overdue_copy_is_not_served() -> None:
    copy = signed(pain(), review_by=NOON.date() - timedelta(days=1), answer="Просрочено.")

    reply = Chat(ScriptedLibrary(ASKED, signed_copies=[copy]), unsigned="hide").says("больно?")

    assert "Просрочено." not in reply.text
    assert words("ru", Phrase.BEING_UPDATED) in reply.text


def test_where_nothing_is_signed_a_question_is_told_so_with_its_warnings_and_a_human() -> None:
    reply = Chat(ScriptedLibrary(ASKED), unsigned="hide").says("больно?")

    assert (reply.kind, reply.topics, reply.sources) == (Kind.UNKNOWN, ("pain",), ())
    assert reply.text.startswith(words("ru", Phrase.BEING_UPDATED))
    assert reply.notices == (Notice.CONTRAINDICATIONS,)
    assert payloads(reply) == ["topics", "human"]


@pytest.mark.parametrize("payload", ["more:pain", "sources:pain"])
def test_where_unsigned_texts_are_hidden_no_button_brings_them_back(payload: str) -> None:
    reply = Chat(ScriptedLibrary(), unsigned="hide").presses(payload)

    assert reply.kind is Kind.UNKNOWN
    assert whole_knowledge().articles["pain", "ru"].title not in reply.text


def test_where_unsigned_texts_are_hidden_related_topics_are_those_that_can_be_read() -> None:
    articles = whole_knowledge().articles
    library = ScriptedLibrary(changed=[signed(pain()), signed(articles["side-effects", "ru"])])

    reply = Chat(library, unsigned="hide").presses("topic:pain")

    assert [payload for payload in payloads(reply) if payload.startswith("topic:")] == ["topic:side-effects"]


def test_where_unsigned_texts_are_hidden_a_choice_offers_only_what_can_be_read() -> None:
    library = ScriptedLibrary(UNCLEAR, changed=[signed(whole_knowledge().articles["onset", "ru"])])

    reply = Chat(library, unsigned="hide").says("расскажите про сроки")

    assert payloads(reply) == ["topic:onset", "none"]


def test_where_unsigned_texts_are_hidden_a_button_bears_the_signed_title() -> None:
    copy = signed(whole_knowledge().articles["onset", "ru"], title="Подписанное название")
    library = ScriptedLibrary(UNCLEAR, signed_copies=[copy])

    reply = Chat(library, unsigned="hide").says("расскажите про сроки")

    assert reply.buttons[0].title == "Подписанное название"


def test_where_nothing_is_signed_no_category_is_offered_that_has_nothing_to_choose() -> None:
    chat = Chat(ScriptedLibrary(), unsigned="hide")

    assert [payload for payload in payloads(chat.presses("topics")) if not chat.presses(payload).buttons] == []


def test_a_signed_copy_keeps_the_warnings_it_was_signed_with() -> None:
    copy = signed(pain(), flags=("medical", "watch"))
    library = ScriptedLibrary(ASKED, signed_copies=[copy])

    assert Notice.WATCH in Chat(library, unsigned="hide").says("больно?").notices


# ---- the turn as a whole ------------------------------------------------------------------------------------------


def test_while_a_human_holds_the_chat_the_bot_is_silent_and_changes_nothing() -> None:
    state = ChatState(owner="human", topic="pain", topic_at=NOON)
    chat = Chat(ScriptedLibrary(ASKED), state=state)

    assert chat.turn("больно?").replies == ()
    assert chat.turn(press="topic:pain").replies == ()
    assert chat.state == state


def test_every_reply_has_the_key_of_its_turn_and_part() -> None:
    replies = Chat(ScriptedLibrary(TWO)).turn("Сколько стоит? И больно ли это?", message_id="42").replies

    assert [reply.key for reply in replies] == [Key("42", 0), Key("42", 1)]


def test_the_same_message_and_state_give_the_same_outcome() -> None:
    library = ScriptedLibrary({**FOLLOWING, **TWO})

    assert Chat(library).turn("Сколько стоит? И больно ли это?") == Chat(library).turn(
        "Сколько стоит? И больно ли это?"
    )


# ---- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\t ",
        "\0",
        "\0" * 100,
        "\u200b\u200d\ufeff",
        "\u202e\u202d\u2066",
        "😀" * 4096,
        "?!...",
        "***",
        "/",
        "///",
    ],
    ids=["empty", "spaces", "nul", "nuls", "zero-width", "direction", "emojis", "marks", "stars", "slash", "slashes"],
)
def test_a_message_without_words_is_asked_for_words(text: str) -> None:
    reply = Chat(ScriptedLibrary()).says(text)

    assert (reply.kind, reply.text) == (Kind.UNKNOWN, words("ru", Phrase.NOTHING_TO_READ))


@pytest.mark.parametrize(
    "text",
    ["бо\u200bль\u00adно?", "\u202eбольно?\u202c", "\ufeffбольно?", "\0больно?\0", "  больно?\r\n", "бoльно?"],
    ids=["zero-width", "right-to-left", "byte order mark", "nul", "line end", "latin o"],
)
def test_what_can_not_be_seen_does_not_matter(text: str) -> None:
    assert Chat(ScriptedLibrary(ASKED)).says(text).topics == ("pain",)


@pytest.mark.parametrize(
    "text",
    [
        "<b>больно</b><script>alert(1)</script>",
        "**больно** [сюда](https://evil.example) `x` ![](x)",
        "{clinic} {0} {address.__class__} %s %(x)s",
        "'; DROP TABLE chats; --",
    ],
    ids=["html", "markdown", "format", "sql"],
)
def test_a_patients_words_never_come_back_in_a_reply(text: str) -> None:
    library = ScriptedLibrary({text: {"duration": 0.4, "onset": 0.3}})
    chat = Chat(library)

    replies = [chat.says(text, only="en"), chat.presses("none"), chat.says(f"/start {text}"), chat.presses(text)]

    said = " ".join(f"{reply.text} {reply.buttons}" for reply in replies)
    assert not any(piece in said for piece in ("<", "evil", "больно", "{", "%s", "DROP"))


def test_a_line_of_ten_thousand_characters_gets_a_reply() -> None:
    reply = Chat(ScriptedLibrary()).says("а" * 3 + "боль " * 2000)

    assert reply.kind is Kind.UNKNOWN
    assert reply.text


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.text(max_size=60) | st.sampled_from([*FOLLOWING, *TWO, *UNCLEAR, "1", "второе", "/start"]), max_size=4)
)
def test_whatever_is_typed_every_turn_gets_a_reply_that_is_not_empty(texts: list[str]) -> None:
    chat = Chat(ScriptedLibrary({**FOLLOWING, **TWO, **UNCLEAR}))

    for text in texts:
        replies = chat.turn(text).replies
        assert replies
        assert all(reply.text.strip() for reply in replies)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40) | st.sampled_from(["topic:", "more:", "sources:", "category:", "language:"]).flatmap(
    lambda action: st.text(max_size=20).map(lambda value: action + value)
))  # fmt: skip
def test_whatever_is_pressed_there_is_a_reply_that_is_not_empty(payload: str) -> None:
    assert Chat(ScriptedLibrary()).presses(payload).text.strip()
