"""One whole call, from a test that is a plain function."""

import asyncio
from collections.abc import Mapping
from typing import Any

from callbridge.app import App
from callbridge.carrier.people.script import CallScript
from callbridge.testing.loop import VirtualLoop, run
from callbridge.testing.pair import Pair
from callbridge.testing.words import Conversation


def converse(
    app: App, script: CallScript, *, settings: Mapping[str, Any] | None = None, **pair: Any
) -> Conversation:
    """One whole call in virtual time: what the caller of `script` and the bots of `app` had.

    `settings` are those of `callbridge.serve.settings`, by field name; the other options are those
    of `Pair`. They take the place of what the application was made with for this one call. Raises
    what crashed, unless it is of the type `expect_crash`. In an asynchronous test:
    `async_converse`."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass  # as it should be
    else:
        raise RuntimeError(
            "converse runs an event loop of its own, and here one runs already: write "
            "`await async_converse(...)`, or take the fixture `pair` and `await pair.call(...)`"
        )
    return run(_conversed(app, script, {**pair, **(settings or {})}))


async def async_converse(app: App, script: CallScript, **options: Any) -> Conversation:
    """`converse`, in an asynchronous test. On a loop of real time it runs in a thread."""
    if not isinstance(asyncio.get_running_loop(), VirtualLoop):
        return await asyncio.to_thread(converse, app, script, **options)
    settings: Mapping[str, Any] = options.pop("settings", None) or {}
    return await _conversed(app, script, {**options, **settings})


async def _conversed(app: App, script: CallScript, options: dict[str, Any]) -> Conversation:
    pair = Pair(app, **options)
    try:
        report = await pair.call(script)
    finally:
        await pair.close()
    pair.raise_if_unmet()
    return report
