"""A local carrier beside the test, and what is typed at it."""

import asyncio
import json
import logging
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from callbridge import __main__ as command_line
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript
from tests.callbridge.carrier.live import KEY, carrier
from tests.callbridge.carrier.test_say import beeps

US, ANN, BEN, CAT, BUSY, NOBODY = (f"+1312555010{digit}" for digit in range(6))
CONNECTION = CarrierConfig().connection_id


class RunningCarrier:
    """A carrier on a loop of its own, as commands run on theirs; Ann, Ben and Cat answer."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(20)
        headers = {"authorization": f"Bearer {KEY}"}
        self._http = httpx.Client(base_url=self.base_url, headers=headers, verify=False)

    def end(self) -> None:
        self._http.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        people: dict[str, Any] = dict.fromkeys((ANN, BEN, CAT), CallScript())
        config = CarrierConfig(api_key=KEY, numbers={**people, BUSY: "busy"}, ring_s=0.0)
        async with carrier(config, voice=beeps) as live:
            self.base_url = live.base_url
            self._ready.set()
            await self._stop.wait()

    def get(self, path: str) -> Any:
        return self._http.get(path).raise_for_status().json()["data"]

    def post(self, path: str, body: Any) -> Any:
        return self._http.post(path, json=body).raise_for_status().json()["data"]

    def put(self, path: str, body: Any) -> Any:
        return self._http.put(path, json=body).raise_for_status().json()["data"]

    def dial(self, to: str) -> str:
        """Returns the call_control_id of a call that is answered."""
        made = self._http.post(
            "/calls", json={"connection_id": CONNECTION, "to": to, "from": US}
        ).raise_for_status()
        id: str = made.json()["data"]["call_control_id"]
        self.until(id, "call.answered")
        return id

    def ring_in(self, from_: str) -> str:
        """Returns the call_control_id of a call that rings."""
        url = self.base_url.removesuffix("/v2") + "/carrier/calls"
        made = self._http.post(url, json={"from": from_, "steps": []}).raise_for_status()
        id: str = made.json()["call_control_id"]
        return id

    def until(self, id: str, event: str, within_s: float = 5) -> None:
        """Until the call has had the event."""
        leg = self.get(f"/calls/{id}")["call_leg_id"]
        limit = time.monotonic() + within_s
        while event not in self.events(leg):
            assert time.monotonic() < limit, f"no {event}"
            time.sleep(0.01)

    def events(self, leg: str) -> list[str]:
        return [event["name"] for event in self.told(leg)]

    def told(self, leg: str) -> list[dict[str, Any]]:
        """All events of a leg, the last one first."""
        found: list[dict[str, Any]] = self.get(f"/call_events?filter[leg_id]={leg}&page[size]=250")
        return found

    def commanded(self, id: str, command: str) -> list[dict[str, Any]]:
        """What a call was commanded with, the last one first."""
        told = self.told(self.get(f"/calls/{id}")["call_leg_id"])
        given = [event["metadata"] for event in told if event["name"] == command]
        return [{name: one[name] for name in one if name != "command_id"} for one in given]

    def is_alive(self, id: str) -> bool:
        return bool(self.get(f"/calls/{id}")["is_alive"])

    def in_conference(self, name: str) -> dict[str, dict[str, Any]]:
        """The participants of a conference by their calls."""
        (found,) = self.get(f"/conferences?filter[name]={name}&filter[status]=in_progress")
        people = self.get(f"/conferences/{found['id']}/participants")
        return {each["call_control_id"]: each for each in people}


@pytest.fixture
def phone_company() -> Iterator[RunningCarrier]:
    """Its log, of a slow machine say, is not what a command writes on standard error."""
    log = logging.getLogger("callbridge.carrier")
    level = log.level
    log.setLevel(logging.ERROR)
    running = RunningCarrier()
    running.start()
    yield running
    running.end()
    log.setLevel(level)


class Printed(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert (self.code, self.err) == (0, "")
        return json.loads(self.out)


class Terminal:
    """Where commands are typed, with an account in the environment."""

    def __init__(self, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> None:
        self._patch, self._captured = patch, captured

    def __call__(self, *args: str) -> Printed:
        self._patch.setattr(sys, "argv", ["callbridge", *args])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        out, err = self._captured.readouterr()
        code = ended.value.code
        return Printed(code if isinstance(code, int) else 0, out, err)


@pytest.fixture
def without_account(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Terminal:
    monkeypatch.chdir(tmp_path_factory.mktemp("no_env_file"))
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("TELNYX_API_KEY", "TELNYX_BASE_URL", "CALLBRIDGE_CONNECTION_ID"):
        monkeypatch.delenv(name, raising=False)
    return Terminal(monkeypatch, capsys)


@pytest.fixture
def typed(
    without_account: Terminal, phone_company: RunningCarrier, monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    monkeypatch.setenv("TELNYX_API_KEY", KEY)
    monkeypatch.setenv("TELNYX_BASE_URL", phone_company.base_url)
    monkeypatch.setenv("CALLBRIDGE_CONNECTION_ID", CONNECTION)
    return without_account
