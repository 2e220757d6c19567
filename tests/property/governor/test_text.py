"""Words are compared in one form, however it is made."""

import re
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.streams.governor.phrases import normalise


@settings(max_examples=300)
@given(st.text(st.characters(max_codepoint=127)) | st.text())
def test_ascii_is_normalised_like_any_other_text(text: str) -> None:
    assert normalise(text) == re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()
