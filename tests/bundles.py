"""Policy bundles for tests, written as the files a user would write."""

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from handrail.policies import Bundle, load_bundle

REFUNDS = """
id: refunds
name: Refunds
category: business_logic
rules:
  default_action: allow
  rules:
    - id: needs-approval
      condition: {field: amount, operator: greater_than, value: 100}
      action: require_approval
      message: "Refund of ${{amount}} needs approval."
    - id: too-high
      condition: {field: amount, operator: greater_than, value: 500}
      action: block
      message: "Refund of ${{amount}} is too high."
"""
TWO_PEOPLE = REFUNDS.replace("action: require_approval", "action: require_approval\n      approvals: 2")
TOOLS = """
tools:
  get_order: {effect: read}
  refund: {effect: write}
"""


def written(folder: Path, **files: str) -> Path:
    """The folder, with these files, by name without `.yaml`."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


@lru_cache
def bundle(**files: str) -> Bundle:
    """The bundle of these files, by name without `.yaml`; `tools` is there unless given."""
    with TemporaryDirectory() as folder:
        return load_bundle(written(Path(folder), **{"tools": TOOLS, **files}))


def refunds() -> Bundle:
    """Above $100 a human approves, above $500 nobody refunds."""
    return bundle(refunds=REFUNDS)
