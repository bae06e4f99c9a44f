"""With the rights of cloud/*.json rented machines do their work, remove themselves, and no more."""

import json
import subprocess
import urllib.request
from fnmatch import fnmatchcase

import boto3
import pytest
import seaweed
import skypilot
from botocore.exceptions import ClientError
from lab import become, connect

from clapboard.cloud.keeper import Keeper
from clapboard.s3.fetching import fetch
from clapboard.settings.config import load

NAME = seaweed.MEMBERS_BUCKET
JOB = "sky/job-1-abc"


def below(owner, prefix):
    found = owner.list_objects_v2(Bucket=NAME, Prefix=prefix)
    return [one["Key"] for one in found.get("Contents", [])]


# -- the bucket ------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [seaweed.MEMBER, seaweed.NODE])
def test_a_training_is_kept_until_it_is_finished(
    owner, server, as_writer, tmp_path, monkeypatch, who
):
    """By a rented machine, and on one whose owner has docs/s3-policy.json."""
    become(monkeypatch, who)
    monkeypatch.chdir(tmp_path)
    s3 = {"results": f"s3://{NAME}/results", "endpoint": server.endpoint}
    keeper = Keeper(load({"dataset": {"storage": "shards"}, "s3": s3}))
    state = tmp_path / "results" / "models" / "m" / "training" / "state.json"
    state.parent.mkdir(parents=True)
    state.write_text("{}")
    keeper.try_out()
    assert below(owner, "results/unfinished/") == []
    assert keeper.fetch() == []
    assert keeper.keep()
    assert below(owner, "results/unfinished/") == ["results/unfinished/models/m/training.tar"]
    state.unlink()
    state.parent.rmdir()
    assert keeper.keep()
    assert below(owner, "results/unfinished/") == []


