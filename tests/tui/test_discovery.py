"""Which mission files are found, and under which heading."""

from pathlib import Path

from tests.support.cli import mission
from tui.host.discovery import Discovery, Place, default_places, looks_like_mission

MISSION = 'version: "1.0"\nname: {name}\nsteps:\n  - {{id: a, name: a, step_type: noop}}\n'


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or MISSION.format(name=path.stem), encoding="utf-8")
    return path


def test_missions_are_found_by_groups_and_those_of_other_programs_are_not(tmp_path: Path) -> None:
    here = write(tmp_path / "here.yaml")
    write(tmp_path / "docker-compose.yml", "services:\n  web: {image: nginx}\n")
    write(tmp_path / "package.json", '{"name": "x", "scripts": {"steps": "no"}}')
    write(tmp_path / "broken.yaml", 'version: "1.0"\nname: broken\nsteps: [\n')
    under = write(tmp_path / "missions" / "under.json", '{"name": 1, "steps": []}')
    elsewhere = write(tmp_path / "far" / "elsewhere.yaml")
    sample = write(tmp_path / "samples" / "sample.yaml")
    gone = tmp_path / "far" / "gone.yaml"
    discovery = Discovery(default_places(tmp_path), samples=tmp_path / "samples")
    found = discovery.find([str(elsewhere), str(here), str(gone), str(sample)])
    assert [(one.group, one.name, one.valid) for one in found] == [
        ("this folder", "broken", False),
        ("this folder", "here", True),
        ("./missions", under.stem, False),
        ("run before", "elsewhere", True),
        ("samples", "sample", True),
    ]


def test_a_folder_that_was_chosen_lists_all_its_files(tmp_path: Path) -> None:
    write(tmp_path / "odd.yaml", "what: ever\n")
    (found,) = Discovery([Place(tmp_path, "mine")]).find()
    assert (found.group, found.valid) == ("mine", False)


def test_what_looks_like_a_mission_is_told_by_its_keys(tmp_path: Path) -> None:
    assert looks_like_mission(write(tmp_path / "a.yaml"))
    assert looks_like_mission(write(tmp_path / "b.json", '{"version": "1.0", "steps": []}'))
    assert not looks_like_mission(write(tmp_path / "c.yaml", "name: ci\njobs:\n  steps: []\n"))
    assert not looks_like_mission(tmp_path / "missing.yaml")


def test_the_files_of_earlier_runs_are_known_newest_first_and_none_twice(tmp_path: Path) -> None:
    from storage.read.reader import open_reader

    home = tmp_path / "home"
    one, two = write(tmp_path / "one.yaml"), write(tmp_path / "two.yaml")
    for path in (one, two, one):
        assert mission(home, "run", str(path), cwd=tmp_path).code == 0
    (database,) = home.glob("*.db")
    reader = open_reader(database)
    assert reader.source_paths(limit=10) == [str(one), str(two)]
    assert reader.source_paths(limit=1) == [str(one)]
    reader.close()


def test_a_file_that_missions_include_is_no_mission_and_a_mission_with_mistakes_is_one(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "missions"
    common = write(folder / "common.yaml", "variables: {a: b}\ninclude: deep/steps.yaml\n")
    steps = write(folder / "deep" / "steps.yaml", "steps:\n  - {id: b, step_type: noop}\n")
    write(folder / "steps.yaml", "steps: []\n")
    for name in ("one", "two"):
        write(folder / f"{name}.yaml", f"include: common.yaml\n{MISSION.format(name=name)}")
    write(folder / "wrong.yaml", 'version: "1.0"\nname: wrong\nsteps: {}\n')
    write(folder / "three.yaml", f"include: wrong.yaml\n{MISSION.format(name='three')}")
    discovery = Discovery(default_places(tmp_path))

    def found() -> list[tuple[str, bool]]:
        return [(one.name, one.valid) for one in discovery.find([str(steps)])]

    expected = [("one", True), ("steps", False), ("three", False), ("two", True), ("wrong", False)]
    assert found() == expected
    steps.unlink()
    assert ("one", False) in found()
    write(steps, "steps:\n  - {id: c, step_type: noop}\n")
    assert found() == expected
    common.write_text("nothing: of this\n")  # of which what includes it is told
    assert ("one", False) in found()
    (folder / "one.yaml").unlink()
    (folder / "two.yaml").unlink()
    assert ("common", False) in found()
