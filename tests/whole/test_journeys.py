"""What an operator comes for, on a real terminal, by keyboard alone and in few keys."""

from pathlib import Path

import pytest

from tests.support.journeys import JOURNEYS, Journey
from tests.support.walk import Walk


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])
@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.name)
def test_a_journey_takes_no_more_keys_than_it_needs(
    journey: Journey, columns: int, rows: int, tmp_path: Path
) -> None:
    walk = Walk(tmp_path / "missions", columns=columns, rows=rows)
    try:
        journey.walk(walk)
    finally:
        walk.leave()
    assert walk.keys <= journey.most_keys
    assert all("</svg>" in picture for picture in walk.pictures.values())
