"""The files of infra/ and the metrics of running processes, as tests ask them."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[1]
ALERTS = ROOT / "infra" / "prometheus" / "alerts.yml"
DASHBOARDS = ROOT / "infra" / "grafana" / "dashboards"
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_METRIC = re.compile(r"\b(?:handrail|process)_[a-z_]+\b")


def get(url: str) -> tuple[int, str]:
    """(status, body) of a page."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def asked(url: str) -> tuple[int, Any]:
    """(status, what the JSON says)."""
    status, body = get(url)
    return status, orjson.loads(body)


def families(url: str) -> dict[str, Metric]:
    """What /metrics shows, by the name that a query uses."""
    status, body = get(f"{url}/metrics")
    assert status == 200, body
    return {query_name(found): found for found in text_string_to_metric_families(body)}


def query_name(found: Metric) -> str:
    """A counter's name ends with `_total`, an info's with `_info`."""
    return f"{found.name}_total" if found.type == "counter" else found.name


def alerts() -> list[dict[str, Any]]:
    """Every alert rule."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Every panel of every dashboard."""
    return [panel for file in sorted(DASHBOARDS.glob("*.json")) for panel in json.loads(file.read_text())["panels"]]


def queries() -> Iterator[tuple[str, str]]:
    """(whose it is, PromQL) of all alert rules and panels; Grafana's variables have a value."""
    for rule in alerts():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$__rate_interval", "1m").replace("$__range", "3h")


def metrics_in(query: str) -> set[str]:
    """The names of the metrics that the query asks for."""
    return set(_METRIC.findall(_STRING.sub('""', query)))
