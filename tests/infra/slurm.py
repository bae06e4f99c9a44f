"""A real Slurm on this machine: munge, a controller, two nodes, three GPUs that are none.

Its configuration must be in /etc/slurm, since the executor plugin takes SLURM_CONF away from the
jobs; a machine that has one of its own there is left alone.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from project import REPOSITORY

PROFILE = REPOSITORY / "profiles" / "slurm"
# Snakemake, but that the queue is looked at every two seconds: the plugin looks ever less often,
# for jobs that take hours, and there is no setting for that. Ctrl-C may be switched off here.
QUICK = """\
import signal
import snakemake.cli
import snakemake_executor_plugin_slurm as slurm
slurm.Executor.next_seconds_between_status_checks = property(lambda _: 2, lambda *_: None)
signal.signal(signal.SIGINT, signal.default_int_handler)
snakemake.cli.main()
"""

SUBMITTED = re.compile(r"submitted with SLURM jobid '?(\d+)")
"""What the plugin says; the number of the job."""

ETC = Path("/etc/slurm")
MUNGE_RUN = Path("/run/munge")
MUNGED = ["runuser", "-u", "munge", "--", "munged", "--foreground"]
PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol"]
START_SECONDS = 60

# Without control groups Slurm looks so often at what jobs take, and kills what takes too much.
MEMORY_SECONDS = 1

# After so long the job of a dead node may begin again, which is two minutes elsewhere.
REQUEUE_SECONDS = 20

# Of each GPU.
OWNERS = ("n1", "n1", "n2")

OURS = "# of the tests of Clapboard, process "
CONFIG = """\
{ours}{process}
ClusterName=mini
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire={requeue_seconds}
CredType=cred/munge
ReturnToService=2
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,defer
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task={memory_seconds}
JobAcctGatherParams=UsePss,OverMemoryKill
AccountingStorageType=accounting_storage/none
MinJobAge=300
KillWait=5
SlurmdTimeout=15
SlurmctldTimeout=30
InactiveLimit=0
BatchStartTimeout=60
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName=DEFAULT CPUs=8 SocketsPerBoard=1 CoresPerSocket=8 ThreadsPerCore=1 RealMemory=64000
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={n1} Gres=gpu:2
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={n2} Gres=gpu:1
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=UNLIMITED State=UP DefMemPerCPU=200
"""


def missing():
    """Why there can be no Slurm here; empty if there can."""
    if os.geteuid() != 0:
        return "only root can start a Slurm"
    absent = [program for program in PROGRAMS if not shutil.which(program)]
    if absent:
        return f"not installed: {', '.join(absent)} (apt-get install slurm-wlm munge)"
    if not makes_devices():
        return "this container may make no devices, and the cluster has GPUs that are some"
    if (ETC / "slurm.conf").exists() and not left_behind((ETC / "slurm.conf").read_text()):
        return "this machine has a Slurm of its own in /etc/slurm, or another test has"
    return ""


def makes_devices():
    """Whether a device file can be made; a container may forbid it to its root."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            make_device(Path(folder) / "null")
        except OSError:
            return False
    return True


def make_device(path):
    """/dev/null under another name: Slurm counts devices, it does not use them."""
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))


def left_behind(text):
    """Whether a configuration is that of a test which was killed before it could clean up."""
    first = text.partition("\n")[0]
    return first.startswith(OURS) and not Path("/proc", first.removeprefix(OURS)).exists()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """Started by `with`; every daemon is ended by its process id."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.daemons = {}

    def __enter__(self):
        for name in ("state", "spool/n1", "spool/n2", "dev"):
            (self.folder / name).mkdir(parents=True)
        ports = {"port": free_port(), "n1": free_port(), "n2": free_port()}
        gpus = [self.folder / "dev" / f"nvidia{number}" for number in range(len(OWNERS))]
        for gpu in gpus:
            make_device(gpu)
        ETC.mkdir(exist_ok=True)
        (ETC / "slurm.conf").write_text(
            CONFIG.format(
                ours=OURS,
                process=os.getpid(),
                folder=self.folder,
                host=socket.gethostname(),
                memory_seconds=MEMORY_SECONDS,
                requeue_seconds=REQUEUE_SECONDS,
                **ports,
            )
        )
        (ETC / "gres.conf").write_text(
            "AutoDetect=off\n"
            + "".join(
                f"NodeName={node} Name=gpu File={gpu}\n"
                for node, gpu in zip(OWNERS, gpus, strict=True)
            )
        )
        try:
            self._start_munge()
            self.start("slurmctld", "slurmctld", "-D")
            self.until("scontrol", "ping")
            for node in ("n1", "n2"):
                self.start(node, "slurmd", "-D", "-N", node)
            self.until("sh", "-c", "test $(sinfo -h -N -o %t | grep -c idle) = 2")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in reversed(list(self.daemons)):
            self.stop(name)
        for process in [*steps(), *jobs_of("n1"), *jobs_of("n2")]:  # of a test that failed
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink(missing_ok=True)

    def _start_munge(self):
        if subprocess.run(["sh", "-c", "munge -n | unmunge"], capture_output=True).returncode == 0:
            return
        MUNGE_RUN.mkdir(exist_ok=True)
        shutil.chown(MUNGE_RUN, "munge", "munge")
        self.start("munged", *MUNGED)
        self.until("sh", "-c", "munge -n | unmunge")

    def start(self, name, *command):
        """Start a daemon in a process group of its own."""
        with (self.folder / f"{name}.out").open("ab") as log:
            self.daemons[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, name, signal_number=signal.SIGTERM):
        """End a daemon; with SIGKILL all that belongs to it, as when a node loses power."""
        daemon = self.daemons.pop(name)
        with contextlib.suppress(ProcessLookupError):
            if signal_number == signal.SIGKILL:
                os.killpg(daemon.pid, signal_number)
            daemon.send_signal(signal_number)
        try:
            daemon.wait(timeout=30)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def kill_node(self, name):
        """Let a node die with everything that runs on it.

        All is stopped before anything is killed: what outlives the job by a moment, above all the
        step's own process, would tell the controller that the job has failed. What is started
        meanwhile, by a daemon that has just taken a job, is found when looked for again.
        """
        daemon = self.daemons[name]
        squeue = ["squeue", "-h", "-t", "R", "-w", name, "-o", "%A"]
        listed = subprocess.run(squeue, check=True, capture_output=True, text=True, timeout=60)
        numbers, doomed = set(listed.stdout.split()), set[int]()
        while found := processes_on(name, daemon.pid, numbers) - doomed:
            for process in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGSTOP)
            doomed |= found
        for process in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.stop(name, signal.SIGKILL)

    def until(self, *command):
        """Wait until a command succeeds, and says of nothing that it is down."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                answer = subprocess.run(command, capture_output=True, text=True, timeout=10)
                if answer.returncode == 0 and "DOWN" not in answer.stdout:
                    return
            if time.monotonic() > deadline:
                logs = "".join(
                    path.read_text(errors="replace")[-1500:] for path in self.folder.glob("*.log")
                )
                raise RuntimeError(f"{' '.join(command)}: no answer\n{logs}")
            time.sleep(0.2)


