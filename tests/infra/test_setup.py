"""cloud/setup.sh on an empty Debian, and what it does to disks."""

import hashlib
import json
import shlex
import shutil
import struct
import subprocess
import zlib
from contextlib import ExitStack, contextmanager
from pathlib import Path

import empty_machine
import pytest
from empty_machine import Disk
from project import make_project

from clapboard.cloud.node import node_words
from clapboard.settings.config import CONFIG_FILE

ROOT = Path(__file__).parents[2]
FILES = ["cloud/setup.sh", "cloud/data_disk.sh", "cloud/session.sh"]
METRICS = "results/models/cnn/metrics.json"


@pytest.fixture
def disk(machine, tmp_path):
    with disk_of(machine, tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
def other(machine, tmp_path):
    with disk_of(machine, tmp_path / "other") as disk:
        yield disk


@contextmanager
def disk_of(machine, path):
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(Disk(machine, path))
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no loop devices here: {error}")
        yield disk


def ssh(machine, command, user=empty_machine.USER):
    """Run a line of shell there; (status, all that was said, in the order in which it was said)."""
    words = ["ssh", "-T", "-p", str(machine.port), "-i", machine.identity]
    words += ["-o", "BatchMode=yes", "-o", f'UserKnownHostsFile="{machine.known_hosts}"']
    done = subprocess.run(
        [*words, f"{user}@127.0.0.1", f"exec 2>&1; {command}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1500,
    )
    return done.returncode, done.stdout


@pytest.fixture(autouse=True)
def nothing_stays_mounted(machine, request):
    # After the test, and before its disks go.
    for name in {"disk", "other"} & {*request.fixturenames}:
        request.getfixturevalue(name)
    yield
    ssh(machine, "umount /data; rm -rf --one-file-system /data", "root")


@pytest.fixture
def with_mkfs(machine):
    assert ssh(machine, "command -v mkfs.ext4 || sudo apt-get install -q -y e2fsprogs")[0] == 0


def data_disk(machine, *words):
    return ssh(machine, f"sudo bash project/cloud/data_disk.sh {' '.join(words)}")


@pytest.fixture(scope="module")
def project(machine):
    """The scripts, with an environment that is made at once."""
    folder = machine.root / "home" / empty_machine.USER / "project"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "Makefile").write_text("env:\n\t@echo environment GPU=$(GPU)\n")
    hand_over(machine)
    return folder


def hand_over(machine):
    """Let what was put into the home of the user be the user's."""
    status, screen = ssh(
        machine, f"chown -R {empty_machine.USER}: /home/{empty_machine.USER}", "root"
    )
    assert status == 0, screen


@pytest.fixture
def checkout(machine):
    """What is tracked of the repository, and a little project in it."""
    folder = machine.root / "home" / empty_machine.USER / "checkout"
    make_project(folder)
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in tracked.stdout.split("\0")[:-1]:
        if not (folder / name).exists():  # the project has its own configuration and table
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    hand_over(machine)
    return folder


def test_an_empty_machine_is_made_ready(machine, project, disk):
    assert ssh(machine, "command -v make rsync python3")[0] != 0, "it is not empty"
    status, screen = ssh(
        machine, f"DATA_DISK={disk.device} project/cloud/setup.sh echo and 'it runs'"
    )
    assert status == 0, screen
    assert screen.endswith("environment GPU=0\nand it runs\n")
    assert ssh(machine, "command -v make rsync git && python3 -m venv --help")[0] == 0
    assert ssh(machine, "sudo findmnt -no FSTYPE,LABEL /data")[1].split() == ["ext4", "clapboard"]
    assert ssh(machine, "echo mine > project/results/x && cat /data/clapboard/results/x")[0] == 0

    # A second time, as after a restart of the machine: nothing is installed, made or lost.
    assert ssh(machine, "sudo umount /data")[0] == 0
    status, screen = ssh(machine, f"DATA_DISK={disk.device} project/cloud/setup.sh cat results/x")
    assert status == 0, screen
    assert screen.endswith("mine\n")
    assert "installing" not in screen
    assert "making a file system" not in screen
    assert ssh(machine, "cat project/results/x") == (0, "mine\n")
    assert ssh(machine, "grep -c LABEL=clapboard /etc/fstab") == (0, "1\n")
    # It is found by its label, without being named, and a mounted one stays.
    assert ssh(machine, "sudo umount /data")[0] == 0
    for _ in range(2):
        assert data_disk(machine, "/data")[0] == 0
        assert ssh(machine, "cat project/results/x") == (0, "mine\n")
    assert ssh(machine, "sudo umount /data")[0] == 0


@pytest.mark.parametrize("disk_again", [True, False])
def test_a_machine_that_was_stopped_and_has_lost_its_disk_begins_anew(
    machine, project, disk, disk_again
):
    def set_up(chosen):
        return ssh(machine, f"DATA_DISK={chosen} project/cloud/setup.sh sh -c 'echo > results/x'")

    assert ssh(machine, "rm -rf project/results project/.snakemake")[0] == 0
    status, screen = set_up(disk.device)
    assert status == 0, screen
    assert ssh(machine, "sudo umount /data")[0] == 0
    blank = f"sudo dd if=/dev/zero of={disk.device} bs=1M count=64 conv=fsync"
    assert ssh(machine, blank)[0] == 0
    assert ssh(machine, "ls project/results/")[0] != 0
    status, screen = set_up(disk.device if disk_again else "none")
    assert status == 0, screen
    assert "/data/clapboard/results is gone with its disk" in screen
    assert ssh(machine, "mountpoint -q /data")[0] == (0 if disk_again else 32)
    assert ssh(machine, "ls project/results/ && touch project/.snakemake/x") == (0, "x\n")
    # What somebody else has linked is not ours to make.
    assert ssh(machine, "rm project/results; ln -s /nowhere/results project/results")[0] == 0
    assert set_up("none")[0] != 0
    assert ssh(machine, "rm project/results; ls /nowhere")[0] != 0


OTHER_PYTHON = """
for name in python3 python3.11; do
    printf '#!/bin/sh\\nexit 1\\n' >/usr/local/bin/$name
    chmod +x /usr/local/bin/$name
done
: >/tmp/nothing
echo 'Dir::State::status "/tmp/nothing";' >/etc/apt/apt.conf.d/99nothing
rm -rf /var/lib/apt/lists/*
"""


def test_python_is_looked_for_in_lists_that_are_fetched_first(machine, project):
    """As on Ubuntu 22.04, whose python3 is too old, with all packages and no list of any.

    Of what is installed apt knows without a list, so that this too is hidden from it.
    """
    assert ssh(machine, "DATA_DISK=none project/cloud/setup.sh")[0] == 0
    try:
        assert ssh(machine, OTHER_PYTHON, "root")[0] == 0
        assert ssh(machine, "apt-cache show python3.11")[0] != 0
        status, screen = ssh(machine, "DATA_DISK=none project/cloud/setup.sh")
    finally:
        ssh(machine, "rm /usr/local/bin/python3* /etc/apt/apt.conf.d/99nothing", "root")
    assert status == 0, screen
    assert "environment GPU=0" in screen


def test_the_real_environment_is_made_and_trains(machine, checkout):
    """The lock as it is installed on a machine without anything, and the command of rented ones."""
    words = shlex.join(node_words(CONFIG_FILE, [METRICS]))
    status, screen = ssh(machine, f"DATA_DISK=none checkout/cloud/setup.sh {words}")
    assert status == 0, screen[-5000:]
    assert "environment ready in .venv (cpu, Python 3.11" in screen
    assert json.loads((checkout / METRICS).read_text())["recordings"] == ["S3C1", "S3C2"]


def digest(disk):
    return hashlib.file_digest(disk.path.open("rb"), "sha256").hexdigest()


LVM_SEED = 0xF597A6CF


def raid(place):
    """The mark of Linux's RAID, version 1: at 4 kB (1.2), or 8 kB before the end (1.0)."""
    mark = bytearray(256)
    mark[:8] = struct.pack("<II", 0xA92B4EFC, 1)
    mark[144:152] = struct.pack("<Q", place // 512)
    return place, mark


def lvm():
    """The label of a physical volume; its checksum is over all behind itself."""
    label = struct.pack("<I8s", 32, b"LVM2 001") + b"a" * 32
    label = label.ljust(512 - 20, b"\0")
    checksum = zlib.crc32(label, LVM_SEED ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
    return 512, b"LABELONE" + struct.pack("<QI", 1, checksum) + label


SIZE = 64 * 2**20
PARTITION = bytes([0, 0, 2, 0, 0x83, 0, 0, 0]) + struct.pack("<II", 2048, 16384)
WRITTEN = {
    "partitions": (446, PARTITION + bytes(48) + b"\x55\xaa"),
    "linux_raid_member": raid(4096),
    "linux_raid_member at the end": raid(SIZE - 8192),
    "LVM2_member": lvm(),
    "crypto_LUKS": (0, b"LUKS\xba\xbe\0\1aes".ljust(1024, b"\0")),
    "a byte at the beginning": (3_000_000, b"x"),
    "a byte at the end": (SIZE - 5, b"x"),
}


def marked(disk, kind):
    """Put something onto a disk that must stay."""
    if kind == "file system":
        subprocess.run(["mkfs.ext4", "-q", disk.path], check=True)
    elif kind == "swap":
        subprocess.run(["mkswap", "-q", disk.path], check=True, stdout=subprocess.DEVNULL)
    else:
        place, data = WRITTEN[kind]
        with disk.path.open("r+b") as file:
            file.seek(place)
            file.write(data)


@pytest.mark.parametrize("kind", ["file system", "swap", *WRITTEN])
def test_a_disk_with_anything_on_it_is_left_alone(machine, project, with_mkfs, disk, kind):
    marked(disk, kind)
    before = digest(disk)
    status, screen = data_disk(machine, "/data", disk.device)
    assert status == 1
    assert f"{disk.device} is left alone" in screen
    # That a mark is known as one, and not for its bytes alone.
    assert ("mark" in screen) == ("a byte" not in kind), screen
    named = kind.partition(" ")[0]
    if "_" in named:
        assert f'TYPE="{named}"' in ssh(machine, f"sudo blkid -p {disk.device}")[1]
    # Nor is it when it is the only one there is.
    assert data_disk(machine, "/data") == (3, "")
    assert digest(disk) == before
    assert ssh(machine, "mountpoint -q /data")[0] != 0


def test_the_one_blank_disk_is_found_beside_one_that_is_not(
    machine, project, with_mkfs, disk, other
):
    marked(disk, "LVM2_member")
    before = digest(disk)
    status, screen = data_disk(machine, "/data")
    assert status == 0, screen
    assert f"making a file system on {other.device}, which is blank" in screen
    assert ssh(machine, "sudo findmnt -no SOURCE,LABEL /data")[1].split() == [
        other.device,
        "clapboard",
    ]
    assert digest(disk) == before


def test_of_several_blank_disks_none_is_taken_until_one_is_named(
    machine, project, with_mkfs, disk, other
):
    before = [digest(disk), digest(other)]
    status, screen = data_disk(machine, "/data")
    assert status == 3
    assert "several disks are blank" in screen
    assert disk.device in screen
    assert other.device in screen
    assert [digest(disk), digest(other)] == before
    status, screen = data_disk(machine, "/data", other.device)
    assert status == 0, screen
    assert ssh(machine, "sudo findmnt -no SOURCE /data")[1].split() == [other.device]
    assert digest(disk) == before[0]


def set_up_without_disk(machine, *words):
    """What setup.sh says where there is none to be used; results stay where they are."""
    assert ssh(machine, "rm -rf project/results project/.snakemake")[0] == 0
    status, screen = ssh(machine, f"project/cloud/setup.sh {' '.join(words)}")
    assert status == 0, screen
    assert ssh(machine, "ls -d project/results project/.snakemake")[0] != 0
    return screen


def test_a_folder_with_something_in_it_is_not_hidden_by_a_disk(machine, project, with_mkfs, disk):
    film = "/data/videos/S1/1.mp4"
    assert ssh(machine, f"install -D /etc/hostname {film}", "root")[0] == 0
    fstab = ssh(machine, "cat /etc/fstab")
    for labelled in (False, True):
        if labelled:
            subprocess.run(["mkfs.ext4", "-q", "-L", "clapboard", disk.path], check=True)
        before = digest(disk)
        status, screen = data_disk(machine, "/data")
        assert status == 3
        assert f"/data is not empty, and {disk.device} there would hide" in screen
        assert data_disk(machine, "/data", disk.device) == (1, screen)
        assert "/data is not empty" in set_up_without_disk(machine, "ls", film)
        assert ssh(machine, "mountpoint -q /data")[0] != 0
        assert digest(disk) == before
    assert ssh(machine, "cat /etc/fstab") == fstab, "nor at the next start"


def test_folders_of_a_start_without_the_disk_do_not_keep_it_away(machine, with_mkfs, disk):
    """Such as `cloud/setup.sh` makes; there is nothing in them that the disk could hide."""
    assert (
        ssh(machine, "install -d /data/clapboard/results /data/clapboard/.snakemake", "root")[0]
        == 0
    )
    status, screen = data_disk(machine, "/data", disk.device)
    assert status == 0, screen
    assert ssh(machine, "findmnt -no LABEL /data", "root") == (0, "clapboard\n")
    assert ssh(machine, "umount /data", "root")[0] == 0


def test_what_is_mounted_there_already_is_used_as_it_is(machine, project, with_mkfs, disk):
    film = "/data/1.mp4"
    theirs = f"mkdir -p /data && mount -t tmpfs tmpfs /data && touch {film}"
    assert ssh(machine, theirs, "root")[0] == 0
    before = digest(disk)
    status, screen = data_disk(machine, "/data")
    assert status == 3
    assert "something else is mounted at /data" in screen
    assert data_disk(machine, "/data", disk.device) == (1, screen)
    assert "something else is mounted" in set_up_without_disk(machine, "ls", film)
    assert digest(disk) == before


def test_a_file_and_two_disks_with_the_label_are_refused(machine, project, disk, other):
    assert data_disk(machine, "/data", "/etc/hostname")[0] == 1
    for one in (disk, other):
        subprocess.run(["mkfs.ext4", "-q", "-L", "clapboard", one.path], check=True)
    status, screen = data_disk(machine, "/data")
    assert status == 1
    assert "several disks are labelled" in screen


def test_of_the_disks_of_this_machine_none_is_on_that_one(machine, disk):
    """Its root may make file systems on all that it sees."""
    assert ssh(machine, "find /dev -type b", "root") == (0, f"{disk.device}\n")
    for user in ("root", empty_machine.USER):
        seen = ssh(machine, "sudo lsblk -dpnro NAME,TYPE", user)
        assert seen == (0, f"{disk.device} disk\n")


def test_without_a_data_disk_everything_stays_where_it_is(machine, project):
    assert data_disk(machine, "/data") == (3, "")
