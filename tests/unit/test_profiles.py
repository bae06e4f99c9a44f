"""What the profiles say of rules, against the rules."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
RULE = r"^(?:rule|use rule (?P<parent>\w+) as) (?P<name>\w+)(?:| with):\n(?P<body>(?:    .*\n|\n)+)"


SHORT = 60
"""Minutes that a job of a group may ask for."""


def all_rules():
    """Every rule: its name, its text, and of which other it is made."""
    return [
        rule
        for path in (ROOT / "workflow" / "rules").glob("*.smk")
        for rule in re.finditer(RULE, path.read_text(), re.MULTILINE)
    ]


def wanting_a_gpu():
    """Names of the rules that ask for one; a rule made from another asks for what that does."""
    rules = all_rules()
    found = {rule["name"] for rule in rules if re.search(r"^ {8}gpu=", rule["body"], re.MULTILINE)}
    return found | {rule["name"] for rule in rules if rule["parent"] in found}


def test_lines_for_a_partition_with_gpus_name_every_rule_that_wants_one():
    text = (ROOT / "profiles" / "slurm" / "config.yaml").read_text()
    lines = text[text.rindex("# set-resources:") :].replace("# ", "")
    chosen = yaml.safe_load(lines)["set-resources"]
    wanting = wanting_a_gpu()
    assert {"compute_features", "train_fold"} < wanting, "of both kinds"
    assert chosen == {rule: {"slurm_partition": "gpu"} for rule in wanting}


def test_short_jobs_of_which_each_recording_has_one_are_grouped():
    short = set()
    for rule in all_rules():
        made = re.search(r"^    output:\n((?: {8}.*\n)+)", rule["body"], re.MULTILINE)
        minutes = re.search(r"^ {8}runtime=growing\((\d+)\)", rule["body"], re.MULTILINE)
        if made and "{recording}" in made[1] and minutes and int(minutes[1]) <= SHORT:
            short.add(rule["name"])
    profile = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())
    groups = dict(group.split("=") for group in profile["groups"])
    assert {"index_recording", "write_timeline"} < short
    assert short - wanting_a_gpu() == groups.keys()
    sizes = dict(size.split("=") for size in profile["group-components"])
    assert sizes.keys() == set(groups.values())
