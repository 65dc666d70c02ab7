"""Python functions as tools of a model: by signature and docstring."""

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, cast

import pytest
from pydantic import BaseModel, Field

from callbridge import Call, CallReleased
from callbridge.bots.call_tools import end_call, handoff, record, switch_language, transfer
from callbridge.bots.tools import LONGEST, Tool, Toolbox, ToolError, tool
from callbridge.errors import BotError


class SilentCall:
    log = logging.getLogger("callbridge")

    @contextmanager
    def tool_runs(self, name: str, arguments: str) -> Generator[Callable[[str], None]]:
        yield lambda result: None


def run(function: Any, arguments: str) -> str:
    """What the model is told."""
    box = Toolbox([function])
    return asyncio.run(box.run(cast("Call", SilentCall()), box.tools[0].name, arguments))


# ---- signatures ---------------------------------------------------------------------------------


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Guest:
    name: str
    title: str = ""


class Table(BaseModel):
    seats: int
    by_the_window: bool = False


def everything(
    number: int,
    share: float,
    size: Size,
    guests: list[Guest],
    table: Table | None,
    day: Literal["today", "tomorrow"] = "today",
    note: Annotated[str, Field(description="For the kitchen.", max_length=20)] = "",
    json: dict[str, int] | None = None,
) -> list[object]:
    """Book a table.

    Nobody is asked twice."""
    return [number, share, size, guests, table, day, note, json]


def test_a_signature_becomes_a_schema() -> None:
    made = Tool.of(everything)
    assert made.name == "everything"
    assert made.description == "Book a table.\n\nNobody is asked twice."
    fields = made.parameters["properties"]
    assert made.parameters["required"] == ["number", "share", "size", "guests", "table"]
    assert fields["number"] == {"type": "integer"}
    assert fields["day"] == {"default": "today", "enum": ["today", "tomorrow"], "type": "string"}
    assert fields["note"]["description"] == "For the kitchen."
    guest = made.parameters["$defs"]["Guest"]
    assert guest["properties"] == {
        "name": {"type": "string"},
        "title": {"default": "", "type": "string"},  # a field of that name, and no title of one
    }


def test_arguments_are_what_the_signature_says() -> None:
    given = """{"number": "4", "share": 1, "size": "large", "guests": [{"name": "Ada"}],
        "table": {"seats": 4}, "json": {"a": 1}}"""
    assert run(everything, given) == (
        '[4,1.0,"large",[{"name":"Ada","title":""}],{"seats":4,"by_the_window":false},'
        '"today","",{"a":1}]'
    )


def no_type(number) -> None: ...  # type: ignore[no-untyped-def]  # pyright: ignore


def many(*numbers: int) -> None: ...


def named(**numbers: int) -> None: ...


def of_a_kind_unknown(thing: SilentCall) -> None: ...


def forward(thing: "Nothing") -> None: ...  # type: ignore[name-defined]  # noqa: F821


BAD: list[tuple[Any, str]] = [
    (no_type, "tool no_type: number needs a type, to tell the model"),
    (many, r"tool many: the model names its arguments, so no \*numbers"),
    (named, r"tool named: the model names its arguments, so no \*\*numbers"),
    (of_a_kind_unknown, "tool of_a_kind_unknown: the model cannot be told of its arguments"),
    (forward, "tool forward: name 'Nothing' is not defined"),
    (cast("Any", lambda: None), "has no name"),
    (3, "3 is no tool"),
]


@pytest.mark.parametrize(("function", "why"), BAD)
def test_what_no_model_can_be_told_of_is_said_at_once(function: Any, why: str) -> None:
    with pytest.raises(BotError, match=why):
        Toolbox([function])


def test_two_tools_of_one_name() -> None:
    with pytest.raises(BotError, match="two tools have one name: many_of, many_of"):
        Toolbox([many_of, many_of])


def many_of() -> str:
    return "x" * (LONGEST + 1)


def test_a_marked_function_stays_what_it_was() -> None:
    @tool(cancellable=True, says="Wait.", timeout_s=3)
    def double(number: int) -> int:
        return 2 * number

    assert double(2) == 4
    made = Tool.of(double)
    assert made.settings.cancellable
    assert (made.settings.says, made.settings.timeout_s) == ("Wait.", 3)
    assert not Tool.of(everything).settings.cancellable


# ---- results ------------------------------------------------------------------------------------


def test_results_are_texts() -> None:
    assert run(many_of, "") == "x" * LONGEST + " ... (cut here)"

    def nothing() -> None: ...

    assert run(nothing, "{}") == "Done."

    def odd() -> object:
        return {"at": SilentCall}

    assert "SilentCall" in run(odd, "{}")


async def goes(call: Call) -> None:
    raise CallReleased("gone")


async def test_the_end_of_a_call_comes_through() -> None:
    box = Toolbox([goes])
    with pytest.raises(CallReleased):
        await box.run(cast("Call", SilentCall()), "goes", "{}")
    started = box.start(cast("Call", SilentCall()), "goes", "{}")
    await asyncio.wait({started.task})
    with pytest.raises(CallReleased):
        _ = started.text


def test_what_a_tool_says_of_itself_is_told_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuses() -> None:
        raise ToolError("no such order")

    def breaks() -> None:
        raise ValueError("password=hunter2")

    assert run(refuses, "{}") == "Error: no such order"
    assert run(breaks, "{}") == "Error: it failed (ValueError)."
    assert "hunter2" in caplog.text  # for who wrote it


# ---- the call's own -----------------------------------------------------------------------------


def test_what_is_done_with_a_call_may_be_cancelled() -> None:
    """By speech: what was asked of the platform goes on by itself."""
    people = {"sales": "+13125550199"}
    tools: list[Any] = [
        end_call,
        record,
        transfer(people),
        handoff(people),
        switch_language(["de"]),
    ]
    assert all(Tool.of(each).settings.cancellable for each in tools)


def test_a_list_of_nobody_is_an_error() -> None:
    with pytest.raises(ValueError, match="transfer: there is nobody"):
        transfer({})
