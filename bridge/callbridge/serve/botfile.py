"""Loads the application out of a bot file."""

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path

from callbridge.app import App
from callbridge.errors import BotError
from callbridge.tape.codeline import code_line

MODULE = "__bot__"  # not the file's name: a queue.py must not replace the standard library's


def path(where: str) -> Path:
    """The file of `bot.py`, or of `bot.py:name`, which need not exist."""
    return Path(where.partition(":")[0])


def load(where: str) -> App:
    """The `App` of a file: `bot.py`, or `bot.py:name` if it has several.

    Or one that is installed, `package.module:name`: an App, or a function that makes a ReplyBot.
    Raises BotError, and what such a function raises."""
    file, _, name = where.partition(":")
    path = Path(file)
    if name and path.suffix != ".py" and all(map(str.isidentifier, file.split("."))):
        return _of_module(file, name)
    if path.suffix != ".py":
        raise BotError(f"{file}: a bot is a Python file; `callbridge new` writes one")
    if not path.is_file():
        raise BotError(f"{file}: no such file")
    found = {key: value for key, value in _run(path).items() if isinstance(value, App)}
    if name:
        if name not in found:
            raise BotError(f"{file}: no App is named {name}; there is {', '.join(found) or 'none'}")
        return found[name]
    apps = set(found.values())
    if not apps:
        raise BotError(f"{file}: no App in it; a bot file has `app = App()`")
    if len(apps) > 1:
        raise BotError(f"{file}: several Apps; choose one with {file}:NAME of {', '.join(found)}")
    return apps.pop()


def _of_module(module: str, name: str) -> App:
    try:
        value = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BotError(f"{module}:{name}: {error}") from error
    return value if isinstance(value, App) else App.of(value())


def _run(path: Path) -> dict[str, object]:
    """The names of the file, run as a module that can import its neighbours."""
    spec = importlib.util.spec_from_file_location(MODULE, path)
    assert spec is not None, "the suffix is .py"
    assert spec.loader is not None, "the suffix is .py"
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module  # dataclasses and pickle look a class's module up
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever it is, its author wants to know where
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).resolve() == path.resolve()]
        line = own[-1].lineno if own else getattr(error, "lineno", "?")
        what = " ".join(f"{type(error).__name__}: {error}".split())
        where = code_line(error)
        raise BotError(
            f"{path} does not import: line {line}: {what}", file=where.file, line=where.line
        ) from error
    return vars(module)
