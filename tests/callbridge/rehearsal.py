"""What the tests of whole calls share: a bridge joined to a carrier, and nothing left over."""

from collections.abc import Awaitable, Callable

from callbridge import App, Call
from callbridge.carrier.config import CarrierConfig
from callbridge.testing import Pair, run


def in_memory(
    bot: Callable[[Call], Awaitable[None]],
    test: Callable[[Pair], Awaitable[None]],
    config: CarrierConfig | None = None,
    **pair: object,
) -> None:
    """Run `test` in virtual time against an application with one bot; nothing may be left over."""
    app = App()
    app.call(bot)

    async def whole() -> None:
        joined = Pair(app, config, **pair)  # type: ignore[arg-type]
        await test(joined)
        await joined.quiet()
        assert not joined.app.service.calls.counts.bots_stuck
        await joined.close()

    run(whole())