def test_a_machine_fetches_videos_and_what_the_laptop_sent(
    owner, server, sky, as_writer, tmp_path, monkeypatch
):
    owner.put_object(Bucket=NAME, Key="raw/S1/a.MP4", Body=b"video")
    owner.put_object(Bucket=NAME, Key=f"{JOB}/workdir/Makefile", Body=b"all:")
    become(monkeypatch, seaweed.NODE)
    bucket = connect(NAME, server.endpoint)
    (video,) = bucket.objects("raw/S1/")
    fetch(bucket, video, tmp_path / "a.MP4")
    assert (tmp_path / "a.MP4").read_bytes() == b"video"

    answer = sky.ask(skypilot.FETCH, f"s3://{NAME}/{JOB}/workdir", str(tmp_path / "workdir"))
    assert answer.returncode == 0, answer.stderr[-3000:]
    fetched = subprocess.run(
        ["bash", "-c", answer.stdout],
        env={
            "HOME": str(tmp_path),
            "PATH": f"{skypilot.PYTHON.parent}:/usr/bin:/bin",
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            **seaweed.NODE,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert fetched.returncode == 0, fetched.stdout + fetched.stderr
    assert (tmp_path / "workdir" / "Makefile").read_bytes() == b"all:"


def test_the_machine_that_watches_removes_what_the_laptop_sent(owner, server, sky):
    owner.put_object(Bucket=NAME, Key=f"{JOB}/workdir/Makefile", Body=b"all:")

    def remove(folder):
        return sky.ask(
            skypilot.REMOVE, NAME, folder, AWS_ENDPOINT_URL=server.endpoint, **seaweed.CONTROLLER
        )

    answer = remove(JOB)
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert below(owner, JOB) == []

    owner.put_object(Bucket=NAME, Key="results/kept/x", Body=b"x")
    answer = remove("results/kept")
    assert answer.returncode != 0
    assert "AccessDenied" in answer.stderr
    assert below(owner, "results/kept") == ["results/kept/x"]


@pytest.mark.parametrize(
    ("who", "call", "arguments"),
    [
        (seaweed.NODE, "put_object", {"Key": "raw/x", "Body": b"x"}),
        (seaweed.NODE, "put_object", {"Key": f"{JOB}/x", "Body": b"x"}),
        (seaweed.NODE, "delete_object", {"Key": f"{JOB}/x"}),
        (seaweed.NODE, "delete_object", {"Key": "results/x"}),
        (seaweed.NODE, "get_object", {"Key": "elsewhere"}),
        (seaweed.NODE, "list_objects_v2", {}),
        (seaweed.NODE, "delete_bucket", {}),
        (seaweed.CONTROLLER, "put_object", {"Key": "results/x", "Body": b"x"}),
        (seaweed.CONTROLLER, "delete_object", {"Key": "raw/x"}),
        (seaweed.CONTROLLER, "delete_bucket", {}),
    ],
)
def test_nothing_else_is_allowed(owner, server, as_writer, monkeypatch, who, call, arguments):
    for key in ("results/x", "raw/x", "elsewhere", f"{JOB}/x"):
        owner.put_object(Bucket=NAME, Key=key, Body=b"x")
    become(monkeypatch, who)
    client = connect(NAME, server.endpoint).control
    with pytest.raises(ClientError) as raised:
        getattr(client, call)(**{"Bucket": NAME, **arguments})
    assert raised.value.response["Error"]["Code"] == "AccessDenied"


# -- the machines ----------------------------------------------------------------------------------

TAG = "ec2:ResourceTag/skypilot-cluster-name"


def may(who, action, kind, **context):
    """Whether a policy lets do it to a thing of a kind; moto reads no conditions."""
    resource = f"arn:aws:ec2:us-east-1:YOUR-ACCOUNT:{kind}/x"
    return any(
        any(fnmatchcase(action, one) for one in seaweed.actions(statement))
        and any(fnmatchcase(resource, one) for one in _listed(statement["Resource"]))
        and all(
            any(fnmatchcase(context.get(key, ""), one) for one in _listed(values))
            for test in statement.get("Condition", {}).values()
            for key, values in test.items()
        )
        for statement in json.loads(seaweed.POLICIES[who].read_text())["Statement"]
        if statement["Effect"] == "Allow"
    )


def _listed(value):
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize("who", ["node", "controller"])
@pytest.mark.parametrize("kind", ["instance", "volume"])
@pytest.mark.parametrize("tags", [{}, {TAG: "somebody-else"}])
def test_what_is_not_ours_can_neither_be_ended_nor_be_called_ours(who, kind, tags):
    for action in ("CreateTags", "StopInstances", "TerminateInstances", "DeleteVolume"):
        assert not may(who, f"ec2:{action}", kind, **tags), action


def test_the_machine_that_watches_names_what_it_makes_and_what_is_ours():
    """As SkyPilot does when it starts machines, calls one their head, and starts them again."""
    for kind in ("instance", "volume"):
        assert may("controller", "ec2:CreateTags", kind, **{"ec2:CreateAction": "RunInstances"})
        assert may("controller", "ec2:CreateTags", kind, **{TAG: "clapboard-1"})
    made = {"ec2:CreateAction": "CreateSecurityGroup"}
    assert may("controller", "ec2:CreateTags", "security-group", **made)
    assert may("controller", "ec2:TerminateInstances", "instance", **{TAG: "clapboard-1"})
    assert not may("controller", "ec2:CreateTags", "security-group")


def rights(*without):
    """The policy of the node as moto can enforce it: actions, whatever the machine and its tags."""
    document = json.loads(seaweed.POLICIES["node"].read_text())
    for statement in document["Statement"]:
        kept = [action for action in seaweed.actions(statement) if action not in without]
        if all(action.startswith("ec2:") for action in kept):
            statement |= {"Action": kept, "Resource": "*"}
            statement.pop("Condition", None)
    return json.dumps(document)


class Rented:
    """A machine on moto's EC2 as SkyPilot starts it, and the credentials of its role."""

    def __init__(self, sky, policy):
        self.sky = sky
        owner = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
        iam = self.client("iam", **owner)
        iam.create_user(UserName="node")
        iam.put_user_policy(UserName="node", PolicyName="node", PolicyDocument=policy)
        key = iam.create_access_key(UserName="node")["AccessKey"]
        self.role = {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
        names = ("skypilot-cluster-name", "ray-cluster-name")
        tags = [{"Key": name, "Value": "clapboard-1"} for name in names]
        self.client("ec2", **owner).run_instances(
            ImageId=skypilot.IMAGE,
            MinCount=1,
            MaxCount=1,
            InstanceType="t3.micro",
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
        # From now on moto refuses what no policy allows.
        request = urllib.request.Request(
            f"{sky.endpoint}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(request, timeout=60).close()

    def client(self, service, **credentials):
        return boto3.client(
            service, endpoint_url=self.sky.endpoint, region_name="us-east-1", **credentials
        )

    def end(self, group, *functions):
        return self.sky.ask(skypilot.END, group, *functions, **self.role)

    @property
    def state(self):
        ec2 = self.client("ec2", **{name.lower(): value for name, value in self.role.items()})
        (reservation,) = ec2.describe_instances()["Reservations"]
        (machine,) = reservation["Instances"]
        return machine["State"]["Name"]


@pytest.mark.parametrize("group", ["same", "of the laptop"])
def test_a_machine_stops_and_removes_itself(fresh_sky, group):
    machine = Rented(fresh_sky, rights())
    answer = machine.end(group, "stop_instances")
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert machine.state == "stopped"
    answer = machine.end(group, "terminate_instances")
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert machine.state == "terminated"


@pytest.mark.parametrize(
    "missing", ["ec2:DescribeSecurityGroups", "ec2:DescribeVpcs", "ec2:TerminateInstances"]
)
def test_it_needs_each_of_these_rights_for_that(fresh_sky, missing):
    machine = Rented(fresh_sky, rights(missing))
    answer = machine.end("of the laptop", "terminate_instances")
    assert answer.returncode != 0
    assert missing in answer.stderr
    assert machine.state == "running"
