"""The pages against a running carrier: what is shown, what is done, what is escaped."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callbridge.desk.page.live import MOST_OPEN, DeskLive, event
from callbridge.desk.page.sessions import DeskSession
from tests.callbridge.desk.conftest import ANN, BEN, CAT, CONNECTION, RunningCarrier
from tests.callbridge.desk.page.browsing import SUPERVISOR, DeskBrowser, desk, settings_with

XSS = "<script>alert(1)</script>'\"&"


@pytest.fixture
def browser(
    phone_company: RunningCarrier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DeskBrowser]:
    """Logged in as a supervisor whose telephone is Cat's."""
    monkeypatch.chdir(tmp_path)
    settings = settings_with(
        tmp_path,
        api_key="live-key",
        base_url=phone_company.base_url,
        connection_id=CONNECTION,
        desk_poll_s=1.0,
    )
    file = tmp_path / "desk.users"
    file.write_text(file.read_text().replace("+13125550199", CAT))
    with desk(settings) as browser:
        browser.logs_in()
        yield browser


def seen(browser: DeskBrowser, path: str, text: str, within_s: float = 6) -> str:
    """The page, once it has this text."""
    limit = time.monotonic() + within_s
    while text not in browser.get(path).text:
        assert time.monotonic() < limit, browser.text
        time.sleep(0.3)
    return browser.text


# ---- what is shown ------------------------------------------------------------------------------


def test_the_lists_and_what_is_in_them(browser: DeskBrowser, phone_company: RunningCarrier) -> None:
    assert "No call goes on." in seen(browser, "/calls", "No call")
    ann = phone_company.dial(ANN)
    page = seen(browser, "/calls", ANN)
    assert f"/call/{ann.replace(':', '%3A')}" in page
    page = seen(browser, f"/call/{ann}", "call.answered")
    assert "answered" in page
    assert "Take over" in page
    assert browser.get("/call/v3:nobody").status_code == 200
    assert "This call is over" in browser.text
    assert "There is no conference." in browser.get("/conferences").text
    assert "There is no queue." in browser.get("/queues").text
    assert browser.get("/nothing").status_code == 404
    assert "set CALLBRIDGE_DESK_METRICS_URL" in browser.get("/figures").text


def test_names_of_others_are_text_on_every_page(
    browser: DeskBrowser, phone_company: RunningCarrier
) -> None:
    ann = phone_company.dial(ANN)
    state = {"client_state": "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="}  # <script>alert(1)</script>
    phone_company.put(f"/calls/{ann}/actions/client_state_update", state)
    phone_company.post("/conferences", {"call_control_id": ann, "name": XSS})
    ben = phone_company.dial(BEN)
    phone_company.post(f"/calls/{ben}/actions/enqueue", {"queue_name": XSS})
    seen(browser, "/calls", "&lt;script&gt;alert(1)")
    (conference,) = phone_company.get("/conferences?filter[status]=in_progress")
    for path in (
        "/calls",
        f"/call/{ann}",
        "/conferences",
        f"/conference/{conference['id']}",
        "/queues",
        "/queue/%3Cscript%3Ealert(1)%3C%2Fscript%3E'%22%26",
    ):
        page = browser.get(path).text
        assert "alert(1)" in page, path
        assert "<script>alert" not in page, path
        assert "'\"&" not in page, path


def test_what_the_path_says_is_text_as_well(browser: DeskBrowser) -> None:
    for path in ("/call/%3Cscript%3Ealert(1)%3C/script%3E", "/queue/%22onload=alert(1)"):
        page = browser.get(path).text
        assert "<script>alert" not in page
        assert '"onload' not in page


def test_pages_bring_no_script_and_no_style_of_their_own(
    browser: DeskBrowser, phone_company: RunningCarrier
) -> None:
    ann = phone_company.dial(ANN)
    for path in ("/calls", f"/call/{ann}", "/conferences", "/queues", "/figures", "/nothing"):
        answer = browser.get(path)
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        for tag in answer.text.split("<script")[1:]:
            assert tag.lstrip().startswith("src="), path
        assert "<style" not in answer.text
        assert " style=" not in answer.text
        assert " on" not in "".join(part.split(">")[0] for part in answer.text.split("<button"))


# ---- what is done -------------------------------------------------------------------------------


