"""`callbridge queue`: queues, and who waits in them."""

from typing import Annotated

import typer

from callbridge.commands.answers import asked, done
from callbridge.commands.options import Array, Json, NamedCall, ParkIt
from callbridge.host.usage import GroupedCommand, ListedGroup

queue = typer.Typer(cls=ListedGroup, rich_markup_mode=None)
command = queue.command(cls=GroupedCommand)

QueueName = Annotated[str, typer.Argument(metavar="QUEUE", help="Its name.")]
Most = Annotated[int, typer.Argument(metavar="SIZE", min=1, help="How many calls it takes.")]


@queue.callback()
def about() -> None:
    """Look at queues, and act on one: who waits, who is taken out.

    Without a verb, the queues are listed.

    \b
    Example:
      callbridge queue take support dARjOc8s
    """


@queue.command("list", cls=GroupedCommand)
def list_(as_json: Array = False) -> None:
    """List the queues."""
    from callbridge.desk import queues, tables

    asked(queues.listed, tables.of_queues, as_json=as_json)


@command
def show(queue: QueueName, as_json: Json = False) -> None:
    """Show who waits in a queue, and for how long."""
    from callbridge.desk import queues, tables

    asked(lambda desk: queues.shown(desk, queue), tables.of_queue, as_json=as_json)


@command
def create(
    queue: QueueName,
    max_size: Annotated[
        int | None, typer.Option("--max", min=1, help="How many calls it takes; else 300.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a queue. One that nobody uses is gone after a while."""
    from callbridge.desk import queues

    done(lambda desk: queues.create(desk, queue, max_size), as_json=as_json)


@command
def size(queue: QueueName, size: Most, as_json: Json = False) -> None:
    """Change how many calls a queue takes; those who wait stay."""
    from callbridge.desk import queues

    done(lambda desk: queues.resize(desk, queue, size), as_json=as_json)


@command
def add(
    queue: QueueName,
    call: NamedCall,
    max_wait: Annotated[
        int | None, typer.Option(min=1, help="Seconds after which they are taken out.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep their place when they hang up.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a call at the end of a queue; one that is not there is made."""
    from callbridge.desk import queues

    done(
        lambda desk: queues.add(desk, queue, call, most_wait_s=max_wait, keep=keep),
        as_json=as_json,
    )


@command
def take(queue: QueueName, call: NamedCall, park: ParkIt = False, as_json: Json = False) -> None:
    """Join a call with the first who waits in a queue."""
    from callbridge.desk import queues

    done(lambda desk: queues.take(desk, queue, call, park=park), as_json=as_json)


@command
def remove(
    queue: QueueName,
    who: Annotated[
        str,
        typer.Argument(metavar="WHO", help="Who waits, by the end of their id or by their number."),
    ],
    as_json: Json = False,
) -> None:
    """Take a call out of a queue. It goes on, unless it had ended and was kept."""
    from callbridge.desk import queues

    done(lambda desk: queues.remove(desk, queue, who), as_json=as_json)


@command
def delete(queue: QueueName, as_json: Json = False) -> None:
    """Delete a queue that nobody waits in."""
    from callbridge.desk import queues

    done(lambda desk: queues.delete(desk, queue), as_json=as_json)
