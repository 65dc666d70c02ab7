"""What commands that ask the platform print: sentences and tables, or JSON."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import RenderableType

    from callbridge.desk.desk import Desk, DeskDone

T = TypeVar("T")


def asked(
    work: "Callable[[Desk], Awaitable[T]]",
    render: "Callable[[T], RenderableType]",
    *,
    as_json: bool,
) -> None:
    """Ask for something and print it."""
    from callbridge.desk.desk import ask
    from callbridge.host import terminal

    found = ask(work)
    if as_json:
        print(json.dumps(found))
    else:
        terminal.console().print(render(found))


def done(work: "Callable[[Desk], Awaitable[DeskDone]]", *, as_json: bool) -> None:
    """Do something and say so."""
    from callbridge.desk.desk import ask

    one = ask(work)
    print(json.dumps(one.shown) if as_json else one.sentence)


def done_to_each(
    work: "Callable[[Desk], Awaitable[Sequence[DeskDone]]]", none: str, *, as_json: bool
) -> None:
    """Do something to several; `none` is what is said where there were none."""
    from callbridge.desk.desk import ask

    each = ask(work)
    if as_json:
        print(json.dumps([one.shown for one in each]))
    else:
        print("\n".join(one.sentence for one in each) or none)
