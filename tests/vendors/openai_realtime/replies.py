"""What the model says: a response of the service, from its creation until it is done.

It is spoken with a voice of this machine, faster than it is to be heard, as the service does."""

import asyncio
import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from telecodecs import Pcm, codec, silence
from tests.vendors.openai.answers import Drop, HttpError, Part, Raw, Stall, Text, ToolCall
from tests.vendors.openai_realtime.ears import FORMS

if TYPE_CHECKING:
    from tests.vendors.openai_realtime.session import ServedItem, ServedSession

ERROR_S = 0.05


@dataclass(frozen=True, slots=True)
class Failing:
    """The response fails, as it does at a rate limit."""

    code: str
    message: str
    type: str = "server_error"


class ReplyInProgress:
    """One; the session has at most one at a time."""

    def __init__(self, session: "ServedSession", wish: Mapping[str, Any]) -> None:
        from tests.vendors.openai_realtime.session import new_id

        self.id = new_id("resp")
        self._new_id = new_id
        self._session = session
        self._wish = wish
        self._output: list[dict[str, Any]] = []
        self._cancelled = ""

    async def run(self) -> None:
        session, server = self._session, self._session.server
        session.emit("response.created", response=self._body("in_progress"))
        session.emit("rate_limits.updated", rate_limits=server.rate_limits)
        tools = [{"type": "function", "function": tool} for tool in session.config["tools"]]
        answer = server.script(
            {"messages": await self._messages(), "tools": tools, "session": session.config}
        )
        if isinstance(answer, HttpError):
            await asyncio.sleep(ERROR_S)
            self._finish("failed", _failed(answer.code or answer.type, answer.message, answer.type))
            return
        await asyncio.sleep(server.first_audio_s)
        await self._answer(list(answer.parts))
        if self._cancelled:
            self._finish("cancelled", {"type": "cancelled", "reason": self._cancelled})
        else:
            self._finish("completed", None)

    def cancel(self, reason: str) -> None:
        """No more of it: what was being said is closed as it stands."""
        self._cancelled = reason

    async def _answer(self, parts: Sequence[Part]) -> None:
        """Texts that follow each other are one message; what goes wrong does so in its place."""
        spoken: list[Part] = []
        for part in parts:
            if isinstance(part, ToolCall):
                await self._say(spoken)
                spoken = []
                self._call(part)
            else:
                spoken.append(part)
        await self._say(spoken)

    # ---- speech -----------------------------------------------------------------------------

    async def _say(self, parts: Sequence[Part]) -> None:
        if not parts or self._cancelled:
            return
        item = self._new_message()
        for part in parts:
            match part:
                case Text(text=text):
                    await self._speak(item, text)
                case Stall(seconds=seconds):
                    await asyncio.sleep(seconds)
                case Raw(data=data):
                    self._session.send(data.decode())
                case Drop():
                    self._session.close(1011, "the script drops it")
                    return
                case _:
                    raise AssertionError(f"{part} cannot be spoken")
        self._end_message(item)

    def _new_message(self) -> "ServedItem":
        from tests.vendors.openai_realtime.session import ServedItem

        session = self._session
        item: dict[str, Any] = {
            "id": self._new_id("item"),
            "object": "realtime.item",
            "type": "message",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        served = ServedItem(item)
        self._output.append(item)
        session.emit("response.output_item.added", **self._place(item, index_only=True), item=item)
        session.add_item(served)
        part = {"type": "audio", "transcript": ""}
        session.emit("response.content_part.added", **self._place(item), part=part)
        return served

    async def _speak(self, item: "ServedItem", text: str) -> None:
        """Words and their sound; a client that is quick has the words first."""
        server, session = self._session.server, self._session
        if self._cancelled:
            return
        output = session.config["audio"]["output"]
        name, rate = FORMS[output["format"]["type"]]
        words = await server.jobs.run(lambda: server.speech.synthesiser.speak(text, rate))
        encoder = codec(name, rate)
        for delta, pcm in pieces([(word.text, word.pcm) for word in words], server.delta_s, rate):
            if self._cancelled or session.over:
                return
            if delta:
                kind = "response.output_audio_transcript.delta"
                session.emit(kind, **self._place(item.fields), delta=delta)
                item.fields["content"] = [{"type": "output_audio", "transcript": ""}]
            payload = encoder.encode(pcm)
            item.audio_ms += 1000 * len(pcm) / rate
            session.has_spoken = True
            session.emit(
                "response.output_audio.delta",
                **self._place(item.fields),
                delta=base64.b64encode(payload).decode(),
            )
            await asyncio.sleep(len(pcm) / rate / server.pace)

    def _end_message(self, served: "ServedItem") -> None:
        session, item = self._session, served.fields
        item["status"] = "incomplete" if self._cancelled else "completed"
        place = self._place(item)
        session.emit("response.output_audio.done", **place)
        session.emit("response.output_audio_transcript.done", **place, transcript="")
        part = {"type": "audio", "transcript": ""}
        session.emit("response.content_part.done", **place, part=part)
        session.emit("conversation.item.done", item=item)
        session.emit("response.output_item.done", **self._place(item, index_only=True), item=item)

    def _place(self, item: Mapping[str, Any], *, index_only: bool = False) -> dict[str, Any]:
        index = next(n for n, each in enumerate(self._output) if each["id"] == item["id"])
        whole: dict[str, Any] = {"response_id": self.id, "output_index": index}
        return whole if index_only else whole | {"item_id": item["id"], "content_index": 0}

    # ---- tools ------------------------------------------------------------------------------

    def _call(self, call: ToolCall) -> None:
        from tests.vendors.openai_realtime.session import ServedItem

        if self._cancelled:
            return
        session = self._session
        item: dict[str, Any] = {
            "id": self._new_id("item"),
            "object": "realtime.item",
            "type": "function_call",
            "status": "in_progress",
            "call_id": self._new_id("call"),
            "name": call.name,
            "arguments": "",
        }
        self._output.append(item)
        whole = self._place(item, index_only=True)
        session.emit("response.output_item.added", **whole, item=item)
        session.add_item(ServedItem(item))
        asked = {"item_id": item["id"], "call_id": item["call_id"]}
        kind = "response.function_call_arguments"
        session.emit(f"{kind}.delta", **whole, **asked, delta=call.arguments)
        item |= {"arguments": call.arguments, "status": "completed"}
        session.emit(f"{kind}.done", **whole, **asked, arguments=call.arguments, name=call.name)
        session.emit("conversation.item.done", item=item)
        session.emit("response.output_item.done", **whole, item=item)

    # ---- what it answers, and the end -------------------------------------------------------

    async def _messages(self) -> list[dict[str, Any]]:
        """The conversation in the form of chat completions, which scripts are written for."""
        session = self._session
        told = self._wish.get("instructions") or session.config["instructions"]
        messages: list[dict[str, Any]] = [{"role": "system", "content": told}]
        for item in list(session.items.values()):
            fields = item.fields
            if fields["type"] == "function_call":
                called = {"name": fields["name"], "arguments": fields["arguments"]}
                calls = [{"id": fields["call_id"], "type": "function", "function": called}]
                messages.append({"role": "assistant", "content": None, "tool_calls": calls})
            elif fields["type"] == "function_call_output":
                answer = {"role": "tool", "tool_call_id": fields["call_id"]}
                messages.append(answer | {"content": fields["output"]})
            elif (heard := session.server.understood.get(item.id)) is not None:
                messages.append({"role": "user", "content": await heard})
            else:
                text = "".join(str(each.get("text") or "") for each in fields["content"])
                messages.append({"role": fields["role"], "content": text})
        return messages

    def _finish(self, status: str, details: dict[str, Any] | None) -> None:
        self._session.reply = None
        self._session.emit("response.done", response=self._body(status, details))

    def _body(self, status: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": self._output,
        }


def _failed(code: str, message: str, kind: str) -> dict[str, Any]:
    return {"type": "failed", "error": {"type": kind, "code": code, "message": message}}


def pieces(
    words: Sequence[tuple[str, Pcm]], seconds: float, rate: int
) -> Iterator[tuple[str, Pcm]]:
    """Sound in pieces of so many seconds, each with the words that begin in it."""
    size = round(seconds * rate)
    begun, text = silence(0), ""
    for word, pcm in words:
        text += word
        begun = np.concatenate([begun, pcm])
        while len(begun) >= size:
            yield text, begun[:size]
            text, begun = "", begun[size:]
    if len(begun) or text:
        yield text, begun
