"""Templates rendered, and the files that they name."""

from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from callbridge.errors import SettingsError

if TYPE_CHECKING:
    from jinja2 import Environment

MISSING = "pages need jinja2: pip install 'callbridge[web]'"
VERSION_CHARACTERS = 12


class Pages:
    """The templates of one package, and those of this one that they extend: `base.html`.

    Whatever is put into a template is text and escaped; no template turns that off."""

    def __init__(self, package: str, folder: str = "templates") -> None:
        """Raises SettingsError where jinja2 is not installed."""
        self._templates = _environment(package, folder)

    def text(self, template: str, **values: object) -> str:
        """A page or, for a stream of events, a piece of one."""
        return self._templates.get_template(template).render(values)

    def page(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        return HTMLResponse(self.text(template, **values), status)


def _environment(package: str, folder: str) -> "Environment":
    try:
        from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise SettingsError(MISSING) from None
    loaders = [PackageLoader(package, folder), PackageLoader("callbridge.web")]
    made = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    named: dict[str, Any] = {"asset": asset}
    made.globals.update(named)
    return made


@cache
def asset(name: str) -> str:
    """The path of a file in `assets/`, with what it holds in its version: it may be kept for ever.

    Raises FileNotFoundError."""
    content = _assets().joinpath(name).read_bytes()
    return f"/assets/{name}?v={sha256(content).hexdigest()[:VERSION_CHARACTERS]}"


def _assets() -> Traversable:
    return files("callbridge.web").joinpath("assets")


def assets() -> Mount:
    """The route of all assets, for the application that has pages."""
    return Mount("/assets", StaticFiles(packages=[("callbridge.web", "assets")]), name="assets")