def test_a_call_is_recorded_and_hung_up(
    browser: DeskBrowser, phone_company: RunningCarrier
) -> None:
    ann = phone_company.dial(ANN)
    seen(browser, f"/call/{ann}", "Record")
    for verb, sentence in (
        ("start", "being recorded"),
        ("pause", "not recorded for now"),
        ("resume", "recorded again"),
        ("stop", "no longer recorded"),
    ):
        browser.get(f"/call/{ann}")
        done = browser.post(f"/call/{ann}/record", {"verb": verb})
        assert done.headers["location"] == f"/call/{ann}"
        assert sentence in browser.get(f"/call/{ann}").text
    told = phone_company.events(leg_of(phone_company, ann))
    commanded = [name for name in reversed(told) if name.startswith("record_")]
    assert commanded == ["record_start", "record_pause", "record_resume", "record_stop"]
    browser.post(f"/call/{ann}/hangup")
    assert "hung up" in browser.get(f"/call/{ann}").text
    assert not phone_company.is_alive(ann)
    browser.post(f"/call/{ann}/hangup")
    assert "had ended" in browser.get(f"/call/{ann}").text


def leg_of(phone_company: RunningCarrier, id: str) -> str:
    return str(phone_company.get(f"/calls/{id}")["call_leg_id"])


def test_participants_are_muted_held_and_hung_up(
    browser: DeskBrowser, phone_company: RunningCarrier
) -> None:
    ann, ben = phone_company.dial(ANN), phone_company.dial(BEN)
    made = phone_company.post("/conferences", {"call_control_id": ann, "name": "sales"})
    id = made["id"]
    phone_company.post(f"/conferences/{id}/actions/join", {"call_control_id": ben})
    path = f"/conference/{id}"
    page = seen(browser, path, BEN)
    assert f"Mute {named(page, BEN)}" in page
    for act, field, value in (
        ("mute", "muted", True),
        ("unmute", "muted", False),
        ("hold", "on_hold", True),
        ("unhold", "on_hold", False),
    ):
        browser.get(path)
        browser.post(f"{path}/{act}", {"who": ben})
        assert phone_company.in_conference("sales")[ben][field] is value
        assert not phone_company.in_conference("sales")[ann][field]
    browser.get(path)
    browser.post(f"{path}/kick", {"who": ben})
    assert not phone_company.is_alive(ben)
    browser.get(path)
    browser.post(f"{path}/mute", {"who": ""})
    assert "Nobody was named." in browser.get(path).text
    assert not phone_company.in_conference("sales")[ann]["muted"]
    browser.post(f"{path}/end")
    assert "sales: ended" in browser.get(path).text


def named(page: str, to: str) -> str:
    """As the buttons name who is meant: from and to."""
    return next(
        line.split('aria-label="Mute ')[1].split('"')[0]
        for line in page.splitlines()
        if 'aria-label="Mute ' in line and to in line
    )


def test_who_waits_is_taken_by_the_supervisors_telephone_or_taken_out(
    browser: DeskBrowser, phone_company: RunningCarrier
) -> None:
    ann, ben = phone_company.dial(ANN), phone_company.dial(BEN)
    for call in (ann, ben):
        phone_company.post(f"/calls/{call}/actions/enqueue", {"queue_name": "support"})
    seen(browser, "/queue/support", BEN)
    browser.post("/queue/support/remove", {"who": ben})
    assert "is out of it" in browser.get("/queue/support").text
    browser.post("/queue/support/take")
    assert f"Your telephone {CAT} rings." in browser.get("/queue/support").text
    phone_company.until(ann, "call.bridged")


def test_what_is_refused_is_a_sentence(browser: DeskBrowser, phone_company: RunningCarrier) -> None:
    ann = phone_company.dial(ANN)
    seen(browser, f"/call/{ann}", "Take over")
    for act, sentence in (
        ("listen", "The caller talks to a bot."),
        ("handback", "It is not known who had that call before."),
        ("dance", "There is no such thing to do."),
        ("record", "A recording is started, paused, resumed or stopped."),
    ):
        browser.get(f"/call/{ann}")
        assert browser.post(f"/call/{ann}/{act}").status_code == 303
        said = f'<p class="error">{sentence}'
        assert said in browser.get(f"/call/{ann}").text
        assert said not in browser.get(f"/call/{ann}").text  # it is said once


# ---- live ---------------------------------------------------------------------------------------


def test_text_in_an_event_cannot_begin_another_one() -> None:
    told = event("top", "a\ndata: b\r\n\r\nevent: gone\u2028x")
    assert told.count("\nevent:") == 0
    assert told.endswith("\n\n")
    assert "\n\n" not in told[:-2]


def test_a_session_has_room_for_so_many_pages_and_no_more() -> None:
    nobody: Any = None
    live = DeskLive(nobody, nobody, nobody)
    session = DeskSession("id", SUPERVISOR, 0.0, open=MOST_OPEN - 1)
    assert live.has_room(session)
    session.open += 1
    assert not live.has_room(session)
