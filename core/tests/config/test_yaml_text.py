"""YAML as igx reads and writes it."""

from pathlib import Path

import pytest
import yaml

from igx.config.yaml_text import dump_yaml, inline, parse_value, read_document
from igx.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 3e-4),
        ("1E5", 1e5),
        ("1.5", 1.5),
        (".5", 0.5),
        ("-2", -2),
        ("1_000_000", 1_000_000),
        ("0x1f", 31),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("off", "off"),
        ("yes", "yes"),
        ("010", "010"),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("cuda:0", "cuda:0"),
        ("'3e-4'", "3e-4"),
        ("[256, 128]", [256, 128]),
        ("{weight: 0.5, term: alive}", {"weight": 0.5, "term": "alive"}),
    ],
)
def test_a_value_means_what_it_looks_like(text: str, value: object) -> None:
    parsed = parse_value(text)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{a: 1, a: 2}", "'a' stands here a second time"),
        ("*anchor", "aliases (*name) have no place in settings"),
        (
            "!!python/object/apply:os.system [ls]",
            "the tag tag:yaml.org,2002:python/object/apply:os.system has no place",
        ),
        ("!!set {a}", "the tag tag:yaml.org,2002:set has no place in settings"),
        ("{[1]: 2}", "a key must be a name"),
        ("[1, 2", "expected ',' or ']', but got '<stream end>'"),
        ("\x00", "unacceptable character"),
        ("[" * 5000, "it is nested too deeply"),
    ],
)
def test_what_is_no_plain_yaml_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_value(text)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_a_refused_value_is_quoted_in_the_message() -> None:
    with pytest.raises(ConfigError, match=r"^'\{a: 1, a: 2\}' is not a YAML value: 'a' stands here a second time\.$"):
        parse_value("{a: 1, a: 2}")


@pytest.mark.parametrize(
    "value",
    [
        "off",
        "yes",
        "3e-4",
        "null",
        "~",
        "",
        "1:30",
        "2020-01-01",
        "010",
        "0o7",
        "a: b",
        "# x",
        "*x",
        "ä",
        "[1",
        "1_0",
        "line\nbreak",
        3e-7,
        1e22,
        -0.0,
        1 / 120,
        True,
        None,
        7,
        [],
        {},
        [1, [2, {"a": []}]],
        {"a.*b": {"c": None}},
    ],
)
def test_what_is_written_reads_back_the_same_here_and_elsewhere(value: object) -> None:
    text = dump_yaml({"key": value})
    ours, usual = parse_value(text), yaml.safe_load(text)
    assert ours == usual == {"key": value}
    assert type(usual["key"]) is type(value)


def test_lists_of_numbers_stand_on_one_line_and_names_keep_their_order() -> None:
    values = {"units": [256, 128], "items": [{"b": 1, "a": [2]}]}
    assert dump_yaml(values) == "units: [256, 128]\nitems:\n- b: 1\n  a: [2]\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        (None, "null"),
        (True, "true"),
        ((1, 2.5), "[1, 2.5]"),
        ({"a": [1]}, "{a: [1]}"),
        (Path("x/y"), "x/y"),
        ("x" * 100, "'" + "x" * 79 + "…"),
    ],
)
def test_a_value_in_a_message_is_short_and_in_yaml(value: object, text: str) -> None:
    assert inline(value) == text


def read(path: Path) -> object:
    return read_document(path, label="settings").values


def test_a_document_knows_the_line_of_each_setting(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("# comment\nppo:\n  lr: 3e-4\n\n  clip:\n    0.2\n", encoding="utf-8-sig")
    document = read_document(file, label="settings")
    assert document.values == {"ppo": {"lr": 3e-4, "clip": 0.2}}
    assert document.lines == {("ppo",): 2, ("ppo", "lr"): 3, ("ppo", "clip"): 5}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "settings is empty; it must be a mapping of sections, such as 'ppo: {lr: 3e-4}'."),
        (b"# nothing\n", "settings is empty; it must be a mapping of sections, such as 'ppo: {lr: 3e-4}'."),
        (b"- 1\n", "settings holds no mapping of sections; it must, such as 'ppo: {lr: 3e-4}'."),
        (b"ppo:\n  lr: [1\n", "settings, line 3, column 1: expected ',' or ']', but got '<stream end>' while parsing"),
        (b"ppo:\n  lr: 1\n  lr: 2\n", "settings, line 3, column 3: 'lr' stands here a second time."),
        (b"ppo: \xff\xfe\n", "settings is not UTF-8 text: byte 5 is 0xff."),
        (b"a: &x 1\nb: *x\n", "settings, line 2, column 4: aliases (*name) have no place in settings."),
        (
            b"a: \x07\n",
            'settings: unacceptable character #x0007: special characters are not allowed in "<unicode string>"',
        ),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read(file)
    assert str(caught.value).startswith(message)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^settings does not exist\.$"):
        read(tmp_path / "a.yaml")


def test_a_file_where_a_folder_is_asked_for_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"^settings can't be read: Not a directory\.$"):
        read(tmp_path / "file" / "a.yaml")


def test_a_folder_is_refused_with_the_config_in_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^settings is a folder, not a file\.$"):
        read(tmp_path)
    (tmp_path / "config.yaml").touch()
    with pytest.raises(ConfigError, match=r"^settings is a folder, not a file\. Did you mean '.*/config\.yaml'\?$"):
        read(tmp_path)
