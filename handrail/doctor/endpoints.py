"""What worker and sink say of themselves over HTTP: whether they are ready, and what in them waits for what."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import aiohttp
import orjson

from handrail.doctor.line import Line, ok, warn, wrong
from handrail.doctor.place import Place
from handrail.streams.probe import WORDS, For

ANSWER_S_MAX = 3.0
MEND: Mapping[For, str] = {
    "broker": "are all brokers up, and do their disks keep pace? Agents get NoDecision meanwhile, nothing is lost",
    "states": "it goes on by itself when they are read; its log has the progress",
    "policies": "`handrail policy activate FOLDER`",
    "fold": "it catches up by itself; where that takes long, start more workers, as many as there are partitions",
    "disk": "is the disk of the data folder slow, or shared?",
    "readers": "end long queries: new ones are not let in after 30 s",
}


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
        found = await asyncio.gather(*(_ask(session, name, at) for name, at in addresses.items()))
    return [line for lines in found for line in lines]


async def _ask(session: aiohttp.ClientSession, name: str, address: str) -> list[Line]:
    url = f"http://{address if ':' in address else f'127.0.0.1:{address}'}/readyz"
    try:
        async with session.get(url) as answer:
            told = orjson.loads(await answer.read())
            waits = list(_waits(name, told.get("waits", {})))
            if answer.status == 200:
                return [ok("http", f"{name}: {url}: ready"), *waits]
            return [wrong("http", f"{name}: {url}: {told.get('reason', answer.status)}", "see its log"), *waits]
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError, AttributeError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        return [wrong("http", f"{name}: {url}: {said}", "does it run, with --http? See its log")]


def _waits(name: str, waits: Mapping[str, Any]) -> Iterator[Line]:
    """A line for each that waits, as `streams/wait.py` tells it."""
    for who, wait in waits.items():
        cause = wait["for"]
        told = f"{name}: {who}: waits for {WORDS[cause]} for {wait['seconds']:.0f} s: {wait['told']}"
        yield warn("waits", told, MEND[cause])
