"""docs/audit.md speaks of everything that verification can say."""

from pathlib import Path

from core.audit.format.body import FIELDS
from core.audit.verify.verdict import Tier, Verdict

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")


def test_every_verdict_tier_and_field_of_a_body_is_explained() -> None:
    for verdict in Verdict:
        assert f"\n| {verdict.value} | " in PAGE
    for tier in Tier:
        assert f"\n| `{tier.value}` | " in PAGE
    for field in FIELDS:
        assert f"`{field}`" in PAGE
