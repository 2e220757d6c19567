"""Bytes of any kind, for eyes: text where they are text, else a hex dump. Pure."""

from collections.abc import Iterator

from handrail.desk import words

ROW = 16


def readable(value: bytes) -> str:
    """Text with its control characters written out, or rows of offset, hex and ASCII."""
    try:
        return words.plain(value.decode())
    except UnicodeDecodeError:
        return "\n".join(_rows(value))


def _rows(value: bytes) -> Iterator[str]:
    for at in range(0, len(value), ROW):
        row = value[at : at + ROW]
        ascii_ = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{at:08x}  {row.hex(' '):<{ROW * 3 - 1}}  {ascii_}"
