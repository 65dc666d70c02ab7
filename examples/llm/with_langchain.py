"""A LangChain runnable on the telephone: pip install langchain-openai

OPENAI_API_KEY=... CALLBRIDGE_LLM_MODEL=... callbridge serve examples/llm/with_langchain.py
"""

import os
from collections.abc import AsyncIterator

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_openai import ChatOpenAI

from callbridge import App, Call, Turn

app = App()
prompt = ChatPromptTemplate([("system", "You are on the telephone."), MessagesPlaceholder("heard")])
chain = prompt | ChatOpenAI(model=os.environ["CALLBRIDGE_LLM_MODEL"]) | StrOutputParser()


@app.reply(greeting="Good day. How can I help you?")
def desk(call: Call, turn: Turn) -> AsyncIterator[str]:
    return chain.astream({"heard": call.history})
