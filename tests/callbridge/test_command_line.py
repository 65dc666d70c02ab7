"""`callbridge` as it is typed: its help, its version, what it prints and writes for people."""

import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.table import Table
from rich.text import Text

import callbridge
from callbridge import __main__ as command_line
from callbridge.carrier.people.expect import parse_expectation
from callbridge.demo.outcome import checks
from callbridge.host import terminal
from callbridge.host.child import of_module

REPOSITORY = Path(__file__).parents[2]
COMMANDS = (
    "run", "serve", "new", "talk", "carrier", "call", "dial", "calls", "conference", "queue",
    "desk", "demo", "probe", "bench",
)  # fmt: skip
VERBS = {
    "calls": ("list", "show", "hangup", "answer", "reject", "transfer", "refer", "bridge", "speak",
              "play", "stop", "dtmf", "record"),
    "conference": ("list", "show", "create", "join", "leave", "kick", "mute", "unmute", "hold",
                   "unhold", "role", "play", "speak", "stop", "dtmf", "record", "end"),
    "queue": ("list", "show", "create", "size", "add", "take", "remove", "delete"),
    "desk": ("password",),
}  # fmt: skip


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """What a command prints, at a terminal of 60 columns; it is to succeed."""
    monkeypatch.setenv("COLUMNS", "60")

    def typed(*args: str) -> str:
        monkeypatch.setattr(sys, "argv", ["callbridge", *args])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        assert ended.value.code in (0, None)
        return capsys.readouterr().out

    return typed


# ---- help and version ---------------------------------------------------------------------------


def test_the_version_is_that_of_the_package(typed: Callable[..., str]) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert callbridge.__version__ == project["version"]
    assert typed("--version") == f"callbridge {project['version']}\n"


@pytest.mark.parametrize(
    "command",
    [
        (),
        *((name,) for name in COMMANDS),
        *((group, verb) for group, verbs in VERBS.items() for verb in verbs),
    ],
)
def test_help_is_whole_at_60_columns(typed: Callable[..., str], command: tuple[str, ...]) -> None:
    text = typed(*command, "--help")
    assert max(map(len, text.splitlines())) <= 60
    assert not re.search(r"\w\.\.\.\n", text), "a sentence is cut"


def test_the_list_of_commands_says_whole_sentences(typed: Callable[..., str]) -> None:
    text = " ".join(typed("--help").split())
    assert "Measure what an endpoint adds to a call, and how many calls it carries." in text


@pytest.mark.parametrize("group", [(), *((name,) for name in VERBS)])
def test_commands_are_listed_in_the_order_in_which_they_are_needed(
    group: tuple[str, ...], typed: Callable[..., str]
) -> None:
    text = typed(*group, "--help").partition("Commands:")[2]
    listed = re.findall(r"^  (\w+)  ", text, flags=re.MULTILINE)
    assert tuple(listed) == (VERBS[group[0]] if group else COMMANDS)


def test_the_options_of_the_bench_stand_in_groups(typed: Callable[..., str]) -> None:
    heads = re.findall(r"^(\w.*):$", typed("bench", "--help"), flags=re.MULTILINE)
    assert heads[:2] == ["Arguments", "How many calls, and for how long"]
    assert heads[-1] == "Options"
    assert len(heads) == 8


def test_brackets_in_a_help_text_are_brackets(typed: Callable[..., str]) -> None:
    assert "[required]" in typed("serve", "--help")


def test_a_shell_completes_commands_and_options() -> None:
    assert completions("callbridge se") == ["serve"]
    assert completions("callbridge serve --re") == ["--reload"]


def completions(line: str) -> list[str]:
    """What bash is told of a line that is being typed."""
    words = line.split()
    asked = {"_CALLBRIDGE_COMPLETE": "complete_bash", "COMP_WORDS": line}
    code = "import sys; sys.argv[0] = 'callbridge'; from callbridge.__main__ import main; main()"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, **asked, "COMP_CWORD": str(len(words) - 1),
             "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    return told.stdout.split()


# ---- what is printed ----------------------------------------------------------------------------


def printed(what: Any) -> str:
    out = io.StringIO()
    terminal.console(out, width=80).print(what)
    return out.getvalue()


def table() -> Table:
    table = Table.grid()
    table.add_column("[bold]")
    table.add_row("pip install 'callbridge[pictures]'", ":smile: [red]said")
    return table


