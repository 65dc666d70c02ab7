"""The settings of the desk, those of the account among them."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from callbridge.desk.page import users
from callbridge.desk.page.users import NUMBER, DeskUser, DeskUsers
from callbridge.errors import SettingsError
from callbridge.serve.account import AccountSettings, HttpUrl, is_loopback
from callbridge.serve.logs import LogForm
from callbridge.web.guard import LOOPBACK_NAMES

HERE = "you"  # who sits at a desk that is for this machine alone


class DeskSettings(AccountSettings):
    """Frozen. Make one with `load`, which raises SettingsError."""

    desk_users: str | None = Field(
        default=None,
        description="A file with a line for each user, of `callbridge desk password`.",
    )
    desk_url: HttpUrl | None = Field(
        default=None,
        description="Where browsers find the desk, behind a proxy that has the certificate: "
        "https://desk.example.com.",
    )
    desk_number: str | None = Field(
        default=None,
        description="The telephone that is rung for who has no number of their own, as "
        "+13125550199.",
    )
    desk_from: str | None = Field(
        default=None,
        description="The number that supervisors see when they are rung; else the one that the "
        "caller has called.",
    )
    desk_metrics_url: HttpUrl | None = Field(
        default=None,
        description="Where the bridge shows its figures: https://bridge.example.com/metrics.",
    )
    desk_poll_s: float = Field(
        default=5.0,
        ge=1.0,
        le=300.0,
        description="Seconds between two looks at the platform, while somebody looks at a page.",
    )
    log: LogForm = Field(
        default="auto",
        description="The form of the log lines. auto: text on a terminal, else json.",
    )

    @field_validator("desk_number", "desk_from")
    @classmethod
    def _a_number(cls, number: str | None) -> str | None:
        if number is not None and NUMBER.fullmatch(number) is None:
            raise ValueError("must be like +13125550199 or sip:ann@example.com")
        return number

    def users(self) -> DeskUsers:
        """Raises SettingsError."""
        if not self.desk_users:
            return DeskUsers({})
        return users.read(Path(self.desk_users), self.desk_number)

    def names(self, host: str) -> frozenset[str]:
        """The names by which browsers may ask for it."""
        public = urlsplit(self.desk_url).hostname if self.desk_url else None
        bound = {host} - {"0.0.0.0", "::", ""}  # these are no names
        return LOOPBACK_NAMES | bound | ({public} if public else frozenset[str]())

    def check(self, host: str, *, tls: bool) -> None:
        """Raises SettingsError where it would be open to whoever finds it."""
        proxied = self.desk_url is not None and self.desk_url.startswith("https:")
        if not is_loopback(host) and not tls and not proxied:
            raise SettingsError(
                f"the desk is not opened on {host} without TLS: passwords would cross the network "
                "in the clear. Give --ssl-certfile, or put a proxy that has the certificate "
                "before it and set CALLBRIDGE_DESK_URL to its https:// address"
            )
        if self.desk_users is None and (not is_loopback(host) or self.desk_url):
            where = self.desk_url or host
            raise SettingsError(
                f"the desk is not opened on {where} without passwords: whoever finds it could "
                "listen in and hang up. `callbridge desk password NAME >> desk.users` makes a "
                "user; then set CALLBRIDGE_DESK_USERS=desk.users"
            )

    def somebody_here(self) -> DeskUser:
        """Who needs no password, as they sit at this machine."""
        return DeskUser(HERE, "supervisor", self.desk_number)
