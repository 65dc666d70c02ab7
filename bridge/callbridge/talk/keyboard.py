"""One line as it is being typed: keys in, finished lines out. No terminal and no I/O.

Python's readline cannot be left while it waits for a key, as when the bot hangs up, and does not
know of what is printed meanwhile."""

import re

ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Z]|\x1b.")
UNFINISHED = re.compile(r"\x1b(?:\[[0-9;]*|O)?\Z")
ENTER, END_OF_INPUT, BACKSPACE = "\r\n", "\x04", "\x7f\b"
TO_START, TO_END, ERASE_LINE, ERASE_REST, ERASE_WORD = "\x01", "\x05", "\x15", "\x0b", "\x17"
NAMES = {
    "\x1b[A": "older",
    "\x1bOA": "older",
    "\x1b[B": "newer",
    "\x1bOB": "newer",
    "\x1b[C": "right",
    "\x1bOC": "right",
    "\x1b[D": "left",
    "\x1bOD": "left",
    "\x1b[H": TO_START,
    "\x1bOH": TO_START,
    "\x1b[1~": TO_START,
    "\x1b[F": TO_END,
    "\x1bOF": TO_END,
    "\x1b[4~": TO_END,
    "\x1b[3~": "delete",
}


class LineEditor:
    """`text` is what stands behind the prompt, `cursor` an index of it."""

    def __init__(self) -> None:
        self.text = ""
        self.cursor = 0
        self._half = ""  # the beginning of an escape sequence
        self._past: list[str] = []
        self._shown = 0  # which of them stands there; len(_past) is a new line
        self._draft = ""  # the new line, while an older one is shown

    def feed(self, keys: str) -> list[str | None]:
        """Lines that were finished by these keys; None is the end of all input."""
        keys = self._half + keys
        half = UNFINISHED.search(keys)
        self._half = half[0] if half else ""
        keys = keys[: half.start()] if half else keys
        done: list[str | None] = []
        at = 0
        while at < len(keys):
            escape = ESCAPE.match(keys, at)
            key = escape[0] if escape else keys[at]
            at += len(key)
            if key in ENTER:
                done.append(self._finish())
            elif key == END_OF_INPUT:
                done += [] if self.text else [None]
            else:
                self._edit(NAMES.get(key, key))
        return done

    def clear(self) -> None:
        self._show("")

    def _finish(self) -> str:
        line = self.text
        if line.strip() and line not in self._past[-1:]:
            self._past.append(line)
        self._shown, self._draft = len(self._past), ""
        self._show("")
        return line

    def _edit(self, key: str) -> None:
        left, right = self.text[: self.cursor], self.text[self.cursor :]
        match key:
            case "left":
                self.cursor = max(0, self.cursor - 1)
            case "right":
                self.cursor = min(len(self.text), self.cursor + 1)
            case "older" | "newer":
                self._look_back(-1 if key == "older" else 1)
            case "delete":
                self.text = left + right[1:]
            case _ if key in BACKSPACE:
                self._put(left[:-1], right)
            case _ if key == TO_START:
                self.cursor = 0
            case _ if key == TO_END:
                self.cursor = len(self.text)
            case _ if key == ERASE_LINE:
                self._put("", right)
            case _ if key == ERASE_REST:
                self._put(left, "")
            case _ if key == ERASE_WORD:
                self._put(re.sub(r"\S+\s*\Z", "", left), right)
            case _ if key.isprintable():
                self._put(left + key, right)
            case _:
                pass  # a key that means nothing here

    def _put(self, left: str, right: str) -> None:
        self.text, self.cursor = left + right, len(left)

    def _show(self, text: str) -> None:
        self.text, self.cursor = text, len(text)

    def _look_back(self, step: int) -> None:
        if self._shown == len(self._past):
            self._draft = self.text
        self._shown = min(max(0, self._shown + step), len(self._past))
        lines = [*self._past, self._draft]
        self._show(lines[self._shown])
