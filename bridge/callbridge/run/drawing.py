"""The picture of a finished call, drawn by a process of its own: it takes a second of a core, and
the carrier's clock ticks every 20 ms."""

import asyncio
import os
import sys
from pathlib import Path

from callbridge.errors import CallbridgeError
from callbridge.host.child import of_module

WITHIN_S = 60.0
NICER = 10


class PictureDrawer:
    """One picture at a time."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()

    async def picture(self, report: Path, recording: Path) -> Path:
        """The PNG beside them, drawn when it is first asked for. Raises CallbridgeError with why
        there is none."""
        png = recording.with_suffix(".png")
        async with self._one:
            if not png.exists():
                await _draw(report, recording, png)
        return png


async def _draw(report: Path, recording: Path, png: Path) -> None:
    command = of_module("callbridge.run.drawing", str(report), str(recording), str(png))
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            _, said = await process.communicate()
    except TimeoutError:
        raise CallbridgeError(f"the picture was not drawn in {WITHIN_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise CallbridgeError(last or "the picture could not be drawn")


def main() -> None:
    """Of the process; its arguments are the report, the recording and the picture."""
    from callbridge.demo import picture

    report, recording, png = map(Path, sys.argv[1:])
    os.nice(NICER)
    unfinished = png.with_suffix(".part")
    try:
        picture.draw(report, recording, unfinished)
        unfinished.replace(png)
    except CallbridgeError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
