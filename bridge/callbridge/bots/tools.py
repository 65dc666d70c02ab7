"""What a language model may do: tools, made out of Python functions.

    async def find_order(number: int) -> str:
        "Where an order is. `number` is on the receipt."

    Toolbox([find_order, end_call])

The schema that the model gets is the function's signature and docstring. A parameter named `call`
is the call itself, which the model knows nothing of. Whatever goes wrong with a call of a tool
becomes a text for the model: it has asked for it, and it can ask again."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, make_dataclass
from functools import partial
from typing import Any, TypeVar, cast, get_type_hints, overload
from weakref import WeakKeyDictionary

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import to_json

from callbridge.calls.call import Call
from callbridge.errors import BotError, CallError

TIMEOUT_S = 30.0
LONGEST = 20_000  # characters of a result: a model reads no more, and pays for each
CALL = "call"  # the parameter that is the call
_SETTINGS = "_callbridge_tool"

played: "dict[str, Callable[..., object]]" = {}  # by a test, in the place of tools of these names

_ANY_ARGUMENTS: TypeAdapter[Any] = TypeAdapter(dict[str, Any])

F = TypeVar("F", bound=Callable[..., object])


class ToolError(Exception):
    """Raised by a tool: its text is the answer that the model gets. What any other exception says
    is for the log alone."""


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """Of a tool whose function says nothing else by `@tool`."""

    cancellable: bool = False
    says: str | None = None
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """`parameters` is a JSON schema. `run` takes the call and the checked arguments by name.

    Speech that cuts a reply cancels its tools if they are `cancellable`: of any other one it is
    not known what it has changed already. `says` is said when it takes a while: None is what the
    reply says of any tool, "" is nothing."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    run: Callable[[Call, str], Awaitable[object]]
    settings: ToolSettings = field(default_factory=ToolSettings)

    @classmethod
    def of(cls, function: "Tool | Callable[..., object]") -> "Tool":
        """Raises BotError for a function of which no schema can be made."""
        if isinstance(function, Tool):
            return function
        if not callable(function):
            raise BotError(f"{function!r} is no tool: a tool is a function")
        form = _forms.get(function)
        if form is None:
            form = _forms[function] = _ToolForm(_arguments_of(function))
        return cls(
            name=_name_of(function),
            description=inspect.getdoc(function) or "",
            parameters=form.schema,
            run=partial(_called, function, form.arguments),
            settings=getattr(function, _SETTINGS, ToolSettings()),
        )


@overload
def tool(function: F) -> F: ...


@overload
def tool(
    *, cancellable: bool = False, says: str | None = None, timeout_s: float = TIMEOUT_S
) -> Callable[[F], F]: ...


