"""The fixed words patients read, by phrase and language; the texts are in `knowledge/wording/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.messages import Lang


class Phrase(StrEnum):
    """Every fixed text the program needs; both files must have exactly these keys.

    The value is the place in the file: `replies.unknown` is the key `unknown` under `replies`.
    """

    NOTICE_ADVERTISING = "notices.advertising"
    NOTICE_UNSIGNED = "notices.unsigned"
    NOTICE_CONTRAINDICATIONS = "notices.contraindications"
    NOTICE_PSYCHOTHERAPY = "notices.psychotherapy"
    NOTICE_WATCH = "notices.watch"

    BUTTON_MORE = "buttons.more"
    BUTTON_SOURCES = "buttons.sources"
    BUTTON_HUMAN = "buttons.human"
    BUTTON_BOOK = "buttons.book"
    BUTTON_TOPICS = "buttons.topics"
    BUTTON_FORGET = "buttons.forget"
    BUTTON_KEEP = "buttons.keep"
    BUTTON_MYDATA = "buttons.mydata"
    BUTTON_NONE_OF_THESE = "buttons.none_of_these"

    START = "replies.start"
    HELP = "replies.help"
    TOPICS = "replies.topics"
    CATEGORY = "replies.category"
    LANGUAGE = "replies.language"
    LANGUAGE_SET = "replies.language_set"
    CLARIFY = "replies.clarify"
    UNKNOWN = "replies.unknown"
    UNKNOWN_AGAIN = "replies.unknown_again"
    UNKNOWN_TOPIC = "replies.unknown_topic"
    BEING_UPDATED = "replies.being_updated"
    HUMAN = "replies.human"
    BOOK = "replies.book"
    SOURCES = "replies.sources"
    SOURCES_NONE = "replies.sources_none"
    OLD_BUTTON = "replies.old_button"
    NOTHING_TO_READ = "replies.nothing_to_read"
    FAILED = "replies.failed"
    LATE = "replies.late"
    PRIVACY = "replies.privacy"
    MYDATA = "replies.mydata"
    FORGET = "replies.forget"
    FORGOTTEN = "replies.forgotten"
    FORGOTTEN_IN_CARE = "replies.forgotten_in_care"
    CONTACT = "replies.contact"

    OUTSIDE_COSMETOLOGY = "outside.cosmetology"
    OUTSIDE_NAMESAKE = "outside.namesake"
    OUTSIDE_MEDICINE = "outside.medicine"
    OUTSIDE_CLINIC = "outside.clinic"
    OUTSIDE_OTHER = "outside.other"

    CARE_CHECK = "care.check"
    CARE_ENDED = "care.ended"
    CARE_NOT_NOW = "care.not_now"
    CARE_ALERTED = "care.alerted"
    CARE_BETTER = "care.better"
    CARE_SAFE = "care.safe"
    CARE_NOT_SAFE = "care.not_safe"

    REFUSAL_STOP_TREATMENT = "refusals.stop-treatment"
    REFUSAL_MINOR = "refusals.minor"
    REFUSAL_PHOTO = "refusals.photo"
    REFUSAL_UNITS = "refusals.units"
    REFUSAL_CONVERSION = "refusals.conversion"
    REFUSAL_RANKING = "refusals.ranking"
    REFUSAL_OTHER_CLINIC = "refusals.other-clinic"
    REFUSAL_PROMISE = "refusals.promise"
    REFUSAL_SELF_INJECTION = "refusals.self-injection"
    REFUSAL_PRESCRIPTION = "refusals.prescription"
    REFUSAL_DIAGNOSIS = "refusals.diagnosis"
    REFUSAL_PERSONAL_VERDICT = "refusals.personal-verdict"
    REFUSAL_TURN = "refusals.turn"
    REFUSAL_OTHERS_DATA = "refusals.others-data"
    REFUSAL_INSULT = "refusals.insult"
    REFUSAL_GRIEF = "refusals.grief"

    INFORMATION_ONLY = "replies.information_only"

    ATTACHMENT_PHOTO = "attachments.photo"
    ATTACHMENT_VOICE = "attachments.voice"
    ATTACHMENT_STICKER = "attachments.sticker"
    ATTACHMENT_OTHER = "attachments.other"

    EVIDENCE_STRONG = "evidence.strong"
    EVIDENCE_MODERATE = "evidence.moderate"
    EVIDENCE_WEAK = "evidence.weak"
    EVIDENCE_EXPERT = "evidence.expert"
    EVIDENCE_NONE = "evidence.none"

    CATEGORY_MECHANISM = "categories.mechanism"
    CATEGORY_INDICATIONS = "categories.indications"
    CATEGORY_DURATION = "categories.duration"
    CATEGORY_MOOD = "categories.mood"
    CATEGORY_SAFETY = "categories.safety"
    CATEGORY_PROCEDURE = "categories.procedure"
    CATEGORY_CLINIC = "categories.clinic"

    COMMAND_START = "commands.start"
    COMMAND_HELP = "commands.help"
    COMMAND_TOPICS = "commands.topics"
    COMMAND_LANGUAGE = "commands.language"
    COMMAND_PRIVACY = "commands.privacy"
    COMMAND_MYDATA = "commands.mydata"
    COMMAND_FORGET = "commands.forget"
    PROFILE_DESCRIPTION = "profile.description"
    PROFILE_SHORT = "profile.short"


# By the id of a limit in `knowledge/limits.yml`, what is said when it is touched.
REFUSALS = {phrase.value.removeprefix("refusals."): phrase for phrase in Phrase if phrase.value.startswith("refusals.")}


@dataclass(frozen=True, slots=True)
class Wording:
    """Texts by language and place. `facts` (the clinic's name and address) fill `{name}` in any text."""

    texts: Mapping[Lang, Mapping[str, str]]
    facts: Mapping[Lang, Mapping[str, str]]

    def __call__(self, lang: Lang, phrase: Phrase, **more: str) -> str:
        return self.texts[lang][phrase].format(**{**self.facts[lang], **more})
