"""The house stands as it is drawn: who may import whom, who may await a network or read a clock.

The tables come first and are what a reader needs. All is read from the source, so that an import
inside a function, or one for types alone, counts as well."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import callbridge
import telecodecs

# Of each room (or module at the top): what it may import of the others, besides `telecodecs`.
# A room stands for all its modules; a module alone is named with its room.
MAY_IMPORT = {
    "errors": "",
    "timing": "",
    "host": "errors timing",
    "tape": "errors timing",
    "control": "errors timing host",
    "media": "errors timing tape",
    "relay": "errors",
    "realtime": "errors",
    "web": "errors",
    "outcomes": "media",
    "speech": "errors timing host tape",
    "voice": "errors outcomes timing tape control media relay speech sockets",
    "sockets": "errors timing media",
    "handoff": "errors outcomes timing control",
    "calls": "errors outcomes timing host tape control media relay speech voice sockets handoff",
    "serve": "errors timing host tape control media relay speech voice sockets calls",
    # The facade and values; a level-1 bot takes turns itself, by the voice's own means. A language
    # model is asked through the SDK of its service, in `bots.llm.model` alone; one that hears and
    # speaks, by a session of its own, which has the frames and the heard position.
    "bots": "errors outcomes timing.signal calls.call calls.keys voice.source voice.turn "
    "realtime calls.live voice.live tape.waterfall",
    "app": "errors outcomes timing host tape control media speech voice sockets handoff calls "
    "serve bots",
    # The names that users import.
    "callbridge": "app errors outcomes handoff calls voice speech.language "
    "speech.expecting tape.events",
    "carrier": "errors timing host media.wire relay.wire web",
    # Tools stand on everything, and nothing but the command line stands on them.
    "testing": "callbridge app errors timing host tape control media speech sockets calls serve "
    "carrier bots",
    "new": "callbridge errors speech testing",
    "demo": "callbridge app errors timing host tape serve carrier",
    "bench": "callbridge app errors timing host media.wire relay.wire voice.relay_mouth serve "
    "carrier demo",
    "talk": "callbridge app errors timing host tape control media relay speech calls serve carrier "
    "voice testing demo",
    # It rings up as the bench does, and reads frames as the carrier does.
    "probe": "errors timing host media.wire relay.wire carrier bench.doors",
    # It asks and commands as the bridge does, and plays no part in any call.
    "desk": "errors outcomes timing host control web serve.account serve.logs calls.platform "
    "handoff.takeover",
    # A carrier and a page in this process, bridges in others; it shows with the demo's readers.
    "run": "app errors timing host tape serve speech carrier voice.history voice.turn demo talk "
    "web",
    "commands": "errors timing host speech serve carrier new talk demo bench probe desk run",
    "__main__": "callbridge errors host commands",
}  # fmt: skip

NETWORK = {"httpx", "openai", "picows", "socket", "uvicorn", "websockets"}
MAY_AWAIT_A_NETWORK = (
    "sockets serve control.client realtime.socket host.bind bench demo testing carrier.net probe "
    "bots.llm.model speech.vendors desk.page.figures desk.page.process run"
)
MAY_READ_A_CLOCK = "timing.clock carrier.net bench demo testing probe run.bridges"

# What is not so yet, and why; to be shrunk.
KNOWN = {
    "serve.botfile imports app": "it looks for the App in a bot's file",
    "serve.process imports app": "it serves one",
    "host.download awaits a network": "an audio file may be an address on the web",
    "host.child awaits a network": "a child is ready when its /readyz says so",
    "bots.reply reads a clock": "how long nobody has said a word",
    "voice.audio_voice reads a clock": "how long speech has made no progress",
    "control.client reads a clock": "how long a command took, by the loop's time",
}  # fmt: skip

TWO_CLASSES_OF_ONE_NAME = {"Hangup", "SpawnErrand"}


def test_every_arrow_between_two_rooms_is_in_the_table() -> None:
    for importer, imported in arrows():
        assert may(importer, imported), f"{importer} imports {imported}: not in MAY_IMPORT"


def test_telecodecs_knows_nobody() -> None:
    for module, tree in modules(Path(telecodecs.__file__).parent):
        assert not [name for name in imports(tree) if name.startswith("callbridge")], module


def test_only_the_edge_of_the_house_awaits_a_network() -> None:
    for module in awaiting_a_network():
        allowed = listed(module, MAY_AWAIT_A_NETWORK) or f"{module} awaits a network" in KNOWN
        assert allowed, f"{module} uses {sorted(NETWORK)} or opens a connection"


def test_time_is_an_argument() -> None:
    for module in reading_a_clock():
        allowed = listed(module, MAY_READ_A_CLOCK) or f"{module} reads a clock" in KNOWN
        assert allowed, f"{module} reads a clock: it is to be handed the time"


def test_one_name_is_one_thing() -> None:
    named = classes()
    assert len(named) > 200
    twice = {name: where for name, where in named.items() if len(where) > 1}
    unknown = {name: where for name, where in twice.items() if name not in TWO_CLASSES_OF_ONE_NAME}
    assert not unknown, f"give the second one a prefix: {unknown}"
    assert set(twice) >= TWO_CLASSES_OF_ONE_NAME, "one of them is gone: take it from the list"


def test_what_is_known_is_still_so() -> None:
    """An exception that nobody needs any more would let the next one in."""
    still = {f"{importer} imports {imported}" for importer, imported in arrows()}
    still |= {f"{module} awaits a network" for module in awaiting_a_network()}
    still |= {f"{module} reads a clock" for module in reading_a_clock()}
    assert set(KNOWN) <= still


def test_the_table_sees_what_is_hidden() -> None:
    hidden = "def later():\n    from callbridge.calls import leg\n    import httpx\n"
    assert list(imports(ast.parse(hidden))) == ["callbridge.calls.leg", "httpx"]
    assert not may("voice.ear", "calls.leg")
    assert not may("carrier.parts.stream", "media.session")
    assert may("carrier.parts.stream", "media.wire")
    assert looks_at_a_clock(ast.parse("import asyncio\nasyncio.get_running_loop().time()"))
    assert looks_at_a_clock(ast.parse("datetime.now()"))
    assert not looks_at_a_clock(ast.parse("clock.now()"))


# ---- how it is read -----------------------------------------------------------------------------


@cache
def house() -> dict[str, ast.Module]:
    """Every module of callbridge by its name without the package's; the package is `callbridge`."""
    return dict(modules(Path(callbridge.__file__).parent))


