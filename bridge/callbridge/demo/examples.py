"""The bots that come with Callbridge, each with the script of its caller beside it."""

from pathlib import Path

import callbridge

DEFAULT = "message_desk"


def path(name: str) -> Path:
    """The file of the example of that name, which need not exist; from here, if it lies below.

    In a wheel the examples lie inside of the package, in a checkout two folders above it."""
    package = Path(callbridge.__file__).parent
    inside = package / "examples"
    file = (inside if inside.is_dir() else package.parents[1] / "examples") / f"{name}.py"
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
