"""Where in the code of a bot's author an error was raised."""

import asyncio
import json
from pathlib import Path

from callbridge.tape.codeline import EXAMPLES, CodeLine, code_line, is_foreign


def raised_by(code: str, file: str) -> BaseException:
    try:
        exec(compile(code, file, "exec"), {})
    except BaseException as error:
        return error
    raise AssertionError("it was to raise")


def test_the_last_line_of_the_author_is_told_and_not_that_of_a_library() -> None:
    code = "import json\n\n\ndef read():\n    json.loads('{')\n\n\nread()\n"
    assert code_line(raised_by(code, "/home/me/bot.py")) == CodeLine("/home/me/bot.py", 5)


def test_code_that_does_not_compile_is_told_of_itself() -> None:
    error = raised_by("ok = 1\nif ok:\nok = 2\n", "/home/me/bot.py")
    assert code_line(error) == CodeLine("/home/me/bot.py", 3)


def test_a_group_leads_to_its_first_error() -> None:
    code = "def inner():\n    raise KeyError(1)\n\n\ninner()\n"
    inner = raised_by(code, "/home/me/bot.py")
    assert code_line(BaseExceptionGroup("two", [inner])) == CodeLine("/home/me/bot.py", 2)


def test_where_nobody_wrote_anything_is_nowhere() -> None:
    assert code_line(ValueError("never raised")) == CodeLine()


def test_examples_are_somebodys_own_code_also_where_they_are_installed() -> None:
    assert is_foreign(json.__file__)
    assert is_foreign(asyncio.__file__)
    assert is_foreign(str(Path(EXAMPLES).parent / "app.py"))
    assert not is_foreign(f"{EXAMPLES}echo.py")
