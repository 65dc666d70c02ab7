"""What a probe says: a line for each scenario while it runs, then the rules that are broken."""

from typing import Any

import msgspec
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from callbridge.probe.doors import ProbeKind
from callbridge.probe.findings import Finding, Past, ProbeBook, Scenario

STYLES = {"must": "bold red", "should": "yellow"}
WORDS: dict[ProbeKind, str] = {"relay": "Conversation Relay", "media": "Media Streaming"}


class ProbeProgress:
    """A context manager: what is being tried, on a terminal, and a line for what is over."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("", console=console)

    def __enter__(self) -> "ProbeProgress":
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self._status.stop()

    def begins(self, scenario: Scenario) -> None:
        self._status.update(scenario.name)

    def ends(self, past: Past) -> None:
        words, style = ("ok", "green") if not past.findings else (f"{past.findings} found", "red")
        line = Text(f"{past.scenario.name:<24}{past.seconds:6.1f} s  ")
        self._console.print(line.append(words, style), soft_wrap=True)


def show(console: Console, url: str, kind: ProbeKind, book: ProbeBook) -> None:
    for unseen in book.unseen:
        console.print(f"not seen: {unseen.scenario}: {unseen.why}", style="dim")
    if book.findings:
        console.print(findings_table(book.findings))
    console.print(verdict(url, kind, book.findings), soft_wrap=True)


def findings_table(findings: list[Finding]) -> Table:
    """Each rule with what was seen, `must` before `should`."""
    table = Table(show_lines=True)
    table.add_column("rule", no_wrap=True)
    table.add_column("what was seen, and what is expected", overflow="fold")
    for rule in dict.fromkeys(finding.rule for finding in ranked(findings)):
        seen = [each for each in findings if each.rule is rule]
        name = Text(f"{rule.id}\n").append(rule.severity, STYLES[rule.severity])
        words = "".join(f"{each.scenario}, {each.at_s:.2f} s: {each.seen}\n" for each in seen)
        table.add_row(name, Text(words).append(f"{rule.says} ({rule.source})", "dim"))
    return table


def ranked(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.rule.severity)  # must before should


def broken(findings: list[Finding], severity: str) -> int:
    """How many rules."""
    return len({each.rule.id for each in findings if each.rule.severity == severity})


def verdict(url: str, kind: ProbeKind, findings: list[Finding]) -> Text:
    musts, shoulds = broken(findings, "must"), broken(findings, "should")
    what = f"{url.partition('?')[0]} ({WORDS[kind]})"
    if not findings:
        return Text(f"{what} keeps all rules that were tried", style="green")
    words = f"{what} breaks {musts} of what it must and {shoulds} of what it should do"
    return Text(words, style=STYLES["must" if musts else "should"])


def as_json(url: str, kind: ProbeKind, book: ProbeBook) -> dict[str, Any]:
    musts = broken(book.findings, "must")
    whole = {
        "url": url.partition("?")[0],
        "kind": kind,
        "ok": not musts,
        "must": musts,
        "should": broken(book.findings, "should"),
        "findings": [_flat(finding) for finding in ranked(book.findings)],
        "unseen": book.unseen,
        "scenarios": [
            {"scenario": past.scenario.name, "seconds": past.seconds, "findings": past.findings}
            for past in book.past
        ],
    }
    plain: dict[str, Any] = msgspec.to_builtins(whole)
    return plain


def _flat(finding: Finding) -> dict[str, object]:
    rule = finding.rule
    return {
        "rule": rule.id,
        "severity": rule.severity,
        "says": rule.says,
        "source": rule.source,
        "scenario": finding.scenario,
        "seen": finding.seen,
        "at_s": finding.at_s,
    }
