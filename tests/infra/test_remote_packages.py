"""What `clapboard remote` installs on a machine before it can send anything: rsync."""

import shutil
from contextlib import contextmanager

import empty_machine
import pytest

from clapboard.cloud.remote import NEEDS_RSYNC
from clapboard.cloud.ssh import Machine


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    reason = empty_machine.missing()
    if reason:
        pytest.skip(reason)
    with empty_machine.Machine(tmp_path_factory.mktemp("machine") / "empty") as empty:
        yield empty


def machine_of(empty, user):
    address = f"{user}@127.0.0.1"
    return Machine(address, ".", empty.port, str(empty.identity), str(empty.known_hosts))


def shell(machine, script):
    machine.run(["sh", "-c", script], inside=False)


@contextmanager
def without_sudo(empty):
    """As in containers, where everybody is root."""
    program = empty.root / "usr" / "bin" / "sudo"
    away = program.rename(program.with_name("sudo.away"))
    yield
    away.rename(program)


def install(empty, user):
    shell(machine_of(empty, user), NEEDS_RSYNC)


@pytest.mark.parametrize("user", ["root", empty_machine.USER])
def test_a_fresh_image_gets_it_by_root_and_by_sudo(empty, user, tmp_path, capfd):
    shell(machine_of(empty, "root"), "dpkg --purge rsync; ! command -v rsync")
    # Images come without lists of packages, or with old ones.
    lists = empty.root / "var" / "lib" / "apt" / "lists"
    shutil.rmtree(lists)
    lists.mkdir()
    if user == "root":
        with without_sudo(empty):
            install(empty, user)
    else:
        install(empty, user)
    assert "installing rsync" in capfd.readouterr().err
    machine_of(empty, user).fetch("/etc/apt", tmp_path / "here", [], screen=False)
    assert (tmp_path / "here" / "sources.list").exists()
    install(empty, user)
    assert "installing" not in capfd.readouterr().err
