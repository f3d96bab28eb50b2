"""What an engineer sees: counts, times and depths in Prometheus' format, and nothing anybody wrote."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.adapters.metrics import Metrics


def values(metrics: Metrics, library: str = "library-1") -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of the text that Prometheus reads, by name and labels."""
    text = metrics.text(lambda: library).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for sample in samples
        if not sample.name.endswith("_created")
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return values(metrics).get((name, tuple(sorted(labels.items()))))


def test_every_reply_of_a_turn_is_counted_by_kind_and_language_and_the_turn_is_timed_once() -> None:
    metrics = Metrics()

    metrics.turn(["answer", "unknown"], "ru", 0.03)
    metrics.turn(["answer"], "ru", 0.2)
    metrics.turn(["answer"], "en", 0.2)

    assert value(metrics, "mimika_turns_total", kind="answer", lang="ru") == 2
    assert value(metrics, "mimika_turns_total", kind="unknown", lang="ru") == 1
    assert value(metrics, "mimika_turns_total", kind="answer", lang="en") == 1
    assert value(metrics, "mimika_turn_seconds_count") == 3
    assert value(metrics, "mimika_turn_seconds_sum") == pytest.approx(0.43)


def test_a_turn_without_a_reply_is_counted_as_silent() -> None:
    metrics = Metrics()

    metrics.turn([], "ru", 0.01)

    assert value(metrics, "mimika_turns_total", kind="silent", lang="ru") == 1


def test_a_delivery_is_counted_by_what_came_of_it_and_timed() -> None:
    metrics = Metrics()

    metrics.delivery("sent", 0.4)
    metrics.delivery("unreachable", 2.0)

    assert value(metrics, "mimika_deliveries_total", result="sent") == 1
    assert value(metrics, "mimika_deliveries_total", result="unreachable") == 1
    assert value(metrics, "mimika_delivery_seconds_bucket", le="0.5") == 1
    assert value(metrics, "mimika_delivery_seconds_sum") == pytest.approx(2.4)


def test_a_reply_that_seems_to_come_before_its_message_took_no_time() -> None:
    """Telegram's clock is not ours; a negative time would spoil the sum for ever."""
    metrics = Metrics()

    metrics.delivery("sent", -1.5)

    assert value(metrics, "mimika_delivery_seconds_sum") == 0


def test_errors_alerts_and_refusals_are_counted_by_what_they_are() -> None:
    metrics = Metrics()

    metrics.telegram_error("TelegramServerError")
    metrics.alert("emergency/breathing")
    metrics.refused("secret")
    metrics.refused("secret")

    assert value(metrics, "mimika_telegram_errors_total", error="TelegramServerError") == 1
    assert value(metrics, "mimika_alerts_total", reason="emergency/breathing") == 1
    assert value(metrics, "mimika_webhook_refused_total", reason="secret") == 2


def test_whether_this_process_sends_is_seen() -> None:
    metrics = Metrics()

    metrics.sending(True)
    assert value(metrics, "mimika_sender") == 1
    metrics.sending(False)
    assert value(metrics, "mimika_sender") == 0


def test_depths_are_what_they_were_last() -> None:
    metrics = Metrics()
    metrics.depths(inbox_waiting=3, inbox_oldest_seconds=1.5, outbox_waiting=7, outbox_oldest_seconds=60)

    metrics.depths(inbox_waiting=0, inbox_oldest_seconds=0, outbox_waiting=2, outbox_oldest_seconds=9)

    assert value(metrics, "mimika_inbox_waiting") == 0
    assert value(metrics, "mimika_outbox_waiting") == 2
    assert value(metrics, "mimika_outbox_oldest_seconds") == 9


def test_only_the_library_version_that_is_served_now_is_shown() -> None:
    metrics = Metrics()
    values(metrics, "library-1")

    shown = [labels for name, labels in values(metrics, "library-2") if name == "mimika_library_info"]

    assert shown == [(("version", "library-2"),)]


def test_two_processes_in_one_test_do_not_share_their_counts() -> None:
    one, other = Metrics(), Metrics()

    one.alert("emergency/breathing")

    assert value(other, "mimika_alerts_total", reason="emergency/breathing") is None


def test_every_metric_says_what_it_is() -> None:
    families = list(text_string_to_metric_families(Metrics().text(lambda: "library-1").decode()))

    assert len(families) >= 12
    assert all(family.name.startswith("mimika_") and family.documentation for family in families)
