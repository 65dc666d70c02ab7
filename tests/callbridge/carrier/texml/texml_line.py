"""A carrier in memory whose calls are led by documents; the customer's web server is a table."""

from typing import Any

from callbridge.carrier.config import CarrierConfig, TexmlApplication
from callbridge.carrier.core.effects import RequestTexml
from callbridge.carrier.texml.requests import TexmlAnswer
from tests.callbridge.carrier.line import tone
from tests.callbridge.carrier.relay_line import RelayLine

VOICE = "http://app/texml/start"
STATUS = "http://app/status"
LETTER_MS = 20


class TexmlLine(RelayLine):
    """`pages` are documents by their address, without root; a number is an HTTP status, and what is
    not there is a 404. Every letter that is
    said sounds for 20 ms."""

    def __init__(
        self,
        pages: "dict[str, str | bytes | int]",
        *,
        speaks: bool = True,
        announces: bool = False,
        **application: Any,
    ) -> None:
        settings: dict[str, Any] = {"voice_url": VOICE, "status_url": STATUS}
        texml = TexmlApplication(**(settings | application))
        super().__init__(config=CarrierConfig(texml=texml, announces=announces), speaks=speaks)
        self.pages = pages
        self.answers = True  # the web server does
        self.fetched: list[RequestTexml] = []
        self.told: list[dict[str, str]] = []

    def settle(self) -> None:
        super().settle()
        while (self.requests and self.answers) or self.to_speak or self.to_fetch:
            requests, self.requests = (self.requests, []) if self.answers else ([], self.requests)
            for request in requests:
                self._answer(request)
            speeches, self.to_speak = self.to_speak, []
            for speech in speeches:
                self.switch.synthesised(
                    speech.speak_id, tone(LETTER_MS * len(speech.text)), self.now
                )
            files, self.to_fetch = self.to_fetch, []
            for file in files:
                pcm = tone(200) if file.url.endswith(".wav") else None
                self.switch.fetched(file.sound_id, pcm, self.now, "no such file")
            super().settle()

    def _answer(self, request: RequestTexml) -> None:
        if request.url == STATUS:
            self.told.append(request.form)
            answer = TexmlAnswer(STATUS, 200)
        else:
            self.fetched.append(request)
            answer = self._page(request.url)
        self.switch.texml_answered(request.request_id, answer, self.now)

    def _page(self, url: str) -> TexmlAnswer:
        page = self.pages.get(url.partition("?")[0], 404)
        if isinstance(page, int):
            return TexmlAnswer(url, page)
        if isinstance(page, bytes):
            return TexmlAnswer(url, 200, page)
        whole = page if "<Response" in page or not page else f"<Response>{page}</Response>"
        return TexmlAnswer(url, 200, whole.encode())

    # ---- what is seen -------------------------------------------------------------------------

    def asked(self) -> list[str]:
        return [request.url for request in self.fetched]

    def notes(self, call: str, kind: str) -> list[dict[str, Any]]:
        return [dict(entry.detail) for entry in self.report(call).tape if entry.kind == kind]

    def failures(self, call: str) -> list[str]:
        return [note["why"] for note in self.notes(call, "texml failed")]

    def seconds(self, call: str) -> float:
        """How long the call has been answered."""
        return self.report(call).duration_s

    def until_ended(self, call: str, ticks: int = 3000) -> None:
        while call not in self.finished and ticks:
            self.tick()
            ticks -= 1
        assert call in self.finished, "the call goes on"
