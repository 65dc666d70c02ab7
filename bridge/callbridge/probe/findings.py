"""What a probe finds out, written down as it goes."""

import asyncio

import msgspec

from callbridge.probe.rules import Rule


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that was seen broken. `at_s` counts from the beginning of the scenario."""

    rule: Rule
    scenario: str
    seen: str
    at_s: float


class Unseen(msgspec.Struct, frozen=True):
    """What could not be looked at, and why."""

    scenario: str
    why: str


class Scenario(msgspec.Struct, frozen=True):
    """One thing that is tried. `blames` is broken when the endpoint does not survive it."""

    name: str
    blames: Rule


class Past(msgspec.Struct, frozen=True):
    """A scenario that is over."""

    scenario: Scenario
    seconds: float
    findings: int


class ProbeOver(Exception):
    """Nothing more can be found out; what it was is a finding already."""


class ProbeBook:
    """All findings, each rule once for each scenario, and which scenario is on."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.unseen: list[Unseen] = []
        self.past: list[Past] = []
        self.last_served: Scenario | None = None  # that got a socket
        self._now = asyncio.get_running_loop().time
        self._scenario: Scenario | None = None
        self._began = 0.0

    def begin(self, scenario: Scenario) -> None:
        self._scenario, self._began = scenario, self._now()

    def finish(self) -> Past:
        scenario = self.scenario
        found = sum(finding.scenario == scenario.name for finding in self.findings)
        self.past.append(Past(scenario, round(self._now() - self._began, 3), found))
        return self.past[-1]

    @property
    def scenario(self) -> Scenario:
        assert self._scenario is not None, "findings belong to a scenario"
        return self._scenario

    def found(self, rule: Rule, seen: str) -> None:
        """Once for each scenario: what breaks a rule once mostly breaks it a hundred times."""
        name = self.scenario.name
        if not any(each.rule is rule and each.scenario == name for each in self.findings):
            at_s = round(self._now() - self._began, 3)
            self.findings.append(Finding(rule=rule, scenario=name, seen=seen, at_s=at_s))

    def has(self, *rules: Rule) -> bool:
        return any(finding.rule in rules for finding in self.findings)

    def served(self) -> None:
        """The scenario has got a socket: whoever gets none after it may blame it."""
        self.last_served = self.scenario

    def cannot_see(self, why: str) -> None:
        self.unseen.append(Unseen(self.scenario.name, why))
