"""SkyPilot without a cloud: its own checks, against a catalog of five rows and moto's EC2."""

import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".sky" / "bin" / "python"
MOTO = ROOT / ".infra" / "bin" / "moto_server"
START_SECONDS = 60

IMAGE = "ami-1e749f67"
"""One that moto has."""

MACHINES = {
    # type: (GPU, GPUs, GB of a GPU, cores, GB, price, spot price)
    "m6i.2xlarge": ("", 0, 0, 8, 32, 0.38, 0.15),
    "g4dn.xlarge": ("T4", 1, 16, 4, 16, 0.53, 0.20),
    "g4dn.2xlarge": ("T4", 1, 16, 8, 32, 0.75, 0.30),
    "g5.2xlarge": ("A10G", 1, 24, 8, 32, 1.21, 0.55),
    "g6e.xlarge": ("L40S", 1, 48, 4, 32, 1.86, 0.90),
}

# What the command line does behind its server, in one process: schema, check of the account,
# choice of a machine, and all of a launch but the launch.
DRY_RUN = """
import sys
import sky
from sky import check, execution, skypilot_config
from sky.clouds import CloudCapability

task = sky.Task.from_yaml(sys.argv[1])
print("identity", skypilot_config.get_nested(("aws", "remote_identity"), None))
enabled = check.check_capability(CloudCapability.COMPUTE, quiet=True, clouds=["aws"])
print("enabled", *enabled["default"])
execution.launch(task, cluster_name="clapboard", dryrun=True)
"""

# What the command line makes of commands, before it does anything.
READ = """
import json
import shlex
import sys
from sky.client.cli.command import cli

for line in sys.argv[1:]:
    _, command, *words = shlex.split(line)
    print(json.dumps(cli.commands[command].make_context(command, words).params))
"""

# When the machines of tasks end.
LIMITS = """
import sys
import sky

for path in sys.argv[1:]:
    for resources in sky.Task.from_yaml(path).resources:
        print(path, resources.autostop_config.to_yaml_config())
"""

# What a machine calls when it has been idle for long enough, with the rights of its role. The
# security group is that of the laptop, whose name depends on user and host.
END = """
import sys
from sky.clouds import aws
from sky.provision.aws import instance

group = aws.DEFAULT_SECURITY_GROUP_NAME if sys.argv[1] == "same" else "sky-sg-of-the-laptop"
config = {"region": "us-east-1", "security_group": {"GroupName": group}}
for name in sys.argv[2:]:
    getattr(instance, name)("clapboard-1", config)
    print(name, "done")
"""

# What the machine that watches does to the folder of a job that has ended.
REMOVE = """
import sys
from sky.data.storage import S3Store

store = object.__new__(S3Store)
store.config = S3Store.get_config()
store._delete_bucket_sub_path(*sys.argv[1:])
print("removed")
"""

# The command by which a machine fetches what the laptop has sent.
FETCH = """
import sys
from sky.cloud_stores import S3CloudStorage

print(S3CloudStorage().make_sync_dir_command(*sys.argv[1:]))
"""

# What of a folder is not sent: by way of a bucket, and the filter of rsync.
NOT_SENT = """
import sys
from sky.data.storage_utils import get_excluded_files
from sky.utils.command_runner import RSYNC_FILTER_GITIGNORE

print(RSYNC_FILTER_GITIGNORE)
print(*get_excluded_files(sys.argv[1]), sep="\\n")
"""

CHECK = """
import sys
import sky

print("valid", sky.Task.from_yaml(sys.argv[1]).name)
"""


def missing():
    """Why SkyPilot cannot be asked; empty if it can."""
    absent = [path for path in (PYTHON, MOTO) if not path.exists()]
    return f"no {', '.join(map(str, absent))}: run `make test-infra`" if absent else ""


def write_catalog(home):
    """A catalog as SkyPilot downloads it."""
    folder = home / ".sky" / "catalogs" / "v8"
    (folder / "aws").mkdir(parents=True)
    (folder / "common").mkdir()
    rows = [
        "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,"
        "Region,AvailabilityZone,Arch"
    ]
    for name, (gpu, count, memory, cores, size, price, spot) in MACHINES.items():
        info = ""
        if gpu:
            mebibytes = memory * 1024
            one = {"Name": gpu, "Manufacturer": "NVIDIA", "Count": float(count)}
            one["MemoryInfo"] = {"SizeInMiB": mebibytes}
            info = str({"Gpus": [one], "TotalGpuMemoryInMiB": mebibytes * count})
        quoted = f'"{info}"' if info else ""
        rows.append(
            f"{name},{gpu},{float(count) if gpu else ''},{cores},{size},{quoted},{price},{spot},"
            "us-east-1,use1-az6,x86_64"
        )
    (folder / "aws" / "vms.csv").write_text("\n".join(rows) + "\n")
    tags = ["custom-gpu-ubuntu-cuda13", "custom-gpu-ubuntu", "custom-cpu-ubuntu"]
    images = [f"skypilot:{tag},us-east-1,ubuntu,22.04,{IMAGE},20250101," for tag in tags]
    header = "Tag,Region,OS,OSVersion,ImageId,CreationDate,BaseImageId"
    (folder / "aws" / "images.csv").write_text("\n".join([header, *images]) + "\n")
    (folder / "aws" / "instance_quota_mapping.csv").write_text(
        "InstanceType,OnDemandInstanceCode,SpotInstanceCode\n"
    )
    gpus = sorted({machine[0]: machine[2] for machine in MACHINES.values() if machine[0]}.items())
    clouds = "\n".join(f"{gpu},\"['AWS']\"" for gpu, _ in gpus)
    (folder / "common" / "accelerators.csv").write_text(f"AcceleratorName,Clouds\n{clouds}\n")
    sizes = "\n".join(f"{gpu},{memory},NVIDIA" for gpu, memory in gpus)
    (folder / "common" / "metadata.csv").write_text(f"GPU,MemoryGB,Manufacturer\n{sizes}\n")


class Sky:
    """SkyPilot with a home of its own, and moto's EC2 on loopback while in `with`."""

    def __init__(self, home):
        self.home = Path(home)
        write_catalog(self.home)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        with (self.home / "moto.log").open("wb") as log:
            self.moto = subprocess.Popen(
                [MOTO, "-H", "127.0.0.1", "-p", str(self.port)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if self.moto.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise RuntimeError((self.home / "moto.log").read_text()) from None
                time.sleep(0.2)

    def __exit__(self, *_):
        self.moto.terminate()
        self.moto.wait(timeout=30)

    def ask(self, script, *arguments, cwd=ROOT, **environment):
        """Run a script with SkyPilot's Python, such as on a task file."""
        return subprocess.run(
            [PYTHON, "-W", "ignore", "-c", script, *arguments],
            cwd=cwd,
            env={
                "HOME": str(self.home),
                "PATH": f"{PYTHON.parent}:/usr/bin:/bin",
                "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_DEFAULT_REGION": "us-east-1",
                "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
