"""The first net for danger, on the clinicians' real list: plain wording, without any model."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.messages import LANGS, Lang
from bot.retrieval.redflags import KINDS
from bot.retrieval.writing import other_layout
from bot.safety.red_flags import Alarm, Watch
from tests.examples import whole_knowledge

FLAGS = whole_knowledge().red_flags

# What each sign looks like in plain words, by language.
PLAIN: dict[str, dict[Lang, tuple[str, ...]]] = {
    "suicide": {
        "ru": ("хочу умереть", "не хочу жить", "нет больше сил жить", "покончу с собой", "лучше бы меня не было"),
        "en": ("i want to die", "I'm going to kill myself", "thinking about suicide", "I don't want to live anymore"),
    },
    "self-harm": {
        "ru": ("режу себя каждый вечер", "порезала себе руки, опять"),
        "en": ("i cut myself again last night", "I keep hurting myself"),
    },
    "other": {
        "ru": ("сын говорит, что не хочет жить", "подруга пишет, что покончит с собой"),
        "en": ("my daughter says she wants to die", "my friend wrote that he will kill himself"),
    },
    "violence": {
        "ru": ("муж меня бьёт", "парень избил меня вчера"),
        "en": ("my husband hits me", "my boyfriend beat me up last night"),
    },
    "poisoning": {
        "ru": ("выпила целую пачку таблеток", "наглоталась таблеток"),
        "en": ("i took all my pills", "I swallowed a whole bottle of tablets"),
    },
    "breathing": {
        "ru": ("не могу дышать", "трудно дышать", "задыхаюсь после укола", "нечем дышать"),
        "en": ("I can't breathe", "it is hard to breathe", "short of breath since the injection"),
    },
    "swallowing": {
        "ru": ("мне очень плохо после укола, не могу глотать", "трудно глотать второй день"),
        "en": ("hard to swallow since yesterday", "I can't swallow"),
    },
    "speech": {
        "ru": ("заплетается язык", "речь стала невнятной"),
        "en": ("my speech is slurred", "I am slurring my words"),
    },
    "voice": {"ru": ("пропал голос после уколов", "голос осип"), "en": ("I lost my voice", "my voice has gone hoarse")},
    "weakness": {
        "ru": ("шея не держит голову", "ослабли руки и ноги", "не могу поднять руку"),
        "en": ("I can't hold my head up", "my arms are weak and I can't lift them"),
    },
    "double-vision": {
        "ru": ("в глазах двоится", "двоится после ботокса"),
        "en": ("seeing double", "I have double vision"),
    },
    "both-lids": {"ru": ("опустились оба века",), "en": ("both eyelids dropped",)},
    "anaphylaxis": {
        "ru": ("отекли губы и язык", "распухло лицо и горло"),
        "en": ("my lips and tongue are swollen", "my throat is swelling"),
    },
    "fainting": {
        "ru": ("потеряла сознание после укола", "упала в обморок"),
        "en": ("I fainted after botox", "she passed out"),
    },
    "vision-loss": {
        "ru": ("перестала видеть одним глазом", "ослепла на левый глаз"),
        "en": ("I went blind in one eye", "I can't see out of my left eye"),
    },
    "skin-blanching": {
        "ru": ("кожа побелела и очень болит после филлера",),
        "en": ("my skin went white and it hurts badly",),
    },
    "pupils": {"ru": ("зрачки разные", "один зрачок больше другого"), "en": ("one pupil is bigger than the other",)},
    "thunderclap-headache": {
        "ru": ("внезапно страшная головная боль, никогда такой не было",),
        "en": ("sudden headache, the worst of my life",),
    },
    "stroke": {
        "ru": ("перекосило лицо и онемела рука", "у папы похоже инсульт"),
        "en": ("my face is drooping on one side and my arm is numb", "I think dad is having a stroke"),
    },
    "chest-pain": {"ru": ("сильная боль в груди", "давит в груди и болит сердце"), "en": ("I have chest pain",)},
    "food-botulism": {
        "ru": ("поели домашние консервы, и двоится в глазах",),
        "en": ("ate home canned mushrooms and now double vision",),
    },
    "urine": {"ru": ("не могу помочиться с утра",), "en": ("I can't pee since the injection",)},
    "dry-mouth-blur": {
        "ru": ("во рту сухо и всё расплывается перед глазами",),
        "en": ("my mouth is dry and my vision is blurry",),
    },
    "infection": {
        "ru": ("место укола гноится", "из прокола идёт гной"),
        "en": ("there is pus at the injection site", "the injection site is red, hot and swollen"),
    },
    "hives": {"ru": ("крапивница по всему телу после укола",), "en": ("hives all over my body",)},
    "eye": {"ru": ("глаз не закрывается",), "en": ("my eye won't close",)},
    "lid-worse": {
        "ru": ("веко опускается всё ниже с каждым днём", "веко опустилось, к вечеру хуже"),
        "en": ("my eyelid drops lower every day", "my eyelid droops more every evening"),
    },
    "headache-day": {
        "ru": ("голова сильно болит второй день, ничего не помогает",),
        "en": ("severe headache for two days, painkillers do nothing",),
    },
}  # fmt: skip


def kinds(watch: Watch, text: str) -> list[str]:
    return [alarm.kind for alarm in watch.alarms(text, alone=True)]


def plain(*of: str) -> list[tuple[str, Lang, str]]:
    """Sign, language and phrase of the plain dangers, of these kinds."""
    kind_of = {sign.id: sign.kind for sign in FLAGS.signs}
    return [
        (kind_of[sign], lang, text)
        for sign, by_lang in PLAIN.items()
        if sign in kind_of and kind_of[sign] in of
        for lang in LANGS
        for text in by_lang[lang]
    ]


# ---- the list itself --------------------------------------------------------------------------------------


def test_the_list_has_every_sign_of_the_issue() -> None:
    """A sign that is taken out of the list, or gets another name, must not go unseen."""
    assert {sign.id for sign in FLAGS.signs} >= set(PLAIN)


def test_every_sign_has_plain_words_here() -> None:
    assert {sign.id for sign in FLAGS.signs} <= set(PLAIN)


@pytest.mark.parametrize("lang", LANGS)
def test_every_reply_names_112_first_and_offers_nothing(lang: Lang) -> None:
    for name, text in FLAGS.replies[lang].items():
        assert "112" in text, name
        for word in ("записаться", "запись на", "цена", "скидк", "book", "price", "offer", "appointment"):
            assert word not in text.lower(), (name, word)


@pytest.mark.parametrize("lang", LANGS)
def test_a_crisis_reply_names_the_lines_for_grown_ups_and_for_children(lang: Lang) -> None:
    for name in {sign.reply for sign in FLAGS.signs if sign.kind == "crisis"}:
        text = FLAGS.replies[lang][name]
        numbers = re.findall(r"[\d-]+", text)
        assert {"112", "051", "8-800-2000-122", "124"} <= set(numbers), name


@pytest.mark.parametrize("lang", LANGS)
def test_the_emergency_reply_says_whom_to_call_what_to_say_and_not_to_drive_or_wait(lang: Lang) -> None:
    text = FLAGS.replies[lang]["emergency"]

    assert text.index("112") < 40
    said = {
        "ru": ("103", "не ждите", "за руль", "ботулотоксин", "дату", "серию"),
        "en": ("103", "do not wait", "drive", "botulinum toxin", "date", "batch"),
    }[lang]
    assert [word for word in said if word not in text.lower()] == []


# ---- danger in plain words --------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "lang", "text"), plain("crisis", "emergency", "urgent"))
def test_a_danger_in_plain_words_is_heard(watch: Watch, kind: str, lang: Lang, text: str) -> None:
    assert kind in kinds(watch, text)


@pytest.mark.parametrize(("kind", "lang", "text"), plain("crisis", "emergency"))
def test_capitals_punctuation_and_what_stands_around_hide_no_danger(
    watch: Watch, kind: str, lang: Lang, text: str
) -> None:
    around = {"ru": ("Здравствуйте! Сколько стоит ботокс? {}. Спасибо",), "en": ("Hello! How much is it? {}. Thanks",)}

    for typed in (text.upper(), f"{text}!!! 😭😭", f"...{text}", *(form.format(text) for form in around[lang])):
        assert kind in kinds(watch, typed), typed


@pytest.mark.parametrize(("kind", "lang", "text"), plain("crisis", "emergency"))
def test_the_other_keyboard_layout_hides_no_danger(watch: Watch, kind: str, lang: Lang, text: str) -> None:
    typed = other_layout(text.lower(), "en" if lang == "ru" else "ru")
    assert kind in kinds(watch, typed), typed


@pytest.mark.parametrize(("kind", "lang", "text"), plain("crisis", "emergency"))
def test_stretched_letters_hide_no_danger(watch: Watch, kind: str, lang: Lang, text: str) -> None:
    stretched = " ".join(word[:-1] + word[-1] * 5 if word.isalpha() else word for word in text.split())
    assert kind in kinds(watch, stretched), stretched


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        # Latin letters
        ("trudno dyshat posle ukola", "breathing"),
        ("ne mogu glotat", "swallowing"),
        ("hochu umeret", "suicide"),
        ("ya ne hochu zhit", "suicide"),
        ("v glazah dvoitsya", "double-vision"),
        # typos
        ("трудно дыщать", "breathing"),
        ("не магу дышать", "breathing"),
        ("хочу умиреть", "suicide"),
        ("трудно глатать", "swallowing"),
        ("I cant breath", "breathing"),
        ("i cant swalow", "swallowing"),
        # no spaces, mixed alphabets, mixed languages, invisible characters
        ("немогудышать", "breathing"),
        ("хочуумереть", "suicide"),
        ("icantbreathe", "breathing"),
        ("xoчу умepeть", "suicide"),
        ("доктор help me не могу дышать", "breathing"),
        ("i can't breathe после ботокса", "breathing"),
        ("т\u200bрудно ды\u00adшать", "breathing"),
        # first and third person, present and recent past
        ("мама задыхается", "breathing"),
        ("у мамы заплетается язык, язык заплетается с утра", "speech"),
        ("вчера не могла дышать и сейчас не могу", "breathing"),
        ("my mum can't breathe properly", "breathing"),
        ("she can't swallow since yesterday", "swallowing"),
        # voice to text: no punctuation
        ("здравствуйте мне вчера кололи и сегодня мне трудно дышать что делать подскажите пожалуйста", "breathing"),
        ("hi so i had botox yesterday and now i cant swallow what should i do", "swallowing"),
        ("у неё трудно дышать", "breathing"),
        ("у нас бабушка не может дышать", "breathing"),
        ("муж меня бил", "violence"),
        ("мой муж: голова сильно болит второй день", "headache-day"),
        ("Не могу уже вторые сутки нормально сглотнуть слюну", "swallowing"),
    ],
)  # fmt: skip
def test_danger_is_heard_however_it_is_typed(watch: Watch, text: str, sign: str) -> None:
    assert sign in [alarm.sign for alarm in watch.alarms(text, alone=True)]


def test_two_dangers_in_one_message_are_both_heard_gravest_first(watch: Watch) -> None:
    assert kinds(watch, "не могу дышать и хочу умереть") == ["crisis", "emergency"]
    assert kinds(watch, "hives all over my body. I can't breathe") == ["emergency", "urgent"]


def test_two_signs_with_one_reply_are_one_alarm(watch: Watch) -> None:
    assert kinds(watch, "не могу дышать и не могу глотать") == ["emergency"]


# ---- what only sounds like danger -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        # idioms
        "задыхаюсь от смеха",
        "умираю как хочу губы",
        "цена убила",
        "умираю от смеха",
        "this is killing me, how much is it",
        "dying to try botox",
        "these lips are to die for",
        "I'd kill for skin like that",
        # negation
        "дышать не трудно",
        "дышу нормально, глотать не больно",
        "не двоится, всё хорошо",
        "no trouble breathing",
        "I don't have double vision",
        "I have no trouble swallowing at all",
        # titles, house and job meanings
        "смотрела фильм «Хочу умереть»",
        "watched the movie Suicide Squad yesterday",
        "кот подавился",
        "my phone is dying",
        # questions about rules
        "а бывает, что трудно глотать?",
        "может ли после ботокса двоиться в глазах?",
        "правда ли, что от ботокса можно задохнуться?",
        "can botox cause double vision?",
        "can botox make it hard to swallow?",
        # other meanings
        "I can't see any difference after two weeks",
        "ослепительная улыбка",
        "дышать свежим воздухом после уколов можно?",
        "сколько держится эффект",
        "how long does it last",
        "",
        "😭😭😭",
        "112",
    ],
)  # fmt: skip
def test_idioms_negations_titles_and_questions_about_rules_raise_nothing(watch: Watch, text: str) -> None:
    assert watch.alarms(text, alone=True) == []


@pytest.mark.parametrize(
    "text",
    [
        "пять лет назад после наркоза было трудно дышать",
        "в детстве падала в обморок от уколов",
        "years ago I fainted at the dentist, can I have botox",
        "I had double vision ten years ago",
    ],
)
def test_what_is_long_past_raises_nothing(watch: Watch, text: str) -> None:
    assert watch.alarms(text, alone=True) == []


@pytest.mark.parametrize(
    "text",
    [
        "а бывает, что трудно глотать, у меня сейчас так?",
        "Дышать не трудно. Но не могу глотать",
        "can botox cause double vision? because I see double since yesterday",
        "цена убила. и не могу дышать",
        "this is killing me. I can't breathe",
        "смотрела фильм, и вдруг не могу дышать. Задыхаюсь",
    ],
)
def test_danger_beside_an_idiom_a_negation_or_a_question_is_danger(watch: Watch, text: str) -> None:
    assert "emergency" in kinds(watch, text)


# ---- stories ----------------------------------------------------------------------------------------------

REVIEWS = {
    "ru": (
        "Пила эти таблетки два месяца по назначению невролога, сначала вроде помогало, спать начала хорошо и на работе "
        "успевала больше, а потом у меня всё лицо отекло и стало трудно дышать в самом конце каждого дня, поэтому врач "
        "отменил и выписал другие, подешевле, с ними живу спокойно и всем советую читать инструкцию внимательно."
    ),
    "en": (
        "I took this for two months as my doctor told me, it worked at first and I slept better than I had in years, "
        "then I had trouble breathing every evening after the second dose and my throat was closing, now I am on "
        "another one which is cheaper and I would tell anybody who starts on it to read the leaflet with care."
    ),
}


@pytest.mark.parametrize("lang", LANGS)
def test_a_long_story_that_says_nothing_to_us_alarms_nobody(watch: Watch, lang: Lang) -> None:
    assert watch.hear(REVIEWS[lang]).story
    assert watch.alarms(REVIEWS[lang], alone=True) == []


@pytest.mark.parametrize(
    ("lang", "more"),
    [
        ("ru", "Что мне делать?"),
        ("ru", "Вчера делала ботокс."),
        ("en", "What should I do?"),
        ("en", "Botox was on Monday."),
    ],
)
def test_a_long_message_to_us_is_no_story(watch: Watch, lang: Lang, more: str) -> None:
    text = f"{REVIEWS[lang]} {more}"

    assert not watch.hear(text).story
    assert watch.alarms(text, alone=True) != []


@pytest.mark.parametrize(("lang", "cry"), [("ru", "Не могу дышать!"), ("en", "I can't breathe!")])
def test_a_cry_within_a_story_is_heard(watch: Watch, lang: Lang, cry: str) -> None:
    assert [alarm.sign for alarm in watch.alarms(f"{REVIEWS[lang]} {cry}", alone=True)] == ["breathing"]


def test_a_question_about_rules_softens_no_crisis(watch: Watch) -> None:
    assert "crisis" in kinds(watch, "бывает ли, что хочется умереть? я хочу умереть")


# Articles about danger: a question to them may name it.
ABOUT_DANGER = {
    "red-flags", "side-effects", "drooping-eyelid", "allergy", "headache-flu-like", "infection-fever-vaccines",
    "bruising-swelling", "neuromuscular-diseases", "spread-of-toxin", "botulism",
}  # fmt: skip


@pytest.mark.parametrize("lang", LANGS)
def test_hardly_a_question_of_an_ordinary_topic_raises_an_alarm(watch: Watch, lang: Lang) -> None:
    asked = [
        question
        for (topic, found), article in whole_knowledge().articles.items()
        if found == lang and topic not in ABOUT_DANGER
        for question in article.questions
    ]

    raised = [(question, alarm.sign) for question in asked for alarm in watch.alarms(question, alone=True)[:1]]

    assert len(raised) <= 0.005 * len(asked), raised


# ---- anything at all, in time -----------------------------------------------------------------------------

# The issue allows 10 ms; machines differ, and a test must not fail because its machine is busy.
WITHIN_S = 0.1


def _worst() -> dict[str, str]:
    """4096 characters each of what costs the most: made of the list's own words, runs, near misses."""
    rng = random.Random(4)
    inside = sorted(
        {
            word.strip("!*$")
            for sign in FLAGS.signs
            for lang in LANGS
            for phrase in sign.phrases[lang]
            for word in phrase.replace("(", " ").replace(")", " ").replace("|", " ").replace("_", " ").split()
        }
    )
    words = " ".join(rng.choices(inside, k=900))
    slipped = " ".join(word[: len(word) // 2] + word[len(word) // 2 + 1 :] for word in rng.choices(inside, k=1500))
    latin = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=3000))
    return {
        "the list's own words": words,
        "without spaces": words.replace(" ", ""),
        "near misses": slipped,
        "near misses, each once": " ".join(dict.fromkeys(slipped.split())),
        "one word without end": "не " * 2000,
        "two words without end": "не могу " * 1000,
        "three words without end": "не могу дышать " * 500,
        "one phrase without an end": "трудно очень " * 600,
        "english words without end": "i cant " * 1000,
        "one letter": "а" * 4096,
        "short words": "а б " * 2000,
        "letters": latin,
        "runs of 32": " ".join(latin[start : start + 32] for start in range(0, 3000, 32)),
        "known pieces in runs of 32": " ".join("немогудышать" * 2 + "кх" for _ in range(150)),
        "different runs of known pieces": " ".join(
            "".join(rng.choices(["не", "мо", "гу", "я", "и", "то"], k=12)) for _ in range(170)
        ),
        "other layout": "yt vjue lsifnm " * 270,
        "punctuation": ".!?…;\n" * 700,
        "joiners": "не_могу_дышать'не'могу’" * 200,
        "combining marks": "e\u0301" * 2048,
        "emoji": "😭" * 2048,
        "brackets": "(((((|||||)))))$$$" * 230,
    }


