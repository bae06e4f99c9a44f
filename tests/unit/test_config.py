from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from itertools import permutations
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clapboard.problems import InputError
from clapboard.s3.settings import PLACES
from clapboard.settings.config import Config, load
from clapboard.settings.config_errors import variants
from clapboard.settings.config_reference import README, SCHEMA, schema, with_tables
from clapboard.settings.model_settings import Model

ROOT = Path(__file__).parents[2]
ARCHITECTURES = {
    get_args(model.model_fields["architecture"].annotation)[0]: model.__name__
    for model in variants(Model)
}
WHOLE = schema()
EXAMPLE = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def with_value(path: list[str], value: object, config: dict | None = None) -> dict:
    """A copy of a configuration (the example) with one value replaced."""
    config = deepcopy(EXAMPLE if config is None else config)
    section_of(config, path)[path[-1]] = value
    return config


def section_of(config: dict, path: list[str]) -> dict:
    """The mapping in which the last key of a path stands."""
    for key in path[:-1]:
        config = config[key]
    return config


def leaves(node: object, path: tuple[str, ...] = ()) -> list[list[str]]:
    """Paths of all keys that hold a value."""
    if isinstance(node, dict) and node:
        return [leaf for key, value in node.items() for leaf in leaves(value, (*path, key))]
    return [list(path)]


def places(node: object, path: tuple[str, ...] = ()) -> list[list[str]]:
    """Paths of all keys, sections included."""
    if not isinstance(node, dict):
        return []
    return [
        place
        for key, value in node.items()
        for place in ([*path, key], *places(value, (*path, key)))
    ]


def full() -> dict:
    """A configuration with every key there is: all defaults, one model of each architecture."""
    models = {name: {"architecture": name} for name in ARCHITECTURES}
    return load({"models": models}).model_dump(mode="json")


