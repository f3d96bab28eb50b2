"""The account must see what it is there to see."""

from __future__ import annotations

from tests.faults.account import Account


def talked(*steps: str) -> Account:
    """A chat in short: `a?` asks for the reply a, `a` is that reply, `~` a fragment, `a!` a danger, `x.` unasked."""
    account = Account()
    for at, step in enumerate(steps):
        if step.endswith("?"):
            account.say("question", step[:-1], at)
        elif step.endswith("!"):
            account.say("danger", step[:-1], at)
        elif step == "~":
            account.say("fragment", "", at)
        elif step.endswith("."):
            account.hear(None, step, at)
        else:
            account.hear(step, step, at)
    return account


def faults(account: Account) -> tuple[int, int, int, int]:
    """Lost, twice, out of order, strange."""
    return len(account.lost), len(account.twice), len(account.out_of_order), len(account.strange)


def test_a_chat_in_order_has_no_fault() -> None:
    assert faults(talked("a?", "b?", "a", "b")) == (0, 0, 0, 0)


def test_a_message_without_a_reply_is_lost() -> None:
    assert faults(talked("a?", "b?", "a")) == (1, 0, 0, 0)


def test_a_reply_that_comes_again_is_twice() -> None:
    assert faults(talked("a?", "b?", "a", "a", "b")) == (0, 1, 0, 0)


def test_a_reply_that_comes_again_after_the_next_one_is_twice_and_not_out_of_order() -> None:
    assert faults(talked("a?", "b?", "a", "b", "a")) == (0, 1, 0, 0)


def test_a_later_answer_before_an_earlier_one_is_out_of_order() -> None:
    assert faults(talked("a?", "b?", "b", "a")) == (0, 0, 1, 0)


def test_a_danger_may_overtake() -> None:
    assert faults(talked("a?", "d!", "d", "a")) == (0, 0, 0, 0)


def test_a_danger_that_waits_puts_nothing_out_of_order() -> None:
    assert faults(talked("d!", "a?", "a", "d")) == (0, 0, 0, 0)


def test_a_fragment_is_answered_with_what_follows_it() -> None:
    assert faults(talked("~", "a?", "a")) == (0, 0, 0, 0)


def test_a_fragment_may_be_answered_alone() -> None:
    assert faults(talked("~", "what.", "a?", "a")) == (0, 0, 0, 0)


def test_a_fragment_alone_is_lost_like_any_message() -> None:
    assert faults(talked("a?", "a", "~")) == (1, 0, 0, 0)


def test_a_reply_to_nothing_is_strange() -> None:
    assert faults(talked("a?", "a", "what.")) == (0, 0, 0, 1)


def test_a_fragment_s_own_reply_that_comes_again_is_twice() -> None:
    assert faults(talked("~", "what.", "what.")) == (0, 1, 0, 0)


def test_the_same_is_not_asked_again_until_it_can_be_told_apart() -> None:
    account = talked("a?", "a", "b?", "c?", "b", "c")

    assert not account.may_ask("a")
    assert account.may_ask("d")
