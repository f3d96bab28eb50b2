"""What the page itself says, for the clinic's staff; patients never read it."""

from __future__ import annotations

from collections.abc import Mapping

from bot.messages import Lang

_MONTHS: Mapping[Lang, tuple[str, ...]] = {
    "ru": (
        "января", "февраля", "марта", "апреля", "мая", "июня",
        "июля", "августа", "сентября", "октября", "ноября", "декабря",
    ),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}  # fmt: skip

_WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("Отчёт бота", "Report of the bot"),
    "period": ("{first} – {last}, время {zone}", "{first} – {last}, {zone} time"),
    "made": ("Составлен {at}", "Made on {at}"),
    "empty": (
        "За этот период бот не получил ни одного сообщения, поэтому показывать нечего.",
        "The bot received no message in this period, so there is nothing to show.",
    ),
    "private": (
        "Вопросы и отзывы показаны без имён, телефонов и адресов, насколько их можно узнать автоматически. "
        "Всё же храните эту страницу как внутренний документ.",
        "Questions and comments are shown without names, phones and addresses as far as a program can tell. "
        "Keep this page as an internal document all the same.",
    ),
    "none": ("За этот период — нет.", "None in this period."),
    "more": ("…и ещё {count}", "…and {count} more"),
    "of": ("{count} из {of} ({share})", "{count} of {of} ({share})"),
    # ---- totals
    "totals": ("Коротко", "In short"),
    "questions": ("Вопросы", "Questions"),
    "unanswered_share": ("Без ответа", "Unanswered"),
    "messages": ("Сообщения", "Messages"),
    "presses": ("Нажатия кнопок", "Buttons pressed"),
    "dangers_total": ("Опасность", "Danger"),
    "rating": ("Средняя оценка", "Mean rating"),
    "what_is_a_question": (
        "Вопрос — сообщение своими словами, кроме приветствий и команд. Выбор из предложенных тем продолжает тот "
        "вопрос, к которому их предложили, и второй раз не считается.",
        "A question is a message in the patient's own words that is no greeting or command. A choice among offered "
        "topics goes on with the question they were offered for and is not counted again.",
    ),
    # ---- days
    "days": ("Вопросы по дням", "Questions by day"),
    "weeks": ("Вопросы по неделям", "Questions by week"),
    "by_fate": ("Что стало с вопросом", "What became of them"),
    "by_language": ("По языкам", "By language"),
    "numbers": ("Числа", "Numbers"),
    "day": ("День", "Day"),
    "week": ("Неделя", "Week"),
    "total": ("Всего", "Total"),
    "answered": ("Ответ", "Answered"),
    "clarified": ("Уточнение", "Choice offered"),
    "refused": ("Отказ", "Refused"),
    "unanswered": ("Без ответа", "Unanswered"),
    "danger": ("Опасность", "Danger"),
    "other": ("Запись, консультант", "Booking, consultant"),
    "language": ("Язык", "Language"),
    "ru": ("русский", "Russian"),
    "en": ("английский", "English"),
    # ---- topics
    "topics": ("О чём спрашивали", "Topics asked"),
    "topics_note": (
        "Сколько раз тему спросили словами или выбрали из предложенных; через плюс — сколько раз её открыли кнопкой.",
        "How often a topic was asked in words or chosen among offers; after the plus, how often a button opened it.",
    ),
    # ---- clarify
    "clarify": ("Уточнения", "Choices offered"),
    "clarify_note": (
        "Когда вопрос похож на несколько тем, бот предлагает выбрать. Если выбирают редко, статьи стоит развести: "
        "дать им больше вопросов-примеров.",
        "Where a question is like several topics, the bot offers a choice. If few choose, give the articles more "
        "example questions to tell them apart.",
    ),
    "offers": ("Предложено", "Offered"),
    "choices": ("Выбрано", "Chosen"),
    "not_chosen": ("не выбрано", "not chosen"),
    "topic_names": ("Темы", "Topics"),
    "offered_together": ("Что предлагали вместе", "Offered together"),
    "times": ("Раз", "Times"),
    # ---- dangers
    "dangers": ("Опасные сообщения", "Dangerous messages"),
    "dangers_note": (
        "Ответ дан сразу, до всего остального. Одно сообщение может относиться к двум видам; считаются и нажатия "
        "кнопки, после которых помощь показана снова.",
        "Answered at once, before all else. One message may be of two kinds; presses of a button that show the help "
        "again are counted too.",
    ),
    "crisis": ("Кризис: мысли о смерти, насилие", "Crisis: thoughts of death, violence"),
    "emergency": ("Неотложно: скорая помощь", "Emergency: ambulance"),
    "urgent": ("Срочно: врач в тот же день", "Urgent: a doctor the same day"),
    # ---- unanswered
    "open_questions": ("Вопросы без ответа", "Unanswered questions"),
    "open_note": (
        "Похожие вопросы собраны вместе, частые — первыми. Это список тем, которых не хватает библиотеке. "
        "Имена и номера скрыты знаком ▒; вопросы хранятся {days} дн.",
        "Like questions are put together, the most frequent first: what the library lacks. Names and numbers are "
        "masked by ▒; questions are kept for {days} days.",
    ),
    "also": ("А также:", "Also:"),
    "last": ("последний {day}", "last on {day}"),
    "more_groups": (
        "Показаны первые {shown} групп; ещё групп: {groups}, вопросов в них: {count}.",
        "The first {shown} groups are shown; there are {groups} more with {count} questions.",
    ),
    # ---- feedback
    "feedback": ("Отзывы", "Feedback"),
    "ratings": ("Оценки", "Ratings"),
    "rated": ("Оценка", "Rating"),
    "comments": ("Комментарии", "Comments"),
    # ---- deliveries
    "deliveries": ("Доставка", "Delivery"),
    "deliveries_note": (
        "Сообщения бота по тому, чем кончилась отправка; сведения хранятся {days} дн.",
        "Messages of the bot by how sending ended; kept for {days} days.",
    ),
    "result": ("Чем кончилось", "Result"),
    "sent": ("доставлено", "sent"),
    "unreachable": ("пациент заблокировал бота", "the patient blocked the bot"),
    "gave_up": ("Telegram не принял за отведённое время", "Telegram did not take it in time"),
    "refused_result": ("Telegram отказал", "Telegram refused it"),
    "waiting": ("ещё ждут отправки", "still waiting"),
    "lost": ("Не доставлено, повторов не будет", "Not delivered, not tried again"),
    "lost_none": ("Недоставленных сообщений нет.", "No message was lost."),
    # ---- versions
    "versions": ("Версии библиотеки", "Library versions"),
    "version": ("Версия", "Version"),
    "turns": ("Ответов", "Turns"),
    "used": ("Когда отвечала", "Used"),
    "unnamed": ("без версии", "no version"),
}


def say(lang: Lang, name: str, **more: object) -> str:
    """The page's words in a language.

    Raises:
        KeyError: there are no such words.
    """
    found = _WORDS[name][0 if lang == "ru" else 1]
    return found.format(**more) if more else found


def has(name: str) -> bool:
    return name in _WORDS


def month(lang: Lang, number: int) -> str:
    """The name of a month as it stands behind a day; `number` counts from 1."""
    return _MONTHS[lang][number - 1]
