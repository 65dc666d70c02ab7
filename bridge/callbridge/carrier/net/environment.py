"""carrier.env: what a bridge needs to know of a carrier, for a shell."""

import os
import shlex
from pathlib import Path


def write(path: Path, facts: dict[str, str]) -> None:
    """For its owner alone: there is a key in it. Makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # the mode is that of a new file
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in facts.items())
