"""After an alarm: what is said, who is told, and 24 hours in which nothing is sold and all is watched."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import pytest

from bot.messages import CARE_LASTS, LANGS, Alert, Attachment, ChatState, Contact, Kind, Lang, Reply
from bot.retrieval.danger import Suspicion
from bot.retrieval.redflags import DangerKind
from bot.retrieval.writing import Reading
from bot.wording import Phrase
from tests.examples import NOON, Chat, ScriptedLibrary, whole_knowledge

FINDS = {
    "сколько стоит?": {"price": 0.9},
    "how much is it?": {"price": 0.9},
    "больно?": {"pain": 0.9},
    "хочу записаться": {"intent/book": 0.9},
    "спасибо": {"intent/thanks": 0.9},
    "сроки и цены": {"duration": 0.4, "price": 0.35},
    "что-то странное": {},
}
DANGERS: dict[Lang, dict[str, str]] = {
    "ru": {"emergency": "не могу дышать", "crisis": "хочу умереть"},
    "en": {"emergency": "I can't breathe", "crisis": "I want to die"},
}
BOTH = pytest.mark.parametrize("danger", list(DANGERS["ru"].values()))


class Listening(ScriptedLibrary):
    """A second net that hears some texts, others only when it listens closely; remembers how it listened."""

    def __init__(self, hears: dict[str, str] | None = None, closely: dict[str, str] | None = None) -> None:
        super().__init__(FINDS)
        self._hears, self._closely = hears or {}, closely or {}
        self.listened: list[tuple[str, bool]] = []

    def suspects(self, reading: Reading, *, times: float = 1.0, hints: Collection[DangerKind] = ()) -> Suspicion | None:
        self.listened.append((reading.text, times < 1))
        heard = self._hears | (self._closely if times < 1 else {})
        kind, _, sign = heard.get(reading.text, "").partition("/")
        return Suspicion(kind, sign, 0.9) if kind else None  # type: ignore[arg-type]


def in_care(danger: str = "не могу дышать") -> Chat:
    chat = Chat(ScriptedLibrary(FINDS))
    chat.turn(danger)
    return chat


def payloads(reply: Reply) -> list[str]:
    return [button.payload for button in reply.buttons]


def said(reply: Reply, phrase: Phrase, lang: Lang = "ru") -> bool:
    return ScriptedLibrary().wording(lang, phrase) in reply.text


def sells(reply: Reply) -> bool:
    selling = {topic for topic, row in whole_knowledge().catalogue.topics.items() if row.sells}
    return bool({"book", *(f"topic:{topic}" for topic in selling)} & set(payloads(reply)))


# ---- the danger reply -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", ["emergency", "crisis"])
def test_a_danger_gets_its_fixed_text_in_its_language_with_nothing_around_it(kind: str, lang: Lang) -> None:
    reply = Chat(ScriptedLibrary()).says(DANGERS[lang][kind])

    assert reply.kind == kind
    assert reply.text == whole_knowledge().red_flags.replies[lang][kind]
    assert (reply.buttons, reply.notices) == ((), ())
    assert reply.topics == (() if kind == "crisis" else ("red-flags",))


@pytest.mark.parametrize("text", ["не могу дышать и хочу умереть", "хочу умереть. не могу дышать"])
def test_both_dangers_of_a_message_are_answered_gravest_first(text: str) -> None:
    outcome = Chat(ScriptedLibrary()).turn(text)

    assert [reply.kind for reply in outcome.replies] == [Kind.CRISIS, Kind.EMERGENCY]
    assert [alert.reason for alert in outcome.effects if isinstance(alert, Alert)] == [
        "crisis/suicide",
        "emergency/breathing",
    ]
    assert outcome.state.care_for == "crisis:crisis"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("дочь говорит, что хочет умереть", "crisis-other"),
        ("муж меня бьёт", "violence"),
        ("выпила целую пачку таблеток", "poisoning"),
    ],
)
def test_some_signs_have_a_text_of_their_own(text: str, name: str) -> None:
    replies = Chat(ScriptedLibrary()).turn(text).replies
    assert whole_knowledge().red_flags.replies["ru"][name] in [reply.text for reply in replies]


@BOTH
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"attachment": Attachment("photo")},
        {"attachment": Attachment("voice")},
        {"edited": True},
        {"contact": Contact("+79990000000", "Анна", True)},
        {"reply_to": "5", "album": "7"},
    ],
    ids=["text", "caption", "voice caption", "edit", "contact note", "reply in an album"],
)
def test_a_danger_is_heard_at_every_entry(danger: str, fields: dict[str, object]) -> None:
    (reply,) = Chat(ScriptedLibrary()).turn(danger, **fields).replies
    assert reply.kind in (Kind.EMERGENCY, Kind.CRISIS)


@pytest.mark.parametrize("text", ["/start {}", "/help {}", "/{}", "{}\n\nсколько стоит?", "сколько стоит? {}"])
@BOTH
def test_a_danger_behind_a_command_or_a_question_comes_first(text: str, danger: str) -> None:
    (reply,) = Chat(ScriptedLibrary(FINDS)).turn(text.format(danger)).replies
    assert reply.kind in (Kind.EMERGENCY, Kind.CRISIS)


@BOTH
def test_a_danger_comes_before_a_limit_and_before_an_offer(danger: str) -> None:
    chat = Chat(ScriptedLibrary(FINDS))
    chat.says("сроки и цены")

    reply = chat.says(f"{danger}. у меня миастения, мне можно?")

    assert reply.kind in (Kind.EMERGENCY, Kind.CRISIS)
    assert chat.state.offered == ()


@BOTH
def test_a_danger_is_answered_while_a_human_holds_the_chat_and_the_human_keeps_it(danger: str) -> None:
    chat = Chat(ScriptedLibrary(FINDS), state=ChatState(owner="human"))

    outcome = chat.turn(danger)

    assert len(outcome.replies) == len(outcome.effects) == 1
    assert chat.state.owner == "human"
    assert chat.turn("больно?").replies == ()


def test_the_same_danger_again_gets_the_same_reply_again() -> None:
    chat = in_care()
    assert chat.says("не могу дышать").kind is Kind.EMERGENCY


# ---- alerts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["emergency", "crisis"])
def test_an_alert_is_an_effect_with_a_key_of_its_own_and_none_of_the_words(kind: str) -> None:
    outcome = Chat(ScriptedLibrary()).turn(f"{DANGERS['ru'][kind]}, я Мария Иванова")

    (alert,) = outcome.effects
    assert isinstance(alert, Alert)
    assert alert.reason.startswith(f"{kind}/")
    assert "ванов" not in alert.reason
    keys = [one.key for one in (*outcome.replies, *outcome.effects)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("lang", LANGS)
def test_no_danger_reply_speaks_of_staff_by_itself(lang: Lang) -> None:
    for text in whole_knowledge().red_flags.replies[lang].values():
        for word in ("консультант", "сотрудник", "администратор", "consultant", "staff", "our team"):
            assert word not in text.lower()


def test_an_urgent_sign_alerts_nobody_and_begins_no_care() -> None:
    chat = Chat(ScriptedLibrary())

    outcome = chat.turn("место укола гноится")

    assert [reply.kind for reply in outcome.replies] == [Kind.URGENT]
    assert outcome.effects == ()
    assert chat.state.care_until is None
    assert chat.state.topic == "red-flags"


# ---- care mode --------------------------------------------------------------------------------------------


@BOTH
def test_care_lasts_24_hours_from_the_alarm(danger: str) -> None:
    chat = in_care(danger)
    assert chat.state.care_until == NOON + CARE_LASTS == NOON + timedelta(hours=24)

    chat.waits(timedelta(hours=23, minutes=59))
    assert said(chat.says("сколько стоит?"), Phrase.CARE_NOT_NOW)
    chat.waits(timedelta(minutes=1))
    assert chat.says("сколько стоит?").topics == ("price",)


def test_another_alarm_begins_the_24_hours_anew() -> None:
    chat = in_care()
    chat.waits(timedelta(hours=20))
    chat.says("хочу умереть")
    chat.waits(timedelta(hours=20))

    assert said(chat.says("сколько стоит?"), Phrase.CARE_NOT_NOW)
    assert chat.state.care_for == "crisis:crisis"


@pytest.mark.parametrize("text", ["сколько стоит?", "хочу записаться", "/start price", "/start how-to-book"])
@BOTH
def test_in_care_a_price_or_a_booking_is_put_off_in_plain_words(danger: str, text: str) -> None:
    reply = in_care(danger).says(text)

    assert said(reply, Phrase.CARE_NOT_NOW)
    assert "₽" not in reply.text
    assert not sells(reply)


@pytest.mark.parametrize("payload", ["book", "topic:price", "more:price", "sources:price", "topic:how-to-book"])
@BOTH
def test_in_care_an_older_button_sells_nothing(danger: str, payload: str) -> None:
    reply = in_care(danger).presses(payload)

    assert said(reply, Phrase.CARE_NOT_NOW)
    assert not sells(reply)


@BOTH
def test_in_care_a_question_is_answered_but_nothing_is_sold_beside_it(danger: str) -> None:
    chat = in_care(danger)

    replies = [
        chat.says("больно?"),
        chat.says("сроки и цены"),
        chat.says("что-то странное"),
        chat.says("спасибо"),
        *map(chat.presses, ["topics", "help", "start", "human", "more:pain", "sources:pain", "category:clinic"]),
    ]

    assert replies[0].topics == ("pain",)
    assert not [reply for reply in replies if sells(reply)]


def test_in_care_no_article_category_or_choice_leads_to_a_sale() -> None:
    chat = in_care()
    catalogue = whole_knowledge().catalogue

    for name in catalogue.categories():
        assert not sells(chat.presses(f"category:{name}"))
    for topic in {topic for topic, _ in whole_knowledge().articles}:
        assert not sells(chat.presses(f"topic:{topic}")), topic


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", ["emergency", "crisis"])
def test_each_reply_in_care_has_the_patients_own_button_last_and_once(kind: str, lang: Lang) -> None:
    chat = Chat(ScriptedLibrary(FINDS))
    chat.turn(DANGERS[lang][kind])

    price = {"ru": "сколько стоит?", "en": "how much is it?"}[lang]
    for reply in (chat.says(price, only=lang), chat.presses("topics"), chat.presses("topic:pain")):
        assert reply.buttons[-1].payload == "care:check"
        assert reply.buttons[-1].title == ScriptedLibrary().wording(lang, Phrase.CARE_BETTER)
        assert payloads(reply).count("care:check") == 1


def test_of_two_replies_in_care_the_last_has_the_button() -> None:
    outcome = in_care().turn("больно? сколько стоит?")

    assert [("care:check" in payloads(reply)) for reply in outcome.replies] == [False] * (len(outcome.replies) - 1) + [
        True
    ]


def test_without_an_alarm_no_reply_has_the_button() -> None:
    assert "care:check" not in payloads(Chat(ScriptedLibrary(FINDS)).says("больно?"))


# ---- out of it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGS)
def test_the_button_asks_once_and_the_patients_word_ends_care(lang: Lang) -> None:
    library = ScriptedLibrary(FINDS)
    chat = Chat(library)
    chat.turn(DANGERS[lang]["emergency"])

    check = chat.presses("care:check")
    assert check.text == library.wording(lang, Phrase.CARE_CHECK)
    assert [payload.rpartition(":")[0] or payload for payload in payloads(check)] == ["care:end", "care"]
    assert chat.state.care_until is not None

    ended = chat.presses(payloads(check)[0])
    assert ended.text == library.wording(lang, Phrase.CARE_ENDED)
    assert "care:check" not in payloads(ended)
    assert (chat.state.care_until, chat.state.care_for) == (None, "")


def test_after_care_has_ended_prices_are_told_again() -> None:
    chat = in_care()
    chat.presses(payloads(chat.presses("care:check"))[0])

    assert chat.says("сколько стоит?").topics == ("price",)


def test_a_button_of_an_earlier_care_mode_ends_no_later_one() -> None:
    chat = in_care()
    old = payloads(chat.presses("care:check"))[0]
    chat.presses(old)
    chat.waits(timedelta(minutes=5))
    chat.turn("хочу умереть")

    reply = chat.presses(old)

    assert said(reply, Phrase.CARE_CHECK)
    assert chat.state.care_until is not None


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", ["emergency", "crisis"])
def test_not_safe_repeats_the_danger_reply_alerts_again_and_begins_care_anew(kind: str, lang: Lang) -> None:
    chat = Chat(ScriptedLibrary())
    chat.turn(DANGERS[lang][kind])
    chat.waits(timedelta(hours=5))
    chat.presses("care:check")

    outcome = chat.turn(press="care:help")

    (reply,) = outcome.replies
    assert reply.kind == kind
    assert reply.text == whole_knowledge().red_flags.replies[lang][kind]
    assert [alert.reason for alert in outcome.effects if isinstance(alert, Alert)] == [f"{kind}/again"]
    assert chat.state.care_until == NOON + timedelta(hours=5) + CARE_LASTS


def test_not_safe_repeats_the_text_of_its_own_sign() -> None:
    chat = in_care("муж меня бьёт")
    assert chat.presses("care:help").text == whole_knowledge().red_flags.replies["ru"]["violence"]


@pytest.mark.parametrize("payload", ["care:check", "care:end", "care:help"])
def test_care_buttons_pressed_after_24_hours_say_that_it_is_over(payload: str) -> None:
    chat = in_care()
    chat.waits(CARE_LASTS)

    outcome = chat.turn(press=payload)

    assert [said(reply, Phrase.CARE_ENDED) for reply in outcome.replies] == [True]
    assert outcome.effects == ()


@pytest.mark.parametrize("payload", ["care:", "care:x", "care", "care:end", "care:end:0"])
def test_a_care_button_that_means_nothing_ends_nothing(payload: str) -> None:
    chat = in_care()
    chat.turn(press=payload)
    assert chat.state.care_until is not None


def test_a_state_whose_danger_reply_the_list_no_longer_has_still_asks() -> None:
    state = ChatState(language="ru", care_until=NOON + CARE_LASTS, care_for="crisis:gone")
    reply = Chat(ScriptedLibrary(), state=state).presses("care:help")
    assert said(reply, Phrase.CARE_CHECK)


def test_words_that_all_is_well_do_not_end_care_by_themselves() -> None:
    chat = in_care()
    chat.says("мне уже лучше, спасибо")
    assert chat.state.care_until is not None


# ---- the second net ---------------------------------------------------------------------------------------


def test_the_second_net_raises_what_the_first_does_not_hear() -> None:
    chat = Chat(Listening({"как-то всё зря": "crisis/suicide"}))

    outcome = chat.turn("как-то всё зря")

    assert [reply.kind for reply in outcome.replies] == [Kind.CRISIS]
    assert chat.state.care_for == "crisis:crisis"


def test_the_second_net_hears_a_sentence_amid_courtesies() -> None:
    library = Listening({"Мне всё равно, что будет.": "crisis/suicide"})

    outcome = Chat(library).turn("Добрый день! Мне всё равно, что будет. Спасибо за ответ.")

    assert [reply.kind for reply in outcome.replies] == [Kind.CRISIS]


def test_the_second_net_lowers_nothing_that_the_first_hears() -> None:
    library = Listening({"не могу дышать": "urgent/infection"})
    assert Chat(library).says("не могу дышать").kind is Kind.EMERGENCY


def test_the_second_net_may_find_something_graver_beside_an_urgent_sign() -> None:
    text = "место укола гноится, и мне уже всё равно, проснусь ли"

    outcome = Chat(Listening({text: "crisis/suicide"})).turn(text)

    assert [reply.kind for reply in outcome.replies] == [Kind.CRISIS, Kind.URGENT]
    assert [alert.reason for alert in outcome.effects if isinstance(alert, Alert)] == ["crisis/suicide"]


def test_an_urgent_sign_is_not_told_twice() -> None:
    text = "место укола гноится"
    assert len(Chat(Listening({text: "urgent/hives"})).turn(text).replies) == 1


def test_a_sign_that_the_list_has_no_reply_for_gets_the_reply_of_its_kind() -> None:
    reply = Chat(Listening({"ой": "emergency/something-new"})).says("ой")
    assert reply.text == whole_knowledge().red_flags.replies["ru"]["emergency"]


def test_after_an_alarm_the_next_messages_are_watched_more_closely() -> None:
    library = Listening(closely={"и ночью тоже": "crisis/suicide"})
    chat = Chat(library)

    assert chat.says("и ночью тоже").kind is not Kind.CRISIS
    chat.turn("хочу умереть")
    assert chat.says("и ночью тоже").kind is Kind.CRISIS
    chat.presses(payloads(chat.presses("care:check"))[0])
    assert chat.says("и ночью тоже").kind is not Kind.CRISIS


@pytest.mark.parametrize("text", ["/help", "/start", "/start pain", "/language", "/help@mimika_bot"])
def test_a_command_and_the_topic_of_a_deep_link_are_not_the_patient_s_words(text: str) -> None:
    library = Listening({text: "emergency/breathing", text.lstrip("/"): "emergency/breathing"})

    assert Chat(library).says(text).kind is not Kind.EMERGENCY
    assert library.listened == []


@pytest.mark.parametrize(("text", "read"), [("/start мне нечем", "мне нечем"), ("/задыхаюсь тут", "задыхаюсь тут")])
def test_what_a_patient_types_after_a_slash_is_read(text: str, read: str) -> None:
    assert Chat(Listening({read: "emergency/breathing"})).says(text).kind is Kind.EMERGENCY


def test_of_a_story_the_second_net_reads_the_whole_and_its_cries() -> None:
    story = "Пила таблетки два месяца, и спать стала лучше, и работать, и гулять с собакой в парке по вечерам. " * 4
    library = Listening()

    Chat(library).turn(f"{story}Устала очень.")

    assert [text for text, _ in library.listened] == [f"{story}Устала очень.", "Устала очень."]


def test_a_message_without_letters_or_numbers_is_not_looked_at() -> None:
    library = Listening()
    Chat(library).turn("😭😭😭 ...")
    assert library.listened == []
