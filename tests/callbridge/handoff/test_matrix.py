"""Whatever goes wrong while a caller is handed over, nobody and nothing is left, and the bot is
told what docs/handoff.md says."""

from pathlib import Path

import pytest

from callbridge.calls.leg import VoiceKind
from callbridge.testing import run
from tests.callbridge.handoff.matrix import Case, cases, played, read, tables

PAGE = Path(__file__).parents[3] / "docs" / "handoff.md"


@pytest.mark.parametrize("voice", ["media", "relay"])
@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_nothing_is_left_and_the_bot_is_told(case: Case, voice: VoiceKind) -> None:
    assert run(played(case, voice)) == read(PAGE.read_text())[str(case)]


def test_the_page_has_the_tables() -> None:
    page = PAGE.read_text()
    assert tables(read(page)) in page
