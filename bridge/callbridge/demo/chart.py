"""Waterfalls as text: where the time went between a caller's last sound and the bot's first."""

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from callbridge.demo.transcript import STEPS, Answered

COLUMNS = 50
BAR, TIP, RUN = "━", "╸", "·"


def render(answered: Sequence[Answered]) -> Group:
    """A chart for every turn that was answered, all on the same scale."""
    longest = max((max(each.after_s.values(), default=0.0) for each in answered), default=0.0)
    return Group(*(_chart(each, longest) for each in answered))


def _chart(answered: Answered, longest_s: float) -> Group:
    title = Text.assemble((f"{'after':>12}  ", "dim"), f"“{answered.text}”")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", justify="right", min_width=12)
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    table.add_column(style="dim", justify="right")
    table.add_row("last voiced", Text(f"sample at {answered.last_voiced_s:.2f} s", "dim"), "0 ms")
    before = 0.0
    for step, name in STEPS.items():
        if step in answered.after_s:
            after = answered.after_s[step]
            bar = _bar(before, after, longest_s)
            table.add_row(name, bar, f"{1000 * after:.0f} ms", f"+{1000 * (after - before):.0f}")
            before = after
    return Group(title, table, "")


def _bar(start_s: float, end_s: float, longest_s: float) -> Text:
    """From one step to the next; what is too short for a column is a tip."""
    start, end = (round(COLUMNS * at / longest_s) if longest_s else 0 for at in (start_s, end_s))
    start = min(start, COLUMNS - 1)
    return Text.assemble((RUN * start, "dim"), (BAR * (end - start) or TIP, "green"))
