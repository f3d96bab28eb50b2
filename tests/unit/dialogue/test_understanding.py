"""Text -> what is asked: languages, parts of a message, follow-ups, typed choices."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.dialogue.followup import FOLLOW_UP_WORDS
from bot.dialogue.understanding import MOST_QUESTIONS, Understood, chosen, understand
from bot.messages import Lang
from tests.examples import ScriptedLibrary, whole_knowledge

OFFERED = ("onset", "duration", "how-often")


def title(topic: str, lang: Lang = "ru") -> str:
    return whole_knowledge().articles[topic, lang].title


def asked(understood: Understood) -> list[tuple[str, str]]:
    return [(one.reading.text, one.found.decision.kind) for one in understood.asked]


def understood(library: ScriptedLibrary, text: str, topic: str | None = None) -> Understood:
    return understand(library, text, habit=None, only=None, topic=topic)


# ---- parts of a message -------------------------------------------------------------------------------------------


def test_a_message_is_searched_as_it_is_read() -> None:
    library = ScriptedLibrary({"сколко держиця?": {"duration": 0.9}})

    assert asked(understood(library, "skolko  derzhitsya?")) == [("сколко держиця?", "answer")]


def test_two_clear_questions_are_asked_apart_in_their_order() -> None:
    library = ScriptedLibrary({"Больно?": {"pain": 0.9}, "Надолго?": {"duration": 0.9}})

    assert asked(understood(library, "Больно? Надолго?")) == [("Больно?", "answer"), ("Надолго?", "answer")]


def test_two_lines_are_two_questions() -> None:
    library = ScriptedLibrary({"больно": {"pain": 0.9}, "надолго": {"duration": 0.9}})

    assert asked(understood(library, "больно\nнадолго")) == [("больно", "answer"), ("надолго", "answer")]


def test_two_questions_about_one_topic_are_one() -> None:
    whole = "Больно? Очень?"
    library = ScriptedLibrary({"Больно?": {"pain": 0.9}, "Очень?": {"pain": 0.8}, whole: {"pain": 0.9}})

    assert asked(understood(library, whole)) == [(whole, "answer")]


def test_a_message_that_is_clear_only_as_a_whole_is_not_taken_apart() -> None:
    whole = "У меня вопрос. Про уколы. Надолго ли?"
    library = ScriptedLibrary({whole: {"duration": 0.9}})

    assert asked(understood(library, whole)) == [(whole, "answer")]


def test_one_clear_question_among_words_is_the_one_that_counts() -> None:
    library = ScriptedLibrary({"Больно?": {"pain": 0.9}})

    assert asked(understood(library, "Я очень боюсь. Больно?")) == [("Больно?", "answer")]


def test_a_question_counts_more_than_the_greeting_before_it() -> None:
    whole = "Добрый день! Больно?"
    library = ScriptedLibrary(
        {"Добрый день!": {"intent/greet": 0.9}, "Больно?": {"pain": 0.8}, whole: {"intent/greet": 0.9}}
    )

    assert asked(understood(library, whole)) == [("Больно?", "answer")]


def test_two_greetings_stay_a_greeting() -> None:
    whole = "Привет! Добрый день!"
    library = ScriptedLibrary(
        {"Привет!": {"intent/greet": 0.9}, "Добрый день!": {"intent/greet": 0.9}, whole: {"intent/greet": 0.9}}
    )

    assert asked(understood(library, whole)) == [(whole, "answer")]


@pytest.mark.parametrize("count", [MOST_QUESTIONS, MOST_QUESTIONS + 1])
def test_more_questions_than_a_patient_can_read_answers_to_are_read_as_one(count: int) -> None:
    parts = ["Больно?", "Надолго?", "Часто?", "Когда?"][:count]
    whole = " ".join(parts)
    finds = zip(parts, ("pain", "duration", "how-often", "onset"), strict=False)
    library = ScriptedLibrary({**{part: {topic: 0.9} for part, topic in finds}, whole: {"how-it-goes": 0.9}})

    assert len(understood(library, whole).asked) == (count if count <= MOST_QUESTIONS else 1)


def test_every_part_is_read_in_the_language_of_the_whole_message() -> None:
    library = ScriptedLibrary({"ботокс это больно?": {"pain": 0.9}, "бай": {"intent/goodbye": 0.9}})

    found = understood(library, "ботокс это больно? bye")

    assert found.lang == "ru"
    assert {one.reading.lang for one in found.asked} == {"ru"}


def test_one_sentence_with_two_sure_halves_asks_both() -> None:
    library = ScriptedLibrary({"сколько стоит": {"price": 0.95}, "где вы находитесь": {"address-hours": 0.95}})

    found = understood(library, "сколько стоит и где вы находитесь")

    assert asked(found) == [("сколько стоит", "answer"), ("где вы находитесь", "answer")]


@pytest.mark.parametrize(
    "finds",
    [
        {"лоб болит": {"pain": 0.95}, "глаз слезится": {"side-effects": 0.8}},
        {"лоб болит": {"pain": 0.95}, "глаз слезится": {"pain": 0.95}},
        {"лоб болит": {"pain": 0.95}},
    ],
    ids=["one half is not sure", "both halves ask the same", "one half asks nothing"],
)
def test_one_sentence_without_two_sure_halves_is_one_question(finds: dict[str, dict[str, float]]) -> None:
    whole = "лоб болит и глаз слезится"
    library = ScriptedLibrary({**finds, whole: {"side-effects": 0.9}})

    assert asked(understood(library, whole)) == [(whole, "answer")]


# ---- the chat's topic ---------------------------------------------------------------------------------------------


def topics(understood: Understood) -> tuple[str, ...]:
    (one,) = understood.asked
    return one.found.decision.topics


@pytest.mark.parametrize(
    "text", ["а если через неделю?", "через неделю можно?", "почему?", "само пройдёт?", "what if it is later?", "why?"]
)
def test_a_message_that_elaborates_is_answered_by_the_chats_topic(text: str) -> None:
    library = ScriptedLibrary()
    lang = library.read(text).lang
    rest = text.removeprefix("а ")
    library.finds = {text: {"onset": 0.6}, f"{title('pain', lang)}: {rest}": {"pain": 0.9}}

    assert topics(understood(library, text, topic="pain")) == ("pain",)


def test_without_a_topic_the_same_message_is_read_alone() -> None:
    library = ScriptedLibrary(
        {"а если через неделю?": {"onset": 0.6}, f"{title('pain')}: если через неделю?": {"pain": 0.9}}
    )

    assert asked(understood(library, "а если через неделю?")) == [("а если через неделю?", "clarify")]


@pytest.mark.parametrize(("probability", "found"), [(0.59, ("duration",)), (0.6, ("first-visit", "duration"))])
def test_beside_a_question_a_sentence_that_only_tells_is_answered_if_it_is_likely_to_ask(
    probability: float, found: tuple[str, ...]
) -> None:
    library = ScriptedLibrary(
        {"Мне 34, первый раз хочу.": {"first-visit": probability}, "Сколько держится?": {"duration": 0.9}},
    )
    library.DECIDES = replace(library.DECIDES, answer_from=0.5)

    several = understood(library, "Мне 34, первый раз хочу. Сколько держится?")

    assert tuple(one.topic for one in several.asked) == found


@pytest.mark.parametrize(("probability", "kind"), [(0.89, "clarify"), (0.9, "answer")])
def test_an_elaboration_on_nothing_is_answered_only_if_it_is_surely_a_question_of_its_own(
    probability: float, kind: str
) -> None:
    library = ScriptedLibrary({"а если через неделю?": {"onset": probability}})

    assert asked(understood(library, "а если через неделю?")) == [("а если через неделю?", kind)]
    assert topics(understood(library, "а если через неделю?")) == ("onset",)


@pytest.mark.parametrize("text", ["а больно?", "а если перестать колоть?"])
def test_a_message_that_is_clear_alone_is_read_alone(text: str) -> None:
    library = ScriptedLibrary(
        {text: {"stopping": 0.95}, f"{title('onset')}: {text.removeprefix('а ')}": {"onset": 0.95}}
    )

    assert topics(understood(library, text, topic="onset")) == ("stopping",)


def test_a_likely_follow_up_needs_less_certainty_than_a_first_question() -> None:
    library = ScriptedLibrary({"а на лбу?": {"forehead-lines": 0.65}})

    assert asked(understood(library, "а на лбу?", topic="onset")) == [("а на лбу?", "answer")]
    assert asked(understood(library, "а на лбу?")) == [("а на лбу?", "clarify")]


@pytest.mark.parametrize("text", ["мне страшно", "ого", "i am scared"])
def test_an_unclear_message_does_not_get_the_chats_article_for_its_title_alone(text: str) -> None:
    library = ScriptedLibrary()
    lang = library.read(text).lang
    library.finds = {f"{title('pain', lang)}: {text}": {"pain": 0.95}}

    (one,) = understood(library, text, topic="pain").asked

    assert one.found.decision.kind != "answer"


def test_no_more_topics_are_offered_than_a_patient_can_choose_from() -> None:
    near = {"duration": 0.1, "onset": 0.1, "how-often": 0.1, "stopping": 0.1}
    library = ScriptedLibrary({"а вот это": near, f"{title('pain')}: вот это": {"pain": 0.9}})

    assert topics(understood(library, "а вот это", topic="pain")) == ("duration", "onset", "pain")


@pytest.mark.parametrize(
    ("text", "rest"), [("нет, я про лоб", "я про лоб"), ("Нет лоб", "лоб"), ("no, the forehead", "the forehead")]
)
def test_a_correction_is_read_without_its_no(text: str, rest: str) -> None:
    library = ScriptedLibrary({rest: {"forehead-lines": 0.9}})
    library.finds[f"{title('pain', library.read(text).lang)}: {rest}"] = {"pain": 0.9}

    assert topics(understood(library, text, topic="pain")) == ("forehead-lines",)


def test_a_correction_never_gets_the_corrected_article_again() -> None:
    library = ScriptedLibrary({f"{title('pain')}: я про другое": {"pain": 0.95}})

    assert topics(understood(library, "нет, я про другое", topic="pain")) == ()


def test_an_outside_question_of_three_words_is_no_follow_up() -> None:
    library = ScriptedLibrary(
        {"филлеры в губы": {"outside/fillers": 0.9}, f"{title('pain')}: филлеры в губы": {"pain": 0.9}}
    )

    assert asked(understood(library, "филлеры в губы", topic="pain")) == [("филлеры в губы", "unknown")]


@pytest.mark.parametrize("topic", ["mood-evidence", "mood-trial-2014"])
def test_how_long_after_a_study_of_mood_asks_about_the_mood(topic: str) -> None:
    library = ScriptedLibrary({"а на сколько хватает?": {"duration": 0.9}})

    assert topics(understood(library, "а на сколько хватает?", topic=topic)) == ("mood-duration",)


def test_how_long_after_a_side_effect_asks_about_the_side_effect() -> None:
    library = ScriptedLibrary(
        {"и надолго?": {"duration": 0.9}, f"{title('drooping-eyelid')}: надолго?": {"drooping-eyelid": 0.9}}
    )

    assert topics(understood(library, "и надолго?", topic="drooping-eyelid")) == ("drooping-eyelid",)


def test_how_much_after_a_side_effect_asks_about_the_price() -> None:
    library = ScriptedLibrary(
        {"сколько стоит": {"price": 0.98}, f"{title('side-effects')}: сколько стоит": {"side-effects": 0.9}}
    )

    assert topics(understood(library, "сколько стоит", topic="side-effects")) == ("price",)


@pytest.mark.parametrize(("count", "follows"), [(FOLLOW_UP_WORDS, True), (FOLLOW_UP_WORDS + 1, False)])
def test_a_follow_up_is_short(count: int, follows: bool) -> None:
    rest = " ".join(["если", "потом", "тоже", "самое", "опять", "будет", "снова"][: count - 1])
    library = ScriptedLibrary({f"{title('pain')}: {rest}": {"pain": 0.9}})

    assert topics(understood(library, f"а {rest}", topic="pain")) == (("pain",) if follows else ())


def test_a_topic_without_an_article_in_the_messages_language_is_left_aside() -> None:
    library = ScriptedLibrary({"nowhere: если": {"pain": 0.9}})

    assert asked(understood(library, "а если", topic="nowhere")) == [("а если", "unknown")]


# ---- typed choices ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "topic"),
    [
        ("1", "onset"), (" 2 ", "duration"), ("3)", "how-often"), ("№ 1", "onset"), ("1!", "onset"),
        ("вариант 2", "duration"), ("второй пункт", "duration"), ("два", "duration"),
        ("первый", "onset"), ("Вторая", "duration"), ("третье.", "how-often"), ("first", "onset"),
        ("the second one", "duration"), ("option three", "how-often"), ("Two", "duration"),
    ],
)  # fmt: skip
def test_a_number_or_a_word_of_order_names_an_offer(typed: str, topic: str) -> None:
    assert chosen(typed, OFFERED, ScriptedLibrary(), "ru") == topic


@pytest.mark.parametrize(
    "typed", ["0", "4", "12", "1 месяц", "первый раз делаю", "three months", "2 или 3", "-1", "1,5"]
)
def test_a_number_that_means_something_else_names_no_offer(typed: str) -> None:
    assert chosen(typed, OFFERED, ScriptedLibrary(), "ru") is None


def test_a_title_names_its_offer_whatever_its_case() -> None:
    assert chosen(title("duration").upper(), OFFERED, ScriptedLibrary(), "ru") == "duration"


def test_an_offers_title_in_the_other_language_is_found_by_the_search_only() -> None:
    assert chosen(title("duration", "en"), OFFERED, ScriptedLibrary(), "ru") is None


def test_words_name_an_offer_only_if_they_are_clear_among_the_offers() -> None:
    library = ScriptedLibrary({"про срок": {"stopping": 0.5, "duration": 0.4}, "про начало": {"onset": 0.9}})

    assert chosen("про начало", OFFERED, library, "ru") == "onset"
    assert chosen("про срок", OFFERED, library, "ru") is None


def test_a_long_message_names_no_offer() -> None:
    text = "мне бы очень хотелось узнать про начало действия"
    library = ScriptedLibrary({text: {"onset": 0.95}})

    assert chosen(text, OFFERED, library, "ru") is None


@pytest.mark.parametrize("typed", ["", "?", "👍", "\u200b", "***"])
def test_a_reply_without_words_names_no_offer(typed: str) -> None:
    assert chosen(typed, OFFERED, ScriptedLibrary(), "ru") is None


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80), st.sampled_from([None, "onset", "nowhere"]))
def test_any_text_is_understood_as_at_least_one_question_and_at_most_a_few(text: str, topic: str | None) -> None:
    found = understood(ScriptedLibrary(), text, topic)

    assert 1 <= len(found.asked) <= MOST_QUESTIONS
    assert {one.reading.lang for one in found.asked} == {found.lang}
