"""Every wrong setting is said at once, by its own name, and no secret is ever shown."""

import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from callbridge.errors import SettingsError
from callbridge.serve.settings import Settings
from telecodecs import g722

PUBLIC_KEY = b64encode(bytes(SigningKey(bytes(31) + b"\x01").verify_key)).decode()
COMPLETE = {
    "TELNYX_API_KEY": "KEY0123",
    "TELNYX_PUBLIC_KEY": PUBLIC_KEY,
    "CALLBRIDGE_PUBLIC_URL": "https://bot.example",
}


def environment_name(field: str) -> str:
    return str(Settings.model_fields[field].validation_alias or f"CALLBRIDGE_{field.upper()}")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine that tests, and no `.env` of its checkout."""
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields:
        monkeypatch.delenv(environment_name(field), raising=False)


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def complaint(**overrides: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.load(**overrides)
    error = caught.value
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None, "no pydantic traceback is shown"
    return str(caught.value)


# ---- what there is ----------------------------------------------------------------------------


@pytest.mark.usefixtures("complete")
def test_three_settings_are_enough() -> None:
    settings = Settings.load()
    assert settings.api_key.get_secret_value() == "KEY0123"
    assert settings.public_key == PUBLIC_KEY
    assert settings.base_url == "https://api.telnyx.com/v2"
    assert settings.media_url == "wss://bot.example/media"
    assert (settings.codec, settings.sampling_rate, settings.l16_order) == ("auto", 8000, "little")
    assert (settings.media_auth, settings.media_token) == ("minted", None)
    assert (settings.lead_ms, settings.max_calls, settings.when_full) == (200, 1000, "503")
    assert (settings.drain_s, settings.log, settings.connection_id) == (30.0, "auto", None)
    assert settings.log_words
    assert not settings.dtmf_in_audio


def test_every_setting_has_its_name_in_the_environment(complete: pytest.MonkeyPatch) -> None:
    values = {
        "TELNYX_BASE_URL": "http://localhost:9000/v2/",
        "CALLBRIDGE_PUBLIC_URL": "http://127.0.0.1:8000",
        "CALLBRIDGE_CONNECTION_ID": "1684",
        "CALLBRIDGE_MEDIA_AUTH": "shared",
        "CALLBRIDGE_MEDIA_TOKEN": "word",
        "CALLBRIDGE_SECRET": "0123456789abcdef",
        "CALLBRIDGE_CODEC": "L16",
        "CALLBRIDGE_CODEC_RATE": "24000",
        "CALLBRIDGE_L16_ORDER": "big",
        "CALLBRIDGE_DTMF_IN_AUDIO": "1",
        "CALLBRIDGE_LEAD_MS": "120",
        "CALLBRIDGE_MAX_CALLS": "7",
        "CALLBRIDGE_MAX_CALL_S": "600",
        "CALLBRIDGE_TAPE": "tape.jsonl",
        "CALLBRIDGE_VOICE": "relay",
        "CALLBRIDGE_WHEN_FULL": "reject",
        "CALLBRIDGE_DRAIN_S": "2.5",
        "CALLBRIDGE_LOG": "text",
        "CALLBRIDGE_LOG_WORDS": "0",
    }
    for name, value in values.items():
        complete.setenv(name, value)
    settings = Settings.load()
    assert settings.base_url == "http://localhost:9000/v2"
    assert settings.media_url == "ws://127.0.0.1:8000/media"
    assert settings.connection_id == "1684"
    assert settings.media_token is not None
    assert settings.media_token.get_secret_value() == "word"
    assert settings.secret.get_secret_value() == "0123456789abcdef"
    assert (settings.codec, settings.sampling_rate, settings.l16_order) == ("L16", 24000, "big")
    assert (settings.lead_ms, settings.max_calls, settings.when_full) == (120, 7, "reject")
    assert (settings.drain_s, settings.log, settings.log_words) == (2.5, "text", False)
    assert settings.dtmf_in_audio
    assert values.keys() | COMPLETE.keys() == set(map(environment_name, Settings.model_fields))


def test_flags_come_before_the_environment_and_that_before_the_file(
    complete: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text(
        "TELNYX_API_KEY=of-the-file\nCALLBRIDGE_MAX_CALLS=1\nCALLBRIDGE_LEAD_MS=60\n"
        "CALLBRIDGE_CODEC_RATE=\nSOMEBODY_ELSES=thing\n"
    )
    complete.setenv("CALLBRIDGE_MAX_CALLS", "2")
    settings = Settings.load(api_key="of-a-flag", base_url="http://localhost:1/v2", codec=None)
    assert settings.api_key.get_secret_value() == "of-a-flag"
    assert settings.base_url == "http://localhost:1/v2"
    assert (settings.max_calls, settings.lead_ms, settings.codec) == (2, 60, "auto")


@pytest.mark.usefixtures("complete")
def test_an_env_file_beside_the_bot_goes_before_that_of_the_working_directory(
    tmp_path: Path,
) -> None:
    (tmp_path / "bots").mkdir()
    Path(".env").write_text("CALLBRIDGE_MAX_CALLS=1\nCALLBRIDGE_LEAD_MS=60\n")
    (tmp_path / "bots" / ".env").write_text("CALLBRIDGE_MAX_CALLS=2\n")
    settings = Settings.load(beside=tmp_path / "bots")
    assert (settings.max_calls, settings.lead_ms) == (2, 60)
    assert Settings.load(beside=Path()).max_calls == 1


@pytest.mark.usefixtures("complete")
def test_a_flag_that_does_not_exist_is_our_bug() -> None:
    with pytest.raises(TypeError, match="no such setting: coddec"):
        Settings.load(coddec="PCMA")


@pytest.mark.usefixtures("complete")
def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.load().codec = "L16"


@pytest.mark.usefixtures("complete")
def test_the_secret_is_another_one_in_every_process() -> None:
    one, other = Settings.load().secret, Settings.load().secret
    assert one != other
    assert len(one.get_secret_value()) == 64


@pytest.mark.parametrize(
    ("public_url", "media_url"),
    [
        ("https://bot.example", "wss://bot.example/media"),
        (" https://bot.example/ ", "wss://bot.example/media"),
        ("https://bot.example:8443/voice/", "wss://bot.example:8443/voice/media"),
        ("HTTPS://bot.example", "wss://bot.example/media"),
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/media"),
        ("http://127.8.8.8", "ws://127.8.8.8/media"),
        ("http://[::1]:8000", "ws://[::1]:8000/media"),
        ("http://localhost", "ws://localhost/media"),
        ("http://bot.localhost", "ws://bot.localhost/media"),
    ],
)
@pytest.mark.usefixtures("complete")
def test_the_media_url_follows_the_public_one(public_url: str, media_url: str) -> None:
    assert Settings.load(public_url=public_url).media_url == media_url


@pytest.mark.parametrize(("codec", "rate"), [("PCMU", 8000), ("PCMA", 8000), ("L16", 16000)])
@pytest.mark.usefixtures("complete")
def test_every_codec_has_a_rate(codec: str, rate: int) -> None:
    assert Settings.load(codec=codec).sampling_rate == rate


@pytest.mark.usefixtures("complete")
def test_a_rate_that_the_codec_has_not_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(SettingsError, match="must be one of 8000 for PCMA"):
        Settings.load(codec="PCMA", codec_rate=16000)


@pytest.mark.usefixtures("complete")
def test_a_codec_whose_library_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    g722._library.cache_clear()  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setitem(sys.modules, "G722", None)
    with pytest.raises(SettingsError, match=r"pip install 'callbridge\[hd\]'"):
        Settings.load(codec="G722")


# ---- what is wrong ----------------------------------------------------------------------------


def test_everything_missing_is_said_at_once_and_where_to_get_it() -> None:
    lines = complaint().splitlines()
    assert len(lines) == 5
    assert lines[-1] == (
        "Without an account: run `callbridge carrier` in another terminal, "
        "then `. out/carrier.env` here."
    )
    text = "\n".join(lines)
    assert "TELNYX_API_KEY is missing. From the portal: API Keys" in text
    assert "TELNYX_PUBLIC_KEY is missing. From the portal: Keys & Credentials > Public Key" in text
    assert "CALLBRIDGE_PUBLIC_URL is missing." in text
    assert "tunnel" in text


def test_wrong_and_missing_are_said_together(complete: pytest.MonkeyPatch) -> None:
    complete.delenv("TELNYX_API_KEY")
    complete.setenv("CALLBRIDGE_CODEC", "MP3")
    complete.setenv("CALLBRIDGE_MAX_CALLS", "many")
    complete.setenv("CALLBRIDGE_MEDIA_AUTH", "none")
    lines = complaint().splitlines()[1:]
    assert [line.split()[0] for line in lines] == [
        "TELNYX_API_KEY",
        "CALLBRIDGE_MEDIA_AUTH",
        "CALLBRIDGE_CODEC",
        "CALLBRIDGE_MAX_CALLS",
        "Without",
    ]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TELNYX_API_KEY", "KEY 0123", "no header can carry"),
        ("TELNYX_API_KEY", "KEY\r\nX: y", "no header can carry"),
        ("TELNYX_API_KEY", "KÉY", "no header can carry"),
        ("TELNYX_API_KEY", " ", "is empty"),
        ("TELNYX_PUBLIC_KEY", "my key", "is not base64"),
        ("TELNYX_PUBLIC_KEY", b64encode(bytes(32)).decode(), "could be forged"),
        ("TELNYX_BASE_URL", "http://api.telnyx.com/v2", "must begin with https://"),
        ("CALLBRIDGE_PUBLIC_URL", "bot.example", "must be like https://host.example"),
        ("CALLBRIDGE_PUBLIC_URL", "wss://bot.example", "must be like https://host.example"),
        ("CALLBRIDGE_PUBLIC_URL", "https://", "must be like https://host.example"),
        ("CALLBRIDGE_PUBLIC_URL", "http://bot.example", "must begin with https://"),
        ("CALLBRIDGE_PUBLIC_URL", "http://10.0.0.1", "must begin with https://"),
        ("CALLBRIDGE_PUBLIC_URL", "http://127.0.0.1.example", "must begin with https://"),
        ("CALLBRIDGE_PUBLIC_URL", "http://localhost@bot.example", "no user and no password"),
        ("CALLBRIDGE_PUBLIC_URL", "https://bot.example/?a=b", "must end after its path"),
        ("CALLBRIDGE_PUBLIC_URL", "https://bot.example:99999", "is no URL"),
        ("CALLBRIDGE_PUBLIC_URL", "https://[::1", "is no URL"),
        ("CALLBRIDGE_PUBLIC_URL", "https://bot.exa mple", "has a space in it"),
        ("CALLBRIDGE_MEDIA_AUTH", "none", "open to the world"),
        ("CALLBRIDGE_MEDIA_AUTH", "open", "'minted', 'shared' or 'none'"),
        ("CALLBRIDGE_MEDIA_TOKEN", "a b", "no header can carry"),
        ("CALLBRIDGE_MEDIA_TOKEN", "a" * 4001, "at most 4000"),
        ("CALLBRIDGE_SECRET", "short", "at least 16"),
        ("CALLBRIDGE_CODEC", "G729", "'auto', 'PCMU', 'PCMA', 'G722', 'OPUS', 'AMR-WB' or 'L16'"),
        ("CALLBRIDGE_CODEC_RATE", "16000", "that of one codec: set CALLBRIDGE_CODEC, too"),
        ("CALLBRIDGE_CODEC_RATE", "fast", "is wrong: input should be a valid integer"),
        ("CALLBRIDGE_L16_ORDER", "middle", "'little' or 'big'"),
        ("CALLBRIDGE_LEAD_MS", "5", "greater than or equal to 20"),
        ("CALLBRIDGE_MAX_CALLS", "0", "greater than or equal to 1"),
        ("CALLBRIDGE_WHEN_FULL", "wait", "'503' or 'reject'"),
        ("CALLBRIDGE_DRAIN_S", "-1", "greater than or equal to 0"),
        ("CALLBRIDGE_DRAIN_S", "inf", "less than or equal to 3600"),
        ("CALLBRIDGE_LOG", "xml", "'auto', 'json' or 'text'"),
    ],
)
def test_one_wrong_setting_is_one_line(
    complete: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    complete.setenv(name, value)
    _, line = complaint().splitlines()
    assert line.strip().startswith(name)
    assert told in line


def test_a_shared_token_must_be_there(complete: pytest.MonkeyPatch) -> None:
    complete.setenv("CALLBRIDGE_MEDIA_AUTH", "shared")
    _, line = complaint().splitlines()
    assert "CALLBRIDGE_MEDIA_TOKEN is missing; CALLBRIDGE_MEDIA_AUTH=shared needs it" in line


def test_without_a_token_on_this_machine_only(complete: pytest.MonkeyPatch) -> None:
    complete.setenv("CALLBRIDGE_MEDIA_AUTH", "none")
    complete.setenv("CALLBRIDGE_PUBLIC_URL", "http://127.0.0.1:8000")
    assert Settings.load().media_auth == "none"


@pytest.mark.usefixtures("complete")
def test_a_file_that_is_no_text_is_said() -> None:
    Path(".env").write_bytes(b"TELNYX_API_KEY=\xff\xfe\n")
    assert ".env cannot be read" in complaint()


# ---- what is misspelt ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CALLBRIDGE_CODC", "CALLBRIDGE_CODEC"),
        ("callbridge_codc", "CALLBRIDGE_CODEC"),
        ("CALLBRIDGE_LEAD", "CALLBRIDGE_LEAD_MS"),
        ("CALLBRIDGE_MAXCALLS", "CALLBRIDGE_MAX_CALLS"),
        ("CALLBRIDGE_DRAIN_SECONDS", "CALLBRIDGE_DRAIN_S"),
        ("TELNYX_BASEURL", "TELNYX_BASE_URL"),
    ],
)
def test_a_setting_that_is_misspelt_is_not_ignored(
    complete: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    complete.setenv(name, "something")
    _, line = complaint().splitlines()
    assert line.strip() == f"{name.upper()} is no setting: did you mean {meant}?"


@pytest.mark.usefixtures("complete")
def test_a_setting_that_is_misspelt_in_the_file_is_not_ignored() -> None:
    Path(".env").write_text("CALLBRIDGE_CODC=PCMA\n")
    assert "CALLBRIDGE_CODC is no setting: did you mean CALLBRIDGE_CODEC?" in complaint()


def test_the_misspelt_and_the_missing_are_said_together(complete: pytest.MonkeyPatch) -> None:
    complete.delenv("TELNYX_API_KEY")
    complete.setenv("TELNYX_APIKEY", "KEY0123")
    missing, misspelt, _ = complaint().splitlines()[1:]
    assert "TELNYX_API_KEY is missing" in missing
    assert "TELNYX_APIKEY is no setting: did you mean TELNYX_API_KEY?" in misspelt
    assert "KEY0123" not in misspelt


@pytest.mark.parametrize(
    "name",
    [
        "CALLBRIDGE_HOME",  # like no setting
        "CALLBRIDGE_API_KEY",  # read as TELNYX_API_KEY is
        "TELNYX_CLIENT_ID",  # of the official SDK
        "TELNYX_CONNECTION_ID",  # of some other program
        "TELNYX_API_KEY_2",  # beside TELNYX_API_KEY
        "CALLBRIDE_CODEC",  # nothing of ours begins like this
    ],
)
def test_what_is_close_to_no_setting_is_ignored(complete: pytest.MonkeyPatch, name: str) -> None:
    complete.setenv(name, "something")
    assert Settings.load().codec == "auto"


# ---- what is never shown ------------------------------------------------------------------------


def test_secrets_do_not_show(complete: pytest.MonkeyPatch) -> None:
    complete.setenv("TELNYX_API_KEY", "hush-1")
    complete.setenv("CALLBRIDGE_MEDIA_TOKEN", "hush-2")
    complete.setenv("CALLBRIDGE_SECRET", "hush-3-0123456789")
    settings = Settings.load()
    assert "hush" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELNYX_API_KEY", "hush hush"),
        ("TELNYX_PUBLIC_KEY", "hush hush"),
        ("CALLBRIDGE_MEDIA_TOKEN", "hush hush"),
        ("CALLBRIDGE_SECRET", "hush"),
        ("CALLBRIDGE_PUBLIC_URL", "https://user:hush@bot.example"),
    ],
)
def test_a_complaint_does_not_quote(complete: pytest.MonkeyPatch, name: str, value: str) -> None:
    complete.setenv(name, value)
    assert "hush" not in complaint()
    with pytest.raises(ValueError, match="validation error") as caught:
        Settings.model_validate({})  # without `load`: pydantic's own words
    assert "hush" not in str(caught.value)
