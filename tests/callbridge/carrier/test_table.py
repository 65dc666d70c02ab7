"""`docs/endpoints.md` says what the code does: it is made of it."""

from pathlib import Path

from callbridge.carrier.api.table import markdown

DOCUMENT = Path(__file__).parents[3] / "docs" / "endpoints.md"


def test_the_table_of_endpoints_is_what_the_code_says() -> None:
    """If not: python -m callbridge.carrier.api.table > docs/endpoints.md"""
    assert DOCUMENT.read_text() == markdown()
