"""The phases of a leg: the table, its picture in the docs, and no way around it."""

from pathlib import Path

from callbridge.calls.phase import MOVES, Phase, drawn

ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"


def test_the_docs_show_the_table_as_it_is() -> None:
    assert drawn() in ARCHITECTURE.read_text()


def test_every_phase_leads_to_the_end_and_none_back() -> None:
    order = list(Phase)
    assert set(MOVES) == set(Phase)
    for phase, moves in MOVES.items():
        assert all(order.index(to) > order.index(phase) for to in moves)
        assert phase is Phase.ENDED or Phase.ENDED in moves
