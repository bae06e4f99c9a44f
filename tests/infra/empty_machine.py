"""An empty Debian that one can log in to: own mount, process and host name spaces, a real sshd.

Network is this machine's, since packages are installed in it; its sshd listens on loopback only.
The disks of this machine are not there: what makes file systems on blank disks is tried on it.
"""

import os
import re
import shutil
import socket
import stat
import subprocess
import time
from pathlib import Path

import sshd

PROGRAMS = ["debootstrap", "unshare", "losetup", "mkfs.ext4"]
SOURCES = [Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")]
USER = "lab"
NAME = "empty"
START_SECONDS = 60

# What becomes process 1 of the machine. `exec`: it ends with its server.
BOOT = """
set -eu
name=$1 root=$2
hostname "$name"
for one in full null random tty urandom zero; do
    [ -e "$root/dev/$one" ] || : >"$root/dev/$one"
    mount --bind "/dev/$one" "$root/dev/$one"
done
mount -t devpts -o newinstance,gid=5,mode=620,ptmxmode=666 devpts "$root/dev/pts"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/run/sshd"
exec chroot "$root" /usr/sbin/sshd -D -e -f /etc/ssh/sshd_config.test
"""

# In place of lsblk, which learns of the disks of this machine from /sys. It says of the disks of a
# test, which are loop devices, that they are disks.
LSBLK = """#!/bin/sh
case $# in 0) ;; *) for last; do :; done ;; esac
case ${last-} in
    /dev/*) ;;
    *) set -- "$@" $(find /dev -type b); case $* in */dev/*) ;; *) exit 0 ;; esac ;;
esac
/usr/bin/lsblk "$@" | sed 's/ loop$/ disk/'
"""


def mirror():
    """The Debian mirror that this machine uses; empty if it uses none."""
    for path in SOURCES:
        if path.exists():
            found = re.search(r"^(?:URIs:|deb )\s*(\S+/debian)/?(\s|$)", path.read_text(), re.M)
            if found:
                return found[1]
    return ""


def missing():
    """Why there can be no such machine here; empty if there can."""
    if os.geteuid() != 0:
        return "only root can make an empty machine"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    absent = [program for program in PROGRAMS if not shutil.which(program, path=path)]
    if absent:
        return f"not installed: {', '.join(absent)} (apt-get install debootstrap)"
    return sshd.missing() or ("" if mirror() else "apt knows no Debian mirror")


def install(root):
    """Debian with nothing but what its images have to let somebody in."""
    subprocess.run(
        [
            "debootstrap",
            "--variant=minbase",
            "--include=openssh-server,sudo,ca-certificates",
            "bookworm",
            root,
            mirror(),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=1200,
    )
    for name in ("resolv.conf", "hosts", "pip.conf", "ssl/certs/ca-certificates.crt"):
        if Path("/etc", name).exists():
            shutil.copy(Path("/etc", name), root / "etc" / name)
    with (root / "etc" / "hosts").open("a") as hosts:
        hosts.write(f"\n127.0.0.1 {NAME}\n")
    # `*`: no password, which is not the same as a locked account.
    words = ["useradd", "--create-home", "--shell", "/bin/bash", "--password", "*", USER]
    subprocess.run(["chroot", root, *words], check=True)
    (root / "etc" / "sudoers.d" / USER).write_text(f"{USER} ALL=(ALL) NOPASSWD:ALL\n")
    lsblk = root / "usr" / "local" / "bin" / "lsblk"
    lsblk.write_text(LSBLK)
    lsblk.chmod(0o755)


class Machine(sshd.Server):
    """Started by `with`; ended with everything that runs on it.

    Args:
        folder: for its root, and for the keys on this side.
    """

    def __init__(self, folder):
        super().__init__(folder)
        self.root = self.folder / "root"
        self.root.mkdir()
        install(self.root)
        etc = self.root / "etc" / "ssh"
        shutil.copy(self.host_key, etc / "host")
        shutil.copy(self.folder / "authorized keys", etc / "authorized")
        names = [name for name in os.environ if name.startswith(("PIP_", "UV_", "SSL_CERT_"))]
        known = " ".join(f'{name}="{os.environ[name]}"' for name in sorted(names))
        text = self.config.read_text()
        text = re.sub(r'HostKey ".*"', "HostKey /etc/ssh/host", text)
        text = re.sub(r'AuthorizedKeysFile ".*"', "AuthorizedKeysFile /etc/ssh/authorized", text)
        text += "PermitRootLogin yes\n" + (f"SetEnv {known}\n" if known else "")
        (etc / "sshd_config.test").write_text(text)

    def __enter__(self):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child"],
                    *["--propagation", "private"],
                    *["bash", "-c", BOOT, "boot", NAME, self.root],
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.1)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(timeout=60)


class Disk:
    """A disk that is a file, and while in `with` one of a machine's, which has no others.

    Attributes:
        device: its name there, and here.
    """

    def __init__(self, machine, path, megabytes=64):
        self.root, self.path = machine.root, Path(path)
        with self.path.open("wb") as file:
            file.truncate(megabytes * 2**20)

    def __enter__(self):
        words = ["losetup", "--find", "--show", self.path]
        self.device = subprocess.run(
            words, capture_output=True, text=True, check=True
        ).stdout.strip()
        try:
            number = Path(self.device).stat().st_rdev
            os.mknod(self.node, stat.S_IFBLK | 0o660, number)
        except OSError:
            self._detach()
            raise
        return self

    def __exit__(self, *_):
        self.node.unlink()
        self._detach()

    @property
    def node(self):
        return self.root / self.device.removeprefix("/")

    def _detach(self):
        subprocess.run(["losetup", "--detach", self.device], check=True)
