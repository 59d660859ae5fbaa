"""`igx plugins`: what is installed, what it provides, what is broken or left out."""

import json
import re

from installed import Distributions, Program

GOOD = """
    from igx.plugins import TaskSpec, TermSpec, hookimpl

    IGX_API = 1


    @hookimpl
    def igx_tasks():
        yield TaskSpec(name="hop", target="nowhere:Hop", summary="Hop.")
        yield TaskSpec(name="skip", target="nowhere:Skip", summary="Skip.")


    @hookimpl
    def igx_terms():
        yield TermSpec(name="jerk", target="nowhere:jerk", summary="Jerk.", kind="reward")


    @hookimpl
    def igx_run_ended(run, outcome):
        pass
"""


def install(distributions: Distributions) -> None:
    distributions.add("igx-acme", GOOD, version="2.1")
    distributions.add("igx-bad", "import does_not_exist", version="0.2.0")


def rows(text: str) -> dict[str, list[str]]:
    """Distribution → the cells of its row."""
    return {cells[0]: cells[1:] for cells in (re.split(" {2,}", line, maxsplit=3) for line in text.splitlines())}


def test_each_plugin_is_listed_with_its_version_status_and_parts(distributions: Distributions, igx: Program) -> None:
    install(distributions)
    done = igx("plugins")
    assert done.returncode == 0
    listed = rows(done.stdout)
    assert listed["igx-acme"] == [
        "2.1",
        "loaded",
        "tasks: hop, skip; terms: jerk; observes: igx_run_ended",
    ]
    assert listed["igx-bad"] == ["0.2.0", "broken", "ModuleNotFoundError: No module named 'does_not_exist'"]
    assert "simulators: mujoco-cpu, mujoco-gpu, static" in listed["igx"][-1]


def test_a_plugin_that_is_left_out_is_listed_as_blocked(distributions: Distributions, igx: Program) -> None:
    install(distributions)
    done = igx("plugins", env={"IGX_PLUGINS": "-bad"})
    assert done.stderr == ""
    assert rows(done.stdout)["igx-bad"] == ["0.2.0", "blocked", "left out by IGX_PLUGINS"]


def test_a_command_named_like_one_of_igx_is_listed(distributions: Distributions, igx: Program) -> None:
    source = GOOD.replace("TaskSpec", "CommandSpec").replace("igx_tasks", "igx_commands").replace('"hop"', '"train"')
    distributions.add("igx-acme", source)
    assert "commands: acme:train, skip;" in igx("plugins").stdout


def test_json_has_every_field(distributions: Distributions, igx: Program) -> None:
    install(distributions)
    records = {record["provider"]: record for record in json.loads(igx("plugins", "--json").stdout)}
    assert records["acme"] == {
        "provider": "acme",
        "distribution": "igx-acme",
        "version": "2.1",
        "entry_point": "tasks",
        "target": "igx_acme",
        "status": "loaded",
        "reason": "",
        "traceback": "",
        "provides": {"task": ["hop", "skip"], "term": ["jerk"]},
        "observes": ["igx_run_ended"],
    }
    assert records["bad"]["status"] == "broken"
    assert "igx_bad.py" in records["bad"]["traceback"]


def test_one_plugin_is_shown_with_its_parts(distributions: Distributions, igx: Program) -> None:
    install(distributions)
    for name in ("acme", "igx-acme", "Igx_Acme"):
        shown = igx("plugins", name).stdout
        assert shown.startswith("igx-acme 2.1: loaded\n")
        assert re.search(r"^entry point +tasks = igx_acme$", shown, re.MULTILINE)
        assert re.search(r"^term +jerk +Jerk\.$", shown, re.MULTILINE)


def test_a_broken_plugin_is_shown_with_its_traceback(distributions: Distributions, igx: Program) -> None:
    install(distributions)
    done = igx("plugins", "bad")
    assert done.returncode == 0
    assert done.stdout.startswith("igx-bad 0.2.0: broken\n")
    assert "importlib" not in done.stdout
    assert 'igx_bad.py", line 1, in <module>\n    import does_not_exist\n' in done.stdout
    assert [record["provider"] for record in json.loads(igx("plugins", "bad", "--json").stdout)] == ["bad"]


def test_both_entry_points_of_a_distribution_are_shown(distributions: Distributions, igx: Program) -> None:
    distributions.add("igx-acme", GOOD, entry_points="[igx]\none = igx_acme\ntwo = igx_acme_two\n")
    distributions.write("igx_acme_two.py", "import does_not_exist")
    shown = igx("plugins", "acme").stdout
    assert "igx-acme 1.0: loaded" in shown
    assert "igx-acme 1.0: broken" in shown


def test_the_list_fits_a_terminal(distributions: Distributions, igx: Program) -> None:
    install(distributions)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", igx.on_terminal("plugins", columns=80))
    assert max(len(line.rstrip()) for line in shown.splitlines() if not line.startswith("warning")) <= 80
    assert re.search(r"^igx-acme +2\.1 +loaded +tasks: hop, skip *\n +terms: jerk *$", shown, re.MULTILINE)