def descendants(process):
    """Process ids below a process."""
    children = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            after_name = status.read_text().rpartition(")")[2].split()
            children.setdefault(int(after_name[1]), []).append(int(status.parent.name))
    found, pending = [], [process]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found


def processes_on(node, daemon, numbers):
    """Processes of a node: those of its daemon, and of the jobs with these numbers."""
    own = [step for step, number in steps().items() if number in numbers]
    below = [process for one in (daemon, *own) for process in descendants(one)]
    return {daemon, *own, *below, *jobs_of(node)}


def jobs_of(node):
    """Processes that Slurm started on a node of this machine."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"SLURMD_NODENAME={node}\0".encode() in environ.read_bytes():
                found.append(int(environ.parent.name))
    return found


def steps():
    """Processes that look after the steps of jobs, of no node's daemon, with the job's number."""
    found = {}
    for words in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if title := re.match(r"slurmstepd: \[(\d+)\.", words.read_text()):
                found[int(words.parent.name)] = title[1]
    return found


def begin(folder, *arguments):
    """Snakemake in a folder on the cluster, started and not waited for."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-c", QUICK, "--snakefile", REPOSITORY / "Snakefile"]
    with (folder / "slurm.screen").open("wb") as log:
        return subprocess.Popen(
            [*command, "--profile", PROFILE, "--latency-wait", "5", *arguments],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )


def finish(process, folder, seconds=1500):
    """Wait for the end of a run; its screen."""
    try:
        status = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        status = "time out"
    screen = (folder / "slurm.screen").read_text()
    assert status == 0, screen[-5000:]
    return screen


def ask(*command):
    """What a command of Slurm says."""
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def wait_for_job(rule, seconds=600):
    """The Slurm id of a running job of a rule, and its node."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        listed = ask("squeue", "-h", "-t", "R", "-o", "%i %N %j %k")
        for line in listed.splitlines():
            if rule in line:
                number, node = line.split()[:2]
                return number, node
        time.sleep(0.3)
    raise AssertionError(f"no running job of {rule}:\n{listed}")


def facts(number):
    """What the controller knows of a job, also a while after its end."""
    words = ask("scontrol", "--oneliner", "show", "job", number).split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def node_state(node):
    """As the controller sees it."""
    words = ask("scontrol", "--oneliner", "show", "node", node).split()
    return next(word.partition("=")[2] for word in words if word.startswith("State="))


def wait_until(condition, seconds=120):
    """Until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def run_in_spite_of_accidents(cluster, folder):
    """Make everything, while a running job is cancelled and a node dies with a job on it."""
    # As many threads as on one machine: sums of another number of parts differ in the last digit.
    process = begin(folder, "--cores", "2")
    try:
        cancelled, _ = wait_for_job("recording")
        ask("scancel", cancelled)
        wait_until(lambda: facts(cancelled)["JobState"] != "COMPLETING")
        hit = facts(cancelled)
        assert hit["JobState"] == "CANCELLED", "it was running, and did not come to its end"
        assert hit["StartTime"] != "Unknown"

        lost, node = wait_for_job("extract_frames")
        cluster.kill_node(node)
        wait_until(lambda: facts(lost)["JobState"] not in ("RUNNING", "COMPLETING"))
        after = facts(lost)
        assert (after["JobState"], after["Restarts"]) == ("PENDING", "1"), "Slurm queues it again"
        assert node_state(node).startswith("DOWN")
        cluster.start(node, "slurmd", "-D", "-N", node)
        wait_until(lambda: facts(lost)["JobState"] not in ("PENDING", "RUNNING", "COMPLETING"), 900)
        again = facts(lost)
        assert (again["JobState"], again["Restarts"]) == ("COMPLETED", "1"), "the second attempt"
        screen = finish(process, folder)
    finally:
        process.kill()
        process.wait()
    assert "Trying to restart job" in screen, "Snakemake has sent the cancelled one again"