@pytest.mark.parametrize("name", _worst())
def test_4096_characters_of_the_worst_are_read_in_time(watch: Watch, name: str) -> None:
    text = _worst()[name][:4096]

    times = []
    for _ in range(3):  # the best of three: something else may run on this machine
        began = time.perf_counter()
        watch.alarms(text, alone=True)
        times.append(time.perf_counter() - began)

    assert min(times) < WITHIN_S


def test_a_message_longer_than_telegram_allows_is_read_in_time_too(watch: Watch) -> None:
    began = time.perf_counter()
    watch.alarms("не могу ды " * 20_000, alone=True)
    assert time.perf_counter() - began < 5 * WITHIN_S


@pytest.mark.parametrize("where", ["first", "last"])
def test_danger_at_either_end_of_a_long_message_is_heard(watch: Watch, where: str) -> None:
    wall = "Расскажу всё по порядку, чтобы было понятно. " * 60
    text = f"Не могу дышать. {wall}" if where == "first" else f"{wall} Не могу дышать."

    assert kinds(watch, text[:4096]) == ["emergency"]


def _strange(number: int, seed: int) -> Iterator[str]:
    """Random and mutated strings: dangers with letters lost, doubled, swapped, cut, glued, turned upside down."""
    rng = random.Random(seed)
    texts = [text for _, _, text in plain("crisis", "emergency", "urgent")]
    texts += [phrase for sign in FLAGS.signs for lang in LANGS for phrase in sign.phrases[lang]]
    for _ in range(number):
        letters = list(rng.choice(texts))
        for _ in range(rng.randint(0, 6)):
            place = rng.randrange(len(letters) + 1)
            what = rng.randrange(5)
            if what == 0:
                del letters[place : place + 1]
            elif what == 1:
                letters.insert(place, chr(rng.choice([rng.randrange(32, 0x2FF), rng.randrange(0x400, 0xD7FF)])))
            elif what == 2:
                letters[place:place] = letters[max(0, place - 3) : place] * rng.randint(1, 8)
            elif what == 3:
                letters[place : place + 2] = reversed(letters[place : place + 2])
            else:
                letters[place : place + 1] = rng.choice(["\x00", "\u200d", "\ud83d", "\U0001f62d", "\n", "'", "_", "ё"])
        yield "".join(letters)