def modules(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__") or folder.name
        yield name, ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[str]:
    """Full names of what a module imports, wherever it does so; `from a import b` is a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows() -> set[tuple[str, str]]:
    """(importer, imported) for modules of different rooms."""
    found = {
        (importer, module_of(name))
        for importer, tree in house().items()
        for name in imports(tree)
        if name.split(".")[0] == "callbridge"
    }
    return {(a, b) for a, b in found if room(a) != room(b)}


def module_of(name: str) -> str:
    """`callbridge.media.wire.Media` is of `media.wire`; `callbridge.App` of the package itself."""
    parts = name.split(".")[1:]
    while parts and ".".join(parts) not in house():
        parts.pop()
    return ".".join(parts) or "callbridge"


def room(module: str) -> str:
    return module.split(".")[0]


def listed(module: str, names: str) -> bool:
    """By its own name, or by that of a room that it is in: `carrier.net` is in `carrier`."""
    parts = module.split(".")
    rooms = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return bool(rooms & set(names.split()))


def may(importer: str, imported: str) -> bool:
    return listed(imported, MAY_IMPORT[room(importer)]) or f"{importer} imports {imported}" in KNOWN


def awaiting_a_network() -> set[str]:
    opens = {"open_connection", "start_server", "create_connection", "create_server"}
    return {
        module
        for module, tree in house().items()
        if {name.split(".")[0] for name in imports(tree)} & NETWORK or attributes(tree) & opens
    }


def attributes(tree: ast.Module) -> set[str]:
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def reading_a_clock() -> set[str]:
    return {module for module, tree in house().items() if looks_at_a_clock(tree)}


def looks_at_a_clock(tree: ast.Module) -> bool:
    """By the module `time`, by datetime.now, or by the time of an event loop."""
    if any(name.split(".")[0] == "time" for name in imports(tree)):
        return True
    reads = (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return any(
        read in ("datetime.now", "datetime.utcnow", "date.today")
        or (read.endswith(".time") and "loop" in read)
        for read in reads
    )


def classes() -> dict[str, list[str]]:
    """Where each class is defined, and each alias of several: `Frame = Media | Mark`."""
    found: dict[str, list[str]] = defaultdict(list)
    for module, tree in house().items():
        names = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                names += [name] if name.lstrip("_")[:1].isupper() and not name.isupper() else []
        for name in names:
            found[name].append(module)
    return found
