"""A handoff as it stands after several revisions: the last one in full, and what the updates after it added. Pure."""

import re
from collections.abc import Mapping
from typing import Any

NEWS_MAX = 20  # lines of news kept, the latest
SAID_MAX = 5
GAP = "\n…\n"  # between the customer's first words and the latest
WANTED = ("problem.text", "customer.ref", "classification", "transcript", "attempts")  # what a human needs
INDEX = re.compile(r"\A(transcript|attempts)\[(\d+)\](.*)\Z", re.DOTALL)
REPLACED = (
    "revision", "revision_min", "execution_id", "tenant", "agent_id", "classification", "queue", "priority", "kind",
)  # fmt: skip
REPLACED_WHERE_PRESENT = ("approvals", "outcome", "recorded")
OPEN = (None, "unknown")  # of an attempt: how it ended may follow

Data = dict[str, Any]


def applied(full: Mapping[str, Any], revision: Mapping[str, Any]) -> Data:
    """The handoff's data after `revision`, which is one in full, or an update (`since`) of `full`.

    An update that was applied already changes nothing; where one before it is missing, what that one said is missing
    too. Both are data of records that are of the contract.
    """
    if revision.get("since") is None:
        return dict(revision)
    if revision["revision"] <= full["revision"]:
        return dict(full)
    merged: Data = {**full, **{name: revision[name] for name in REPLACED}}
    merged |= {name: revision[name] for name in REPLACED_WHERE_PRESENT if name in revision}
    merged["news"] = [*full["news"], *revision["news"]][-NEWS_MAX:]
    places = {f"transcript[{at}]": len(full["transcript"]) + at for at in range(len(revision["transcript"]))}
    merged["transcript"] = [*full["transcript"], *revision["transcript"]]
    merged["transcript_truncated"] = full["transcript_truncated"] or revision["transcript_truncated"]
    merged["attempts"] = attempts = list(full["attempts"])
    for number, row in enumerate(revision["attempts"]):
        places[f"attempts[{number}]"] = _join(attempts, row)
    merged["log"] = {**full["log"], "last_offset": revision["log"]["last_offset"]}
    _add_redactions(merged, revision, places)
    _add_words(merged, revision)
    return merged


def completeness_of(there: Mapping[str, bool]) -> Data:
    """`{score, missing}`, by whether each of WANTED is there."""
    missing = [name for name in WANTED if not there[name]]
    return {"score": round(1 - len(missing) / len(WANTED), 4), "missing": missing}


def _join(attempts: list[Data], row: Data) -> int:
    """The execution goes to its proposal, or stands for itself; gives its place."""
    for at in range(len(attempts) - 1, -1, -1):
        attempt = attempts[at]
        if attempt["action_id"] == row["action_id"] and attempt.get("status") in OPEN:
            attempts[at] = {**attempt, "status": row["status"], "result": row["result"], "error": row["error"]}
            return at
    attempts.append(row)
    return len(attempts) - 1


def _add_redactions(merged: Data, revision: Mapping[str, Any], places: Mapping[str, int]) -> None:
    kinds = {row["path"]: set(row["kinds"]) for row in merged.get("redactions") or ()}
    for row in revision.get("redactions") or ():
        matched = INDEX.match(row["path"])
        place = places.get(f"{matched[1]}[{matched[2]}]") if matched else None
        path = row["path"] if matched is None or place is None else f"{matched[1]}[{place}]{matched[3]}"
        kinds.setdefault(path, set()).update(row["kinds"])
        if matched and matched[1] == "transcript" and _is_customers(revision, int(matched[2])):
            kinds.setdefault("problem.text", set()).update(row["kinds"])
    merged["redactions"] = [{"path": path, "kinds": sorted(of)} for path, of in sorted(kinds.items())]
    merged["redacted"] = sorted(kinds)


def _is_customers(revision: Mapping[str, Any], at: int) -> bool:
    return at < len(revision["transcript"]) and revision["transcript"][at]["role"] == "customer"


def _add_words(merged: Data, revision: Mapping[str, Any]) -> None:
    """What follows from the new lines of the transcript: the customer's latest words, and what was promised."""
    lines = revision["transcript"]
    texts = [line["text"] for line in lines if line["role"] == "assistant"]
    merged["said_to_customer"] = [*merged["said_to_customer"], *texts][-SAID_MAX:]
    if words := [line["text"] for line in lines if line["role"] == "customer"]:
        first = merged["problem"].get("text", "").split(GAP)[0]
        text = words[-1] if not first or first == words[-1] else f"{first}{GAP}{words[-1]}"
        merged["problem"] = {**merged["problem"], "text": text}
    there = {name: name not in merged["completeness"]["missing"] for name in WANTED}
    there |= {"problem.text": bool(merged["problem"].get("text")), "transcript": bool(merged["transcript"])}
    merged["completeness"] = completeness_of(there)
