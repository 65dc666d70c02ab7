"""A shop's order desk that a language model talks for: it looks orders up, connects, hangs up.

Without a key, against a local server that plays the model by rules:

    python -m tests.vendors.openai --rules examples/llm/order_desk.rules.json -- \\
        callbridge demo examples/llm/order_desk.py --numbers examples/llm/people.json

With a real one: OPENAI_API_KEY and CALLBRIDGE_LLM_MODEL; OPENAI_BASE_URL for a service other than
OpenAI's that speaks the same protocol (vLLM, Ollama, Groq, ...).
"""

from collections.abc import AsyncIterator

from callbridge import App, Call, Turn
from callbridge.bots import llm

app = App()

PROMPT = """You answer the telephone of a shop for tables. You tell callers where their orders are,
by the number on the receipt. Who wants to buy something is connected with sales."""
GREETING = "Good day, this is the table shop. How can I help you?"
ORDERS = {42: "It left our house yesterday, and comes tomorrow.", 43: "It is being made."}
PEOPLE = {"sales": "+13125550181"}


async def find_order(number: int) -> str:
    """Where an order is. `number` is on the receipt."""
    if number not in ORDERS:
        raise llm.ToolError("there is no order of that number")
    return ORDERS[number]


@app.reply(greeting=GREETING, idle="Are you still there?")
def order_desk(call: Call, turn: Turn) -> AsyncIterator[str]:
    return llm.reply(call, turn, PROMPT, tools=[find_order, llm.transfer(PEOPLE), llm.end_call])
