"""The example of TeXML says what it heard and goodbye, and hangs up; also where commands lead."""

import pytest
from examples.relay_texml import app

from callbridge.testing import Wait, caller, converse, says


@pytest.mark.parametrize("texml", [True, False])
def test_it_greets_whom_it_heard(texml: bool) -> None:
    script = caller(Wait("bot_silent", 1.5), says("my name is Peter."), Wait("hangup"))
    report = converse(app, script, texml=texml)
    heard = "Nice to meet you. I heard: my name is Peter. Goodbye."
    assert report.said[-1].heard == heard
    assert report.hung_up_by == "bot"
    named = [command.name for command in report.commands]
    assert named == ["hangup"] if texml else named[0] == "answer"
