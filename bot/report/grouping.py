"""Questions grouped by likeness, so that fifty ways to ask the same thing are one line with the number 50."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.messages import Lang
from bot.report.rows import QuestionRow
from bot.retrieval.lexical import is_word, lemma, morphology, words
from bot.retrieval.writing import clean, shorten

# Two questions are alike from this share of their weighted words on (Dice). Among the 1,797 questions of tests/quality,
# all worded differently on purpose, 0.6 joins 44 pairs on one topic and 14 on two; 0.5 joins 65 and 64.
ALIKE = 0.6
# A word that nobody's dictionary knows is read as a known one that differs by one slip in so many letters; a swap of
# two neighbours is one slip.
_LETTERS_A_SLIP = 5
# More of other people's wordings is no help to see what a group is about.
_WORDINGS = 3
# Russian words of these kinds say nothing of what is asked.
_EMPTY_KINDS = frozenset({"PREP", "CONJ", "PRCL", "NPRO", "INTJ"})
# Words that stand in any question, as `lemma` has them; with few questions their frequency does not show it.
_EMPTY_RU = """
    быть ваш весь вопрос вы где делать есть здравствуйте какой клиника когда который куда мой можно мочь надо нужно
    нужный очень подсказать пожалуйста почему сделать сказать сколько спасибо стать такой там тут у хотеть хотеться это
"""
_EMPTY_EN = """
    a about after am an and ani are as at be been but by can clinic could did do doe for from get give go had has have
    hello hi how i if in is it just know like me much my need of on one or our pleas should so some tell than thank that
    the their them there they thi to us want was we what when where which whi who will with would you your
"""
_EMPTY: Mapping[Lang, frozenset[str]] = {"ru": frozenset(_EMPTY_RU.split()), "en": frozenset(_EMPTY_EN.split())}


@dataclass(frozen=True, slots=True)
class Group:
    """Questions alike: the most usual wording, other wordings, how many there are, and when the last one came."""

    language: str
    text: str
    others: tuple[str, ...]
    count: int
    last: datetime


@dataclass(frozen=True, slots=True)
class _Said:
    """Questions of the same words, in whatever form and order; `texts` counts their wordings, the first first."""

    lemmas: tuple[str, ...]
    texts: Counter[str]
    last: datetime

    @property
    def count(self) -> int:
        return self.texts.total()


def grouped(questions: Sequence[QuestionRow]) -> tuple[Group, ...]:
    """Group the questions of each language, the largest group first, then the latest.

    Every group has a leader, the most frequent set of words not yet in a group, and holds what is like the leader: a
    chain of questions, each a little like the one before, does not become one group. The same questions in the same
    order give the same groups.
    """
    found = [
        group
        for language in sorted({row.language for row in questions})
        for group in _groups([row for row in questions if row.language == language], language)
    ]
    return tuple(sorted(found, key=lambda group: (-group.count, -group.last.timestamp(), group.text)))


def _groups(questions: Sequence[QuestionRow], language: str) -> list[Group]:
    lang: Lang = "en" if language == "en" else "ru"
    texts = [" ".join(shorten(clean(row.text)).split()) for row in questions]
    spoken = [words(text, lang) for text in texts]
    respelt = _respelt(Counter(word for found in spoken for word in set(found)), lang)
    said: dict[tuple[str, ...], _Said] = {}
    for row, text, found in zip(questions, texts, spoken, strict=True):
        key = _content([respelt.get(word, word) for word in found], lang)
        known = said.get(key)
        counted = known.texts if known is not None else Counter[str]()
        counted[text] += 1
        said[key] = _Said(key, counted, row.at if known is None else max(row.at, known.last))
    leaders = sorted(said.values(), key=lambda one: (-one.count, one.lemmas))
    return [_group(members, language) for members in _gathered(leaders)]


def _gathered(all_said: Sequence[_Said]) -> list[list[_Said]]:
    """Give each to the leader it is most like, the first of equals, or make it a leader; leaders stand first."""
    held = Counter(form for one in all_said for form in one.lemmas)
    weights = {form: math.log1p(len(all_said) / count) for form, count in held.items()}
    groups: list[list[_Said]] = []
    totals: list[float] = []
    where: dict[str, list[int]] = {}
    for one in all_said:
        total = sum(weights[form] for form in one.lemmas)
        shared: dict[int, float] = {}
        for form in one.lemmas:
            for number in where.get(form, ()):
                shared[number] = shared.get(number, 0.0) + weights[form]
        best, number = max(
            ((2 * weight / (total + totals[number]), -number) for number, weight in shared.items()), default=(0.0, 0)
        )
        if best >= ALIKE:
            groups[-number].append(one)
            continue
        for form in one.lemmas:
            where.setdefault(form, []).append(len(groups))
        groups.append([one])
        totals.append(total)
    return groups


def _group(members: Sequence[_Said], language: str) -> Group:
    texts = Counter[str]()
    for one in members:
        texts.update(one.texts)
    # The leader's own wording stands for the group; Counter keeps the first of equals first.
    text = members[0].texts.most_common(1)[0][0]
    others = [other for other, _ in texts.most_common() if other.casefold() != text.casefold()]
    return Group(language, text, tuple(others[:_WORDINGS]), texts.total(), max(one.last for one in members))


def _content(spoken: Sequence[str], lang: Lang) -> tuple[str, ...]:
    """The lemmas that say what is asked, sorted; where none does, all of them."""
    found = {lemma(word, lang): word for word in spoken}
    telling = sorted(form for form, word in found.items() if form not in _EMPTY[lang] and not _is_empty(word, lang))
    return tuple(telling or sorted(found))


def _is_empty(word: str, lang: Lang) -> bool:
    if lang == "en":
        return len(word) == 1
    try:
        return str(morphology().parse(word)[0].tag.POS) in _EMPTY_KINDS
    except ValueError:
        return False


def _respelt(counted: Counter[str], lang: Lang) -> Mapping[str, str]:
    """What words nobody knows are probably meant to be: a word that is known, or more usual here, and near to them.

    Only words of the same first letter are looked at: it is seldom the wrong one, and it makes the search quick.
    """
    known: dict[str, list[str]] = {}
    for word in sorted(counted, key=lambda word: (-counted[word], word)):
        if _is_known(word, counted, lang):
            known.setdefault(word[0], []).append(word)
    found = {}
    for word in sorted(counted):
        if len(word) < _LETTERS_A_SLIP or not word.isalpha() or _is_known(word, counted, lang):
            continue
        slips = len(word) // _LETTERS_A_SLIP
        near = process.extractOne(word, known.get(word[0], ()), scorer=OSA.distance, score_cutoff=slips)
        if near is not None:
            found[word] = str(near[0])
    return found


def _is_known(word: str, counted: Counter[str], lang: Lang) -> bool:
    """English has no dictionary here: there a word that came twice is one."""
    return counted[word] > 1 or (lang == "ru" and is_word(word))
