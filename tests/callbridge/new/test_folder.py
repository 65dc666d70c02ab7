"""`callbridge new` writes a bot, its caller and its tests, and all of them run as they are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from callbridge.errors import CallbridgeError
from callbridge.new.folder import write
from callbridge.serve.account import ENV_PREFIX
from callbridge.serve.settings import Settings


@pytest.mark.parametrize("speech", [True, False], ids=["speech", "keys"])
def test_the_tests_of_a_new_bot_pass(tmp_path: Path, speech: bool) -> None:
    write(tmp_path / "hotline", speech=speech)
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        tests, cwd=tmp_path / "hotline", capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout


def test_everything_has_the_name_of_the_bot(tmp_path: Path) -> None:
    files = write(tmp_path / "hotline", speech=True)
    assert {file.name for file in files} == {
        "hotline.py", "hotline.json", "test_hotline.py", ".env.example", ".gitignore", "README.md",
    }  # fmt: skip
    assert not [file for file in files if "mybot" in file.read_text()]


def test_the_settings_to_fill_in_are_settings(tmp_path: Path) -> None:
    (example,) = (file for file in write(tmp_path / "hotline", speech=True) if ".env" in file.name)
    names = set(dotenv_values(example))
    aliases = {str(field.validation_alias) for field in Settings.model_fields.values()}
    assert names <= aliases | {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert len(names) == 3


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "hotline").mkdir()
    assert write(tmp_path / "hotline", speech=True)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "hotline" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    assert "hotline is not empty" in refused(tmp_path / "hotline")
    assert list(mine.parent.iterdir()) == [mine]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("my-bot", "no name of a Python module"),
        ("2bots", "no name of a Python module"),
        ("class", "no name of a Python module"),
        ("queue", "a module that is installed"),
        ("callbridge", "a module that is installed"),
        ("pytest", "a module that is installed"),
    ],
)
def test_a_name_that_no_module_can_have_is_refused(tmp_path: Path, name: str, why: str) -> None:
    assert why in refused(tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "hotline").write_text("a file")
    assert "hotline cannot be written: Not a directory" in refused(tmp_path / "hotline")


def refused(folder: Path) -> str:
    with pytest.raises(CallbridgeError) as caught:
        write(folder, speech=True)
    assert "\n" not in str(caught.value)
    return str(caught.value)
