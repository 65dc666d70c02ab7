"""Call tracking: a number for each advertisement leads to a telephone of yours, and a page tells
who has rung which number, who was answered, for how long they talked, and what was said.

With the local carrier, in three terminals; the first caller is answered, the second one is not:

    pip install ".[examples]"
    callbridge carrier --numbers examples/call_tracking/people.json
    . out/carrier.env && PAGE_PASSWORD=secret uvicorn --app-dir examples/call_tracking \\
        call_tracking:web --port 8000
    callbridge call --script examples/call_tracking/billboard.json
    callbridge call --script examples/call_tracking/web_page.json
    curl -u :secret http://127.0.0.1:8000/calls.csv

and http://127.0.0.1:8000/ in a browser, with any name and the password.

With an account: numbers of yours in a file of your own (TRACKING_NUMBERS), bound to the application
in the portal; a PAGE_PASSWORD that nobody guesses, as the page is where the webhooks are; and
TELNYX_API_KEY, TELNYX_PUBLIC_KEY and CALLBRIDGE_PUBLIC_URL as README says. DATABASE_URL is the
database, SQLite in calls.db unless it is given: with `pip install "psycopg[binary]"`, say,
postgresql+psycopg://user:password@host/calls. RECORDINGS is the folder of the recordings.
"""

import asyncio
import csv
import io
import json
import os
import re
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from html import escape
from pathlib import Path
from string import Template
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Response
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from sqlalchemy import String, case, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from callbridge import App, Call, RecordingOutcome

FILE = os.environ.get("TRACKING_NUMBERS") or Path(__file__).with_name("numbers.json")
NUMBERS: dict[str, dict[str, str]] = json.loads(Path(FILE).read_text(encoding="utf-8"))
PASSWORD = os.environ["PAGE_PASSWORD"]
PAGE = Path(__file__).with_name("page.html")
RECORDINGS = Path(os.environ.get("RECORDINGS", "recordings"))

# ---- the database -------------------------------------------------------------------------------


class Base(DeclarativeBase):
    """The tables of this program."""


class TrackedCall(Base):
    __tablename__ = "tracked_calls"

    reference: Mapped[str] = mapped_column(String(16), primary_key=True)  # as in the log
    began: Mapped[datetime]  # in UTC
    number: Mapped[str] = mapped_column(index=True)
    source: Mapped[str]
    caller: Mapped[str]
    result: Mapped[str]  # of the transfer: answered, busy, no_answer, ...
    talked_s: Mapped[float]
    recorded: Mapped[bool]


engine = create_engine(os.environ.get("DATABASE_URL", "sqlite:///calls.db"))
session = sessionmaker(engine, expire_on_commit=False)
Base.metadata.create_all(engine)


def save(row: TrackedCall) -> None:
    """Insert or update it."""
    with session.begin() as database:
        database.merge(row)


def rows() -> Sequence[TrackedCall]:
    with session() as database:
        return database.scalars(select(TrackedCall).order_by(TrackedCall.began.desc())).all()


# ---- the calls ----------------------------------------------------------------------------------

app = App()


async def track(number: str, call: Call) -> None:
    there = NUMBERS[number]
    row = TrackedCall(
        reference=call.reference,
        began=datetime.now(UTC).replace(tzinfo=None),
        number=number,
        source=there["source"],
        caller=call.from_,
        result="ringing",
        talked_s=0.0,
        recorded=False,
    )
    await asyncio.to_thread(save, row)
    # Whatever becomes of the call, `finish` is told of its recording, and writes down the rest.
    async with call.record(format="wav", on_saved=partial(finish, row)):
        await call.say("This call may be recorded.", interruptible=False)
        connected = await call.transfer(there["to"], timeout=25)
        row.result = connected.result
        if not connected:
            await call.say("Nobody can take your call at the moment. We will ring you back.")
            return
        now = asyncio.get_running_loop().time
        answered = now()
        try:
            await call.over()  # the two talk
        finally:
            row.talked_s = round(now() - answered, 1)


async def finish(row: TrackedCall, recording: RecordingOutcome) -> None:
    if row.result == "ringing":
        row.result = "caller_hung_up"
    if recording:  # its link is good for ten minutes, so the file is fetched now
        sound = await app.fetch(recording.urls["wav"])
        await asyncio.to_thread(keep, row.reference, sound)
        row.recorded = True
    await asyncio.to_thread(save, row)


def keep(reference: str, sound: bytes) -> None:
    RECORDINGS.mkdir(parents=True, exist_ok=True)
    (RECORDINGS / f"{reference}.wav").write_bytes(sound)


for number in NUMBERS:
    app.call(number)(partial(track, number))


# ---- the page -----------------------------------------------------------------------------------


async def authorised(given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> None:
    if not secrets.compare_digest(given.password.encode(), PASSWORD.encode()):
        raise HTTPException(401, headers={"WWW-Authenticate": "Basic"})


# Functions without `async` run in a thread, where they may wait for the database.
pages = APIRouter(dependencies=[Depends(authorised)])


@pages.get("/", response_class=HTMLResponse)
def page() -> str:
    answered = case((TrackedCall.result == "answered", 1), else_=0)
    missed = case((TrackedCall.result.in_(["answered", "ringing"]), 0), else_=1)
    columns = TrackedCall.number, TrackedCall.source
    sums = func.count(), func.sum(answered), func.sum(missed), func.sum(TrackedCall.talked_s)
    with session() as database:
        numbers = database.execute(
            select(*columns, *sums).group_by(*columns).order_by(*columns)
        ).all()
    return Template(PAGE.read_text(encoding="utf-8")).substitute(
        numbers="\n".join(line(*cells, minutes(talked_s)) for *cells, talked_s in numbers),
        calls="\n".join(
            line(f"{row.began:%Y-%m-%d %H:%M}", row.number, row.caller, row.result)
            + f"<td>{minutes(row.talked_s)}<td>{player(row)}"
            for row in rows()
        ),
    )


def line(*cells: object) -> str:
    """Callers may send any text as their number."""
    return "<tr>" + "".join(f"<td>{escape(str(cell))}" for cell in cells)


def minutes(seconds: float) -> str:
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"


def player(row: TrackedCall) -> str:
    source = f"/recordings/{row.reference}.wav"
    return f'<audio controls preload="none" src="{source}"></audio>' if row.recorded else ""


@pages.get("/recordings/{reference}.wav")
def recording(reference: str) -> FileResponse:
    with session() as database:
        row = database.get(TrackedCall, reference)
    if row is None or not row.recorded:
        raise HTTPException(404, "there is no such recording")
    return FileResponse(RECORDINGS / f"{row.reference}.wav", media_type="audio/wav")


@pages.get("/calls.csv")
def as_csv() -> Response:
    file = io.StringIO()
    names = [column.name for column in TrackedCall.__table__.columns]
    writer = csv.writer(file)
    writer.writerow(names)
    writer.writerows([plain(getattr(row, name)) for name in names] for row in rows())
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8")


def plain(value: object) -> object:
    """A spreadsheet takes no text of a caller for a formula; a number may begin with +."""
    formula = isinstance(value, str) and re.match(r"[=+\-@\t\r](?!\d+$)", value)
    return f"'{value}" if formula else value


@asynccontextmanager
async def running(_: FastAPI) -> AsyncGenerator[None]:
    yield
    await app.close()


web = FastAPI(lifespan=running)
web.include_router(pages)
web.mount("/", app)  # its webhooks and media streams
