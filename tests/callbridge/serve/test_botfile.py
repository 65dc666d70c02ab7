"""A bot file gives its one App, or one sentence that says what is wrong with it and where."""

import queue
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from callbridge.app import App
from callbridge.errors import BotError
from callbridge.serve import botfile

ONE = "from callbridge import App\napp = App()\n"


@pytest.fixture(autouse=True)
def import_state() -> Iterator[None]:
    """Loading changes what can be imported: undo it."""
    path, modules = sys.path[:], set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def written(folder: Path, text: str, name: str = "bot.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def complaint(where: str) -> str:
    """The one line of its refusal."""
    with pytest.raises(BotError) as caught:
        botfile.load(where)
    text = str(caught.value)
    assert text.count("\n") == 0
    return text


def test_the_only_app_of_a_file(tmp_path: Path) -> None:
    assert isinstance(botfile.load(written(tmp_path, ONE)), App)


def test_one_app_under_two_names_is_one(tmp_path: Path) -> None:
    assert isinstance(botfile.load(written(tmp_path, ONE + "application = app\n")), App)


def test_one_of_several_by_its_name(tmp_path: Path) -> None:
    file = written(tmp_path, "from callbridge import App\na = App()\nb = App(sample_rate=16000)\n")
    assert botfile.load(f"{file}:b").sound.sample_rate == 16000


def test_a_file_can_import_its_neighbours_and_define_dataclasses(tmp_path: Path) -> None:
    written(tmp_path, "from callbridge import App\nshared = App()\n", "neighbour.py")
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from neighbour import shared as app\n@dataclass\nclass State:\n    turns: int = 0\n"
    )
    assert isinstance(botfile.load(written(tmp_path, text)), App)


def test_a_file_may_be_named_like_a_module_of_the_standard_library(tmp_path: Path) -> None:
    botfile.load(written(tmp_path, ONE, "queue.py"))
    assert sys.modules["queue"] is queue


def test_no_file(tmp_path: Path) -> None:
    assert complaint(str(tmp_path / "bot.py")).endswith("bot.py: no such file")
    assert complaint(str(tmp_path / "folder.py" / "bot.py")).endswith("no such file")


def test_no_python_file(tmp_path: Path) -> None:
    text = complaint(written(tmp_path, ONE, "bot.txt"))
    assert text.endswith("bot.txt: a bot is a Python file; `callbridge new` writes one")


def test_no_app(tmp_path: Path) -> None:
    text = complaint(written(tmp_path, "x = 1\n"))
    assert text.endswith("bot.py: no App in it; a bot file has `app = App()`")


def test_several_apps(tmp_path: Path) -> None:
    file = written(tmp_path, "from callbridge import App\na = App()\nb = App()\n")
    assert complaint(file) == f"{file}: several Apps; choose one with {file}:NAME of a, b"


def test_no_app_of_that_name(tmp_path: Path) -> None:
    file = written(tmp_path, ONE)
    assert complaint(f"{file}:other") == f"{file}: no App is named other; there is app"
    assert complaint(f"{written(tmp_path, 'x = 1')}:x").endswith("named x; there is none")


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("x = 1\ndef f(:\n", "line 2", "SyntaxError"),
        ("x = 1\n\nimport nothing_of_this_name\n", "line 3", "ModuleNotFoundError"),
        ("x = 1\nraise ValueError('first line\\nsecond line')\n", "line 2", "first line second"),
        ("def f():\n    return {}['key']\n\nf()\n", "line 2", "KeyError: 'key'"),
        ("import sys\nsys.exit(3)\n", "line 2", "SystemExit: 3"),
    ],
)
def test_a_file_that_does_not_import(tmp_path: Path, text: str, where: str, what: str) -> None:
    said = complaint(written(tmp_path, text))
    assert f"bot.py does not import: {where}: " in said
    assert what in said


def test_a_neighbour_that_does_not_import_is_told_by_the_line_that_imports_it(
    tmp_path: Path,
) -> None:
    written(tmp_path, "def f(:\n", "neighbour.py")
    said = complaint(written(tmp_path, "x = 1\nimport neighbour\n"))
    assert "line 2: SyntaxError" in said
    assert "neighbour.py" in said


def test_the_cause_is_kept_for_those_who_want_the_whole_trace(tmp_path: Path) -> None:
    with pytest.raises(BotError) as caught:
        botfile.load(written(tmp_path, "1 / 0\n"))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


# ---- bots that are installed --------------------------------------------------------------------

READY = """
from callbridge.bots.reply import ReplyBot, ReplySettings

def bot():
    return ReplyBot(lambda call, turn: turn.text, ReplySettings(greeting="Hi."))

def other():
    return 3
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that can be imported, by its name."""
    written(tmp_path, ONE + READY, "ready_bots.py")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return "ready_bots"


def test_an_app_of_a_module(package: str) -> None:
    assert isinstance(botfile.load(f"{package}:app"), App)


def test_a_bot_of_a_module_answers_every_number(package: str) -> None:
    assert botfile.load(f"{package}:bot").answers("+13125550100")


def test_what_is_no_bot_of_a_module(package: str) -> None:
    assert complaint(f"{package}:other") == "3 is no ReplyBot"
    assert "has no attribute 'nothing'" in complaint(f"{package}:nothing")
    assert "No module named 'nowhere'" in complaint("nowhere.to.be_found:bot")
