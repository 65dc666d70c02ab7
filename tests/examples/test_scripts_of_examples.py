"""The callers and the people that come with the examples do what README says of them."""

from pathlib import Path

import pytest
from examples import find_me, receptionist
from examples.call_center import call_center

from callbridge import App
from callbridge.testing import caller_of, converse, people_of

EXAMPLES = Path(receptionist.__file__).parent


@pytest.mark.parametrize("voice", ["media", "relay"])
@pytest.mark.parametrize(
    ("app", "script", "last"),
    [
        (receptionist.app, "receptionist.json", receptionist.GOODBYE),
        (receptionist.app, "receptionist_message.json", receptionist.GOODBYE),
        (find_me.app, "find_me.json", find_me.TRYING),
        (call_center.app, "call_center/caller.json", "Thank you for calling. Goodbye."),
    ],
)
def test_a_caller_of_an_example_is_not_disappointed(
    app: App, script: str, last: str, voice: str
) -> None:
    numbers = people_of(EXAMPLES / "people.json")
    report = converse(app, caller_of(EXAMPLES / script), numbers=numbers, voice=voice)
    assert not report.failed
    assert report.said[-1].text == last
