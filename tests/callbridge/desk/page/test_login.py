"""Who comes in: passwords, sessions, forms, attempts, roles."""

from pathlib import Path

import pytest

from callbridge.desk.page import passwords, sessions, users
from callbridge.desk.page.attempts import MOST_OF_ADDRESS, MOST_OF_NAME, WITHIN_S, LoginAttempts
from callbridge.desk.page.settings import DeskSettings
from callbridge.desk.page.site import application
from callbridge.errors import SettingsError
from tests.callbridge.desk.page.browsing import (
    PASSWORD,
    SUPERVISOR,
    VIEWER,
    DeskClock,
    another,
    desk,
    settings_with,
)

HANG_UP = "/call/v3:abc/hangup"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeskSettings:
    monkeypatch.chdir(tmp_path)
    return settings_with(tmp_path)


# ---- in and out ---------------------------------------------------------------------------------


def test_who_has_the_password_comes_in_and_goes_where_they_wanted(settings: DeskSettings) -> None:
    with desk(settings) as browser:
        asked = browser.get("/call/v3:abc")
        assert (asked.status_code, asked.headers["location"]) == (
            303,
            "/login?to=%2Fcall%2Fv3%3Aabc",
        )
        page = browser.get(asked.headers["location"])
        assert 'value="/call/v3:abc"' in page.text
        came = browser.post("/login", {"name": "ann", "password": PASSWORD, "to": "/call/v3:abc"})
        assert (came.status_code, came.headers["location"]) == (303, "/call/v3:abc")
        cookie = came.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert browser.get("/figures").status_code == 200
        assert "ann, supervisor" in browser.text


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:1",
        "/live/calls",
        "",
    ],
)
def test_nobody_is_led_elsewhere(settings: DeskSettings, to: str) -> None:
    with desk(settings) as browser:
        assert browser.logs_in(to=to).headers["location"] == "/"


def test_nobody_learns_who_there_is(settings: DeskSettings) -> None:
    """The same words and status for a wrong password and for nobody of that name."""
    with desk(settings) as browser:
        wrong = browser.logs_in(password="something else")
        unknown = browser.logs_in(name="bob", password="something else")
        assert wrong.status_code == unknown.status_code == 403
        blank = [
            text.replace("ann", "").replace("bob", "").split("csrf")[0]
            for text in (wrong.text, unknown.text)
        ]
        assert blank[0] == blank[1]
        assert "do not belong together" in wrong.text


def test_the_hash_of_nobody_costs_what_any_costs() -> None:
    assert passwords.NOBODY[:3] == passwords.parse(str(passwords.hashed("a long password")))[:3]


@pytest.mark.parametrize("path", ["/calls", "/call/v3:abc", "/figures", "/queue/support"])
def test_without_a_session_every_page_leads_to_the_login(settings: DeskSettings, path: str) -> None:
    with desk(settings) as browser:
        assert browser.get(path).headers["location"].startswith("/login")
        assert browser.get("/live/calls").status_code == 401
        assert browser.get("/figures.json").status_code == 401


def test_after_a_logout_the_cookie_is_worth_nothing(settings: DeskSettings) -> None:
    with desk(settings) as browser:
        browser.logs_in()
        kept = dict(browser.client.cookies)
        browser.get("/figures")
        token = browser.csrf
        assert browser.post("/logout").headers["location"] == "/login"
        assert "callbridge-desk" not in browser.client.cookies
        browser.client.cookies.update(kept)
        assert browser.get("/figures").status_code == 303
        replayed = browser.client.post(HANG_UP, data={"csrf": token})
        assert replayed.status_code == 401
        assert "nothing was done" in replayed.text


def test_a_session_ends_with_the_shift(settings: DeskSettings) -> None:
    clock = DeskClock()
    with desk(settings, clock) as browser:
        browser.logs_in()
        clock.at += sessions.LASTS_S - 1
        assert browser.get("/figures").status_code == 200
        clock.at += 2
        assert browser.get("/figures").status_code == 303


def test_a_cookie_that_was_tampered_with_is_none(settings: DeskSettings) -> None:
    with desk(settings) as browser:
        browser.logs_in()
        name, whole = next(
            (name, value) for name, value in browser.client.cookies.items() if "login" not in name
        )
        id, _, signature = whole.partition(".")
        other = f"{signature[:-1]}{'1' if signature[-1] == '0' else '0'}"
        for bad in (id, f"{id}.", f"{id}.{other}", f"{id}x.{signature}", "é.é", ""):
            browser.client.cookies.clear()
            sent = {"cookie": f"{name}={bad}".encode()}
            assert browser.get("/figures", headers=sent).status_code == 303, bad
        browser.client.cookies.set(name, whole)
        assert browser.get("/figures").status_code == 200


