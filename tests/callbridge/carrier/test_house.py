"""The carrier stands alone: of the bridge it knows the wire and the ground floor, no more."""

import ast
from collections.abc import Iterator
from pathlib import Path

import callbridge.carrier

[FOLDER] = map(Path, callbridge.carrier.__path__)
MODULES = sorted(FOLDER.rglob("*.py"))

GROUND_FLOOR = ("errors", "host", "media.wire", "relay.wire", "timing", "web")
# What touches the world outside: sockets, clocks and the database.
SHELLS = {"net", "store"}
READS_ITS_OWN_DATA = {"facts.documented"}  # files of the package, the same for every call


def room(module: Path) -> str:
    """`net.shell`, as the carrier's own modules are called here."""
    return ".".join(module.relative_to(FOLDER).with_suffix("").parts)


def is_shell(module: Path) -> bool:
    return any(f"{room(module)}.".startswith(f"{shell}.") for shell in SHELLS)


def imports(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_carrier_imports_only_the_wire_and_the_ground_floor() -> None:
    assert len(MODULES) > 20
    allowed = tuple(f"callbridge.{name}." for name in ("carrier", *GROUND_FLOOR))
    for module in MODULES:
        for name in imports(module):
            assert not name.startswith("callbridge") or f"{name}.".startswith(allowed), (
                f"{room(module)} imports {name}"
            )


def test_only_the_shell_awaits_reads_a_clock_or_opens_files() -> None:
    core = [module for module in MODULES if not is_shell(module)]
    assert len(core) > 14
    outside = {"asyncio", "time", "socket", "threading", "sqlite3", "wave", "httpx"}
    for module in core:
        tree = ast.parse(module.read_text())
        assert not {name.partition(".")[0] for name in imports(module)} & outside, room(module)
        for node in ast.walk(tree):
            assert not isinstance(node, ast.AsyncFunctionDef | ast.Await), room(module)
            if isinstance(node, ast.Call):
                called = node.func
                name = called.id if isinstance(called, ast.Name) else ""
                name = called.attr if isinstance(called, ast.Attribute) else name
                files = {"open", "read_text", "read_bytes", "write_text"}
                assert name not in files or room(module) in READS_ITS_OWN_DATA, room(module)


def test_the_core_knows_nothing_of_its_shell() -> None:
    for module in MODULES:
        for name in imports(module):
            shell = ("callbridge.carrier.net", "callbridge.web")
            assert is_shell(module) or not name.startswith(shell), room(module)
