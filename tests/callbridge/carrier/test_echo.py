"""The caller's telephone lets the bot back in: so loud, so late."""

import numpy as np
import pytest

from callbridge import App, Call
from callbridge.carrier.people.script import ScriptError, parse_script
from callbridge.testing import EchoPath, Wait, caller, converse, tone


def test_the_echo_comes_back_as_loud_and_as_late_as_the_path_says() -> None:
    app = App()

    @app.call
    async def bot(call: Call) -> None:
        await call.play(tone(1.0))

    report = converse(app, caller(Wait("hangup"), echo=EchoPath(-20.0, 0.2)))
    start, back = (np.flatnonzero(np.abs(track) > 40)[0] for track in (report.bot, report.caller))
    assert back - start == pytest.approx(0.2 * 8000, abs=8)
    voice = report.bot[start : start + 6000].astype(float)
    echo = report.caller[back : back + 6000].astype(float)
    assert 20 * np.log10(np.std(echo) / np.std(voice)) == pytest.approx(-20, abs=0.3)


@pytest.mark.parametrize("echo", [{"db": 3}, {"delay_s": 0}, {"db": "loud"}, {"volume": 1}])
def test_an_echo_that_makes_no_sense_is_refused(echo: dict[str, object]) -> None:
    with pytest.raises(ScriptError, match="echo"):
        parse_script({"echo": echo})
