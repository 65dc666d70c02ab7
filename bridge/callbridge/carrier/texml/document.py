"""Elements → verbs, checked against what the platform documents.

What is not TeXML at all, and what is TeXML and not simulated here, is passed over, and the call's
tape has both. A value that the documents do not allow ends the call."""

import re
from typing import Any, TypeVar

import msgspec

from callbridge.carrier.facts import documented
from callbridge.carrier.texml.markup import BadDocument, Element, parse
from callbridge.carrier.texml.verbs import (
    AnyVerb,
    ConnectVerb,
    GatherVerb,
    HangupVerb,
    PauseVerb,
    PlayVerb,
    RedirectVerb,
    RejectVerb,
    RelayNoun,
    SayVerb,
    StreamNoun,
    TexmlNode,
    TexmlPrompt,
)

V = TypeVar("V", bound=TexmlNode)

BOOLEANS = ("true", "false")


class Document(msgspec.Struct, frozen=True):
    """`not_simulated` and `unknown` name elements and attributes, as `Say.voice`, once each."""

    verbs: tuple[AnyVerb, ...] = ()
    not_simulated: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def read_document(body: bytes) -> Document:
    """Raises BadDocument."""
    root = parse(body)
    if root.tag != "Response":
        raise BadDocument(f"the root is {root.tag}, not Response", root.line, root.column)
    reader = _Reader()
    if b"{{" in body:
        reader.not_simulated["templates"] = None
    verbs = tuple(verb for child in root.children if (verb := reader.verb(child)) is not None)
    return Document(verbs, tuple(reader.not_simulated), tuple(reader.unknown))


class _Reader:
    """Reads elements and collects what was passed over."""

    def __init__(self) -> None:
        self.not_simulated: dict[str, None] = {}  # a set, in the order of the document
        self.unknown: dict[str, None] = {}

    def verb(self, element: Element) -> AnyVerb | None:
        """None for one that is passed over."""
        if not self._known(element, "Response"):
            return None
        match element.tag:
            case "Say" | "Play":
                return self._prompt(element)
            case "Gather":
                return self._gather(element)
            case "Pause":
                return self._made(element, PauseVerb)
            case "Hangup":
                return self._made(element, HangupVerb)
            case "Redirect":
                return self._made(element, RedirectVerb, url=_text(element, "a URL"))
            case "Reject":
                return self._made(element, RejectVerb)
            case "Connect":
                return self._connect(element)
            case tag:
                self.not_simulated[tag] = None
                return None

    def _prompt(self, element: Element) -> TexmlPrompt:
        if element.tag == "Say":
            for tag in element.children:
                self.not_simulated[f"SSML {tag.tag}"] = None
            return self._made(element, SayVerb, text=" ".join(_all_text(element).split()))
        if "digits" in element.attributes:
            return self._made(element, PlayVerb)
        return self._made(element, PlayVerb, url=_text(element, "a URL, or digits"))

    def _gather(self, element: Element) -> GatherVerb:
        prompts = tuple(
            self._prompt(child) for child in element.children if self._known(child, "Gather")
        )
        gather = self._made(element, GatherVerb, prompts=prompts)
        digits = gather.num_digits
        if digits is not None and digits < 1:
            raise element.refuse("numDigits is at least 1")
        if digits is not None:
            gather = msgspec.structs.replace(gather, max_digits=digits, min_digits=digits)
        return gather

    def _connect(self, element: Element) -> ConnectVerb | None:
        nouns = [child for child in element.children if self._known(child, "Connect")]
        if len(nouns) != 1:
            raise element.refuse(f"it connects to one service, not to {len(nouns)}")
        noun = nouns[0]
        if noun.tag not in ("ConversationRelay", "Stream"):
            self.not_simulated[noun.tag] = None
            return None
        return self._made(element, ConnectVerb, service=self._service(noun))

    def _service(self, noun: Element) -> RelayNoun | StreamNoun:
        parameters: dict[str, str] = {}
        for child in noun.children:
            if not self._known(child, noun.tag):
                continue
            if child.tag == "Parameter":
                parameters[child.attributes["name"]] = child.attributes.get("value", "")
            else:  # one voice and one recogniser are all that there is
                self.not_simulated[child.tag] = None
        if noun.tag == "Stream":
            return self._made(noun, StreamNoun, parameters=parameters)
        return self._made(noun, RelayNoun, parameters=parameters)

    # ---- what all elements have in common -----------------------------------------------------

    def _known(self, element: Element, parent: str) -> bool:
        """Whether it may stand there. Raises BadDocument for attributes that cannot be."""
        facts = documented.texml().get(element.tag)
        if facts is None or parent not in facts.parents:
            self.unknown[element.tag if facts is None else f"{element.tag} in {parent}"] = None
            return False
        for name, attribute in facts.attributes.items():
            value = element.attributes.get(name)
            if value is not None and (why := _wrong(attribute, value)):
                raise element.refuse(f"{name}={value[:80]!r} {why}")
            if value is None and attribute.required:
                raise element.refuse(f"{name} is missing")
        for name in element.attributes:
            if name not in facts.attributes:
                self.unknown[f"{element.tag}.{name}"] = None
        return True

    def _made(self, element: Element, kind: type[V], **more: object) -> V:
        """The verb, out of those attributes that it acts on."""
        facts = documented.texml()[element.tag].attributes
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        values: dict[str, object] = dict(more)
        for name, value in element.attributes.items():
            if name not in facts:
                continue
            if name in fields:
                value = value.lower() if facts[name].type == "boolean" else value
                values[fields[name].name] = _converted(element, name, value, fields[name].type)
            else:
                self.not_simulated[f"{element.tag}.{name}"] = None
        return kind(**values)


def _converted(element: Element, name: str, value: str, kind: Any) -> object:
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise element.refuse(f"{name}={value[:80]!r}: {error}") from None


def _wrong(attribute: documented.DocumentedAttribute, value: str) -> str:
    """Why the documents do not allow a value; empty if they do."""
    if attribute.enum and value not in attribute.enum:
        return f"is not one of {', '.join(attribute.enum)}"
    if attribute.pattern is not None and not re.search(attribute.pattern, value):
        return f"does not match {attribute.pattern}"
    if attribute.type == "boolean" and value.lower() not in BOOLEANS:
        return "is neither true nor false"
    if attribute.type in ("integer", "number"):
        return _out_of_range(attribute, value)
    return ""


def _out_of_range(attribute: documented.DocumentedAttribute, value: str) -> str:
    pattern = r"-?\d{1,9}" if attribute.type == "integer" else r"-?\d{1,9}(\.\d{1,9})?"
    if not re.fullmatch(pattern, value, re.ASCII):
        return f"is no {attribute.type}"
    if attribute.minimum is not None and float(value) < attribute.minimum:
        return f"is less than {attribute.minimum:g}"
    if attribute.maximum is not None and float(value) > attribute.maximum:
        return f"is more than {attribute.maximum:g}"
    return ""


def _text(element: Element, what: str) -> str:
    text = element.text.strip()
    if not text:
        raise element.refuse(f"it holds {what}")
    return text


def _all_text(element: Element) -> str:
    """In the order of the document but for its children's, which come last: SSML is not spoken as
    such."""
    return " ".join((element.text, *map(_all_text, element.children)))
