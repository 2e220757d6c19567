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


@lru_cache
def bundle(**files: str) -> Bundle:
    """The bundle of these files, by name without `.yaml`; `tools` is there unless given."""
    with TemporaryDirectory() as folder:
        for name, text in {"tools": TOOLS, **files}.items():
            (Path(folder) / f"{name}.yaml").write_text(text)
        return load_bundle(Path(folder))


def refunds() -> Bundle:
    """Above $100 a human approves, above $500 nobody refunds."""
    return bundle(refunds=REFUNDS)
