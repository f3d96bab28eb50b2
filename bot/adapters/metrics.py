"""Prometheus metrics: counts, times and depths; nothing of what anybody wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)


class Metrics:
    """The metrics of one process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._turns = Counter("mimika_turns", "Replies decided, by kind", ["kind", "lang"], registry=self.registry)
        self._turn_seconds = Histogram(
            "mimika_turn_seconds", "Computing and committing a turn", buckets=_SECONDS, registry=self.registry
        )
        self._delivery_seconds = Histogram(
            "mimika_delivery_seconds", "From a message to its reply", buckets=_SECONDS, registry=self.registry
        )
        self._deliveries = Counter("mimika_deliveries", "What left, by result", ["result"], registry=self.registry)
        self._telegram_errors = Counter(
            "mimika_telegram_errors", "Errors of the Bot API", ["error"], registry=self.registry
        )
        self._alerts = Counter("mimika_alerts", "Dangers heard, by reason", ["reason"], registry=self.registry)
        self._refused = Counter(
            "mimika_webhook_refused", "Webhook calls turned away", ["reason"], registry=self.registry
        )
        self._sender = Gauge("mimika_sender", "1 where this process sends", registry=self.registry)
        self._library = Gauge("mimika_library_info", "The library version served", ["version"], registry=self.registry)
        self._depth = {
            name: Gauge(f"mimika_{name}", words, registry=self.registry)
            for name, words in (
                ("inbox_waiting", "Messages that wait for their turn"),
                ("inbox_oldest_seconds", "How long the oldest of them has waited"),
                ("outbox_waiting", "Replies that wait to be sent"),
                ("outbox_oldest_seconds", "How long the oldest of them has waited"),
            )
        }

    def turn(self, kinds: Sequence[str], language: str, seconds: float) -> None:
        for kind in kinds or ["silent"]:
            self._turns.labels(kind, language).inc()
        self._turn_seconds.observe(seconds)

    def delivery(self, result: str, seconds: float) -> None:
        self._deliveries.labels(result).inc()
        # The machine's clock and Telegram's need not agree.
        self._delivery_seconds.observe(max(seconds, 0.0))

    def telegram_error(self, error: str) -> None:
        self._telegram_errors.labels(error).inc()

    def alert(self, reason: str) -> None:
        self._alerts.labels(reason).inc()

    def refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def sending(self, held: bool) -> None:
        self._sender.set(int(held))

    def depths(self, **found: float) -> None:
        """Set `inbox_waiting`, `inbox_oldest_seconds`, `outbox_waiting`, `outbox_oldest_seconds`."""
        for name, value in found.items():
            self._depth[name].set(value)

    def text(self, library: Callable[[], str]) -> bytes:
        """Everything in Prometheus' text format."""
        self._library.clear()
        self._library.labels(library()).set(1)
        return generate_latest(self.registry)
