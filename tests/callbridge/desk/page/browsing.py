"""The desk as a browser asks for it, in the same process; its clock is the test's."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from callbridge.desk.page import passwords
from callbridge.desk.page.settings import DeskSettings
from callbridge.desk.page.site import application
from callbridge.desk.page.users import DeskUser, line_of

URL = "http://127.0.0.1:8090"
PASSWORD = "correct horse battery"
# The cheapest that is taken: tests log in often.
HASH = passwords.hashed(PASSWORD, 2**14, 1, 1)
SUPERVISOR = DeskUser("ann", "supervisor", "+13125550199")
VIEWER = DeskUser("vic", "viewer")


class DeskClock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def now(self) -> float:
        return self.at

    def wall(self) -> float:
        return 1_800_000_000.0 + self.at


class DeskBrowser:
    """One browser: its cookies, and the forms of the page that it has."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.text = ""

    def get(self, path: str, **more: Any) -> Any:
        answer = self.client.get(path, **more)
        self.text = answer.text
        return answer

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]*)"', self.text)
        assert found is not None, self.text
        return found[1]

    def post(self, path: str, fields: dict[str, str] | None = None, **more: Any) -> Any:
        answer = self.client.post(path, data={"csrf": self.csrf} | (fields or {}), **more)
        self.text = answer.text
        return answer

    def logs_in(self, name: str = "ann", password: str = PASSWORD, to: str = "/login") -> Any:
        self.get("/login")
        return self.post("/login", {"name": name, "password": password, "to": to})


def settings_with(folder: Path, **more: Any) -> DeskSettings:
    """With two users; the platform is a closed port, unless `more` says where it is."""
    file = folder / "desk.users"
    file.write_text("# who may\n" + "\n".join(line_of(u, HASH) for u in (SUPERVISOR, VIEWER)))
    given: dict[str, Any] = {
        "api_key": "key",
        "base_url": "http://127.0.0.1:9/v2",
        "connection_id": "1",
        "desk_users": str(file),
    }
    return DeskSettings.load(**(given | more))


@contextmanager
def desk(
    settings: DeskSettings, clock: DeskClock | None = None, url: str = URL, **options: Any
) -> Generator[DeskBrowser]:
    app = application(settings, clock=clock, **options)
    with TestClient(app, base_url=url, follow_redirects=False, client=("192.0.2.7", 5)) as client:
        yield DeskBrowser(client)


def another(browser: DeskBrowser) -> DeskBrowser:
    """A second browser, at the same desk."""
    made = TestClient(
        browser.client.app,
        base_url=browser.client.base_url,  # type: ignore[arg-type]
        follow_redirects=False,
        client=("192.0.2.8", 5),
    )
    made.portal = browser.client.portal  # the desk runs already
    return DeskBrowser(made)
