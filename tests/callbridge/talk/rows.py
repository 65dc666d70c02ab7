"""What stands on a terminal after all that was written to it."""

import re

CONTROL = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")


class Rows:
    """A terminal of endless height that knows the sequences which are used: row up, columns back,
    erase to the end of the row; colours are left out."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: list[list[str]] = [[]]
        self._row = self._column = 0

    def write(self, text: str) -> int:
        at = 0
        while at < len(text):
            control = CONTROL.match(text, at)
            if control:
                self._obey(control[2], control[1])
                at = control.end()
            else:
                self._put(text[at])
                at += 1
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""

    @property
    def text(self) -> list[str]:
        return ["".join(row).rstrip() for row in self._rows]

    @property
    def cursor(self) -> tuple[int, int]:
        return self._row, self._column

    def _obey(self, letter: str, numbers: str) -> None:
        match letter:
            case "A":
                self._row -= int(numbers)
            case "D":
                self._column -= int(numbers)
            case "K":
                del self._rows[self._row][self._column :]
            case "m":
                pass
            case _:
                raise AssertionError(f"what does {letter} mean?")

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
            return
        if character == "\n" or self._column >= self._width:
            self._row, self._column = self._row + 1, 0
            if self._row == len(self._rows):
                self._rows.append([])
            if character == "\n":
                return
        row = self._rows[self._row]
        row.extend(" " * (self._column - len(row)))
        row[self._column : self._column + 1] = [character]
        self._column += 1
