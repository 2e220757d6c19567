"""`handrail desk users`."""

import json
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from handrail.cli.desk_users import users
from handrail.desk.web.security import SecuritySettings
from handrail.desk.web.security.users import User, Users, changing, read
from handrail.schemas.errors import ConfigError
from tests.unit.desk.security.served import OTHER_PASSWORD, PASSWORD, Browser, kept, served

FILE = Path("handrail-data/desk-users.json")


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(users, arguments, input=typed)


def add(user: str = "anna", *more: str) -> Result:
    return run("add", user, "--role", "agent", "--password-stdin", *more, typed=f"{PASSWORD}\n")


def test_a_user_is_added_logs_in_and_is_listed(elsewhere: Path) -> None:
    assert add("anna", "--role", "approver", "--name", "Anna B.").output == "anna: may log in (agent, approver)\n"
    with served(SecuritySettings.of({}), elsewhere / "handrail-data") as up, Browser(up.url) as one:
        assert one.login("anna").status_code == 303
        me = one.me()
        assert me is not None
        assert me["roles"] == ["agent", "approver", "reader"]
    assert run("list").output.split() == ["anna", "agent,", "approver", "Anna", "B."]
    assert json.loads(run("list", "--json").output) == [
        {"id": "anna", "name": "Anna B.", "roles": ["agent", "approver"]}
    ]


def test_only_the_owner_reads_the_file_and_no_password_is_in_it(elsewhere: Path) -> None:
    add()
    assert FILE.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in FILE.read_text()
    assert read(FILE)["anna"].password.startswith("$argon2id$")
    assert [path.name for path in FILE.parent.iterdir() if path.name != f"{FILE.name}.lock"] == [FILE.name]


def test_the_password_is_asked_for_twice_and_not_shown(elsewhere: Path) -> None:
    asked = run("add", "anna", "--role", "agent", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert asked.exit_code == 0
    assert PASSWORD not in asked.output
    differs = run("add", "ben", "--role", "agent", typed=f"{PASSWORD}\n{OTHER_PASSWORD}\n")
    assert differs.exit_code != 0
    assert set(read(FILE)) == {"anna"}


def test_another_password_and_removal_log_out_at_a_running_desk(elsewhere: Path) -> None:
    add()
    with served(SecuritySettings.of({}), elsewhere / "handrail-data") as up, Browser(up.url) as one:
        one.login("anna")
        assert run("password", "anna", "--password-stdin", typed=f"{OTHER_PASSWORD}\n").exit_code == 0
        assert one.me() is None
        assert one.login("anna", PASSWORD).status_code == 401
        assert one.login("anna", OTHER_PASSWORD).status_code == 303
        assert run("remove", "anna").output == "anna: may not log in any more\n"
        assert one.me() is None
        assert one.login("anna", OTHER_PASSWORD).status_code == 401


@pytest.mark.parametrize(
    ("arguments", "typed", "status", "line"),
    [
        (["add", "anna", "--role", "agent", "--password-stdin"], PASSWORD, 2, "anna: is there already: change the"),
        (
            ["add", "ben", "--role", "agent", "--password-stdin"],
            "short",
            2,
            "password: must have 12 to 1024 characters",
        ),
        (["add", "Ben", "--role", "agent", "--password-stdin"], PASSWORD, 2, "id: String should match pattern"),
        (["add", "oidc:ben", "--role", "agent", "--password-stdin"], PASSWORD, 2, "id: String should match pattern"),
        (["add", "ben", "--password-stdin"], PASSWORD, 2, "Missing option '--role'"),
        (["add", "ben", "--role", "boss"], PASSWORD, 2, "'boss' is not one of"),
        (["remove", "ben"], "", 1, "ben: is no local user"),
        (["password", "ben", "--password-stdin"], PASSWORD, 1, "ben: is no local user"),
        (["list", "--users", "broken.json"], "", 2, "broken.json: users: Field required: see `handrail desk users"),
    ],
)
def test_a_mistake_is_one_line(elsewhere: Path, arguments: list[str], typed: str, status: int, line: str) -> None:
    add()
    (elsewhere / "broken.json").write_text("{}")
    before = FILE.read_text()
    ended = run(*arguments, typed=f"{typed}\n")
    assert ended.exit_code == status
    assert line in ended.output
    assert "Traceback" not in ended.output
    assert FILE.read_text() == before


def test_nobody_is_told_how_to_add_somebody(elsewhere: Path) -> None:
    assert "no local users: add one with `handrail desk users add" in run("list").output


def test_two_at_once_lose_nobody(elsewhere: Path) -> None:
    threads = [threading.Thread(target=add_one, args=(f"user{n}",)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(read(FILE)) == 8


def add_one(user: str) -> None:
    with changing(FILE) as found:
        found[user] = User(id=user, name=user, roles=["agent"], password=kept(PASSWORD))


def test_a_change_that_fails_leaves_the_file_as_it_was(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add()
    before = FILE.read_text()
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    ended = add("ben")
    assert (ended.exit_code, "No space left on device" in ended.output) == (2, True)
    assert FILE.read_text() == before
    assert not [path for path in FILE.parent.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"users": [{"id": "a", "name": "A", "roles": ["agent"], "password": "plain text"}]}',
        '{"users": [{"id": "a", "name": "A", "roles": [], "password": "$argon2id$x"}]}',
        '{"users": [{"id": "a", "name": "A", "roles": ["agent"], "password": "$argon2id$x", "admin": true}]}',
        '{"users": [{"id": "a", "name": "A", "roles": ["agent"], "password": "$argon2id$x"}, '
        '{"id": "a", "name": "B", "roles": ["admin"], "password": "$argon2id$x"}]}',
    ],
    ids=["empty", "a list", "plain password", "no role", "unknown key", "twice"],
)
def test_a_file_that_is_not_right_is_refused_whole(elsewhere: Path, text: str) -> None:
    path = elsewhere / "u.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"u\.json: "):
        Users(path).now()


def test_what_is_wrong_with_a_file_does_not_show_its_hashes(elsewhere: Path) -> None:
    path = elsewhere / "u.json"
    path.write_text('{"users": [{"id": "A B", "name": "A", "roles": ["agent"], "password": "$argon2id$secret"}]}')
    path.chmod(0o600)
    with pytest.raises(ConfigError) as found:
        read(path)
    assert "secret" not in str(found.value)
