"""The carrier stands alone: of the bridge it knows the wire and the ground floor, no more."""

import ast
from pathlib import Path

import callbridge.carrier

GROUND_FLOOR = ("callbridge.host.audiofile", "callbridge.errors", "callbridge.host.bind")
ALLOWED = ("callbridge.carrier", "callbridge.media", "callbridge.media.wire", *GROUND_FLOOR)


def test_the_carrier_imports_only_the_wire_and_the_ground_floor() -> None:
    [folder] = callbridge.carrier.__path__
    modules = list(Path(folder).rglob("*.py"))
    assert len(modules) > 20
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
                if node.module == "callbridge.media":
                    names += [f"callbridge.media.{alias.name}" for alias in node.names]
            for name in names:
                own = name.startswith("callbridge.carrier.") or name in ALLOWED
                assert own or not name.startswith("callbridge"), f"{module.name} imports {name}"


def test_the_core_neither_awaits_nor_looks_at_a_clock() -> None:
    [folder] = callbridge.carrier.__path__
    shells = {"audio", "deliver", "ring", "server", "service", "shell", "streams"}
    core = [path for path in Path(folder).glob("*.py") if path.stem not in shells]
    assert len(core) > 14
    for module in core:
        tree = ast.parse(module.read_text())
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert not imported & {"asyncio", "time", "socket", "threading"}, module.name
        assert not any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(tree))
