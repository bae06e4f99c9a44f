"""What `clapboard remote` installs on a machine before it can send anything: rsync."""

import shutil
from contextlib import contextmanager

import empty_machine
import pytest

from clapboard.cloud.remote import NEEDS_RSYNC
from clapboard.cloud.ssh import Machine


def machine_of(machine, user):
    address = f"{user}@127.0.0.1"
    return Machine(address, ".", machine.port, str(machine.identity), str(machine.known_hosts))


def shell(machine, script):
    machine.run(["sh", "-c", script], inside=False)


@contextmanager
def without_sudo(machine):
    """As in containers, where everybody is root."""
    program = machine.root / "usr" / "bin" / "sudo"
    away = program.rename(program.with_name("sudo.away"))
    yield
    away.rename(program)


def install(machine, user):
    shell(machine_of(machine, user), NEEDS_RSYNC)


@pytest.mark.parametrize("user", ["root", empty_machine.USER])
def test_a_fresh_image_gets_it_by_root_and_by_sudo(machine, user, tmp_path, capfd):
    shell(machine_of(machine, "root"), "dpkg --purge rsync; ! command -v rsync")
    # Images come without lists of packages, or with old ones.
    lists = machine.root / "var" / "lib" / "apt" / "lists"
    shutil.rmtree(lists)
    lists.mkdir()
    if user == "root":
        with without_sudo(machine):
            install(machine, user)
    else:
        install(machine, user)
    assert "installing rsync" in capfd.readouterr().err
    machine_of(machine, user).fetch("/etc/apt", tmp_path / "here", [], screen=False)
    assert (tmp_path / "here" / "sources.list").exists()
    install(machine, user)
    assert "installing" not in capfd.readouterr().err
