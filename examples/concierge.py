"""Answers what a bookshop is asked on the telephone, by rules, and connects who wants a person.

callbridge serve examples/concierge.py
"""

import re

from callbridge import App, Call, Turn

app = App()

A_PERSON = "+13125550199"
GREETING = "Thank you for calling the corner bookshop. How can I help you?"
HELP = "I can tell you our opening hours and our address, or connect you to a person."
ANSWERS = {
    r"open|hours|close|when": "We are open from nine to six, Monday to Saturday.",
    r"address|where|located|find": "You find us at twelve Mill Lane, opposite the station.",
    r"thank|bye": "You are welcome. Goodbye.",
}


@app.reply(greeting=GREETING, idle="Are you still there?")
async def concierge(call: Call, turn: Turn) -> str | None:
    if asks(turn, r"person|somebody|someone|human|speak to|talk to"):
        return await connect(call)
    for words, answer in ANSWERS.items():
        if asks(turn, words):
            return answer
    return HELP


def asks(turn: Turn, words: str) -> bool:
    return re.search(rf"\b({words})", turn.text, re.IGNORECASE) is not None


async def connect(call: Call) -> str | None:
    await call.say("One moment, I am connecting you.", interruptible=False)
    if await call.transfer(A_PERSON, timeout=20):
        return None  # a person has the call now
    return "Sorry, nobody is free at the moment. Is there anything else?"
