"""The same bot on both voices, side by side: what each side said and heard, and how soon."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from callbridge.demo.captions import CROSS
from callbridge.demo.outcome import DemoOutcome, silent_after

COLORS = {"caller": "blue", "bot": "green"}


def render(media: DemoOutcome, relay: DemoOutcome) -> Group:
    """The conversations are the histories that a model would get: of the bot, what was heard."""
    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="bold")
    table.add_column(style="dim", justify="right", min_width=12)
    table.add_column("on media: our engines", overflow="fold", ratio=1)
    table.add_column("on the relay: the platform's", overflow="fold", ratio=1)
    both = (media, relay)
    table.add_row("history", *map(_history, both), end_section=True)
    table.add_row()
    table.add_row("heard after", *map(_answers, both))
    table.add_row("silent after", *map(_silences, both))
    table.add_row("ended by", *(f"{each.hangup}, {each.duration_s:.1f} s" for each in both))
    title = Text(
        f"{Path(media.bot).stem}, the same file and the same caller, on both voices", "bold"
    )
    return Group(title, "", table)


def _history(outcome: DemoOutcome) -> Text:
    said = outcome.transcript
    turns = [*(("caller", each) for each in said.caller), *(("bot", each) for each in said.bot)]
    text = Text()
    for who, each in sorted(turns, key=lambda turn: turn[1].start_s):
        text.append(f"{who}: ", COLORS[who])
        text.append(each.text)
        if each.unheard:
            text.append(f" {CROSS}", "bold red")
        text.append("\n")
    return text


def _answers(outcome: DemoOutcome) -> str:
    """From the caller's last voiced sample to the first one of the answer."""
    times = [each.after_s["first_heard"] for each in outcome.transcript.answered
             if "first_heard" in each.after_s]  # fmt: skip
    return _ms(times)


def _silences(outcome: DemoOutcome) -> str:
    return _ms([silent_after(each) for each in outcome.interruptions])


def _ms(seconds: Sequence[float]) -> str:
    return ", ".join(f"{1000 * each:.0f}" for each in seconds) + " ms" if seconds else "nothing"
