"""What the profiles say of rules, against the rules."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
RULE = r"^(?:rule|use rule (?P<parent>\w+) as) (?P<name>\w+)(?:| with):\n(?P<body>(?:    .*\n|\n)+)"


def wanting_a_gpu():
    """Names of the rules that ask for one; a rule made from another asks for what that does."""
    rules = [
        rule
        for path in (ROOT / "workflow" / "rules").glob("*.smk")
        for rule in re.finditer(RULE, path.read_text(), re.MULTILINE)
    ]
    found = {rule["name"] for rule in rules if re.search(r"^ {8}gpu=", rule["body"], re.MULTILINE)}
    return found | {rule["name"] for rule in rules if rule["parent"] in found}


def test_lines_for_a_partition_with_gpus_name_every_rule_that_wants_one():
    text = (ROOT / "profiles" / "slurm" / "config.yaml").read_text()
    lines = text[text.rindex("# set-resources:") :].replace("# ", "")
    chosen = yaml.safe_load(lines)["set-resources"]
    wanting = wanting_a_gpu()
    assert {"compute_features", "train_fold"} < wanting, "of both kinds"
    assert chosen == {rule: {"slurm_partition": "gpu"} for rule in wanting}