def test_a_login_ends_the_session_that_the_browser_had(settings: DeskSettings) -> None:
    """And begins one of another name: nobody can have planted it."""
    with desk(settings) as browser:
        browser.logs_in()
        first = browser.client.cookies["callbridge-desk"]
        browser.client.cookies.clear()
        browser.get("/login")
        nonce = browser.client.cookies["callbridge-desk-login"]
        browser.client.cookies.clear()
        both = {"cookie": f"callbridge-desk={first}; callbridge-desk-login={nonce}"}
        browser.post("/login", {"name": "ann", "password": PASSWORD}, headers=both)
        assert browser.client.cookies["callbridge-desk"] != first
        browser.client.cookies.clear()
        kept = {"cookie": f"callbridge-desk={first}"}
        assert browser.get("/figures", headers=kept).status_code == 303


def test_one_user_has_so_many_sessions_and_then_the_oldest_ends() -> None:
    all_of_them = sessions.DeskSessions()
    most = sessions.MOST_OF_ONE
    cookies = [all_of_them.begin(SUPERVISOR, float(number))[1] for number in range(most)]
    others = all_of_them.begin(VIEWER, 50.0)[1]
    assert all(all_of_them.find(cookie, 60.0) for cookie in cookies)
    all_of_them.begin(SUPERVISOR, 60.0)
    assert [bool(all_of_them.find(cookie, 60.0)) for cookie in cookies] == [False] + [True] * (
        most - 1
    )
    assert all_of_them.find(others, 60.0)


# ---- forms --------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "0" * 64, "é"])
def test_a_form_without_the_token_of_its_session_does_nothing(
    settings: DeskSettings, token: str | None
) -> None:
    with desk(settings) as browser:
        browser.logs_in()
        answer = browser.client.post(HANG_UP, data={} if token is None else {"csrf": token})
        assert answer.status_code == 403
        assert "nothing was done" in answer.text
        assert browser.client.post("/logout", data={}).status_code == 403


def test_a_form_of_another_session_does_nothing(settings: DeskSettings) -> None:
    with desk(settings) as browser:
        other = another(browser)
        browser.logs_in()
        browser.get("/figures")
        other.logs_in()
        assert other.client.post(HANG_UP, data={"csrf": browser.csrf}).status_code == 403


def test_a_login_form_is_good_for_its_own_browser_and_for_a_while(settings: DeskSettings) -> None:
    clock = DeskClock()
    with desk(settings, clock) as browser:
        other = another(browser)
        browser.get("/login")
        other.get("/login")
        fields = {"name": "ann", "password": PASSWORD}
        assert other.post("/login", fields | {"csrf": browser.csrf}).status_code == 403
        browser.get("/login")
        clock.at += sessions.LOGIN_LASTS_S + 1
        stale = browser.post("/login", fields)
        assert stale.status_code == 403
        assert "too old" in stale.text
        assert browser.post("/login", fields).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}],
)
def test_a_form_of_another_page_does_nothing(
    settings: DeskSettings, headers: dict[str, str]
) -> None:
    with desk(settings) as browser:
        browser.logs_in()
        browser.get("/figures")
        assert browser.post(HANG_UP, headers=headers).status_code == 403


def test_it_is_asked_by_its_own_name_alone(settings: DeskSettings) -> None:
    with desk(settings, url="http://evil.example:8090") as browser:
        assert browser.get("/login").status_code == 421


def test_a_form_that_is_too_long_is_not_read(settings: DeskSettings) -> None:
    with desk(settings) as browser:
        browser.get("/login")
        assert browser.post("/login", {"name": "a" * 20_000}).status_code == 413


# ---- attempts -----------------------------------------------------------------------------------


def test_a_name_that_is_tried_too_often_is_shut_for_a_while(settings: DeskSettings) -> None:
    clock = DeskClock()
    with desk(settings, clock) as browser:
        for _ in range(MOST_OF_NAME):
            assert browser.logs_in(password="wrong wrong wrong").status_code == 403
        shut = browser.logs_in()
        assert (shut.status_code, shut.headers["retry-after"]) == (429, str(int(WITHIN_S)))
        assert "Try again in 15 minutes" in shut.text
        assert browser.logs_in(name="vic").status_code == 303
        clock.at += WITHIN_S
        assert another(browser).logs_in().status_code == 303


def test_an_address_that_tries_many_names_is_shut_out() -> None:
    attempts = LoginAttempts()
    for number in range(MOST_OF_ADDRESS):
        assert attempts.begin("192.0.2.1", f"name{number}", 10.0) == 0
    assert attempts.begin("192.0.2.1", "another", 20.0) == WITHIN_S - 10
    assert attempts.begin("192.0.2.2", "another", 20.0) == 0


