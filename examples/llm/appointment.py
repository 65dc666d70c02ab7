"""A doctor's practice whose telephone a language model answers: it looks for a free time, asks for
the patient's number by key or by voice, books, and hands over to a person who is asked for.

Without a key, against a local server that plays the model by rules:

    python -m tests.vendors.openai --rules examples/llm/appointment.rules.json -- \\
        callbridge demo examples/llm/appointment.py --numbers examples/llm/people.json

With a real one: OPENAI_API_KEY and CALLBRIDGE_LLM_MODEL; OPENAI_BASE_URL for a service other than
OpenAI's that speaks the same protocol (vLLM, Ollama, Groq, ...). To hand over by a real account:
CALLBRIDGE_CONNECTION_ID, as README says, and a number of yours in PEOPLE.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from pydantic import Field

from callbridge import App, Call, Turn
from callbridge.bots import llm

app = App()

PROMPT = """You answer the telephone of a doctor's practice, and make appointments for this week.
First find a time that is free and suits the caller. Then ask for their patient number, four digits
that they may press or say, and gather them. Then book, and say what is booked. You know nothing of
medicine: who asks for advice, is in pain, or wants a person is handed over to reception."""
GREETING = "Doctor Miller's practice, good day. What can I do for you?"
PEOPLE = {"reception": "+13125550182"}

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday"]
Patient = Annotated[int, Field(ge=1000, le=9999)]

diary: dict[tuple[Day, str], int | None] = {  # who has which time; yours is a database
    ("monday", "09:00"): 1111,
    ("tuesday", "10:00"): None,
    ("tuesday", "14:30"): None,
    ("friday", "11:00"): None,
}


def free_times(day: Day | None = None) -> list[str]:
    """Which times are free: on a day, or in the whole week."""
    free = [key for key, patient in diary.items() if patient is None]
    return [f"{on} {time}" for on, time in free if day in (None, on)]


async def book(day: Day, time: str, patient: Patient) -> str:
    """Book a time, "14:30", for a patient by their number. Ask for the number before."""
    # It is in no way `cancellable`: a caller who speaks meanwhile does not leave it half done. As a
    # model may ask again for what it has lost sight of, the same booking twice is one.
    taken = diary.get((day, time), 0)
    if taken not in (None, patient):
        raise llm.ToolError(f"not free; free are: {', '.join(free_times()) or 'none'}")
    diary[day, time] = patient
    return f"{day} {time} is booked for patient {patient}"


TOOLS = llm.Toolbox([free_times, book, llm.gather, llm.handoff(PEOPLE), llm.end_call])


@app.reply(greeting=GREETING, idle="Are you still there?")
def practice(call: Call, turn: Turn) -> AsyncIterator[str]:
    return llm.reply(call, turn, PROMPT, tools=TOOLS)
