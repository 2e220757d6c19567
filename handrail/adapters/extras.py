"""What to say where an adapter's framework is not installed."""


def missing(extra: str, error: ImportError) -> ImportError:
    """The error to raise instead, in one line that names the extra to install."""
    return ImportError(f'handrail.adapters: {error}: pip install "handrail[{extra}]"', name=error.name)
