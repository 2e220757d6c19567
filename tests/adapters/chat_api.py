"""The chat API of a scripted model on the loopback, as OpenAI's has it: what LiteLLM talks to in the tests."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from handrail.broker.ports import HOST, free_port
from tests.adapters.talk import INPUT_TOKENS, OUTPUT_TOKENS, Talk

USED = {
    "prompt_tokens": INPUT_TOKENS,
    "completion_tokens": OUTPUT_TOKENS,
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    "prompt_tokens_details": {"cached_tokens": 100},
}


@asynccontextmanager
async def chatting(talk: Talk) -> AsyncIterator[str]:
    """The address of a server that says what the script says; for the turn `fails` it answers 400."""

    async def complete(request: web.Request) -> web.StreamResponse:
        asked, turn = await request.json(), talk.next()
        if turn == "fails":
            return web.json_response({"error": {"message": "no such thing", "type": "invalid"}}, status=400)
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        base = {"id": "c-1", "created": 1, "model": asked["model"], "usage": USED}
        message = {"role": "assistant", "content": turn}
        if not asked.get("stream"):
            return web.json_response({**base, "object": "chat.completion", "choices": [{**choice, "message": message}]})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        chunk = {**base, "object": "chat.completion.chunk", "usage": None}
        for delta, why, used in ((message, None, None), ({}, "stop", None), (None, None, USED)):
            choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": why}]
            await response.write(f"data: {json.dumps({**chunk, 'choices': choices, 'usage': used})}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    app, port = web.Application(), free_port()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield f"http://{HOST}:{port}/v1"
    finally:
        await runner.cleanup()