def node_of(path: list[str]) -> dict:
    """What the JSON schema says about a key of `full`."""
    node = WHOLE
    for key in path:
        if "additionalProperties" in node and isinstance(node["additionalProperties"], dict):
            node = WHOLE["$defs"][ARCHITECTURES[key]]
        else:
            node = node["properties"][key]
        if "$ref" in node:
            node = WHOLE["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def wrong_values(node: dict) -> list[object]:
    """Values just outside of what the schema allows, and of other types."""
    wrong: list[object] = [{"a": {"b": 1}}, [[1]], float("nan"), b"x"]
    for limit, step in (("minimum", -1), ("maximum", 1)):
        wrong += [node[limit] + step] if limit in node else []
    for limit in ("exclusiveMinimum", "exclusiveMaximum"):
        wrong += [node[limit]] if limit in node else []
    if "enum" in node or "const" in node:
        wrong += ["no such choice", "", 3]
    elif node.get("type") in ("integer", "number"):
        wrong += ["many", "", True, float("inf")]
        wrong += [1.5] if node["type"] == "integer" else []
    elif node.get("type") == "boolean":
        wrong += ["perhaps", 0, 2]
    elif node.get("type") == "array":
        wrong += ["A", [True], *([[]] if node.get("minItems") else [])]
    elif node.get("type") == "string":
        wrong += [3.5e300, *([""] if node.get("minLength") else [])]
    return wrong


def problems(raw: dict):
    with pytest.raises(InputError) as caught:
        load(raw)
    return caught.value.problems


def test_the_example_is_the_defaults_and_has_every_key():
    assert load(EXAMPLE) == load({}) == Config()
    written = {".".join(path) for path in leaves(EXAMPLE)}
    assert written == {".".join(path) for path in leaves(Config().model_dump(mode="json"))}


def test_schema_and_key_table_are_in_step_with_the_models():
    remedy = "run: python -m clapboard.settings.config_reference"
    assert json.loads(SCHEMA.read_text()) == schema(), remedy
    assert README.read_text() == with_tables(README.read_text()), remedy


def test_the_key_table_has_every_key():
    table = README.read_text()
    for path in leaves(EXAMPLE):
        key = ".".join(["models", "<name>", *path[2:]] if path[0] == "models" else path)
        assert f"| `{key}` |" in table


def test_editors_accept_the_example_and_refuse_a_misspelt_key():
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    assert list(validator.iter_errors(EXAMPLE)) == []
    assert list(validator.iter_errors(with_value(["frames", "sise"], 224)))
    assert list(validator.iter_errors(with_value(["frames", "size"], 8)))


@pytest.mark.parametrize(
    ("section", "key", "least", "most"),
    [
        ("s3", "connections", 1, 1024),
        ("cloud", "disk", 100, 16_000),
        ("cloud", "idle_minutes", 1, 1440),
    ],
)
def test_a_limit_set_on_top_of_the_limits_of_a_type_is_told_to_editors_and_readers(
    section: str, key: str, least: int, most: int
):
    validator = jsonschema.Draft202012Validator(WHOLE)
    for value, right in [(least - 1, False), (least, True), (most, True), (most + 1, False)]:
        config = with_value([section, key], value)
        assert validator.is_valid(config) == right
        if right:
            load(config)
        else:
            with pytest.raises(InputError):
                load(config)
    row = f"| `{section}.{key}` | whole number from {least} to {most} "
    assert row in README.read_text()


def test_a_section_is_plain_sorted_and_complete():
    section = load({"models": {"b": {"architecture": "cnn"}, "a": {"architecture": "cnn"}}})
    models = section.section("models")
    assert list(models) == ["a", "b"]
    assert list(models["a"]) == sorted(models["a"])
    frames = load({"frames": {"per_label": {"B": 2, "A": "all"}}}).section("frames")
    assert list(frames["per_label"].items()) == [("A", "all"), ("B", 2)]
    assert type(frames) is dict and type(frames["per_label"]) is dict
    assert load({}).section("frames")["max_per_label_and_subject"] is None


def test_a_section_of_comments_only_is_a_section_of_defaults():
    assert load(yaml.safe_load("frames:\n  # size: 112\nvideo:\n")) == Config()


def test_every_key_refuses_other_types_and_values_just_out_of_range():
    config = full()
    for path in leaves(config):
        key = ".".join(path)
        for value in wrong_values(node_of(path)):
            try:
                load(with_value(path, value, config))
            except InputError as error:
                found = error.problems
            else:
                pytest.fail(f"{key}: {value!r} is taken")
            place = key.removesuffix(".architecture")
            assert all(problem.column.startswith(place) for problem in found), (key, value)
            assert all(problem.message and problem.remedy for problem in found), (key, value)


def test_every_misspelt_key_is_named_with_the_right_one():
    config = full()
    for path in places(config):
        if path[:-1] == ["models"]:
            continue  # the name of a model is the user's
        raw = deepcopy(config)
        section = section_of(raw, path)
        wrong = f"{path[-1][:-1]}x" if len(path[-1]) > 4 else f"{path[-1]}x"
        section[wrong] = section.pop(path[-1])
        found = problems(raw)
        named = [p for p in found if p.check == "unknown-key"]
        assert path[-1] == "architecture" or [(p.column, p.remedy) for p in named] == [
            (".".join([*path[:-1], wrong]), f"Did you mean {path[-1]!r}?")
        ]


def test_every_key_may_be_left_out_but_the_architecture():
    config = full()
    for path in places(config):
        raw = deepcopy(config)
        del section_of(raw, path)[path[-1]]
        if path[-1] == "architecture":
            (problem,) = problems(raw)
            assert (problem.column, problem.check) == (".".join(path), "missing-key")
        else:
            assert isinstance(load(raw), Config)


def test_every_empty_key_is_told_except_where_null_means_something():
    config = full()
    for path in leaves(config):
        raw = with_value(path, None, config)
        if {"type": "null"} in node_of(path).get("anyOf", []):
            assert isinstance(load(raw), Config)
        else:
            assert [p.column for p in problems(raw)] == [".".join(path)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("frames.size", value) for value in (0, -1, 15, 4097, 224.5, "big", True)),
        *(("frames.quality", value) for value in (0, 32, "best")),
        *(("frames.every", value) for value in (0, -3, "0/s", "2/m", "some", 1.5, True, "", None)),
        *(("frames.per_label.INCISION", value) for value in (0, "often")),
        *(("frames.max_per_label_and_subject", value) for value in (0, -1, "many", 10**9)),
        *(("frames.seed", value) for value in (-1, 2**32)),
        *(("models.cnn.epochs", value) for value in (0, -1, 1.5, "many", False)),
        *(("models.cnn.patience", value) for value in (0, 10**7)),
        *(("models.cnn.batch_size", value) for value in (0, -32)),
        *(("models.cnn.learning_rate", value) for value in (0, -0.1, 11, float("inf"), "fast")),
        *(("models.cnn.dropout", value) for value in (-0.1, 1, 1.5, float("nan"))),
        *(("models.cnn.class_weights", value) for value in ("balance", True, None)),
        *(("models.cnn.mixed_precision", value) for value in ("yes", "float16", 16)),
        *(("models.cnn.seed", value) for value in (-1, 0.5)),
        *(("models.cnn.architecture", value) for value in ("cnn2", "", None, 3)),
        *(("results", value) for value in ("", "a{b}", "a\nb", None, 3)),
        *(("recordings", value) for value in ("", None, 3)),
        *(("annotations.columns.label", value) for value in ([], [""], "PROCEDURE", [3])),
        *(("annotations.overlaps", value) for value in ("longest", None)),
        *(("annotations.unseen", value) for value in ("keep", False)),
        *(("annotations.format", value) for value in ("xls", "")),
        *(("annotations.clap", value) for value in ("", None)),
        *(("annotations.background", value) for value in (False, None)),
        *(("annotations.ignore", value) for value in ("BREAK", [False])),
        *(("annotations.aliases", value) for value in ({"a": 1}, {"a": ""}, {"": "A"}, [])),
        *(
            ("s3.endpoint", value)
            for value in ("localhost:8333", "ftp://x", "http://", "http://x:0")
        ),
        ("s3.kms_key", "arn:aws:kms:eu-west-1:1:key/2"),
        *(("video.ffmpeg", value) for value in ("", None, 6)),
        *(("video.concatenate", value) for value in ("yes", 1, None)),
        *(("video.hwaccel", value) for value in ("cuda", None)),
    ],
)
def test_values_out_of_range_are_refused(key, value):
    (problem,) = problems(with_value(key.split("."), value))
    assert problem.column.startswith(key)
    assert problem.message and problem.remedy


