"""Our own subcommands as processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from callbridge.errors import CallbridgeError
from callbridge.host.child import ourselves, running
from callbridge.serve.botfile import load


@pytest.mark.parametrize("name", ["bridge", "callbridge", "codecs", "telecodecs", "typer"])
def test_a_module_of_the_working_directory_does_not_take_the_place_of_ours(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / f"{name}.py").write_text('raise RuntimeError("somebody else\'s")\n')
    path = os.pathsep.join(entry for entry in sys.path if entry)
    result = subprocess.run(
        ourselves("carrier", "--help"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_a_bot_may_have_a_bridge_of_its_own_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "bridge.py").write_text("RATE = 16000\n")
    bot = "import bridge\nfrom callbridge import App\napp = App(sample_rate=bridge.RATE)\n"
    (tmp_path / "bot.py").write_text(bot)
    try:
        assert load(str(tmp_path / "bot.py")).sound.sample_rate == 16000
    finally:
        sys.modules.pop("bridge", None)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("pass", "peer: ended without an error, but too early"),
        ("print('no licence'); raise SystemExit(3)", "peer: failed with exit code 3\n  no licence"),
        ("import os; os.kill(os.getpid(), 9)", "peer: was ended by signal 9: Killed"),
    ],
)
async def test_exit_code_0_is_no_failure_and_a_signal_is_no_exit_code(
    program: str, words: str
) -> None:
    async with running("peer", sys.executable, "-c", program, env={}) as child:
        with pytest.raises(CallbridgeError) as caught:
            await child.death()
    assert str(caught.value) == words
