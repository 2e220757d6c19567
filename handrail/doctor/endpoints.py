"""What worker and sink say of themselves over HTTP."""

import asyncio
from collections.abc import Mapping

import aiohttp
import orjson

from handrail.doctor.line import Line, ok, wrong
from handrail.doctor.place import Place

ANSWER_S_MAX = 3.0


async def look(place: Place) -> list[Line]:
    """/readyz of each process of the `up` that runs on the folder, else of the one that the settings name."""
    addresses: Mapping[str, str] = {}
    if place.up is not None:
        addresses = place.up.http
    elif place.http is not None:
        addresses = {"http": place.http}
    if not addresses:
        return [ok("http", "no process here answers over HTTP, as far as settings say")]
    timeout = aiohttp.ClientTimeout(total=ANSWER_S_MAX)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        return list(await asyncio.gather(*(_ask(session, name, at) for name, at in addresses.items())))


async def _ask(session: aiohttp.ClientSession, name: str, address: str) -> Line:
    url = f"http://{address if ':' in address else f'127.0.0.1:{address}'}/readyz"
    try:
        async with session.get(url) as answer:
            told = orjson.loads(await answer.read())
            if answer.status == 200:
                return ok("http", f"{name}: {url}: ready")
            return wrong("http", f"{name}: {url}: {told.get('reason', answer.status)}", "see its log")
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError, AttributeError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        return wrong("http", f"{name}: {url}: {said}", "does it run, with --http? See its log")
