"""The demo over real processes and sockets, in the real time of its calls."""

import asyncio
import io
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from callbridge.carrier.net import ring
from callbridge.carrier.net.files import loader, write_wav
from callbridge.demo.command import Pairing, demo
from callbridge.demo.ends import RING_S
from callbridge.demo.outcome import LAG, MOVED, TROUBLES, DemoVoice
from callbridge.demo.record import Record, read
from callbridge.demo.transcript import STEPS
from callbridge.errors import CallbridgeError, SettingsError
from callbridge.host.child import ourselves, running
from callbridge.speech.offline import offline
from telecodecs import Pcm, resample

from .records import tone

EXAMPLES = Path(__file__).parents[3] / "examples"
VOICE = "moonshine_voice:assets/two_cities.wav"
SETTINGS = {
    "TELNYX_API_KEY": "KEY",
    "TELNYX_PUBLIC_KEY": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "CALLBRIDGE_PUBLIC_URL": "http://127.0.0.1:8000",
}


def likeness(recorded: Pcm, said: Pcm) -> float:
    """Normalised cross-correlation at the best delay: 1 for the same sound."""
    a, b = recorded.astype(np.float64), said.astype(np.float64)
    size = 1 << (len(a) + len(b)).bit_length()
    products = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    return float(products.max() / np.sqrt((a @ a) * (b @ b)))


def clip(script: Path) -> Pcm:
    """What the script's first `play` says, at the rate of the call."""
    step = next(step for step in json.loads(script.read_text())["steps"] if "play" in step)
    pcm, rate = loader(script.parent)(step["play"])
    start, end = step.get("start", 0.0), step.get("end", len(pcm) / rate)
    return resample(pcm[round(start * rate) : round(end * rate)], rate, 8000)


async def run(
    bot: Path,
    script: Path,
    out_dir: Path,
    *,
    voices: tuple[DemoVoice | None, ...] = (None,),
    as_json: bool = False,
) -> tuple[bool, str]:
    printed = io.StringIO()
    console = Console(file=printed, width=100)
    pairings = [Pairing(bot, script, voice) for voice in voices]
    ok = await demo(pairings, out_dir=out_dir, console=console, as_json=as_json)
    return ok, printed.getvalue()


def write_script(folder: Path, *steps: dict[str, Any], expect: tuple[Any, ...] = ()) -> Path:
    path = folder / "caller.json"
    path.write_text(json.dumps({"steps": steps, "expect": expect}))
    return path


def with_noise(script: Path, folder: Path) -> Path:
    """The same caller, with noise as loud as speech in place of every clip."""
    noise = np.random.default_rng(1).normal(0, 1500, 4 * 8000).astype(np.int16)
    write_wav(folder / "noise.wav", noise, noise, 8000)
    data = json.loads(script.read_text())
    data["steps"] = [{"play": "noise.wav"} if "play" in step else step for step in data["steps"]]
    path = folder / script.name
    path.write_text(json.dumps(data))
    return path


def plain(text: str) -> str:
    """Words, without the punctuation that the recogniser makes up."""
    return " ".join(re.findall(r"[a-z']+", text.lower()))


@pytest.fixture
def engines() -> None:
    try:
        offline()
    except SettingsError:
        pytest.skip("the extra callbridge[speech] is not installed: nobody hears or speaks")


@pytest.fixture
def voice() -> None:
    try:
        loader(Path())(VOICE)
    except CallbridgeError:
        pytest.skip("the extra callbridge[demo] is not installed: no recorded voice")


@pytest.mark.usefixtures("voice", "engines")
async def test_a_message_is_taken_read_back_and_sent(tmp_path: Path) -> None:
    """With a person's voice; and beside it with noise in place of the voice, which must fail."""
    bot, script = EXAMPLES / "message_desk.py", EXAMPLES / "message_desk.json"
    (ok, printed), (noise_ok, noise_printed) = await asyncio.gather(
        run(bot, script, tmp_path / "voice", voices=("media", "relay")),
        run(bot, with_noise(script, tmp_path), tmp_path / "noise"),
    )
    assert ok, printed
    assert not noise_ok, noise_printed
    assert "I did not hear a message" in noise_printed
    assert "caller  said:" not in noise_printed
    record = read(tmp_path / "voice" / "message_desk.json", tmp_path / "voice" / "message_desk.wav")
    transcript = record.transcript
    assert [plain(turn.text) for turn in transcript.caller] == [
        "it was the best of times it was the worst of times",
        "it was the age of wisdom it was the age of foolishness",
    ]
    greeting, read_back, *_, goodbye = transcript.bot
    assert greeting.text.startswith("You have reached the message desk")
    assert plain(read_back.text).startswith("i understood it was the")  # and then he spoke
    assert read_back.unheard.endswith("to send it.")
    assert goodbye.text == "Your message was sent. Goodbye."
    by_speech, by_five, by_hash = record.interruptions()
    assert by_speech.speech_s is not None
    assert by_speech.silent_s - by_speech.speech_s < 0.6
    assert by_five.key_s is not None
    assert by_hash.key_s is not None
    sounds = [sound.end_s for sound in record.sounds(record.caller)]
    assert len(transcript.answered) == 2
    for answered in transcript.answered:
        # The last voiced sample, by the bridge's log, is the last one in the carrier's recording.
        assert min(abs(end_s - answered.last_voiced_s) for end_s in sounds) < 0.060
        heard_s = answered.last_voiced_s + answered.after_s["first_heard"]
        starts = [sound.start_s for sound in record.sounds(record.bot)]
        assert min(abs(start_s - heard_s) for start_s in starts) < 0.100
        assert list(answered.after_s) == list(STEPS)
    in_order = ["said: You have reached", "said: It was the best of times", "withholds",
                "is interrupted by speech", "presses 5", "presses #", "said: Your message was sent",
                "hangs up: normal_clearing", "end of turn"]  # fmt: skip
    places = [printed.index(words) for words in in_order]
    assert places == sorted(places)
    relayed = read(tmp_path / "voice" / "message_desk-relay.json",
                   tmp_path / "voice" / "message_desk-relay.wav")  # fmt: skip
    compare(relayed, record)
    assert "on media: our engines" in printed.partition("on both voices")[2]


