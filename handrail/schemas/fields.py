"""The shapes that many records share. Strict: no value is turned into another type."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from handrail.schemas import money
from handrail.schemas.identity import mistake_in

NAME_MAX = 256
COUNT_MAX = 10**12
# No control characters: a key with one could meet the governor's own keys.
PLAIN = r"^[^\x00-\x1f\x7f]+$"
TIME = r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$"


def check_visible(text: str) -> str:
    """The id itself. Raises ValueError where something in it cannot be seen (identity.py)."""
    if (mistake := mistake_in(text)) is not None:
        raise ValueError(mistake)
    return text


Name = Annotated[str, Field(min_length=1, max_length=NAME_MAX, pattern=PLAIN)]
Identity = Annotated[Name, AfterValidator(check_visible)]
"""The id of a person, an agent or a tenant: shown as it came, compared by `identity.identity`."""

Time = Annotated[str, Field(max_length=40, pattern=TIME)]
Money = Annotated[str, Field(pattern=money.PATTERN)]
Count = Annotated[int, Field(ge=0, le=COUNT_MAX)]
Share = Annotated[float, Field(ge=0, le=1)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Ruleset = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Json = Any


class Shape(BaseModel):
    """Immutable and strict; fields the contract does not know are kept and passed on."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", protected_namespaces=())


class Model(Shape):
    """Which model an agent says it uses, and which one answered."""

    provider: str
    name: Name
    served: str | None = None
    fingerprint: str | None = None


class Customer(Shape):
    """What is known of the customer; later keys win."""

    ref: Name
    tier: str | None = None
    locale: str | None = None
    contact: Json = None
    account: dict[str, Json] | None = None


class Usage(Shape):
    """Tokens of one LLM call; cached input tokens are part of the input tokens."""

    input_tokens: Count
    output_tokens: Count
    cached_input_tokens: Count | None = None


class Estimate(Shape):
    """Tokens that an LLM call is expected to take."""

    input_tokens: Count
    output_tokens: Count


class By(Shape):
    """A person of the human tier; two spellings of one `id` are one person."""

    id: Identity
    name: str | None = None


class Position(Shape):
    """Where on the log."""

    partition: Count
    offset: Count
