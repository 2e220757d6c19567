"""The Messages API of a scripted model on the loopback: what the real `claude` program talks to in the tests."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from aiohttp import web

from handrail.broker.ports import HOST, free_port
from tests.adapters.talk import INPUT_TOKENS, OUTPUT_TOKENS, Talk

PREFIX = "mcp__shop__"  # how the program names the tools of an MCP server `shop`
_ids = count()


@asynccontextmanager
async def scripted(talk: Talk) -> AsyncIterator[str]:
    """The address of a server that says what the script says, streamed as the real one does."""

    async def messages(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        if not asked.get("tools"):  # the program's own questions, such as a title for the session
            return web.json_response(_whole(asked["model"], [{"type": "text", "text": "-"}]))
        talk.read = list(_results(asked["messages"]))
        content = list(_blocks(talk.next()))
        if not asked.get("stream"):
            return web.json_response(_whole(asked["model"], content))
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for event in _events(asked["model"], content):
            await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        return response

    async def other(request: web.Request) -> web.Response:
        return web.json_response({"input_tokens": 1})

    app = web.Application(client_max_size=16_000_000)
    app.router.add_post("/v1/messages", messages)
    app.router.add_route("*", "/{rest:.*}", other)
    runner, port = web.AppRunner(app), free_port()
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield f"http://{HOST}:{port}"
    finally:
        await runner.cleanup()


def _results(messages: list[dict[str, Any]]) -> Iterator[str]:
    """What the model got for its calls."""
    for message in messages:
        for block in message["content"] if isinstance(message["content"], list) else []:
            if block["type"] == "tool_result":
                content = block.get("content", "")
                yield content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _blocks(turn: Any) -> Iterator[dict[str, Any]]:
    if isinstance(turn, str):
        yield {"type": "text", "text": turn}
        return
    for name, given in turn:
        yield {"type": "tool_use", "id": f"toolu_{next(_ids):06}", "name": _named(name), "input": given}


def _named(tool: str) -> str:
    """The program's own tools are written with a capital."""
    return tool if tool[0].isupper() else PREFIX + tool


def _whole(model: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    used = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS}
    why = "tool_use" if content[0]["type"] == "tool_use" else "end_turn"
    message = {"id": f"msg_{next(_ids)}", "type": "message", "role": "assistant", "model": model, "content": content}
    return message | {"stop_reason": why, "stop_sequence": None, "usage": used}


def _events(model: str, content: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    whole = _whole(model, content)
    start = whole | {"content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(content):
        empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block.get("text", "")}
        if block["type"] == "tool_use":
            empty, delta = (
                {**block, "input": {}},
                {"type": "input_json_delta", "partial_json": json.dumps(block["input"])},
            )
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": whole["usage"]}
    yield {"type": "message_stop"}
