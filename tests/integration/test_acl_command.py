"""`handrail acl` at brokers that have no authorizer: it says so, and never that rights are set."""

import asyncio

import pytest
from click.testing import CliRunner

from handrail.acl import acls
from handrail.acl.roles import rights_of
from handrail.cli import main
from handrail.kafka.allowed import lacking
from handrail.kafka.cluster import Cluster


@pytest.mark.kafka
def test_the_embedded_broker_keeps_no_rights(embedded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acls, "SEEN_S_MAX", 0.2)
    done = CliRunner().invoke(main, ["acl", "agent", "--apply", "--bootstrap", embedded])
    assert done.exit_code == 2, done.output
    assert "added" not in done.output.replace("what was added", "")
    assert len(done.output.splitlines()) == 1


@pytest.mark.kafka
@pytest.mark.apache
def test_without_an_authorizer_everybody_may_do_everything(apache: str) -> None:
    done = CliRunner().invoke(main, ["acl", "agent", "--check", "--bootstrap", apache])
    why = "has no authorizer, so that everybody may do everything: set authorizer.class.name in its brokers"
    assert (done.exit_code, done.output) == (2, f"broker {apache}: {why}\n")
    assert asyncio.run(lacking(Cluster(apache), [one for one in rights_of("worker") if one.kind == "group"])) == ()
