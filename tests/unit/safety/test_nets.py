"""Both nets together: what is put to the second, and how surely it must speak of danger."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from bot.retrieval.danger import Suspicion
from bot.retrieval.redflags import DangerKind
from bot.retrieval.writing import Reading
from bot.safety import nets
from bot.safety.nets import CLOSER, MOST_SENTENCES, PART_TIMES, STORY_TIMES, WORD_TIMES
from bot.safety.red_flags import Alarm, Watch
from tests.examples import ScriptedLibrary

STORY = "Муж сказал, что в тот год " + "мы много ездили по стране и смотрели старые города " * 6


class Listening(ScriptedLibrary):
    """A library whose second net hears `hears`, and remembers what it was asked."""

    def __init__(self, **hears: Suspicion) -> None:
        super().__init__()
        self.hears = hears
        self.put: list[tuple[str, float]] = []
        self.hints: set[DangerKind] = set()

    @property
    def listens(self) -> bool:
        return True

    def suspects(self, reading: Reading, *, times: float = 1.0, hints: Collection[DangerKind] = ()) -> Suspicion | None:
        self.put.append((reading.text, times))
        self.hints |= set(hints)
        return next((heard for word, heard in self.hears.items() if word in reading.text), None)


def alarms(
    watch: Watch, library: Listening, text: str, words: str | None = None, *, closely: bool = False
) -> list[Alarm]:
    return nets.alarms(watch, library, text, text if words is None else words, library.read, closely=closely)


def test_a_message_of_one_sentence_is_put_once(watch: Watch) -> None:
    library = Listening()

    assert alarms(watch, library, "сколько держится эффект") == []
    assert library.put == [("сколько держится эффект", 1.0)]


def test_each_of_several_sentences_is_put_too_and_must_speak_of_danger_more_surely(watch: Watch) -> None:
    library = Listening(море=Suspicion("crisis", "suicide", 0.9))

    heard = alarms(watch, library, "Добрый день. Скоро уйду в море. Сколько стоит лоб?")

    assert [alarm.sign for alarm in heard] == ["suicide"]
    assert dict(library.put)["Добрый день. Скоро уйду в море. Сколько стоит лоб?"] == 1.0


def test_of_a_wall_of_sentences_the_first_and_the_last_are_put(watch: Watch) -> None:
    library = Listening()

    alarms(watch, library, " ".join(f"Это день {number}." for number in range(30)))

    assert len(library.put) == 1 + MOST_SENTENCES
    assert {times for _, times in library.put[1:]} == {PART_TIMES}
    assert {library.put[1][0], library.put[-1][0]} == {"Это день 0.", "Это день 29."}


def test_a_lone_word_must_speak_of_danger_more_surely(watch: Watch) -> None:
    library = Listening()

    alarms(watch, library, "столица")

    assert library.put == [("столица", WORD_TIMES)]


def test_of_a_story_only_its_short_sentences_are_put_beside_the_whole(watch: Watch) -> None:
    library = Listening()

    alarms(watch, library, f"{STORY}. Было хорошо.")

    assert [times for _, times in library.put] == [STORY_TIMES, PART_TIMES]
    assert library.put[1][0] == "Было хорошо."


def test_after_an_alarm_less_is_needed(watch: Watch) -> None:
    library = Listening()

    alarms(watch, library, "сколько держится эффект", closely=True)

    assert library.put == [("сколько держится эффект", CLOSER)]


def test_where_the_first_net_is_sure_of_something_grave_the_second_is_not_asked(watch: Watch) -> None:
    library = Listening()

    assert [alarm.kind for alarm in alarms(watch, library, "хочу умереть")] == ["crisis"]
    assert library.put == []


def test_beside_something_grave_what_the_first_net_is_less_sure_of_counts_too(watch: Watch) -> None:
    assert watch.alarms("не могу дышать") == []

    heard = alarms(watch, Listening(), "не могу дышать и хочу умереть")

    assert [alarm.kind for alarm in heard] == ["crisis", "emergency"]


@pytest.mark.parametrize(("kind", "kinds"), [("crisis", ["crisis", "urgent"]), ("urgent", ["urgent"])])
def test_beside_a_sign_that_can_wait_the_second_net_may_find_something_graver(
    watch: Watch, kind: str, kinds: list[str]
) -> None:
    text = "после укола место покраснело, горячее и гной"
    library = Listening(гной=Suspicion(kind, "any", 0.9))  # type: ignore[arg-type]  # one of the kinds

    assert [alarm.kind for alarm in alarms(watch, library, text)] == kinds


@pytest.mark.parametrize("words", ["", "  ", "?!"])
def test_a_command_without_words_is_not_put(watch: Watch, words: str) -> None:
    library = Listening()

    assert alarms(watch, library, "/start duration", words) == []
    assert library.put == []


def test_what_the_first_net_is_not_sure_of_makes_the_second_listen_for_it(watch: Watch) -> None:
    library = Listening()

    assert alarms(watch, library, "не могу дышать") == []
    assert library.hints == {"emergency"}


def test_a_message_that_names_no_danger_gives_no_hint(watch: Watch) -> None:
    library = Listening()

    alarms(watch, library, "сколько держится эффект")

    assert library.hints == set()
