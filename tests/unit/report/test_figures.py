from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messages import Kind
from bot.report.figures import MOST_DAYS, Fate, Period, Tally, figures
from bot.report.rows import FeedbackRow, LostRow, Rows
from tests.examples import NOON
from tests.unit.report.builders import MOSCOW, WEEK, count, make_question, make_turn


def test_a_period_is_whole_days_by_the_clinics_clock_and_today_is_the_last() -> None:
    late = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)  # half past midnight in Moscow

    period = Period.ending(late, 2, MOSCOW)

    assert (period.first, period.last) == (date(2026, 11, 23), date(2026, 11, 24))
    assert period.since == datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
    assert period.until == datetime(2026, 11, 24, 21, 0, tzinfo=UTC)


def test_a_question_after_midnight_in_moscow_belongs_to_the_new_day() -> None:
    before = make_turn(at=datetime(2026, 11, 22, 20, 59, tzinfo=UTC))
    after = make_turn(at=datetime(2026, 11, 22, 21, 0, tzinfo=UTC))

    found = count(before, after)

    days = {column.first: sum(column.fates.values()) for column in found.columns if column.fates}
    assert days == {date(2026, 11, 22): 1, date(2026, 11, 23): 1}


@given(st.integers(1, 400))
def test_the_columns_hold_each_day_of_the_period_once(days: int) -> None:
    period = Period.ending(NOON, days, MOSCOW)

    held = [first + timedelta(days=step) for first, last in period.columns for step in range((last - first).days + 1)]

    assert held == [period.first + timedelta(days=step) for step in range(days)]


def test_a_long_period_is_drawn_by_weeks_that_end_with_today() -> None:
    columns = Period.ending(NOON, MOST_DAYS + 1, MOSCOW).columns

    assert columns[-1] == (date(2026, 11, 17), date(2026, 11, 23))
    assert len(columns) == 9


def test_the_rows_of_one_turn_are_one_question() -> None:
    found = count(make_turn(0, "clarify", "duration", "onset", "pain"))

    assert found.questions == 1
    assert found.fates[Fate.CLARIFIED] == 1


def test_a_turn_whose_rows_come_in_two_pages_is_one_question() -> None:
    tally = Tally(WEEK)
    rows = [*make_turn(0, "clarify", "pain", "onset"), *make_turn(1, "answer", "pain")]

    tally.add(rows[:1])
    tally.add(rows[1:])
    tally.finish()

    assert figures(tally, Rows()).questions == 2


@pytest.mark.parametrize(
    ("kind", "fate"),
    [
        ("answer", Fate.ANSWERED),
        ("clarify", Fate.CLARIFIED),
        ("refusal", Fate.REFUSED),
        ("unknown", Fate.UNANSWERED),
        ("crisis", Fate.DANGER),
        ("emergency", Fate.DANGER),
        ("urgent", Fate.DANGER),
        ("booking", Fate.OTHER),
        ("handoff", Fate.OTHER),
        ("a kind of a newer program", Fate.OTHER),
    ],
)
def test_every_kind_of_reply_has_its_fate(kind: str, fate: Fate) -> None:
    assert count(make_turn(0, kind)).fates == {**dict.fromkeys(Fate, 0), fate: 1}


def test_of_several_replies_the_most_important_one_decides() -> None:
    found = count([*make_turn(0, "unknown"), *make_turn(0, "answer", "pain"), *make_turn(0, "urgent", "red-flags")])

    assert found.questions == 1
    assert found.fates[Fate.DANGER] == 1


@pytest.mark.parametrize("by", ["pressed", "chosen"])
def test_a_button_is_no_question(by: str) -> None:
    found = count(make_turn(0, "answer", "pain", by=by))

    assert (found.questions, found.messages, found.presses) == (0, 0, 1)


def test_a_greeting_is_a_message_but_no_question() -> None:
    found = count(make_turn(0, "chat"))

    assert (found.questions, found.messages) == (0, 1)


def test_topics_are_counted_by_language_and_what_a_button_opened_apart() -> None:
    found = count(
        make_turn(0, "answer", "pain"),
        make_turn(1, "answer", "pain", language="en"),
        make_turn(2, "answer", "pain", by="chosen"),
        make_turn(3, "answer", "pain", by="pressed"),
        make_turn(4, "refusal", "pregnancy"),
    )

    pain, pregnancy = found.topics
    assert (pain.topic, dict(pain.asked), pain.pressed) == ("pain", {"ru": 2, "en": 1}, 1)
    assert (pregnancy.topic, pregnancy.total) == ("pregnancy", 1)


