"""Pytest fixtures: `pytest_plugins = ["callbridge.testing.plugin"]` in a conftest.py."""

from typing import Protocol

import pytest

from callbridge.app import App
from callbridge.carrier.core.report import CallReport
from callbridge.carrier.people.script import CallScript
from callbridge.testing.pair import converse


class Converse(Protocol):
    def __call__(self, app: App, script: CallScript, *, delay: float = 0.0) -> CallReport: ...


@pytest.fixture
def phone_call() -> Converse:
    """A whole call between a scripted caller and an application, in virtual time."""
    return converse
