"""Files of claims that were there before anything was decided."""

from pathlib import Path

from handrail.client.claim_store import ClaimStore


def claims_of(folder: Path, name: str = "claims.db") -> Path:
    """The file in this folder, made when it is missing, as if in 1970."""
    ClaimStore(folder / name, 0).close()
    return folder / name
