"""Diagnostics as SARIF 2.1.0 (docs.oasis-open.org/sarif), for code scanning."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from core.mission_file.finding.diagnostic import Diagnostic

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def sarif(diagnostics: Sequence[Diagnostic]) -> dict[str, Any]:
    """Return one run with a result for each diagnostic, and the rules they fall under."""
    codes = list(dict.fromkeys(found.code for found in diagnostics))
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "missiondeck",
                        "rules": [
                            {"id": code.value, "shortDescription": {"text": code.meaning}}
                            for code in codes
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(found, codes.index(found.code)) for found in diagnostics],
            }
        ],
    }


def _result(found: Diagnostic, rule: int) -> dict[str, Any]:
    message = found.message if found.hint is None else f"{found.message} ({found.hint})"
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(found.file, safe="/.-_~")}}
    if found.line:
        place["region"] = {
            "startLine": found.line,
            "startColumn": found.column,
            "endColumn": found.column + found.length,
        }
    return {
        "ruleId": found.code.value,
        "ruleIndex": rule,
        "level": found.severity.value,
        "message": {"text": message},
        "locations": [{"physicalLocation": place}],
    }
