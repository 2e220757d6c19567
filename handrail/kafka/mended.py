"""aiokafka 0.14 with what we have found wrong in its fetcher put right; called before a consumer is made."""

from handrail.kafka import dropped, lenient


def install() -> None:
    """Every consumer of this process, from its next fetch on."""
    lenient.install()
    dropped.install()