def test_a_topic_that_was_only_offered_was_not_asked() -> None:
    assert count(make_turn(0, "clarify", "pain", "onset")).topics == ()


def test_a_retired_topic_counts_as_the_one_that_answers_instead() -> None:
    found = count(make_turn(0, "answer", "old"), make_turn(1, "answer", "new"), redirects={"old": "new"})

    (topic,) = found.topics

    assert (topic.topic, topic.total) == ("new", 2)


def test_offers_and_choices_are_counted_in_all_and_by_topic() -> None:
    found = count(
        make_turn(0, "clarify", "pain", "onset"),
        make_turn(1, "answer", "pain", by="chosen"),
        make_turn(2, "clarify", "onset", "pain"),
        make_turn(3, "clarify", "pain", "price"),
    ).clarified

    assert (found.offers, found.choices) == (3, 1)
    assert [(one.topic, one.offered, one.chosen) for one in found.topics] == [
        ("pain", 3, 1), ("onset", 2, 0), ("price", 1, 0),
    ]  # fmt: skip
    assert found.together == ((("onset", "pain"), 2), (("pain", "price"), 1))


def test_dangers_are_counted_by_kind_and_one_message_may_be_of_two() -> None:
    found = count([*make_turn(0, "crisis"), *make_turn(0, "emergency")], make_turn(1, "crisis"))

    assert found.dangers == {"crisis": 2, "emergency": 1}
    assert found.fates[Fate.DANGER] == 2


def test_each_language_has_its_own_share_of_unanswered_questions() -> None:
    found = count(make_turn(0), make_turn(1, "unknown"), make_turn(2, "unknown", language="en"))

    assert [(one.language, one.questions, one.unanswered) for one in found.languages] == [("ru", 2, 1), ("en", 1, 1)]


def test_ratings_are_distributed_and_comments_come_newest_first() -> None:
    feedback = tuple(
        FeedbackRow(NOON + timedelta(hours=hour), "ru", rating, comment)
        for hour, (rating, comment) in enumerate([(5, "раз"), (None, "два"), (2, " "), (5, "")])
    )

    found = count(feedback=feedback)

    assert list(found.ratings.items()) == [(5, 2), (2, 1)]
    assert found.mean_rating == 4
    assert [row.comment for row in found.comments] == ["два", "раз"]


def test_lost_messages_are_counted_by_day_and_reason_newest_first() -> None:
    yesterday = NOON - timedelta(days=1)

    found = count(lost=(LostRow(yesterday, "refused"), LostRow(yesterday, "refused"), LostRow(NOON, "gave_up")))

    assert list(found.lost.items()) == [((NOON.date(), "gave_up"), 1), ((yesterday.date(), "refused"), 2)]


def test_versions_are_listed_newest_first_with_the_days_they_answered() -> None:
    yesterday = NOON - timedelta(days=1)

    new, old = count(
        make_turn(0, at=yesterday, library="v1"), make_turn(1, library="v1"), make_turn(2, library="v2")
    ).versions

    assert (new.version, new.turns) == ("v2", 1)
    assert (old.version, old.turns, old.first, old.last) == ("v1", 2, yesterday.date(), NOON.date())


def test_a_period_without_anything_is_empty_and_one_with_a_question_alone_is_not() -> None:
    assert count().is_empty
    assert not count(questions=(make_question("а микротоки?"),)).is_empty


@given(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from([*Kind]), st.sampled_from(["typed", "pressed", "chosen"])))
)
def test_every_question_has_one_fate_one_day_and_one_language(found: list[tuple[int, Kind, str]]) -> None:
    counted = count(*(make_turn(minutes, str(kind), "pain", by=by) for minutes, kind, by in sorted(found)))

    assert sum(counted.fates.values()) == counted.questions
    assert sum(sum(column.fates.values()) for column in counted.columns) == counted.questions
    assert sum(sum(column.languages.values()) for column in counted.columns) == counted.questions
    assert sum(one.questions for one in counted.languages) == counted.questions