def compare(relayed: Record, record: Record) -> None:
    """The same conversation on both voices, but for where exactly a sentence was cut."""
    ours, theirs = record.transcript, relayed.transcript
    assert [plain(turn.text) for turn in theirs.caller] == [
        plain(turn.text) for turn in ours.caller
    ]
    assert [plain(f"{said.text} {said.unheard}") for said in theirs.bot] == [
        plain(f"{said.text} {said.unheard}") for said in ours.bot
    ]
    assert [each.key_s is not None for each in relayed.interruptions()] == [False, True, True]
    for answered in theirs.answered:
        heard_s = answered.last_voiced_s + answered.after_s["first_heard"]
        assert any(heard_s == sound.start_s for sound in relayed.sounds(relayed.bot))
        assert 0.3 < answered.after_s["final_text"] <= answered.after_s["first_heard"] < 2.0


@pytest.mark.usefixtures("engines")
async def test_a_caller_is_handed_to_a_person_who_is_told_about_them(tmp_path: Path) -> None:
    """A real handoff: three on the line, and where its time went."""
    bot, script = EXAMPLES / "handoff.py", EXAMPLES / "handoff.json"
    ok, printed = await run(bot, script, tmp_path, as_json=True)
    assert ok, printed
    [call] = json.loads(printed)["calls"]
    handoff = call["handoff"]
    moments = [handoff["moments"][name] for name in HANDED_OVER]
    assert moments == sorted(moments)
    assert [(each["who"], each["whom"]) for each in handoff["hearings"]] == [
        *(("caller", whom) for whom in ("bot", "music", "person")),
        *(("bot", whom) for whom in ("caller", "person")),
        *(("person", whom) for whom in ("bot", "caller")),
    ]
    assert handoff["figures"]["rings_s"] == pytest.approx(RING_S, abs=0.3)
    assert handoff["figures"]["join_s"] < 1.0
    asked, wish = words(handoff["told_caller"]), words(handoff["caller_said"])[0]
    assert asked == ["Miller and Sons, good day. What can I do for you?",
                     "I will put you through to Sally. One moment, please."]  # fmt: skip
    summary, question = words(handoff["told_person"])
    assert summary == f"A caller for you: {wish}"
    assert question.startswith("Press 1")
    assert words(handoff["person_said"])[0].startswith("Hello, this is Sally in sales.")
    assert call["hangup"] == "the conference: normal_clearing"
    for left in ("handoff.png", "handoff-lines.wav", "handoff-person.wav", "handoff-person.json"):
        assert (tmp_path / left).is_file(), left
    person = read(tmp_path / "handoff-person.json", tmp_path / "handoff-person.wav")
    since = round((handoff["moments"]["joined_s"] - handoff["moments"]["picked_up_s"]) * 8000)
    caller = read(tmp_path / "handoff.json", tmp_path / "handoff.wav")
    answer = caller.caller[round(handoff["moments"]["joined_s"] * 8000) :]
    assert likeness(person.bot[since:], answer) > 0.9  # the person hears the caller


HANDED_OVER = ("decided_s", "dialled_s", "ringing_s", "picked_up_s", "accepted_s", "joined_s",
               "left_s", "over_s")  # fmt: skip


def words(said: list[dict[str, Any]]) -> list[str]:
    return [each["text"] for each in said]


