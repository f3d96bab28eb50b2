"""Works off the inbox: one turn at a time per chat, many chats at once, each turn written whole or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import structlog

from bot.conversation import Conversation
from bot.deliveries import Answered, Claim, Done, Waiting, next_work
from bot.errors import DatabaseUnreachable, TurnLost
from bot.messages import (
    Alert,
    ChatId,
    ChatState,
    Edit,
    Erase,
    Incoming,
    Key,
    Kind,
    Lang,
    Leaving,
    Outcome,
    Reply,
    ShowData,
    Unanswered,
)
from bot.ports import Alerts, Clock, Inbox, Meters, Outbox, Voice
from bot.wording import Phrase, Wording

E = TypeVar("E")
log = structlog.get_logger()

_DANGERS = frozenset({Kind.CRISIS, Kind.EMERGENCY, Kind.URGENT})
# Chats worked on at the same time: enough to hide the waits for the database, few enough for one core.
_AT_ONCE = 8
# How often the inbox is looked at where no bell rings: a message of a replica that died waits for this, and its lease.
_LOOK_EVERY = 1.0
# A danger whose state another turn changed under it is computed again, at most this often.
_ATTEMPTS = 5
# A message that was claimed so often without a commit has killed or hung its workers: it gets an apology.
_TRIES = 8
_PAUSE = 0.5
# Seconds a danger waits for the database before it is answered without.
_PATIENCE = 2.0


class Turns:
    """Claims chats, lets the conversation answer, commits.

    Args:
        voice: speaks directly where storing a danger's answer fails.
        wording: the words to apologise with when a turn fails.
        library: names the library version that answers.
    """

    def __init__(
        self,
        conversation: Conversation,
        inbox: Inbox,
        outbox: Outbox,
        voice: Voice,
        alerts: Alerts,
        meters: Meters,
        clock: Clock,
        wording: Callable[[], Wording],
        library: Callable[[], str],
    ) -> None:
        self._conversation, self._inbox, self._outbox = conversation, inbox, outbox
        self._voice, self._alerts, self._meters, self._clock = voice, alerts, meters, clock
        self._wording, self._library = wording, library
        self._working: set[asyncio.Task[None]] = set()
        self._stopping = False
        # Care mode of chats whose state could not be kept; lost with the process, which is better than not there.
        self._cared_for: dict[ChatId, ChatState] = {}

    async def run(self) -> None:
        """Work until `stop` is called."""
        while not self._stopping:
            room = _AT_ONCE - len(self._working)
            if room <= 0:
                await asyncio.wait(set(self._working), return_when=asyncio.FIRST_COMPLETED)
                continue
            try:
                claims = await self._inbox.claim(room)
            except DatabaseUnreachable as error:
                log.warning("inbox_unreachable", reason=error.reason)
                await asyncio.sleep(_PAUSE)
                continue
            if self._stopping:
                for claim in claims:
                    await self._let_go(claim)
                return
            for claim in claims:
                self._start(self._work(claim))
            if len(claims) < room:
                await self._inbox.wait(_LOOK_EVERY)

    async def stop(self) -> None:
        """Claim no more; wait until the turns under way are done."""
        self._stopping = True
        while self._working:
            await asyncio.wait(set(self._working))

    def danger(self, chat_id: ChatId, waiting: Waiting) -> None:
        """Answer a danger now, ahead of everything that waits in its chat."""
        self._start(self._danger(chat_id, waiting))

    async def tell(self, incoming: Incoming, *, alarming: bool = False) -> bool:
        """Answer a danger with nothing stored; whether it was one and the answer was sent. Never raises.

        Args:
            alarming: the first net has heard it, so that at least the apology, which names 112, must be said.
        """
        try:
            outcome = await self._answer(incoming, ChatState())
        except Exception:
            log.exception("turn_failed", turn=incoming.turn)
            return alarming and await self._speak(incoming, self._apology(ChatState()))
        return _is_danger(outcome) and await self._speak(incoming, outcome)

    def _start(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]  # any coroutine
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _work(self, claim: Claim | None) -> None:
        """Answer what waits in a claimed chat, one message after the other, until nothing does or we must stop."""
        while claim is not None:
            held: Claim = claim
            try:
                claim = await self._turn(held)
                if claim is not None and self._stopping:
                    await self._let_go(claim)
                    return
            except TurnLost as error:
                # A danger was answered meanwhile, or another worker has the chat: in the first case the lease is still
                # ours, and what waits must not wait until it runs out.
                log.info("turn_lost", chat=str(held.chat_id), reason=str(error))
                await self._let_go(held)
                return
            except DatabaseUnreachable as error:
                # Nothing was written: the turn is done again when the lease has run out.
                log.warning("turn_not_written", chat=str(held.chat_id), reason=error.reason)
                await asyncio.sleep(_PAUSE)
                return
            except Exception:
                log.exception("turn_failed_twice", chat=str(held.chat_id))
                return

    async def _let_go(self, claim: Claim) -> None:
        """Give a lease back; where that fails, it runs out by itself."""
        with contextlib.suppress(DatabaseUnreachable):
            await self._inbox.release(claim)

    async def _turn(self, claim: Claim) -> Claim | None:
        began = time.monotonic()
        work, rows = next_work(claim.waiting)
        state = self._with_care(claim.chat_id, claim.state)
        outcome = await self._outcome(work, state, given_up=claim.tries > _TRIES)
        return await self._written(claim, work, rows, outcome, began)

    async def _written(
        self, claim: Claim, work: Waiting, rows: Sequence[int], outcome: Outcome, began: float
    ) -> Claim | None:
        done = self._done(work, rows, claim.state, outcome)
        try:
            # A danger's answer must not hang with the database; if it was written after all, it is read twice.
            async with asyncio.timeout(_PATIENCE if _is_danger(outcome) else None):
                following = await self._inbox.commit(claim, done)
        except (DatabaseUnreachable, TimeoutError) as error:
            # Without a lease it is one that `_danger` answers, and tells where it can't.
            if claim.fence is not None and _is_danger(outcome) and not work.told:
                await self._speak(work.incoming, outcome)
            if isinstance(error, TimeoutError):
                raise DatabaseUnreachable("timeout") from error
            raise
        self._cared_for.pop(claim.chat_id, None)
        kinds = [str(reply.kind) for reply in outcome.replies]
        self._meters.turn(kinds, outcome.language, time.monotonic() - began)
        log.info(
            "turn_done",
            turn=work.incoming.turn,
            kinds=kinds,
            topics=[topic for reply in outcome.replies for topic in reply.topics],
            library=done.library,
        )
        await self._alert(claim.chat_id, outcome, done)
        return following

    async def _danger(self, chat_id: ChatId, waiting: Waiting) -> None:
        """Without a lease, so that no turn of the chat, however slow, is waited for; the state's version decides."""
        try:
            for _ in range(_ATTEMPTS):
                async with asyncio.timeout(_PATIENCE):
                    state, version = await self._inbox.read(chat_id)
                began = time.monotonic()
                outcome = await self._outcome(waiting, self._with_care(chat_id, state), given_up=False)
                try:
                    await self._written(
                        Claim(chat_id, state, version, (waiting,)), waiting, [waiting.id], outcome, began
                    )
                    return
                except TurnLost:
                    continue
            log.info("danger_left_to_workers", chat=str(chat_id))
        except DatabaseUnreachable as error:
            log.warning("danger_without_storage", chat=str(chat_id), reason=error.reason)
            if not waiting.told:
                await self.tell(waiting.incoming, alarming=True)
        except TimeoutError:
            log.warning("danger_without_storage", chat=str(chat_id), reason="timeout")
            if not waiting.told:
                await self.tell(waiting.incoming, alarming=True)
        except Exception:
            log.exception("danger_failed", chat=str(chat_id))
            await self.tell(waiting.incoming, alarming=True)

    async def _outcome(self, work: Waiting, state: ChatState, *, given_up: bool) -> Outcome:
        """What the conversation decides; where it breaks, a danger is still answered and the rest gets an apology."""
        if given_up and not self._conversation.alarms(work.incoming.text):
            log.error("turn_given_up", turn=work.incoming.turn)
            return self._apology(state)
        try:
            return await self._answer(work.incoming, state)
        except Exception:
            # The one place that catches everything: the patient hears an apology, the engineer reads the log.
            log.exception("turn_failed", turn=work.incoming.turn)
        try:
            outcome = await self._answer(work.incoming, ChatState())
            if _is_danger(outcome):
                return outcome
        except Exception:
            log.exception("turn_failed_again", turn=work.incoming.turn)
        return self._apology(state)

    async def _answer(self, incoming: Incoming, state: ChatState) -> Outcome:
        # Encoding takes milliseconds of pure computing: in a thread, the other chats go on meanwhile.
        return await asyncio.to_thread(self._conversation.answer, incoming, state)

    def _apology(self, state: ChatState) -> Outcome:
        lang: Lang = state.language or "ru"
        return Outcome(state, (Reply(Kind.UNKNOWN, self._wording()(lang, Phrase.FAILED)),), language=lang)

    def _done(self, work: Waiting, rows: Sequence[int], state: ChatState, outcome: Outcome) -> Done:
        incoming = work.incoming
        danger = _is_danger(outcome)
        return Done(
            rows=tuple(rows),
            state=outcome.state,
            language=outcome.language,
            turn=incoming.turn,
            cause=f"danger-{incoming.turn}" if danger else incoming.message_id,
            asked_at=incoming.at,
            # What was told already, because storing had failed, is not said again.
            leaving=() if danger and work.told else tuple(leaving(incoming, outcome)),
            ahead=danger,
            answers=tuple(answers(incoming, state, outcome, self._clock.now())),
            unanswered=next((one.question for one in _effects(outcome, Unanswered)), ""),
            library=self._library(),
            erase=bool(_effects(outcome, Erase)),
            show=bool(_effects(outcome, ShowData)),
        )

    def _with_care(self, chat_id: ChatId, state: ChatState) -> ChatState:
        """The state with the care mode of an alarm that storage did not take."""
        kept = self._cared_for.get(chat_id)
        return state if kept is None else replace(state, care_until=kept.care_until, care_for=kept.care_for)

    async def _speak(self, incoming: Incoming, outcome: Outcome) -> bool:
        """Say a danger's answer directly and keep its care mode in memory. Never raises."""
        chat_id = incoming.chat_id
        if outcome.state.care_until is not None:
            self._cared_for[chat_id] = outcome.state
        try:
            said = await self._voice.say(chat_id, outcome.replies)
        except Exception:
            log.exception("danger_not_said", chat=str(chat_id))
            said = False
        try:
            if await self._raise_alerts(chat_id, outcome):
                await self._voice.say(chat_id, [self._alerted(outcome)])
        except Exception:
            log.exception("alert_failed", chat=str(chat_id))
        return said

    async def _alert(self, chat_id: ChatId, outcome: Outcome, done: Done) -> None:
        """Raise the alerts of a turn; the patient hears of staff only where one really was reached. Never raises."""
        try:
            if await self._raise_alerts(chat_id, outcome):
                note = replace(done, turn=f"alert-{done.turn}", cause="alert", ahead=True)
                await self._outbox.put(chat_id, [self._alerted(outcome)], note)
        except Exception:
            log.exception("alert_failed", chat=str(chat_id))

    async def _raise_alerts(self, chat_id: ChatId, outcome: Outcome) -> bool:
        """Whether any of them reached somebody."""
        alerts: list[Alert] = _effects(outcome, Alert)
        for alert in alerts:
            self._meters.alert(alert.reason)
        return any([await self._alerts.raise_alert(chat_id, alert) for alert in alerts])

    def _alerted(self, outcome: Outcome) -> Reply:
        return Reply(Kind.CHAT, self._wording()(outcome.language, Phrase.CARE_ALERTED))


