"""Each edit of the table in docs/audit.md has the verdict that the table promises."""

import pytest

from core.audit.verify.verdict import Verdict
from tests.tools.tamper_matrix import AUDIT, TAMPERINGS, Tampering, with_matrix

UNSEEN = {
    "nothing": "there is nothing to find",
    "the whole database replaced by an older copy": "found with --head",
    "the whole log rewritten with the stolen key": "found with --head, or by its time stamp",
    "the signature of an earlier checkpoint": "found with --deep; the last signature covers all",
}
"""What is INTACT without further options, and why."""


@pytest.mark.parametrize("one", TAMPERINGS, ids=lambda one: f"{one.text} {one.options_text}")
def test_an_edit_has_its_verdict_and_names_its_place(one: Tampering) -> None:
    report = one.report()
    assert report.verdict is one.verdict, report.findings
    if report.is_intact:
        assert one.text in UNSEEN
    else:
        assert report.findings[0].message or report.findings[0].field


def test_every_verdict_is_in_the_table() -> None:
    assert {one.verdict for one in TAMPERINGS} == set(Verdict)


def test_the_table_of_edits_is_fresh() -> None:
    text = AUDIT.read_text(encoding="utf-8")
    assert with_matrix(text) == text, "run `make docs`"