@pytest.mark.parametrize(
    ("key", "value", "meaning"),
    [
        ("models.cnn.learning_rate", "1e-3", 0.001),
        ("models.cnn.epochs", "20", 20),
        ("models.cnn.mixed_precision", False, "off"),
        ("models.cnn.mixed_precision", True, "on"),
        ("frames.every", "15", 15),
        ("frames.every", " 0.5 / s", "0.5/s"),
        ("frames.every", "keyframes", "keyframes"),
        ("results", "./out//x/", "out/x"),
    ],
)
def test_what_yaml_or_the_command_line_make_of_a_value_is_understood(key, value, meaning):
    node = load(with_value(key.split("."), value)).model_dump(mode="json")
    for part in key.split("."):
        node = node[part]
    assert node == meaning


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "", "a b", "-x", ".x", "x" * 65, "{x}", "ü", "a.b"]
)
def test_models_need_names_that_can_be_folders(name):
    (problem,) = problems({"models": {name: {"architecture": "cnn"}}})
    assert problem.column == f"models.{name}"


def test_models_must_differ_in_more_than_case():
    cnn = {"architecture": "cnn"}
    (problem,) = problems({"models": {"cnn": cnn, "CNN": cnn}})
    assert (problem.check, problem.column) == ("repeated-model", "models.CNN")


