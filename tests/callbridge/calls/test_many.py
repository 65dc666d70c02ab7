"""Many calls through every way out: no task, no socket and no memory is left behind."""

import asyncio
import gc
import os
from pathlib import Path

import pytest

from callbridge import App, Call
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.net import ring, service
from callbridge.carrier.net.shell import Running
from callbridge.host.bind import bind
from callbridge.serve import process as serve
from callbridge.serve.settings import Settings
from callbridge.testing import CallScript, HangUp, Pair, Press, Wait, caller, says, tone
from callbridge.testing.callers import NUMBER

PERSON, BUSY = "+13125550198", "+13125550199"
RETURNS, RAISES, HANGS_UP, KEYED, HANDS_OVER, STAYS = (f"+1312555020{n}" for n in range(6))
NOBODY = "+13125550299"


async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)


async def returns(call: Call) -> None:
    await call.write(tone(0.2))


async def raises(call: Call) -> None:
    raise ValueError("a bug")


async def hangs_up(call: Call) -> None:
    await call.write(tone(0.1))
    await call.hangup()
    await asyncio.sleep(1000)


async def is_cut_by_a_key(call: Call) -> None:
    await call.play(tone(5.0), stop_on="5")


async def hands_over(call: Call) -> None:
    assert await call.transfer(PERSON)


async def finds_nobody(call: Call) -> None:
    assert not await call.transfer(BUSY)


BOTS = {
    NUMBER: echo, RETURNS: returns, RAISES: raises, HANGS_UP: hangs_up, KEYED: is_cut_by_a_key,
    HANDS_OVER: hands_over, STAYS: finds_nobody,
}  # fmt: skip


@pytest.fixture
def app() -> App:
    """A bot for every way out of a call."""
    app = App()
    for number, bot in BOTS.items():
        app.call(number)(bot)
    return app


SCRIPTS = [
    caller(says(tone(1.0))),
    CallScript(to=NUMBER, steps=(HangUp(),)),
    caller(Wait("hangup"), to=RETURNS),
    caller(Wait("hangup"), to=RAISES),
    caller(Wait("hangup"), to=HANGS_UP),
    caller(Wait("bot_speaking", 0.04), Press("5"), Wait("hangup"), to=KEYED),
    caller(Wait("hangup"), to=HANDS_OVER),
    caller(Wait("hangup"), to=STAYS),
    CallScript(to=NOBODY, steps=(Wait("hangup"),)),
]


CARRIER = CarrierConfig(
    webhook_url="http://127.0.0.1:9/webhooks",
    numbers={PERSON: CallScript(steps=(Wait("answered"), HangUp())), BUSY: "busy"},
    record=False,
    keep_finished=200,
)


async def dial(pair: Pair) -> None:
    assert await pair.app.dial(PERSON, NUMBER)
    await pair.quiet()


async def alive_after(pair: Pair, calls: int) -> int:
    """Objects alive after so many calls, once all that is remembered for a while has aged."""
    for start in range(0, calls, 100):
        scripts = [SCRIPTS[number % len(SCRIPTS)] for number in range(start, start + 90)]
        async with asyncio.TaskGroup() as group:
            for script in scripts:
                group.create_task(pair.call(script))
            for _ in range(10):
                group.create_task(dial(pair))
            await asyncio.sleep(0.05)
            pair.drop_sockets()
    await asyncio.sleep(700)
    await pair.call(SCRIPTS[0])
    gc.collect()
    return len(gc.get_objects())


@pytest.mark.virtual(config=CARRIER, expect_crash=ValueError)
async def test_thousands_of_calls_leave_nothing_behind(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    """A thousand calls fill what remembers the latest ones; from then on nothing grows."""
    caplog.set_level("CRITICAL")  # the crashes are meant, and their traces are many
    filled = await alive_after(pair, 1000)
    alive = await alive_after(pair, 1500)
    counts = app.service.calls.counts
    assert sum(counts.begun.values()) >= 2200
    assert counts.bots_crashed > 200
    assert counts.streams_restored > 0
    assert len(app.service.calls) == 0
    assert alive - filled < 100


def open_sockets() -> int:
    links = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
    return sum("socket:" in str(link.readlink()) for link in links if link.is_symlink())


async def listens_for_a_moment(phone: ring.Carrier) -> None:
    steps = [{"wait": "streaming"}, {"wait": "bot_silent", "for": 0.2}, {"hangup": True}]
    call = await phone.ring({"to": NUMBER, "steps": steps}, ".")
    async for _ in phone.tape(call):
        pass
    assert (await phone.finished(call))["failed"] == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts sockets as Linux shows them")
async def test_a_hundred_calls_over_real_sockets_leave_nothing_behind(app: App) -> None:
    tasks_before, sockets_before = asyncio.all_tasks(), open_sockets()
    stop = asyncio.Event()
    running: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    listener = bind("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = CarrierConfig(webhook_url=f"{address}/webhooks", record=False)
    carrier = asyncio.create_task(
        service.run(config, started=running.set_result, stop=stop, handle_signals=False)
    )
    where = await running
    app.configure(
        Settings.load(
            api_key=config.api_key,
            public_key=where.public_key,
            base_url=f"http://127.0.0.1:{where.port}/v2",
            public_url=address,
        )
    )
    listening = asyncio.Event()
    server = serve.server(app, listening.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await listening.wait()

    async with ring.carrier_at(f"http://127.0.0.1:{where.port}", config.api_key) as phone:
        for _ in range(5):
            await asyncio.gather(*(listens_for_a_moment(phone) for _ in range(20)))
        while len(app.service.calls):  # noqa: ASYNC110  real time, and soon over
            await asyncio.sleep(0.01)

    assert app.service.calls.counts.begun["incoming"] == 100
    assert app.service.calls.counts.media["malformed"] == 0
    await app.close()
    server.should_exit = True
    await serving
    stop.set()
    await carrier
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() == tasks_before
    assert open_sockets() == sockets_before
