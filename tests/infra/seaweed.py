"""A real S3 server (SeaweedFS) on loopback: a writer, a reader, and those who have a policy.

The policies are the documented ones, enforced by the server: docs/s3-policy.json, and what those of
the machines (cloud/*.json) say of S3.
"""

import json
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
WEED = ROOT / ".infra" / "bin" / "weed"
POLICIES = {
    "member": ROOT / "docs" / "s3-policy.json",
    "node": ROOT / "cloud" / "node-policy.json",
    "controller": ROOT / "cloud" / "controller-policy.json",
}

WRITER = {"AWS_ACCESS_KEY_ID": "LABKEY", "AWS_SECRET_ACCESS_KEY": "LABSECRET"}
READER = {"AWS_ACCESS_KEY_ID": "READKEY", "AWS_SECRET_ACCESS_KEY": "READSECRET"}
MEMBER = {"AWS_ACCESS_KEY_ID": "MEMBERKEY", "AWS_SECRET_ACCESS_KEY": "MEMBERSECRET"}
UPLOADER = {"AWS_ACCESS_KEY_ID": "UPKEY", "AWS_SECRET_ACCESS_KEY": "UPSECRET"}
"""A member with what docs/s3.md says to add for full-size frames that go up."""
NODE = {"AWS_ACCESS_KEY_ID": "NODEKEY", "AWS_SECRET_ACCESS_KEY": "NODESECRET"}
CONTROLLER = {"AWS_ACCESS_KEY_ID": "WATCHKEY", "AWS_SECRET_ACCESS_KEY": "WATCHSECRET"}
MEMBERS_BUCKET = "lab-with-policy"

START_SECONDS = 60


def identity(name, credentials, **rights):
    pair = {
        "accessKey": credentials["AWS_ACCESS_KEY_ID"],
        "secretKey": credentials["AWS_SECRET_ACCESS_KEY"],
    }
    return {"name": name, "credentials": [pair], **rights}


def policy(path, *added):
    """What a file of rights says of S3, for the members' bucket.

    Args:
        path: of the file.
        added: folders, to its last list but one.
    """
    document = json.loads(path.read_text().replace("YOUR-BUCKET", MEMBERS_BUCKET))
    if added:
        values = [value for statement in document["Statement"] for value in statement.values()]
        *_, resources, _ = [value for value in values if isinstance(value, list)]
        resources += [f"arn:aws:s3:::{MEMBERS_BUCKET}/{folder}" for folder in added]
    document["Statement"] = [
        statement
        for statement in document["Statement"]
        if all(action.startswith("s3:") for action in actions(statement))
    ]
    return json.dumps(document)


def actions(statement):
    """The actions of a statement, which may be a text or a list."""
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def free_ports(count):
    """Ports free on loopback, and so are the ones 10,000 above, which SeaweedFS takes for gRPC.

    All below those that the kernel gives to connections (from 32768), which would take one while
    the server is down.
    """
    found = []
    while len(found) < count:
        port = random.randrange(11000, 22000)
        try:
            for candidate in (port, port + 10000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", candidate))
        except OSError:
            continue
        if port not in found:
            found.append(port)
    return found


class Server:
    """The server, its data below a folder; may be killed and started again on the same data."""

    def __init__(self, folder):
        self.folder = Path(folder)
        (self.folder / "data").mkdir(parents=True)
        self.ports = free_ports(4)
        self.endpoint = f"http://127.0.0.1:{self.ports[3]}"
        identities = [
            identity("lab", WRITER, actions=["Admin", "Read", "List", "Tagging", "Write"]),
            identity("reader", READER, actions=["Read", "List"]),
            identity("member", MEMBER, policyNames=["member"]),
            identity("uploader", UPLOADER, policyNames=["uploader"]),
            identity("node", NODE, policyNames=["node"]),
            identity("controller", CONTROLLER, policyNames=["controller"]),
        ]
        contents = {name: policy(path) for name, path in POLICIES.items()}
        contents["uploader"] = policy(POLICIES["member"], "framedata/*")
        policies = [{"name": name, "content": text} for name, text in contents.items()]
        self.config = self.folder / "s3.json"
        self.config.write_text(json.dumps({"identities": identities, "policies": policies}))
        self.process = None

    def start(self):
        master, volume, filer, s3 = self.ports
        with (self.folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    WEED,
                    "-logtostderr=true",
                    "-v=0",
                    "server",
                    f"-dir={self.folder / 'data'}",
                    "-ip=127.0.0.1",
                    "-ip.bind=127.0.0.1",
                    f"-master.port={master}",
                    "-master.telemetry=false",
                    "-master.volumeSizeLimitMB=64",
                    f"-volume.port={volume}",
                    "-volume.max=2000",
                    "-filer",
                    f"-filer.port={filer}",
                    "-s3",
                    f"-s3.port={s3}",
                    "-s3.port.iceberg=0",
                    "-s3.port.lance=0",
                    "-s3.iam=false",
                    f"-s3.config={self.config}",
                ],
                env={
                    "PATH": "/usr/bin:/bin",
                    "HOME": str(self.folder),
                    # Lets it encrypt (SSE-S3) as AWS does.
                    "WEED_S3_SSE_KEK": "0123456789abcdef" * 4,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                tail = (self.folder / "weed.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"SeaweedFS did not start:\n{tail}")
            time.sleep(0.2)
        return self

    def answers(self):
        try:
            urllib.request.urlopen(self.endpoint, timeout=2)
        except urllib.error.HTTPError as error:
            return error.code == 403
        except OSError:
            return False
        return True

    def stop(self, signal_number=signal.SIGTERM):
        """End the server by its process id and wait until it is gone."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal_number)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def kill(self):
        """As a crash or a pulled plug: nothing is said to anybody."""
        self.stop(signal.SIGKILL)


def available():
    return os.access(WEED, os.X_OK)