def test_aliases_that_contradict_each_other_are_refused():
    (problem,) = problems({"annotations": {"aliases": {"bvm ": "BAGGING", "BVM": "OTHER"}}})
    assert problem.column == "annotations.aliases"
    assert load({"annotations": {"aliases": {"bvm ": "Bagging", "BVM": "BAGGING"}}})


def test_all_mistakes_come_at_once():
    found = problems(
        {
            "frame": {},
            3: 4,
            "results": None,
            "frames": {"fit": "strech", "size": "big"},
            "models": {"x": {"architecture": "cnn", "lr": 1}, "y": None},
        }
    )
    assert {p.column for p in found} == {
        *("frame", "3", "results", "frames.fit", "frames.size", "models.x.lr", "models.y"),
    }


def test_a_key_of_kms_is_taken_where_it_encrypts():
    key = "arn:aws:kms:eu-west-1:1:key/2"
    assert load({"s3": {"encryption": "aws:kms", "kms_key": key}}).s3.kms_key == key


@pytest.mark.parametrize(("first", "second"), list(permutations(PLACES, 2)))
@pytest.mark.parametrize("inner", ["", "/Data"])
def test_a_folder_in_s3_is_for_one_purpose(first, second, inner):
    apart = {first: "s3://lab/one", second: f"s3://lab/other{inner}"}
    shards = {"dataset": {"storage": "shards"}}
    load(shards | {"s3": apart})
    (problem,) = problems(shards | {"s3": apart | {second: f"s3://lab/one{inner}"}})
    assert problem.column in (f"s3.{first}", f"s3.{second}")
    assert "apart from s3." in str(problem)


@pytest.mark.parametrize("user", ["lab:secret", ":secret", "secret", "lab:x/secret"])
def test_a_password_in_an_address_is_refused_and_not_repeated(user):
    (problem,) = problems({"s3": {"endpoint": f"https://{user}@server:8333"}})
    assert (problem.column, "secret" in str(problem)) == ("s3.endpoint", False)


def test_a_long_value_is_cut_in_the_message():
    (problem,) = problems({"frames": {"fit": "x" * 10_000}})
    assert len(str(problem)) < 300


KEYS = ["frames", "models", "cnn", "size", "every", "annotations", "aliases", "architecture"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()


def mappings(values: st.SearchStrategy) -> st.SearchStrategy:
    keys = st.sampled_from(KEYS) | st.text(max_size=3) | st.integers() | st.none()
    return st.dictionaries(keys, values, max_size=4)


@given(mappings(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | mappings(inner))))
def test_anything_that_yaml_can_hold_gives_a_config_or_problems(raw):
    try:
        assert isinstance(load(raw), Config)
    except InputError as error:
        assert error.problems and all(p.message and p.remedy for p in error.problems)


def test_checking_config_and_table_imports_nothing_heavy():
    program = (
        "import sys, clapboard.settings.config, clapboard.sessions.recordings\n"
        "print(*{'pandas', 'numpy', 'pyarrow', 'av', 'tensorflow', 'snakemake'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "")


def test_evaluation_may_be_the_protocol_alone():
    assert load({"evaluation": "loso"}) == load({"evaluation": {"protocol": "loso"}})
    with pytest.raises(InputError, match=r"evaluation\.protocol"):
        load({"evaluation": "looso"})


def test_the_background_is_named_as_its_class_is():
    """Labels are made equal in case and blanks before they become classes."""
    known = load({"annotations": {"background": " nothing  at all"}})
    assert known.section("annotations")["background"] == "NOTHING AT ALL"


def test_model_that_is_to_recognise_must_exist():
    with pytest.raises(InputError, match="Did you mean 'cnn'"):
        load({"prediction": {"models": ["cnnn"]}})
