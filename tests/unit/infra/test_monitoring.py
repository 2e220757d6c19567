"""The dashboard and the alert rules: well-formed, and each rule says what to do."""

from collections import Counter
from itertools import combinations
from typing import Any

import pytest
import yaml

from tests.infra import DASHBOARDS, ROOT, alerts, panels, queries

PROVISIONING = ROOT / "infra" / "grafana" / "provisioning"


def yaml_of(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def test_panels_have_ids_and_titles_of_their_own() -> None:
    shown = [panel for panel in panels() if panel["type"] != "row"]
    assert len(shown) > 20
    assert max(Counter(panel["id"] for panel in panels()).values()) == 1
    assert max(Counter((panel["type"], panel["title"]) for panel in shown).values()) == 1
    assert all(panel["targets"] for panel in shown)


def test_panels_do_not_lie_on_each_other() -> None:
    places = [
        {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for at in (panel["gridPos"] for panel in panels())
    ]
    assert not any(one & other for one, other in combinations(places, 2))
    assert all(x < 24 for place in places for x, _ in place)


def test_panels_ask_the_source_that_is_provisioned() -> None:
    (source,) = yaml_of("infra/grafana/provisioning/datasources/prometheus.yml")["datasources"]
    asked = {panel["datasource"]["uid"] for panel in panels() if panel["type"] != "row"}
    asked |= {target["datasource"]["uid"] for panel in panels() for target in panel.get("targets", ())}
    assert asked == {source["uid"]}


def test_the_folder_of_dashboards_is_the_one_that_is_mounted() -> None:
    (provider,) = yaml_of("infra/grafana/provisioning/dashboards/handrail.yml")["providers"]
    mounts = dict(volume.split(":")[:2] for volume in yaml_of("docker-compose.yml")["services"]["grafana"]["volumes"])
    assert mounts[f"./{DASHBOARDS.relative_to(ROOT)}"] == provider["options"]["path"]
    assert mounts[f"./{PROVISIONING.relative_to(ROOT)}"] == "/etc/grafana/provisioning"


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    rules = alerts()
    assert {"HandrailWorkerLag", "HandrailNoDecisions", "HandrailDeadLetters", "HandrailWorkerStuck"} <= {
        rule["alert"] for rule in rules
    }
    assert max(Counter(rule["alert"] for rule in rules).values()) == 1
    for rule in rules:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert len(rule["annotations"]["summary"]) > 20
        assert len(rule["annotations"]["action"]) > 40


def test_prometheus_reads_the_rules_and_finds_the_services() -> None:
    config, services = yaml_of("infra/prometheus/prometheus.yml"), yaml_of("docker-compose.yml")["services"]
    mounts = dict(volume.split(":")[:2] for volume in services["prometheus"]["volumes"])
    folder = mounts["./infra/prometheus"]
    assert config["rule_files"] == [f"{folder}/alerts.yml"]
    assert f"--config.file={folder}/prometheus.yml" in services["prometheus"]["command"]
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert jobs["handrail-worker"]["dns_sd_configs"][0]["names"] == ["worker"]
    ports = {jobs["handrail-worker"]["dns_sd_configs"][0]["port"], 9464}
    assert ports == {9464}
    assert jobs["handrail-sink"]["static_configs"][0]["targets"] == ["sink:9464"]
    assert all(services[name]["environment"]["HANDRAIL_HTTP"].endswith(":9464") for name in ("worker", "sink"))


def test_every_query_is_promql() -> None:
    promql = pytest.importorskip("promql_parser", reason="needs promql-parser: pip install promql-parser")
    asked = list(queries())
    assert len(asked) > 40
    for _, query in asked:
        promql.parse(query)
