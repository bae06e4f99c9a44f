"""A real ssh server on loopback, with a host key and an authorized key of its own."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
START_SECONDS = 30


def missing():
    """Why there can be no server here; empty if there can."""
    absent = [program for program in ("ssh", "ssh-keygen", "rsync") if not shutil.which(program)]
    absent += [] if SSHD else ["sshd"]
    if absent:
        return f"not installed: {', '.join(absent)} (apt-get install openssh-server rsync)"
    return ""


def make_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class Server:
    """Started by `with`; the user who runs the tests may log in, with one key.

    Args:
        folder: for keys and log.
        host: the address of loopback on which it listens.

    Attributes:
        options: of `clapboard remote`, to reach it.
    """

    def __init__(self, folder, host="127.0.0.1"):
        self.folder, self.host = Path(folder), host
        self.folder.mkdir(parents=True)
        with socket.create_server((host, 0), family=family(host)) as probe:
            self.port = probe.getsockname()[1]
        self.address = f"{getpass.getuser()}@{host}"
        self.identity = make_key(self.folder / "user key")
        self.host_key = make_key(self.folder / "host key")
        self.known_hosts = self.remember(self.host_key, self.folder / "known hosts")
        shutil.copy(self.folder / "user key.pub", self.folder / "authorized keys")
        self.config = self.folder / "sshd_config"
        self.config.write_text(
            f"Port {self.port}\n"
            f"ListenAddress {host}\n"
            f'HostKey "{self.host_key}"\n'
            f'AuthorizedKeysFile "{self.folder}/authorized keys"\n'
            "PidFile none\n"
            "UsePAM no\n"
            "StrictModes no\n"
            "PasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\n"
        )
        self.process = None

    def remember(self, key, known_hosts):
        """Write a file of known hosts that has this key for the server."""
        kind, text = Path(f"{key}.pub").read_text().split()[:2]
        known_hosts.write_text(f"[{self.host}]:{self.port} {kind} {text}\n")
        return known_hosts

    @property
    def options(self):
        words = ["--port", self.port, "--identity", self.identity]
        return [*map(str, words), "--known-hosts", str(self.known_hosts)]

    def __enter__(self):
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", self.config], stdin=subprocess.DEVNULL, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.1)

    def __exit__(self, *_):
        """End the server; what runs there goes on, as after a lost connection."""
        self.hang_up()
        self.process.terminate()
        self.process.wait(timeout=30)

    def connections(self):
        """Process ids of all connections."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in children.read_text().split()] if children.exists() else []

    def hang_up(self):
        """Kill all connections, and only those; how many there were."""
        found = self.connections()
        for process in found:
            os.kill(process, signal.SIGKILL)
        return len(found)
