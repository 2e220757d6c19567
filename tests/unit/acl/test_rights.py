"""The table of rights, and the forms it is printed in."""

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from handrail.acl.acls import Granted
from handrail.acl.compare import compare
from handrail.acl.roles import ROLES, rights_of
from handrail.cli import main
from handrail.kafka.rights import Right
from handrail.schemas.topics import AGENT_EVENTS, CATALOGUE, DECISIONS, HANDOFFS, POLICIES, RESOLUTIONS, STATES
from tests.infra import ROOT

WRITERS = {
    DECISIONS: {"worker"},
    STATES: {"worker"},
    POLICIES: {"worker", "operator"},
    RESOLUTIONS: {"desk", "hooks", "operator"},
    HANDOFFS: {"worker"},
    AGENT_EVENTS: {"agent", "executor", "worker", "operator"},
}


@pytest.mark.parametrize("topic", WRITERS)
def test_who_writes_what_decides(topic: str) -> None:
    assert {role for role in ROLES if Right("topic", topic, "Write") in rights_of(role)} == WRITERS[topic]


def test_agents_have_no_group_and_workers_and_hooks_have_theirs() -> None:
    groups = {role: [right for right in rights_of(role, "g", "h") if right.kind == "group"] for role in ROLES}
    assert {role: found for role, found in groups.items() if found} == {
        "worker": [Right("group", "g", "Read")],
        "operator": [Right("group", "g", "Describe")],
        "hooks": [Right("group", "h.", "Read", prefixed=True)],
    }


@pytest.mark.parametrize("role", ROLES)
def test_no_role_can_change_the_cluster_or_the_settings_of_a_topic(role: str) -> None:
    allowed = {"Read", "Write", "Describe", "DescribeConfigs", *(["Create"] if role == "operator" else [])}
    assert {right.operation for right in rights_of(role)} <= allowed
    assert {right.name for right in rights_of(role) if right.kind == "topic"} <= set(CATALOGUE)


def test_the_commands_are_kafkas_own() -> None:
    shown = CliRunner().invoke(main, ["acl", "hooks", "--bootstrap", "k:9093", "--principal", "User:CN=my hooks"])
    assert shown.exit_code == 0, shown.output
    first, *others = shown.output.splitlines()
    login = "--bootstrap-server k:9093 --command-config admin.properties"
    common = f"kafka-acls {login} --add --allow-principal 'User:CN=my hooks'"
    assert first == f"{common} --operation Read --group handrail-hooks. --resource-pattern-type prefixed"
    assert f"{common} --operation Read --operation Write --topic {RESOLUTIONS}" in others


def test_json_and_strimzi_say_the_same() -> None:
    printed = json.loads(CliRunner().invoke(main, ["acl", "worker", "--json", "--group", "g"]).output)
    user = yaml.safe_load(CliRunner().invoke(main, ["acl", "worker", "--strimzi", "mine", "--group", "g"]).output)
    assert user["metadata"] == {"name": "worker", "labels": {"strimzi.io/cluster": "mine"}}
    assert user["spec"]["authentication"] == {"type": "scram-sha-512"}
    acls = user["spec"]["authorization"]["acls"]
    flat = {
        (entry["resource"]["type"], entry["resource"]["name"], what) for entry in acls for what in entry["operations"]
    }
    assert flat == {(right["resource"], right["name"], right["operation"]) for right in printed["rights"]}
    assert ("group", "g", "Read") in flat


def test_missing_and_too_much_are_told_apart() -> None:
    needed = (Right("topic", "a", "Read"), Right("topic", "a", "Describe"), Right("topic", "b", "Write"))
    reads, more = Granted(needed[0], "User:x"), Granted(Right("topic", "c", "Read"), "User:x")
    everybody, from_one = Granted(needed[2], "User:*"), Granted(needed[2], "User:x", host="10.0.0.1")
    denied = Granted(needed[0], "User:x", denied=True)
    assert compare(needed, [reads]).missing == (needed[2],)
    assert compare(needed, [reads, from_one]).missing == (needed[2],)
    compared = compare(needed, [reads, more, everybody, denied])
    assert (compared.missing, compared.more, compared.denied) == ((), (more, everybody), (denied,))
    assert not compared.right
    assert compare(needed, [reads, Granted(needed[2], "User:x")]).right


def test_the_page_says_what_the_table_says() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    for name, role in ROLES.items():
        (row,) = re.findall(rf"^\| `{name}` \| (.+) \|$", page, re.MULTILINE)
        what, reads, writes, beside = row.split(" | ")
        assert what == role.what
        assert tuple(re.findall(r"`(\S+?)`", reads)) == role.reads
        assert tuple(re.findall(r"`(\S+?)`", writes)) == role.writes
        assert ("sees all topics" in beside) == (role.sees == tuple(CATALOGUE))
        assert ("creates" in beside, "group" in beside) == (bool(role.creates), bool(role.group or role.hooks))


def test_a_name_that_is_none_is_refused_and_its_value_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "handrail.yaml").write_text("security_protocol: SSL\n")
    for variable, name in (("HANDRAIL_KAFKA_PASSWORD", "kafka_password"), ("HANDRAIL_GROUP", "security_protocol")):
        monkeypatch.setenv(variable, "tiger-17")
        refused = CliRunner().invoke(main, ["acl", "agent"])
        assert refused.exit_code == 2
        assert refused.output.startswith(f"{name}: no such setting: use kafka_security_protocol, ")
        assert "tiger" not in refused.output
        monkeypatch.delenv(variable)


def test_exactly_alone_is_refused() -> None:
    refused = CliRunner().invoke(main, ["acl", "agent", "--exactly"])
    assert (refused.exit_code, "--exactly goes with --apply" in refused.output) == (2, True)