def test_who_comes_in_does_not_count() -> None:
    attempts = LoginAttempts()
    for _ in range(3 * MOST_OF_ADDRESS):
        assert attempts.begin("192.0.2.1", "ann", 10.0) == 0
        attempts.succeeded("192.0.2.1", "ann")


def test_addresses_that_failed_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbridge.desk.page.attempts.MOST_KEPT", 100)
    attempts = LoginAttempts()
    for number in range(1000):
        attempts.begin(f"192.0.2.{number}", f"name{number}", float(number) / 1000)
    assert len(attempts._failures) == 100  # pyright: ignore[reportPrivateUsage]


# ---- roles --------------------------------------------------------------------------------------


def test_a_viewer_looks_and_does_nothing(settings: DeskSettings) -> None:
    with desk(settings) as browser:
        browser.logs_in(name="vic")
        browser.get("/figures")
        answer = browser.post(HANG_UP)
        assert answer.status_code == 403
        assert "vic may look and not act" in answer.text


def test_a_desk_that_is_read_only_does_nothing_for_anybody(settings: DeskSettings) -> None:
    with desk(settings, read_only=True) as browser:
        browser.logs_in()
        browser.get("/figures")
        answer = browser.post(HANG_UP)
        assert answer.status_code == 403
        assert "looked at only (--read-only)" in answer.text


# ---- where it is open ---------------------------------------------------------------------------


def test_on_this_machine_nobody_needs_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with desk(settings_with(tmp_path, desk_users=None, desk_number="+13125550199")) as browser:
        first = browser.get("/figures")
        assert (first.status_code, first.headers["location"]) == (303, "/figures")
        assert browser.get("/figures").status_code == 200
        assert (
            browser.client.post(HANG_UP, data={}).status_code == 403
        )  # forms are checked here, too


@pytest.mark.parametrize(
    ("host", "more", "tls", "sentence"),
    [
        ("0.0.0.0", {}, False, "without TLS"),
        ("192.0.2.1", {"desk_users": None}, True, "without passwords"),
        ("0.0.0.0", {"desk_users": None}, True, "without passwords"),
        ("127.0.0.1", {"desk_users": None, "desk_url": "https://a.example"}, False, "passwords"),
    ],
)
def test_it_is_not_opened_to_whoever_finds_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    more: dict[str, str | None],
    tls: bool,
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings_with(tmp_path)
    settings = settings.model_copy(update=more)
    with pytest.raises(SettingsError, match=sentence):
        application(settings, host=host, tls=tls)


def test_behind_a_proxy_the_cookie_is_for_https_alone(settings: DeskSettings) -> None:
    public = settings.model_copy(update={"desk_url": "https://desk.example.com"})
    with desk(public, url="https://desk.example.com", host="0.0.0.0") as browser:
        cookie = browser.logs_in().headers["set-cookie"]
        assert cookie.startswith("__Host-callbridge-desk=")
        assert "; Secure" in cookie
        assert browser.get("/figures").status_code == 200


# ---- users and their lines ----------------------------------------------------------------------


def test_a_line_of_a_user_is_read_as_it_was_written() -> None:
    user = users.user("ann", "supervisor", "+13125550199")
    line = users.line_of(user, passwords.hashed(PASSWORD, 2**14, 1, 1))
    assert "***" in repr(passwords.parse(line.split()[2]))
    assert len(users.users_of(f"# a comment\n\n{line}\n", "file")) == 1


async def test_who_has_no_telephone_has_that_of_the_desk() -> None:
    hash_ = passwords.hashed(PASSWORD, 2**14, 1, 1)
    lines = "\n".join(users.line_of(user, hash_) for user in (SUPERVISOR, VIEWER))
    everybody = users.users_of(lines, "file", "+13125550111")
    ann = await everybody.checked("ann", PASSWORD)
    vic = await everybody.checked("vic", PASSWORD)
    assert ann is not None
    assert vic is not None
    assert (ann.number, vic.number) == ("+13125550199", "+13125550111")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ann supervisor", "a line is: name role hash"),
        ("ann boss {hash}", "viewer or supervisor, not 'boss'"),
        ("a<b supervisor {hash}", "a name is of letters"),
        ("ann supervisor {hash} 555", "a number is like"),
        ("ann supervisor secret", "is no hash"),
        ("ann supervisor scrypt:2:8:1:AAAAAAAAAAAAAAAAAAAAAA:AAAA", "of a strange cost"),
        ("ann viewer {hash}\nann viewer {hash}", "ann is there twice"),
        ("# nobody", "names nobody"),
    ],
)
def test_a_line_that_cannot_be_meant_is_an_error_at_start(line: str, why: str) -> None:
    text = line.replace("{hash}", str(passwords.hashed(PASSWORD, 2**14, 1, 1)))
    with pytest.raises(SettingsError, match=why):
        users.users_of(text, "desk.users")