@pytest.mark.parametrize(
    "what", [Text("'callbridge[pictures]' :smile: [red]said"), table(),
             "'callbridge[pictures]' :smile: [red]said"],
)  # fmt: skip
def test_brackets_from_outside_are_never_markup(what: Any) -> None:
    text = printed(what)
    assert "callbridge[pictures]" in text
    assert ":smile: [red]said" in text


def test_nothing_is_printed_by_a_console_that_reads_markup() -> None:
    for path in (REPOSITORY / "bridge").rglob("*.py"):
        if path.name != "terminal.py":
            assert not re.search(r"\bConsole\(", path.read_text()), path


def test_who_is_meant_by_callee_is_said() -> None:
    (check,) = checks([parse_expectation({"hangup_source": "callee"})], ())
    assert check.claim == "hangup_source is callee, the bot"
    wrong = "hangup_source: expected 'callee', found 'caller'"
    (check,) = checks([parse_expectation({"hangup_source": "callee"})], [wrong])
    assert check.failure == (
        "hangup_source: expected 'callee' (the bot), found 'caller' (the caller)"
    )


@pytest.mark.parametrize("module", ["callbridge.speech.apart", "callbridge.bench.generator"])
def test_a_child_process_starts_without_a_warning(module: str) -> None:
    started = subprocess.run(
        of_module(module, "{}"), input=b"", capture_output=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert b"Warning" not in started.stderr
    assert b"runpy" not in started.stderr


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("demo", "nothing.py"), "nothing.py: no such file"),
        (
            ("demo", "alone.py", "--caller", "gone.json"),
            "gone.json: the caller's script: No such file or directory",
        ),
        (("call", "--script", "alone.py"), "alone.py: not a caller script: "),
        (("carrier", "--port", "99999"), "port 99999: bind(): port must be 0-65535; choose"),
        (("call", "--script", "caller.json", "--url", "http://127.0.0.1:9"),
         "start one with `callbridge carrier`"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_true_sentence(
    args: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("alone.py").write_text("no script beside it")
    Path("caller.json").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["callbridge", *args])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert line.startswith("callbridge: ")
    assert sentence in line


def test_a_demo_without_its_recordings_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)  # as if it were not installed
    monkeypatch.setattr(sys, "argv", ["callbridge", "demo"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 2
    assert "pip install 'callbridge[demo]'" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--texml-number", "--texml-status-url"])
def test_what_is_said_of_texml_needs_its_url(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["callbridge", "carrier", option, "http://127.0.0.1:9/a"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 2
    assert "--texml-url" in capsys.readouterr().err


# ---- what the carrier leaves --------------------------------------------------------------------


def carrier_env(folder: Path, *args: str, **env: str) -> str:
    """carrier.env of a carrier that was started and ended; only its owner can read it."""
    running = subprocess.Popen(
        [sys.executable, "-m", "callbridge", "carrier", "--port", "0", "--json", *args],
        cwd=folder, stdout=subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if not k.startswith("TELNYX_")}
        | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **env},
    )  # fmt: skip
    assert running.stdout is not None
    with running:
        facts = json.loads(running.stdout.readline())
        running.send_signal(signal.SIGINT)
    assert running.returncode == 0
    path = folder / "out" / "carrier.env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert facts["TELNYX_PUBLIC_KEY"] in path.read_text()
    return path.read_text()


def test_the_carriers_environment_is_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "carrier.env").write_text("of an older version, for everybody\n")
    assert "export TELNYX_API_KEY=local-key\n" in carrier_env(tmp_path)


def test_a_key_of_the_users_environment_is_not_written(tmp_path: Path) -> None:
    assert "KEY-of-mine" not in carrier_env(tmp_path, TELNYX_API_KEY="KEY-of-mine")
    given = carrier_env(tmp_path, "--api-key", "given", TELNYX_API_KEY="KEY-of-mine")
    assert "export TELNYX_API_KEY=given\n" in given


def test_a_shell_reads_what_was_written(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/webhooks?a=1&b=$HOME"
    carrier_env(tmp_path, "--webhook-url", url)
    said = subprocess.run(
        ["sh", "-c", '. out/carrier.env; printf %s "$CALLBRIDGE_PUBLIC_URL"'],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == url
