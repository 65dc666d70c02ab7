"""The account that somebody at a terminal asks and commands."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

from callbridge.control.client import CallControl, connect
from callbridge.control.commands import Command
from callbridge.control.lists import Listing
from callbridge.errors import CarrierUnreachable, CommandRefused, SettingsError
from callbridge.serve.account import WITHOUT_AN_ACCOUNT, AccountSettings

IMPATIENT_S, PATIENT_S = 0.5, 60.0  # after which what is slow is asked for a second time

T = TypeVar("T")
JsonItem = dict[str, Any]


class DeskDone(NamedTuple):
    """What was done: a sentence for people, an object for programs."""

    sentence: str
    shown: JsonItem


class Desk:
    """One account, and the connection that is meant."""

    def __init__(self, account: AccountSettings, control: CallControl) -> None:
        self.account = account
        self._control = control

    @property
    def connection_id(self) -> str:
        """Raises SettingsError that says how to come by it."""
        return connection_of(self.account)

    async def send(self, command: Command) -> JsonItem:
        return await self._control.send(command)

    async def every(self, listing: Listing) -> list[JsonItem]:
        return await self._control.every(listing)

    async def do(self, command: Command, sentence: str, **shown: object) -> DeskDone:
        """Send a command; what it was about is shown with what the platform answers."""
        return DeskDone(sentence, {**shown, **await self.send(command)})


def connection_of(account: AccountSettings) -> str:
    """Raises SettingsError that says how to come by it."""
    if not account.connection_id:
        raise SettingsError(
            "CALLBRIDGE_CONNECTION_ID is missing: the id of the Call Control application, from "
            f"the portal. {WITHOUT_AN_ACCOUNT}"
        )
    return account.connection_id


@asynccontextmanager
async def at(account: AccountSettings, *, patient: bool = False) -> AsyncGenerator[Desk]:
    """Raises CallbridgeError whose sentence says what to do. With `patient` nothing that is slow is
    asked for twice: who asks all the time is no burden so."""
    key = account.api_key.get_secret_value()
    control = connect(
        account.base_url,
        key,
        refused_is_final=account.is_local,
        hedge_after=PATIENT_S if patient else IMPATIENT_S,
    )
    try:
        yield Desk(account, control)
    except CarrierUnreachable as error:
        if not account.is_local:
            raise
        raise CarrierUnreachable(
            f"no carrier answers at {account.base_url}: start one with `callbridge carrier` in "
            "another terminal, then `. out/carrier.env` here"
        ) from error
    except CommandRefused as error:
        if error.status != 401:
            raise
        raise SettingsError(
            f"TELNYX_API_KEY is not taken by {account.base_url}: it is that of another account, or "
            "of another carrier (`. out/carrier.env` sets both)"
        ) from error
    finally:
        await control.aclose()


def ask(work: Callable[[Desk], Awaitable[T]]) -> T:
    """Run `work` at the account of the environment. Raises CallbridgeError."""
    return asyncio.run(_asked(work, AccountSettings.load()))


async def _asked(work: Callable[[Desk], Awaitable[T]], account: AccountSettings) -> T:
    async with at(account) as desk:
        return await work(desk)
