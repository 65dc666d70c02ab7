"""Lets a scripted caller ring in at a running carrier, and follows the call."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from callbridge.carrier import people
from callbridge.carrier.core.report import TapeEntry
from callbridge.errors import CallbridgeError

# A caller for any bot: greets, asks, interrupts, hangs up. Its recordings are espeak-ng's.
SOMEBODY = Path(people.__path__[0], "somebody", "somebody.json")


def read_script(path: Path) -> dict[str, Any]:
    """A caller script, unchecked: the carrier checks it. Raises CallbridgeError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise CallbridgeError(f"{path}: the caller's script: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise CallbridgeError(f"{path}: not a caller script: {error}") from None


def script_beside(bot: Path) -> Path:
    """`bot.json`; somebody who greets, asks and interrupts where there is none."""
    script = bot.with_suffix(".json")
    return script if script.is_file() else SOMEBODY


def people_beside(bot: Path) -> Path | None:
    """`bot.people.json`: who lives where, for a bot that dials."""
    people = bot.with_suffix(".people.json")
    return people if people.is_file() else None


class Carrier:
    """A running local carrier, seen from outside."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ring(self, script: dict[str, Any], base: str) -> str:
        """Place a call; its script's files are relative to `base`. Returns its call_control_id.

        Raises CallbridgeError in the carrier's own words if it refuses."""
        answer = await self._request("POST", "/carrier/calls", params={"base": base}, json=script)
        return str(answer["call_control_id"])

    async def hang_up(self, call: str) -> None:
        """The caller hangs up. A call that is over stays so."""
        await self._request("DELETE", f"/carrier/calls/{call}")

    async def tape(self, call: str) -> AsyncIterator[TapeEntry]:
        """What happens on the call, as it happens, until it is over. Raises CallbridgeError when
        the carrier ends first."""
        path = f"/carrier/calls/{call}/tape"
        try:
            async with self._http.stream("GET", path, timeout=None) as lines:
                async for line in lines.aiter_lines():
                    yield msgspec.json.decode(line, type=TapeEntry)
        except httpx.HTTPError:
            raise CallbridgeError(
                f"the carrier at {self._http.base_url} has ended in the middle of the call"
            ) from None

    async def report(self, call: str) -> dict[str, Any]:
        """The summary; with the paths of its files once it is finished."""
        return await self._request("GET", f"/carrier/calls/{call}")

    async def finished(self, call: str) -> dict[str, Any]:
        """The report once its files are written, which is soon after its end."""
        for _ in range(100):
            report = await self.report(call)
            if report["finished"]:
                return report
            await asyncio.sleep(0.05)
        raise CallbridgeError("the carrier did not finish the call's recording")

    async def _request(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise CallbridgeError(
                f"no carrier answers at {self._http.base_url}: {error or type(error).__name__}; "
                "start one with `callbridge carrier`"
            ) from None
        body = msgspec.json.decode(answer.content, type=dict[str, Any])
        if answer.is_error:
            detail = body.get("errors", [{}])[0].get("detail", answer.reason_phrase)
            raise CallbridgeError(str(detail))
        return body


@asynccontextmanager
async def carrier_at(url: str, api_key: str) -> AsyncGenerator[Carrier]:
    """`url` without a path, such as http://127.0.0.1:8080."""
    headers = {"authorization": f"Bearer {api_key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http:
        yield Carrier(http)
