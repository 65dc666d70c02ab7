"""Calls that are tracked, in virtual time, and the page that tells of them."""

import csv
import io
import wave
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from callbridge import App
from callbridge.carrier.config import Behaviour, CarrierConfig
from callbridge.carrier.people.script import CallScript
from callbridge.testing import HangUp, Pair, Wait, caller, caller_of, people_of, says, tone
from tests.callbridge.hummed import LEAVES_IT

PASSWORD = "a password"
with pytest.MonkeyPatch.context() as environment:
    environment.setenv("PAGE_PASSWORD", PASSWORD)
    environment.setenv("DATABASE_URL", "sqlite://")  # in memory
    from examples.call_tracking import call_tracking as tracking

BILLBOARD, WEB_PAGE = "+13125550100", "+13125550101"
SHOP, OFFICE = "+13125550196", "+13125550199"
TALKS = CallScript(steps=(Wait("answered"), says(tone(3.0, 300.0)), HangUp()))
NUMBERS: dict[str, Behaviour] = {SHOP: TALKS, OFFICE: "busy"}
CARRIER = CarrierConfig(webhook_url="http://127.0.0.1:9/webhooks", numbers=NUMBERS, ring_s=2.0)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[App]:
    """Of the example, with a database and a folder of its own."""
    engine = create_engine(f"sqlite:///{tmp_path}/calls.db")
    tracking.Base.metadata.create_all(engine)
    monkeypatch.setattr(tracking, "session", sessionmaker(engine, expire_on_commit=False))
    monkeypatch.setattr(tracking, "RECORDINGS", tmp_path / "recordings")
    yield tracking.app
    engine.dispose()


@pytest.fixture
async def page(app: App) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(tracking.web)
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
        yield client


# ---- calls --------------------------------------------------------------------------------------


@pytest.mark.virtual(config=CARRIER)
async def test_a_call_that_is_answered_is_recorded_to_its_end(pair: Pair) -> None:
    report = await pair.call(caller(LEAVES_IT, to=BILLBOARD))
    assert report.bridged
    (row,) = tracking.rows()
    assert (row.number, row.source) == (BILLBOARD, "Billboard, Mill Lane")
    assert (row.caller, row.result) == ("+13125550123", "answered")
    assert row.talked_s == pytest.approx(3.0, abs=0.3)
    with wave.open(str(tracking.RECORDINGS / f"{row.reference}.wav")) as wav:
        recorded_s = wav.getnframes() / wav.getframerate()
    assert recorded_s == pytest.approx(report.duration_s, abs=0.5)


@pytest.mark.virtual(config=CARRIER)
async def test_a_call_that_nobody_takes_is_missed(pair: Pair) -> None:
    report = await pair.call(caller(LEAVES_IT, to=WEB_PAGE))
    assert [turn.text for turn in report.said][-1].startswith("Nobody can take your call")
    (row,) = tracking.rows()
    assert (row.number, row.result, row.talked_s, row.recorded) == (WEB_PAGE, "busy", 0.0, True)


@pytest.mark.virtual(config=CARRIER)
async def test_who_hangs_up_while_it_rings_is_told_as_such(pair: Pair) -> None:
    waits = says(tone(1.0, 500.0))
    await pair.call(caller(Wait("bot_speaking", 1.2), waits, HangUp(), to=BILLBOARD))
    (row,) = tracking.rows()
    assert (row.result, row.talked_s) == ("caller_hung_up", 0.0)


@pytest.mark.virtual(config=CARRIER)
async def test_who_hangs_up_at_once_is_told_as_such(pair: Pair) -> None:
    await pair.call(caller(Wait("bot_speaking", 0.5), HangUp(), to=BILLBOARD))
    (row,) = tracking.rows()
    assert row.result == "caller_hung_up"


@pytest.mark.virtual(config=CARRIER)
async def test_a_number_that_is_not_tracked_is_not_answered(pair: Pair) -> None:
    report = await pair.call(CallScript(to="+13125550102", steps=(Wait("hangup"),)))
    assert report.answered_at_s is None
    assert not tracking.rows()


FOLDER = Path(tracking.__file__).parent


@pytest.mark.virtual(numbers=people_of(FOLDER / "people.json"))
async def test_the_callers_of_readme_are_answered_and_missed(pair: Pair) -> None:
    for script in ("billboard.json", "web_page.json"):
        assert not (await pair.call(caller_of(FOLDER / script))).failed
    assert sorted(row.result for row in tracking.rows()) == ["answered", "busy"]


# ---- the page -----------------------------------------------------------------------------------


def rang(
    reference: str, number: str, result: str, talked_s: float, caller: str = "+13125550123"
) -> None:
    tracking.save(
        tracking.TrackedCall(
            reference=reference,
            began=datetime(2026, 11, 29, 12, 0),
            number=number,
            source=tracking.NUMBERS[number]["source"],
            caller=caller,
            result=result,
            talked_s=talked_s,
            recorded=result == "answered",
        )
    )


@pytest.fixture
def shown(page: httpx.AsyncClient) -> httpx.AsyncClient:
    """To whom knows the password."""
    page.auth = httpx.BasicAuth("anybody", PASSWORD)
    return page


async def test_calls_are_counted_by_their_number(shown: httpx.AsyncClient) -> None:
    rang("1", BILLBOARD, "answered", 61.2)
    rang("2", BILLBOARD, "answered", 20.0)
    rang("3", BILLBOARD, "no_answer", 0.0)
    rang("4", WEB_PAGE, "busy", 0.0)
    rang("5", WEB_PAGE, "ringing", 0.0)
    text = (await shown.get("/")).text
    assert (
        f"<tr><td>{BILLBOARD}<td>Billboard, Mill Lane<td>3<td>2<td>1<td>1:21\n"
        f"<tr><td>{WEB_PAGE}<td>Web page<td>2<td>0<td>1<td>0:00\n"
    ) in text
    assert "<td>2026-11-29 12:00<td>+13125550101<td>+13125550123<td>busy<td>0:00" in text
    assert text.count("<audio") == 2


async def test_what_a_caller_sends_is_text_on_the_page_and_in_the_file(
    shown: httpx.AsyncClient,
) -> None:
    rang("1", BILLBOARD, "answered", 1.0, caller="<script>alert(1)</script>")
    rang("2", BILLBOARD, "answered", 1.0, caller='=HYPERLINK("http://bad.example")')
    page = (await shown.get("/")).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    rows = list(csv.DictReader(io.StringIO((await shown.get("/calls.csv")).text)))
    assert [row["caller"][:6] for row in rows] == ["<scrip", "'=HYPE"]
    assert rows[0]["number"] == BILLBOARD


async def test_a_recording_is_heard_and_no_other_file(shown: httpx.AsyncClient) -> None:
    rang("1", BILLBOARD, "answered", 1.0)
    rang("2", BILLBOARD, "busy", 0.0)
    tracking.keep("1", b"RIFF")
    tracking.keep("2", b"RIFF")
    assert (await shown.get("/recordings/1.wav")).content == b"RIFF"
    for other in ("2", "3", "..%2Fcalls.db"):
        assert (await shown.get(f"/recordings/{other}.wav")).status_code == 404


@pytest.mark.parametrize("path", ["/", "/calls.csv", "/recordings/1.wav"])
async def test_nobody_looks_without_the_password(page: httpx.AsyncClient, path: str) -> None:
    assert (await page.get(path)).status_code == 401
    assert (await page.get(path, auth=("anybody", "guess"))).status_code == 401
