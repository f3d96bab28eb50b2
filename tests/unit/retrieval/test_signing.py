from datetime import date
from pathlib import Path

import pytest

from bot.errors import KnowledgeError
from bot.retrieval.articles import Article, digest
from bot.retrieval.check import check
from bot.retrieval.folder import Knowledge, read_folder
from bot.retrieval.problems import errors
from bot.retrieval.signing import SigningError, note_translation, sign
from tests.examples import change

TODAY = date(2026, 11, 23)
ARTICLE = "articles/duration/duration.ru.md"
TRANSLATION = "articles/duration/duration.en.md"
_SIGNED = ("reviewed_by:", "reviewed_on:", "reviewed_hash:")


@pytest.fixture
def clinic(folder: Path) -> Path:
    """A folder whose clinic has a doctor."""
    (folder / "signers.yml").write_text(
        "ivanova:\n  name: Мария Иванова\n  role: врач-дерматовенеролог\n", encoding="utf-8"
    )
    return folder


def _knowledge(root: Path) -> Knowledge:
    knowledge, problems = read_folder(root)
    assert knowledge is not None
    assert errors(problems) == []
    return knowledge


def _article(root: Path) -> Article:
    return _knowledge(root).articles["duration", "ru"]


def test_an_article_is_signed_by_a_person_on_a_day(clinic: Path) -> None:
    said = sign(clinic, "duration.ru", "ivanova", TODAY)

    article = _article(clinic)
    assert (article.reviewed_by, article.reviewed_on) == ("ivanova", TODAY)
    assert article.signed(TODAY)
    assert said == f"{ARTICLE} is signed by Мария Иванова (врач-дерматовенеролог) on 2026-11-23."


def test_signing_keeps_the_rest_of_the_file_as_it_was(clinic: Path) -> None:
    before = (clinic / ARTICLE).read_text(encoding="utf-8").splitlines(keepends=True)

    sign(clinic, "duration.ru", "ivanova", TODAY)

    after = (clinic / ARTICLE).read_text(encoding="utf-8").splitlines(keepends=True)
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [old for old, _ in changed] == [f"{key} null\n" for key in _SIGNED]
    assert [new.split()[0] for _, new in changed] == list(_SIGNED)


def test_signing_leaves_no_other_file_behind(clinic: Path) -> None:
    before = {path for path in clinic.rglob("*") if path.is_file()}

    sign(clinic, "duration.ru", "ivanova", TODAY)

    after = {path for path in clinic.rglob("*") if path.is_file()}
    assert after - before == {clinic / "signed/duration/duration.ru.md"}


def test_a_copy_of_the_signed_text_is_kept(clinic: Path) -> None:
    sign(clinic, "duration.ru", "ivanova", TODAY)

    copy = (clinic / "signed/duration/duration.ru.md").read_text(encoding="utf-8")
    assert copy == (clinic / ARTICLE).read_text(encoding="utf-8")


def test_an_article_changed_since_is_unsigned_and_its_copy_stays_signed(clinic: Path) -> None:
    sign(clinic, "duration.ru", "ivanova", TODAY)
    change(clinic / ARTICLE, "В среднем 3–4 месяца", "В среднем 3–5 месяцев")

    knowledge = _knowledge(clinic)

    assert not knowledge.articles["duration", "ru"].signed(TODAY)
    assert knowledge.signed_copies["duration", "ru"].signed(TODAY)
    assert knowledge.signed_copies["duration", "ru"].answer.startswith("В среднем 3–4 месяца")


def test_a_question_added_since_leaves_the_article_signed(clinic: Path) -> None:
    sign(clinic, "duration.ru", "ivanova", TODAY)
    change(clinic / ARTICLE, "  - надолго ли это\n", "  - надолго ли это\n  - это на весь год?\n")

    assert _article(clinic).signed(TODAY)


def test_a_changed_article_is_signed_anew(clinic: Path) -> None:
    sign(clinic, "duration.ru", "ivanova", TODAY)
    change(clinic / ARTICLE, "В среднем 3–4 месяца", "В среднем 3–5 месяцев")

    sign(clinic, "duration.ru", "ivanova", date(2026, 12, 1))

    assert _article(clinic).signed(TODAY)
    assert _article(clinic).reviewed_on == date(2026, 12, 1)
    assert _knowledge(clinic).signed_copies["duration", "ru"].hash == _article(clinic).hash


def test_a_signed_folder_has_no_errors(clinic: Path) -> None:
    sign(clinic, "duration.ru", "ivanova", TODAY)

    assert errors(check(_knowledge(clinic), TODAY)) == []