def tool(
    function: F | None = None,
    *,
    cancellable: bool = False,
    says: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> F | Callable[[F], F]:
    """Say more of a function that is a tool: `@tool(cancellable=True, says="One moment.")`. The
    function stays what it was, to be called and tested."""
    settings = ToolSettings(cancellable, says, timeout_s)

    def mark(function: F) -> F:
        setattr(function, _SETTINGS, settings)
        return function

    return mark if function is None else mark(function)


class ToolRun:
    """One call of a tool, as a task of its own: who waits for it may be cancelled."""

    __slots__ = ("_task", "arguments", "name", "settings")

    def __init__(
        self,
        name: str,
        arguments: str,
        settings: ToolSettings,
        task: "asyncio.Task[str | CallError]",
    ) -> None:
        self.name, self.arguments, self.settings = name, arguments, settings
        self._task = task

    @property
    def task(self) -> "asyncio.Task[str | CallError]":
        return self._task

    @property
    def done(self) -> bool:
        return self._task.done()

    def dismiss(self) -> None:
        """Nobody waits for it any more: one that may be cancelled is, and every other one goes on
        to its end."""
        if self.settings.cancellable:
            self._task.cancel()

    @property
    def text(self) -> str:
        """For the model. Raises the CallError of a tool after which the call is not the bot's."""
        if not self._task.done():
            return "It is still running: do not call it again."
        if self._task.cancelled():
            return "Cancelled, as the caller spoke. What it had begun may have been done."
        result = self._task.result()
        if isinstance(result, CallError):
            raise result
        return result


class Toolbox:
    """The tools of one bot, by name."""

    def __init__(self, tools: Iterable[Tool | Callable[..., object]]) -> None:
        self.tools = tuple(map(Tool.of, tools))
        self._by_name = {tool.name: tool for tool in self.tools}
        if len(self._by_name) < len(self.tools):
            raise BotError(f"two tools have one name: {', '.join(t.name for t in self.tools)}")

    def start(self, call: Call, name: str, arguments: str) -> ToolRun:
        """`arguments` is what the model wrote: JSON, if it was careful."""
        found = self._by_name.get(name)
        settings = found.settings if found is not None else ToolSettings()
        task = asyncio.create_task(self._end_of(call, name, arguments), name=f"tool {name}")
        return ToolRun(name, arguments, settings, task)

    async def run(self, call: Call, name: str, arguments: str) -> str:
        """The result, or what went wrong, as a text for the model.

        Raises CallError when the call is over, or no longer the bot's, and nothing else."""
        with call.tool_runs(name, arguments) as ended:
            result = await self._run(call, name, arguments)
            ended(result)
        return result

    async def _run(self, call: Call, name: str, arguments: str) -> str:
        found = self._by_name.get(name)
        if found is None:
            there = ", ".join(self._by_name) or "none"
            return f"Error: there is no tool {name!r}. There are: {there}."
        limit = found.settings.timeout_s
        waiting = asyncio.timeout(limit)
        try:
            async with waiting:
                return _as_text(await _run_of(found)(call, arguments))
        except CallError:
            raise
        except ToolError as error:
            return f"Error: {error}"
        except Exception as error:
            if isinstance(error, TimeoutError) and waiting.expired():
                call.log.warning("tool %s has not ended within %g s", name, limit)
                return f"Error: no result within {limit:g} s. It may have been carried out."
            call.log.exception("tool %s raised", name)
            return f"Error: it failed ({type(error).__name__})."

    async def _end_of(self, call: Call, name: str, arguments: str) -> str | CallError:
        try:
            return await self.run(call, name, arguments)
        except CallError as over:
            return over


class _ToolForm:
    """What is made once of a function: it takes a millisecond, and a reply names its tools anew."""

    __slots__ = ("arguments", "schema")

    def __init__(self, arguments: TypeAdapter[Any]) -> None:
        self.arguments = arguments
        self.schema = _without_titles(arguments.json_schema())


_forms: "WeakKeyDictionary[Callable[..., object], _ToolForm]" = WeakKeyDictionary()


def _name_of(function: Callable[..., object]) -> str:
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise BotError(f"{function!r} has no name: a tool is a function with `def`")
    return name


def _arguments_of(function: Callable[..., object]) -> TypeAdapter[Any]:
    """Raises BotError."""
    name = _name_of(function)
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise BotError(f"tool {name}: {error}") from None
    fields: list[tuple[str, Any, Any]] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == CALL:
            continue
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise BotError(f"tool {name}: the model names its arguments, so no {parameter}")
        if parameter.name not in hints:
            raise BotError(f"tool {name}: {parameter.name} needs a type, to tell the model")
        default = field() if parameter.default is parameter.empty else _default(parameter.default)
        fields.append((parameter.name, hints[parameter.name], default))
    config = {"__pydantic_config__": ConfigDict(extra="forbid")}
    try:
        kind = make_dataclass(name, fields, kw_only=True, namespace=config)
        return TypeAdapter(kind)
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        why = str(error).splitlines()[0]
        raise BotError(f"tool {name}: the model cannot be told of its arguments: {why}") from None


def _default(value: Any) -> Any:
    """The schema tells it, unless it is a list or the like."""
    changes = value.__class__.__hash__ is None
    return field(default_factory=lambda: value) if changes else field(default=value)


def _run_of(tool: Tool) -> Callable[[Call, str], Awaitable[object]]:
    """Who plays a function gets its arguments, checked as it would."""
    if tool.name not in played:
        return tool.run
    run: Any = tool.run
    form = run.args[1] if isinstance(run, partial) else _ANY_ARGUMENTS
    return partial(_called, played[tool.name], form)


async def _called(
    function: Callable[..., object], arguments: TypeAdapter[Any], call: Call, given: str
) -> object:
    """Check the arguments and call. Raises ToolError, and what the function raises."""
    try:
        checked = arguments.validate_json(given.strip() or "{}")
    except ValidationError as error:
        raise ToolError(_faults(error)) from None
    named: dict[str, object] = {**(checked if isinstance(checked, dict) else vars(checked))}
    if CALL in inspect.signature(function).parameters:
        named[CALL] = call
    if inspect.iscoroutinefunction(function):
        return await function(**named)
    result = await asyncio.to_thread(partial(function, **named))  # it may well wait for something
    return await result if inspect.isawaitable(result) else result


def _as_text(result: object) -> str:
    if result is None:
        return "Done."
    text = result if isinstance(result, str) else to_json(result, fallback=str).decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... (cut here)"


def _faults(error: ValidationError) -> str:
    """Which argument is wrong, and how."""
    faults: list[str] = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        place = ".".join(str(part) for part in fault["loc"])
        faults.append(f"{place}: {fault['msg']}" if place else fault["msg"])
    return "; ".join(faults)


def _without_titles(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Pydantic names every part of a schema; a model learns nothing from that."""
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            kept[key] = {name: _without_titles(each) for name, each in value.items()}
        elif key == "title" and isinstance(value, str):
            continue
        elif isinstance(value, Mapping):
            kept[key] = _without_titles(cast("Mapping[str, Any]", value))
        elif isinstance(value, list) and key in ("anyOf", "allOf", "oneOf", "prefixItems"):
            kept[key] = [_without_titles(each) for each in cast("list[Mapping[str, Any]]", value)]
        else:
            kept[key] = value
    return kept
