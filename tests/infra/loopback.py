"""Who listens where, and a network that has nothing but loopback."""

import contextlib
import ctypes
import fcntl
import ipaddress
import os
import socket
import struct
from pathlib import Path

CLONE_NEWNET = 0x40000000
LISTEN = "0A"
SIOCSIFFLAGS, IFF_UP, SIOCSIFADDR = 0x8914, 0x1, 0x8916
LIBC = ctypes.CDLL(None, use_errno=True)


def listeners(process):
    """(address, port) of every TCP socket on which a process listens."""
    inodes = set()
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(str(descriptor.readlink()).removeprefix("socket:[").rstrip("]"))
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN and fields[9] in inodes:
                    address, port = fields[1].split(":")
                    found.add((_address(address), int(port, 16)))
    return found


def _address(text):
    """The kernel writes words of four bytes, each in the order of this machine."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return getattr(address, "ipv4_mapped", None) or address


def elsewhere(processes):
    """What processes listen on besides loopback."""
    return {
        (process, str(address), port)
        for process in processes
        for address, port in listeners(process)
        if not address.is_loopback
    }


def named(*names):
    """Processes by the names of their programs."""
    found = []
    for file in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if file.read_text().strip() in names:
                found.append(int(file.parent.name))
    return found


def _call(function, *arguments):
    if function(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def nothing_but_loopback():
    """Let this thread and all that it starts have no network interface but loopback.

    Raises:
        OSError: it takes the rights of root, and they are lacking.
    """
    outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _call(LIBC.unshare, CLONE_NEWNET)
        with socket.socket() as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
            # Where 127.0.0.1 is the only address, programs that ask for those in use find no name.
            second = struct.pack("16sH2x4s8x", b"lo:1", socket.AF_INET, b"\x7f\0\0\2")
            fcntl.ioctl(any_socket, SIOCSIFADDR, second)
        try:
            yield
        finally:
            _call(LIBC.setns, outside, CLONE_NEWNET)
    finally:
        os.close(outside)
