"""What single words tell about a turn: is it one, and is it over? English.

A *back-channel* ("mm-hm", "right") says that one listens and asks for nothing. A *filler* ("um") or
a conjunction at the end says that more is to come, and so does a digit: numbers are spoken in
groups with pauses between them."""

import re

_WORD = re.compile(r"[a-z0-9']+")

_HUM = r"[hmu]+ | a+h+(?:a+h*)? | o+h+ | e+[hrm]+"  # mm, hm, uh, huh, um, ah, aha, oh, eh, erm

_BACK_CHANNEL = re.compile(
    rf"""\b(?: {_HUM} | yeah | yep | yup | ok | okay | right | sure | alright | cool
    | i\ see | got\ it | go\ on | all\ right | of\ course | that's\ right )(?![a-z0-9'])""",
    re.VERBOSE,
)

_MORE_TO_COME = re.compile(
    rf"""
    {_HUM} | like | well
    | and | or | but | so | because | if | then | when | while | since | although | unless
    | until | whether | than | nor
    | [a-z]*\d+ | zero | one | two | three | four | five | six | seven | eight | nine | ten
    | eleven | twelve | (?:thir|four|fif|six|seven|eigh|nine)teen
    | (?:twen|thir|for|fif|six|seven|eigh|nine)ty | hundred | thousand | double | triple
    """,
    re.VERBOSE,
)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("’", "'"))


def count_without_back_channels(text: str) -> int:
    """How many words of `text` ask for something: "uh-huh, right, stop" has one."""
    return len(_BACK_CHANNEL.sub(" ", " ".join(_words(text))).split())


def hesitates(text: str) -> bool:
    """Whether `text` ends as if more were to come: with a digit, a filler or a conjunction."""
    words = _words(text)
    return bool(words) and _MORE_TO_COME.fullmatch(words[-1]) is not None
