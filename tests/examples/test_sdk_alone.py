"""The examples of the SDK are for people who have never heard of the bridge."""

import ast
import sys
from pathlib import Path

import pytest

from tests.examples.sdk_program import FOLDER

PROGRAMS = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.stem)
def test_it_imports_the_sdk_and_fastapi_alone(program: Path) -> None:
    packages: set[str] = set()
    for node in ast.walk(ast.parse(program.read_text())):
        if isinstance(node, ast.Import):
            packages |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            packages.add((node.module or "").partition(".")[0])
    assert packages - sys.stdlib_module_names == {"telnyx", "fastapi"}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.stem)
def test_it_says_how_it_is_run_and_has_a_caller(program: Path) -> None:
    docstring = ast.get_docstring(ast.parse(program.read_text())) or ""
    assert f"uvicorn --app-dir examples/sdk {program.stem}:app --port 5000" in docstring
    assert f"callbridge call --script examples/sdk/{program.stem}.json" in docstring
    assert program.with_suffix(".json").is_file()
