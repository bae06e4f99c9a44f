"""A machine over ssh: commands and copies, with host-key checking and without a shell in between.

ssh hands a command to the shell of the other side as one text, so every word is quoted. Nothing is
forwarded: no agent, no port, no window.

Nothing waits for ever: a machine that says nothing is given up by ssh (while it connects, and after
a minute without a sign of life), a copy that stands still by rsync, a step that does not end by us.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

from clapboard.problems import InputError, Problem

ADDRESS = re.compile(
    r"((?:[A-Za-z_][A-Za-z0-9_.-]*@)?)(?:([A-Za-z0-9_][A-Za-z0-9_.-]*)|(\[?)([0-9A-Fa-f:.]+)(\]?))",
    re.ASCII,
)
"""User, and either a name (or number of four parts), or an IPv6 number with or without brackets."""

LOST = 255
"""Exit status of ssh itself: no connection, or a lost one."""

STEP_SECONDS = 1800
"""Most that one step of the preparation may take there; the longest installs a package."""

STILL_SECONDS = 300
"""So long may a copy stand still; there is no limit to how long it may go on."""

STOOD_STILL = (30, 35)
"""Exit statuses of rsync for that."""

OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "ConnectTimeout=20",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
)

IN_FOLDER = 'cd -- "$1" && shift && exec "$@"'


@dataclass(frozen=True)
class Machine:
    """Where to connect to, and the folder to work in there.

    Attributes:
        address: ``user@host``, or a name from ``~/.ssh/config``; IPv6 with or without brackets.
        folder: absolute, or below the user's home.
        port: of the ssh server; None as configured.
        identity: file with the private key; None as configured.
        known_hosts: file with the keys of hosts; None as configured.

    Raises:
        InputError: the address could be taken for something else.
    """

    address: str
    folder: str
    port: int | None = None
    identity: str | None = None
    known_hosts: str | None = None

    def __post_init__(self) -> None:
        _parts(self.address)

    @property
    def ssh(self) -> list[str]:
        """The program and its options."""
        words = ["ssh", "-T"]
        for option in OPTIONS:
            words += ["-o", option]
        if self.port is not None:
            words += ["-p", str(self.port)]
        if self.identity is not None:
            words += ["-i", str(Path(self.identity).absolute()), "-o", "IdentitiesOnly=yes"]
        if self.known_hosts is not None:
            # ssh takes blanks for the end of a name unless there are quotes, and % for a token.
            known = str(Path(self.known_hosts).absolute()).replace("%", "%%")
            words += ["-o", f'UserKnownHostsFile="{known}"', "-o", "GlobalKnownHostsFile=none"]
        return words

    def command(self, words: Sequence[str], *, inside: bool = True) -> list[str]:
        """The command line that runs `words` there, in the folder or in the user's home."""
        if inside:
            words = ["sh", "-c", IN_FOLDER, "sh", self.folder, *words]
        return [*self.ssh, "--", "".join(_parts(self.address)), shlex.join(words)]

    def run(
        self,
        words: Sequence[str],
        *,
        inside: bool = True,
        limit: float = STEP_SECONDS,
        text: str = "",
    ) -> None:
        """Run `words` there, which read `text`; output on the screen, for at most `limit` seconds.

        Raises:
            InputError: there is no connection, the command failed, or it did not end.
        """
        self._check(self._call(self.command(words, inside=inside), limit, text))

    def has(self, path: str) -> bool:
        """Whether there is a folder of this path there.

        Raises:
            InputError: there is no connection, or no answer.
        """
        done = self._call(self.command(["test", "-d", path]), STEP_SECONDS)
        if done.returncode == LOST:
            self._check(done)
        return done.returncode == 0

    def send(self, files: Iterable[str], screen: bool) -> None:
        """Bring files of the working directory to the folder, under the same relative names.

        Raises:
            InputError: there is no connection, or a file could not be sent.
        """
        # In a list rsync takes a name that begins with # or ; for a comment.
        names = "\0".join(f"./{file}" for file in files).encode("utf-8", "surrogateescape")
        words = [*self._rsync(screen), "--copy-links", "--from0", "--files-from=-", "./"]
        self._check(subprocess.run([*words, self._remote(self.folder)], input=names))

    def fetch(self, path: str, into: Path, options: Sequence[str], screen: bool) -> None:
        """Bring what is in a folder there into a folder here.

        Raises:
            InputError: there is no connection, or a file could not be fetched.
        """
        source = self._remote(path if Path(path).is_absolute() else f"{self.folder}/{path}")
        into.mkdir(parents=True, exist_ok=True)
        words = [*self._rsync(screen), *options, source, f"{into.absolute()}/"]
        self._check(subprocess.run(words, stdin=subprocess.DEVNULL))

    def _call(
        self, words: Sequence[str], limit: float, text: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        data = text.encode("utf-8", "surrogateescape")
        try:
            return subprocess.run(words, input=data, check=False, timeout=limit)
        except subprocess.TimeoutExpired:
            message = f"a step there did not end within {limit:,.0f} seconds"
            remedy = "Log in and look what it waits for, then run it again."
            problem = Problem("remote", message, remedy, value=self.address)
            raise InputError([problem]) from None

    def _rsync(self, screen: bool) -> list[str]:
        # rsync splits the remote shell at blanks, and knows quotes, which are doubled inside.
        shell = " ".join("'{}'".format(word.replace("'", "''")) for word in self.ssh)
        # -s: the other shell sees no path. Its long name is not the same in all versions.
        words = ["rsync", "--archive", "-s", "--partial-dir=.rsync-partial"]
        words.append(f"--timeout={STILL_SECONDS}")
        return [*words, *(["--info=progress2"] if screen else []), "--rsh", shell]

    def _remote(self, path: str) -> str:
        user, host = _parts(self.address)
        # Here brackets tell the colons of a number from that before the path; ssh wants none.
        machine = f"{user}[{host}]" if ":" in host else f"{user}{host}"
        # A relative path that begins with a dash or holds a colon is still a path.
        return f"{machine}:{path if path.startswith('/') else f'./{path}'}/"

    def _check(self, done: subprocess.CompletedProcess[bytes]) -> None:
        if done.returncode == 0:
            return
        if done.returncode == LOST:
            message = "there is no connection (ssh says why, above)"
            remedy = "Check address and key; the machine's host key must be known (docs/ec2.md)."
        elif done.args[0] == "rsync" and done.returncode in STOOD_STILL:
            message = f"the copy stood still for {STILL_SECONDS} seconds"
            remedy = "Run it again: it goes on where it stopped."
        else:
            message = f"a step there ended with status {done.returncode} (it says why, above)"
            remedy = "Correct that and run it again: it goes on where it stopped."
        raise InputError([Problem("remote", message, remedy, value=self.address)])


def _parts(address: str) -> tuple[str, str]:
    """User (with its at sign, or empty) and host (IPv6 without brackets) of an address.

    Raises:
        InputError: it is none.
    """
    if found := ADDRESS.fullmatch(address):
        user, name, opened, number, closed = found.groups()
        if name is not None:
            return user, name
        if bool(opened) == bool(closed) and _is_ipv6(number):
            return user, number
    message = "this is no address of a machine"
    remedy = "Write user@host; a port is named by --port."
    raise InputError([Problem("bad-address", message, remedy, value=address)])


def _is_ipv6(number: str) -> bool:
    try:
        IPv6Address(number)
    except ValueError:
        return False
    return True
