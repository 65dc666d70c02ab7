"""Writes the folder of a new bot: a copy of what lies here, under the bot's own name.

The originals are files that run: `speech` for a machine with the engines, `keys` for one without,
and `both` for either."""

import importlib.util
import keyword
import sys
from pathlib import Path

from callbridge.errors import CallbridgeError, SettingsError
from callbridge.speech import offline

ORIGINALS = Path(__file__).parent
NAME = "mybot"  # what the originals call it


def write(folder: Path, *, speech: bool) -> list[Path]:
    """Write a bot that is named like its folder, one that `speech` is for or one of keys.

    Returns its files. Raises CallbridgeError when the name is none for a module, or when something
    is there already."""
    name = folder.resolve().name
    check_name(name)
    try:
        if folder.exists() and any(folder.iterdir()):
            raise CallbridgeError(f"{folder} is not empty: choose another name, or empty it first")
        folder.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        for part in ("speech" if speech else "keys", "both"):
            for original in sorted(path for path in (ORIGINALS / part).iterdir() if path.is_file()):
                copy = folder / original.name.replace(NAME, name)
                copy.write_text(original.read_text("utf-8").replace(NAME, name), "utf-8")
                written.append(copy)
        return written
    except OSError as error:
        raise CallbridgeError(f"{folder} cannot be written: {error.strerror}") from None


def check_name(name: str) -> None:
    """Raises CallbridgeError for what a test could not import as the bot's module."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise CallbridgeError(
            f"{name!r} is no name of a Python module: take letters, digits and _, such as {NAME}"
        )
    if name in sys.stdlib_module_names or name in sys.modules or _is_installed(name):
        raise CallbridgeError(f"{name!r} is the name of a module that is installed: take another")


def _is_installed(name: str) -> bool:
    """A folder of that name beside us is no module: it has no file of its own."""
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None


def can_speak() -> bool:
    """Whether the engines of the extra `speech` are installed."""
    try:
        offline.require()
        return True
    except SettingsError:
        return False
