"""`docs/scripts.md` says what the code does: it is made of it."""

from pathlib import Path
from typing import get_args

from callbridge.carrier.people.reference import markdown
from callbridge.carrier.people.steps import EVENTS, STEPS, ScriptEvent, Step

DOCUMENT = Path(__file__).parents[3] / "docs" / "scripts.md"


def test_the_document_is_what_the_code_says() -> None:
    """If not: python -m callbridge.carrier.people.reference > docs/scripts.md"""
    assert DOCUMENT.read_text() == markdown()


def test_every_step_and_event_is_in_it() -> None:
    assert set(EVENTS) == set(get_args(ScriptEvent))
    assert set(STEPS.values()) == set(get_args(Step))
