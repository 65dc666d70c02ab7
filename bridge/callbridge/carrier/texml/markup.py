"""A document's bytes → its elements, in safety: nothing is expanded, and all is bounded.

A document with a DOCTYPE is refused as a whole: entities of one's own exist only there, and with
them go the documents that are a kilobyte on the wire and a gigabyte in memory."""

from xml.parsers import expat

import msgspec

MAX_BYTES = 65_536  # the platform publishes none; a menu of a hundred entries has about 20,000
MAX_DEPTH = 16


class BadDocument(Exception):
    """What cannot be carried out, and where: lines and columns count from 1."""

    def __init__(self, why: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"line {line}, column {column}: {why}")


class Element(msgspec.Struct):
    """`text` is what stands directly in it, without the text of its children."""

    tag: str
    attributes: dict[str, str]
    line: int
    column: int
    text: str = ""
    children: list["Element"] = []

    def refuse(self, why: str) -> BadDocument:
        return BadDocument(f"{self.tag}: {why}", self.line, self.column)


def parse(body: bytes) -> Element:
    """The root. Raises BadDocument."""
    if len(body) > MAX_BYTES:
        raise BadDocument(f"the document has more than {MAX_BYTES} bytes")
    builder = _Builder()
    try:
        builder.parser.Parse(body, True)
    except expat.ExpatError as error:
        why = expat.errors.messages[error.code]
        raise BadDocument(why, error.lineno, error.offset + 1) from None
    except LookupError as error:  # an encoding that Python does not have
        raise BadDocument(str(error)) from None
    return builder.root


class _Builder:
    """What the parser calls; the tree grows on a stack."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self._open: list[Element] = []
        self.root: Element

    def _where(self) -> tuple[int, int]:
        return self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1

    def _doctype(self, *_: object) -> None:
        raise BadDocument("a DOCTYPE is not allowed", *self._where())

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag, attributes, *self._where())
        if len(self._open) >= MAX_DEPTH:
            raise element.refuse(f"more than {MAX_DEPTH} elements in each other")
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, tag: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        self._open[-1].text += text