def _nothing_breaks(watch: Watch, texts: Iterator[str]) -> None:
    for text in texts:
        for alarm in watch.alarms(text, alone=True):
            assert isinstance(alarm, Alarm)
            assert alarm.kind in KINDS
            assert all(alarm.reply in FLAGS.replies[lang] for lang in LANGS)


def test_three_thousand_random_and_mutated_strings_break_nothing(watch: Watch) -> None:
    _nothing_breaks(watch, _strange(3_000, seed=1))


@pytest.mark.slow
def test_a_hundred_thousand_random_and_mutated_strings_break_nothing(watch: Watch) -> None:
    _nothing_breaks(watch, _strange(100_000, seed=2))


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=600))
def test_anything_can_be_read(watch: Watch, text: str) -> None:
    assert watch.alarms(text, alone=True) == watch.alarms(text, alone=True)


def test_where_the_second_net_listens_the_first_hears_less_and_nothing_else(watch: Watch) -> None:
    spared = [phrase for sign in whole_knowledge().red_flags.signs for lang in LANGS for phrase in sign.alone[lang]]

    assert spared
    for row in whole_knowledge().danger_phrases:
        beside, by_itself = (watch.alarms(row.text, alone=alone) for alone in (False, True))
        assert {alarm.kind for alarm in beside} <= {alarm.kind for alarm in by_itself}
