"""Nothing that the tests start listens on anything but loopback."""

import contextlib
import os
import socket
import subprocess
import sys

import faults
import imds
import loopback
import pytest
import skypilot
import sshd
from slurm import descendants


def test_a_server_on_all_interfaces_is_seen():
    code = "import socket, sys; s = socket.create_server(({!r}, 0)); print(1, flush=True); input()"
    with own_network():
        for address, seen in (("", 1), ("127.0.0.1", 0)):
            with subprocess.Popen(
                [sys.executable, "-c", code.format(address)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            ) as process:
                process.stdout.readline()
                assert len(loopback.listeners(process.pid)) == 1
                assert len(loopback.elsewhere([process.pid])) == seen
                process.stdin.close()


@contextlib.contextmanager
def own_network():
    """Nothing but loopback; the test is skipped where nobody may have that."""
    try:
        with loopback.nothing_but_loopback():
            yield
    except PermissionError as error:
        pytest.skip(f"no network of our own: {error}")


def test_in_a_network_of_loopback_there_is_no_other():
    before = socket.if_nameindex()
    with own_network():
        assert [name for _, name in socket.if_nameindex()] == ["lo"]
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname()).close()
    assert socket.if_nameindex() == before


def test_servers_of_the_tests(server, tmp_path):
    """SeaweedFS; and what is in the process of the tests: proxies, the metadata service."""
    with faults.Proxy(server.endpoint, lambda method, path: None), imds.Service():
        found = [server.process.pid, *descendants(server.process.pid), os.getpid()]
        assert sum(len(loopback.listeners(process)) for process in found) >= 6
        assert loopback.elsewhere(found) == set()


@pytest.mark.skipif(bool(sshd.missing()), reason=sshd.missing())
def test_sshd(tmp_path):
    with sshd.Server(tmp_path / "ssh") as server:
        assert loopback.listeners(server.process.pid)
        assert loopback.elsewhere([server.process.pid]) == set()


def test_an_empty_machine(machine):
    """Its network is this machine's, so what its sshd listens on can be reached from outside."""
    found = [machine.process.pid, *descendants(machine.process.pid)]
    ports = {port for process in found for _, port in loopback.listeners(process)}
    assert ports == {machine.port}
    assert loopback.elsewhere(found) == set()


@pytest.mark.skipif(bool(skypilot.missing()), reason=skypilot.missing())
def test_moto(tmp_path):
    with skypilot.Sky(tmp_path) as sky:
        found = [sky.moto.pid, *descendants(sky.moto.pid)]
        assert any(map(loopback.listeners, found))
        assert loopback.elsewhere(found) == set()
