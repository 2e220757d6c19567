"""An exported file that is damaged is one line with its place; nothing is judged by what is left of it."""

from pathlib import Path

import pytest

from handrail.audit.files import decision_records
from handrail.audit.linking import in_file
from handrail.schemas.errors import ConfigError

DAMAGED = (b'{"data":{"decision_id":"x"', b"\xff\xfe", b"[1]", b"null", b"\x00")


@pytest.mark.parametrize("line", DAMAGED)
def test_a_line_that_no_export_writes_is_named(line: bytes) -> None:
    with pytest.raises(ConfigError, match=r"^d\.jsonl: line 3: is no JSON object: .*; export it again$"):
        list(decision_records([b"{}\n", b"\n", line + b"\n"], Path("d.jsonl")))


def test_the_chain_of_a_damaged_file_is_not_told(tmp_path: Path) -> None:
    file = tmp_path / "decisions.jsonl"
    file.write_bytes(DAMAGED[0])
    with pytest.raises(ConfigError, match=r"decisions\.jsonl: line 1: is no JSON object"):
        in_file(file, None, lambda _: None)
