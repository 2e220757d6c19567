"""aiokafka 0.14 with its fetcher put right where it was wrong or slow; called before a consumer is made."""

from handrail.kafka import codecs, dropped, fetched, lenient


def install() -> None:
    """Every consumer of this process, from its next fetch on."""
    codecs.install()
    lenient.install()
    dropped.install()
    fetched.install()
