"""What is installed from the wheel alone, without a clone, runs in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as an installer does it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (archive,) = folder.glob("*.whl")
    ZipFile(archive).extractall(folder / "site-packages")
    return folder / "site-packages"


def run(wheel: Path, folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in the folder, with the packages of the wheel and none of the checkout."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(wheel)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_every_file_of_the_packages_and_of_the_examples_is_in_the_wheel(wheel: Path) -> None:
    for source, target in {
        "bridge/callbridge": "callbridge",
        "codecs/telecodecs": "telecodecs",
        "examples": "callbridge/examples",
    }.items():
        assert files(REPOSITORY / source) <= files(wheel / target)


def test_what_a_package_index_shows_points_at_no_file_that_it_does_not_have(wheel: Path) -> None:
    (metadata,) = wheel.glob("callbridge-*.dist-info/METADATA")
    shown = metadata.read_text().partition("\n\n")[2]
    targets = re.findall(r"\]\(([^)]*)\)", shown)
    assert targets, "a page without links was cut somewhere"
    assert all(target.startswith(("https:", "#")) for target in targets)
    assert "docs/scripts.md" in shown  # by its name
    assert "caller   ···" in shown


def test_the_demo_finds_its_bot_and_its_caller_without_a_clone(wheel: Path, tmp_path: Path) -> None:
    default = "from callbridge.demo import examples; print(examples.path(examples.DEFAULT))"
    shown = run(wheel, tmp_path, "-c", default)
    bot = Path(shown.stdout.strip())
    assert bot == wheel / "callbridge" / "examples" / "message_desk.py", shown.stderr
    assert bot.with_suffix(".json").is_file()


def test_a_new_bot_is_written_and_called_without_a_clone(wheel: Path, tmp_path: Path) -> None:
    written = run(wheel, tmp_path, "-m", "callbridge", "new", "hotline", "--keys")
    assert "cd hotline && callbridge demo hotline.py" in written.stdout, written.stderr
    called = run(wheel, tmp_path / "hotline", "-m", "callbridge", "demo", "hotline.py")
    assert called.returncode == 0, called.stdout + called.stderr
    assert (tmp_path / "hotline" / "out" / "hotline.wav").is_file()


def files(folder: Path) -> set[Path]:
    """Relative to the folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder) for path in found if "__pycache__" not in path.parts}