def test_an_article_saved_in_windows_can_be_signed(clinic: Path) -> None:
    path = clinic / ARTICLE
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    sign(clinic, "duration.ru", "ivanova", TODAY)

    assert _article(clinic).signed(TODAY)


def test_a_line_for_the_signature_that_is_missing_is_no_article_to_sign(clinic: Path) -> None:
    change(clinic / ARTICLE, "reviewed_hash: null\n", "")

    with pytest.raises(KnowledgeError, match="the front matter lacks `reviewed_hash`"):
        sign(clinic, "duration.ru", "ivanova", TODAY)


def test_only_a_named_signer_can_sign(clinic: Path) -> None:
    before = (clinic / ARTICLE).read_bytes()

    with pytest.raises(SigningError, match=r"petrova is not in signers\.yml, which has ivanova"):
        sign(clinic, "duration.ru", "petrova", TODAY)

    assert (clinic / ARTICLE).read_bytes() == before
    assert not (clinic / "signed").exists()


def test_an_article_that_is_not_there_is_named(clinic: Path) -> None:
    with pytest.raises(SigningError, match=r"There is no article durations\.ru; give its id and language"):
        sign(clinic, "durations.ru", "ivanova", TODAY)


def test_an_article_with_an_error_cannot_be_signed(clinic: Path) -> None:
    change(clinic / ARTICLE, "В среднем", "Гарантируем: в среднем")

    with pytest.raises(KnowledgeError, match="a promise of a result"):
        sign(clinic, "duration.ru", "ivanova", TODAY)


def test_an_article_that_does_not_parse_cannot_be_signed(clinic: Path) -> None:
    change(clinic / ARTICLE, "evidence: moderate", "evidence: good")

    with pytest.raises(KnowledgeError, match="`evidence` must be one of"):
        sign(clinic, "duration.ru", "ivanova", TODAY)


def test_an_error_in_another_article_does_not_stop_a_signature(clinic: Path) -> None:
    change(clinic / "articles/clinic/price.en.md", "evidence:", "evidence: good #")

    sign(clinic, "duration.ru", "ivanova", TODAY)

    knowledge, _ = read_folder(clinic)
    assert knowledge is not None
    assert knowledge.articles["duration", "ru"].signed(TODAY)


def test_an_article_whose_review_is_due_needs_a_new_date_first(clinic: Path) -> None:
    with pytest.raises(SigningError, match="set the next review date first"):
        sign(clinic, "duration.ru", "ivanova", _article(clinic).review_by)


def test_a_folder_without_its_catalogue_cannot_be_signed_in(clinic: Path) -> None:
    (clinic / "catalogue.yml").unlink()

    with pytest.raises(KnowledgeError, match=r"catalogue\.yml: the file is missing"):
        sign(clinic, "duration.ru", "ivanova", TODAY)


def test_noting_a_translation_makes_it_follow_its_original(clinic: Path) -> None:
    change(clinic / ARTICLE, "В среднем 3–4 месяца", "В среднем 3–5 месяцев")

    said = note_translation(clinic, "duration.en")

    knowledge = _knowledge(clinic)
    assert knowledge.articles["duration", "en"].source_hash == digest(knowledge.articles["duration", "ru"].body)
    assert said == f"{TRANSLATION} is up to date with {ARTICLE}."


def test_noting_a_translation_changes_one_line(clinic: Path) -> None:
    change(clinic / ARTICLE, "В среднем 3–4 месяца", "В среднем 3–5 месяцев")
    before = (clinic / TRANSLATION).read_text(encoding="utf-8").splitlines()

    note_translation(clinic, "duration.en")

    after = (clinic / TRANSLATION).read_text(encoding="utf-8").splitlines()
    assert [old.split()[0] for old, new in zip(before, after, strict=True) if old != new] == ["source_hash:"]


def test_a_translation_that_never_had_the_line_gets_it(clinic: Path) -> None:
    path = clinic / TRANSLATION
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("source_hash:")]
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")

    note_translation(clinic, "duration.en")

    knowledge = _knowledge(clinic)
    assert knowledge.articles["duration", "en"].source_hash == digest(knowledge.articles["duration", "ru"].body)


def test_an_original_is_no_translation(clinic: Path) -> None:
    with pytest.raises(SigningError, match=r"duration\.ru\.md is no translation"):
        note_translation(clinic, "duration.ru")


def test_a_translation_of_an_article_with_an_error_cannot_be_noted(clinic: Path) -> None:
    change(clinic / ARTICLE, "evidence: moderate", "evidence: good")

    with pytest.raises(SigningError, match="its original has an error"):
        note_translation(clinic, "duration.en")