def leaving(incoming: Incoming, outcome: Outcome) -> list[Leaving]:
    """An edited question is answered in the place of the earlier answer, sent already or still waiting to be.

    A danger is answered by a new message, which the phone announces.
    """
    if not incoming.edited or _is_danger(outcome):
        return list(outcome.replies)
    end = len(outcome.replies) - 1
    return [
        Edit(Key(incoming.message_id, part), reply, reply.key, last=part == end)
        for part, reply in enumerate(outcome.replies)
    ]


def answers(incoming: Incoming, before: ChatState, outcome: Outcome, now: datetime) -> list[Answered]:
    """Lines for the clinic's report: one per reply and topic."""
    offered = before.live_offers(now)
    found = []
    for reply in outcome.replies:
        chosen = any(topic in offered for topic in reply.topics) and reply.kind is Kind.ANSWER
        by = "chosen" if chosen else "pressed" if incoming.press is not None else "typed"
        found += [Answered(str(reply.kind), topic, round(reply.confidence, 4), by) for topic in reply.topics or ("",)]
    return found


def _effects(outcome: Outcome, kind: type[E]) -> list[E]:
    return [effect for effect in outcome.effects if isinstance(effect, kind)]


def _is_danger(outcome: Outcome) -> bool:
    return any(reply.kind in _DANGERS for reply in outcome.replies)
