"""Who may log in: a line for each, in a file or in the setting itself."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from callbridge.desk.page.passwords import LONGEST, NOBODY, ScryptHash, parse
from callbridge.errors import SettingsError

DeskRole = Literal["viewer", "supervisor"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
NUMBER = re.compile(r"\+[1-9][0-9]{4,14}|sips?:[^\s<>\"']{3,200}")
AT_ONCE = 2  # passwords that are checked: each takes a core and 32 MiB


class DeskUser(NamedTuple):
    """`number` is the telephone that is rung when they listen in or take over."""

    name: str
    role: DeskRole
    number: str | None = None


class DeskUsers:
    """All of them. Empty: nobody logs in, and the desk is for this machine alone."""

    def __init__(self, users: Mapping[str, tuple[DeskUser, ScryptHash]]) -> None:
        self._users = users
        self._gate = asyncio.Semaphore(AT_ONCE)

    def __len__(self) -> int:
        return len(self._users)

    async def checked(self, name: str, password: str) -> DeskUser | None:
        """The user, if the password is theirs. Nobody learns from the time whether there is one."""
        user, hash_ = self._users.get(name, (None, NOBODY))
        async with self._gate:
            fits = await asyncio.to_thread(hash_.fits, password)
        return user if fits and len(password) <= LONGEST else None


def read(path: Path, number: str | None = None) -> DeskUsers:
    """`number` is the telephone of who has none. Raises SettingsError that names the line."""
    try:
        text = path.read_text()
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"CALLBRIDGE_DESK_USERS: cannot read {path}: {error}") from None
    return users_of(text, str(path), number)


def users_of(text: str, where: str, else_number: str | None = None) -> DeskUsers:
    """Lines of `name role hash [number]`; what begins with # is a comment. Raises SettingsError."""
    found: dict[str, tuple[DeskUser, ScryptHash]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            user, hash_ = _user_of(line)
            if user.name in found:
                raise ValueError(f"{user.name} is there twice")
        except ValueError as error:
            raise SettingsError(f"CALLBRIDGE_DESK_USERS: {where}, line {number}: {error}") from None
        found[user.name] = user._replace(number=user.number or else_number), hash_
    if not found:
        raise SettingsError(
            f"CALLBRIDGE_DESK_USERS: {where} names nobody: `callbridge desk password` makes a line"
        )
    return DeskUsers(found)


def line_of(user: DeskUser, hash_: ScryptHash) -> str:
    return " ".join((user.name, user.role, str(hash_), *([user.number] if user.number else ())))


def user(name: str, role: str, number: str | None) -> DeskUser:
    """Raises ValueError that says what is wrong."""
    if NAME.fullmatch(name) is None:
        raise ValueError("a name is of letters, digits and . _ @ -, and has 64 at most")
    if number is not None and NUMBER.fullmatch(number) is None:
        raise ValueError(f"a number is like +13125550199 or sip:ann@example.com, not {number!r}")
    for known in get_args(DeskRole):
        if role == known:
            return DeskUser(name, known, number)
    raise ValueError(f"a role is viewer or supervisor, not {role!r}")


def _user_of(line: str) -> tuple[DeskUser, ScryptHash]:
    words = line.split()
    if len(words) not in (3, 4):
        raise ValueError("a line is: name role hash [number]")
    name, role, hash_, *number = words
    return user(name, role, number[0] if number else None), parse(hash_)