@pytest.mark.usefixtures("voice")
async def test_a_person_speaks_and_is_echoed(tmp_path: Path) -> None:
    ok, printed = await run(EXAMPLES / "echo.py", EXAMPLES / "echo.json", tmp_path)
    assert ok, printed
    record = read(tmp_path / "echo.json", tmp_path / "echo.wav")
    said = clip(EXAMPLES / "echo.json")
    assert likeness(record.caller, said) > 0.99
    assert likeness(record.bot, said) > 0.3  # a busy machine may slip gaps into an echo
    assert (tmp_path / "echo.png").read_bytes().startswith(b"\x89PNG")
    in_order = ["rings", "webhook call.initiated", "command answer", "media stream started",
                "is heard", "presses 5", "hangs up: normal_clearing",
                "✓  bot_heard_like_caller", str(tmp_path / "echo.wav")]  # fmt: skip
    places = [printed.index(words) for words in in_order]
    assert places == sorted(places)


async def test_noise_is_no_voice_and_a_failed_expectation_fails(tmp_path: Path) -> None:
    """Also that files are found beside the script, and what programs get to read."""
    noise = np.random.default_rng(1).normal(0, 3000, 8000).astype(np.int16)
    write_wav(tmp_path / "noise.wav", noise, noise, 8000)
    script = write_script(
        tmp_path,
        {"wait": "streaming"},
        {"play": "noise.wav"},
        {"wait": "bot_silent"},
        {"hangup": True},
        expect=({"bot_spoke_s": {"at_least": 99}}, {"hangup_cause": "normal_clearing"}),
    )
    ok, printed = await run(EXAMPLES / "echo.py", script, tmp_path / "out", as_json=True)
    result = json.loads(printed)
    [call] = result["calls"]
    assert (ok, result["ok"], call["ok"]) == (False, False, False)
    assert [check["failure"] is None for check in call["checks"]] == [False, True]
    assert set(call["metrics"]) == {*MOVED, *TROUBLES, LAG}  # the bridge has them all
    assert call["metrics"]["frames_in"] > 50
    record = read(Path(call["tape"]), Path(call["wav"]))
    assert likeness(record.caller, noise) > 0.99
    assert likeness(record.caller, tone(1.0)) < 0.2


async def test_a_bot_that_does_not_import_is_one_line(tmp_path: Path) -> None:
    bot = tmp_path / "broken.py"
    bot.write_text("import nowhere_to_be_found\n")
    with pytest.raises(CallbridgeError) as caught:
        await run(bot, write_script(tmp_path), tmp_path / "out")
    message = str(caught.value)
    assert "broken.py does not import: line 1" in message
    assert "nowhere_to_be_found" in message
    assert "\n" not in message


async def test_a_script_that_makes_no_sense_is_refused_before_anything_starts(
    tmp_path: Path,
) -> None:
    script = write_script(tmp_path, {"sing": "loudly"})
    with pytest.raises(CallbridgeError, match=r"caller\.json: step 1 is none of wait, say, play"):
        await run(EXAMPLES / "echo.py", script, tmp_path / "out")
    assert not (tmp_path / "out").exists()


async def test_a_process_that_dies_in_the_call_ends_the_demo(tmp_path: Path) -> None:
    bot = tmp_path / "mortal.py"
    bot.write_text(
        "import os\nfrom callbridge import App, Call\napp = App()\n\n"
        "@app.call\nasync def mortal(call: Call) -> None:\n    os._exit(7)\n"
    )
    script = write_script(tmp_path, {"wait": "hangup"})
    with pytest.raises(CallbridgeError, match=r"mortal\.py: failed with exit code 7"):
        await run(bot, script, tmp_path / "out")


async def test_a_demo_that_is_cancelled_leaves_no_process_behind(tmp_path: Path) -> None:
    bot = tmp_path / "stubborn.py"
    bot.write_text(
        "import os\nfrom pathlib import Path\nfrom callbridge import App, Call\napp = App()\n\n"
        "@app.call\nasync def stubborn(call: Call) -> None:\n"
        f"    Path({str(tmp_path)!r}, 'pid').write_text(str(os.getpid()))\n"
        "    async for _ in call.audio():\n        pass\n"
    )
    running_demo = asyncio.create_task(
        run(bot, write_script(tmp_path, {"wait": "hangup"}), tmp_path / "out")
    )
    while not (tmp_path / "pid").exists():  # noqa: ASYNC110  another process writes it
        await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)  # as a supervisor would
    with pytest.raises(asyncio.CancelledError):
        await running_demo
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_the_bridges_own_command_line_tells_why_it_does_not_start() -> None:
    async with running("bot.py", *ourselves("serve", "no-such-bot.py"), env=SETTINGS) as child:
        with pytest.raises(CallbridgeError, match=r"^bot\.py: no-such-bot\.py: no such file$"):
            await child.death()


def test_a_bot_without_a_script_is_rung_by_somebody(tmp_path: Path) -> None:
    bot = tmp_path / "bot.py"
    assert ring.script_beside(bot) == ring.SOMEBODY
    beside = tmp_path / "bot.json"
    beside.write_text("{}")
    assert ring.script_beside(bot) == beside
