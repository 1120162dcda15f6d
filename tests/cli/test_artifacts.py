"""`artifacts:` of steps from the file to `mission artifacts --get`: kept, signed, verified."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest

from tests.support.cli import Inside

MISSION = """version: "1.0"
name: kept
secrets: [{TOKEN: env:THE_TOKEN}]
steps:
  - id: build
    run: mkdir -p dist/deep && echo one >dist/a.txt && echo two >dist/deep/b.txt && echo x >c.log
    artifacts: [dist, "*.log", "none-*"]
  - {id: pack, step_type: create_file, depends_on: build, artifacts: "{{ vars.file }}",
     parameters: {path: made.txt, content: made}}
  - {id: each, foreach: [p, q], run: 'echo "$ITEM" >"$ITEM.txt"', env: {ITEM: "{{ item }}"},
     artifacts: ["{{ item }}.txt"]}
variables: {file: made.txt}
"""


@pytest.fixture
def look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THE_TOKEN", "hunter2hunter2")
    (tmp_path / "kept.yaml").write_text(MISSION)
    return Inside(tmp_path / "home", monkeypatch, capfd)


def test_what_a_step_leaves_is_kept_listed_and_got(look: Inside, tmp_path: Path) -> None:
    assert look("run", "kept.yaml", "-q").code == 0
    listed = look("artifacts", "kept", "--json").json
    assert [(one["step_id"], one["path"], one["bytes"]) for one in listed] == [
        ("build", "c.log", 2),
        ("build", "dist/a.txt", 4),
        ("build", "dist/deep/b.txt", 4),
        ("pack", "made.txt", 4),
        ("each[0]", "p.txt", 2),
        ("each[1]", "q.txt", 2),
    ]
    assert listed[1]["sha256"] == hashlib.sha256(b"one\n").hexdigest()
    (tmp_path / "dist/a.txt").write_text("changed since")
    assert look("artifacts", "kept", "--get", "got").code == 0
    assert (tmp_path / "got/build/dist/a.txt").read_text() == "one\n"
    assert (tmp_path / "got/each[1]/q.txt").read_text() == "q\n"
    assert look("artifacts", "kept", "pack", "--get", "one").code == 0
    assert (tmp_path / "one/made.txt").read_text() == "made"
    assert look("artifacts", "kept", "--get", "got").code == 7
    assert "no file matches `none-*`" in look("logs", "kept", "build").out
    assert "3 files" in look("show", "kept", "build").out
    shown = look("show", "kept", "build", "--json").json
    assert shown["attempts"][0]["artifacts"][0]["path"] == "c.log"
    ends = [
        one
        for one in look("audit", "show", "kept", "--json").json
        if one["type"] == "attempt.ended"
    ]
    assert any("made.txt" in str(one) for one in ends)
    assert look("audit", "verify").code == 0


def test_content_that_was_changed_or_removed_is_not_given_out(look: Inside, tmp_path: Path) -> None:
    assert look("run", "kept.yaml", "-q").code == 0
    digest = hashlib.sha256(b"one\n").hexdigest()
    path = tmp_path / "home/artifacts" / digest[:2] / digest
    path.chmod(0o600)
    path.write_text("two\n")
    assert look("artifacts", "kept", "build", "--get", "got").code == 8
    assert not (tmp_path / "got/dist/a.txt").exists()
    path.unlink()
    assert look("artifacts", "kept", "build", "--get", "else").code == 4


def test_a_retry_lists_what_it_did_not_make_again(look: Inside, tmp_path: Path) -> None:
    (tmp_path / "half.yaml").write_text(
        'version: "1.0"\nname: half\nsteps:\n'
        "  - {id: a, run: echo 1 >a.txt, artifacts: a.txt}\n"
        "  - {id: b, depends_on: a, run: 'echo 2 >b.txt; test -e go', artifacts: [b.txt]}\n"
    )
    assert look("run", "half.yaml", "-q").code == 1
    assert [one["step_id"] for one in look("artifacts", "half", "--json").json] == ["a", "b"]
    (tmp_path / "go").touch()
    assert look("retry", "half", "--watch").code == 0
    listed = look("artifacts", "half#2", "--json").json
    assert [(one["step_id"], one["attempt"]) for one in listed] == [("b", 2), ("a", 1)]


UP_TO_DATE = """version: "1.0"
name: cached
steps:
  - id: build
    foreach: [one, two]
    inputs: "{{ item }}.in"
    outputs: "{{ item }}.out"
    env: {NAME: "{{ item }}"}
    run: cp "$NAME.in" "$NAME.out"
    artifacts: "{{ item }}.out"
  - {id: note, run: echo note}
"""


def test_a_run_lists_what_its_steps_that_are_up_to_date_have_left_and_prune_keeps_it(
    look: Inside, tmp_path: Path
) -> None:
    for name in ("one", "two", "new"):
        (tmp_path / f"{name}.in").write_text(name)
    without = UP_TO_DATE.replace('    artifacts: "{{ item }}.out"\n', "")
    (tmp_path / "c.yaml").write_text(without)
    assert look("run", "c.yaml", "-q").code == 0
    (tmp_path / "c.yaml").write_text(UP_TO_DATE)
    assert look("run", "c.yaml", "-q").code == 0
    listed = look("artifacts", "cached#2", "--json").json
    assert [one["path"] for one in listed] == ["one.out", "two.out"], "they are made for it"

    (tmp_path / "c.yaml").write_text(UP_TO_DATE.replace("[one, two]", "[new, one, two]"))
    assert look("run", "c.yaml", "-q").code == 0
    again = look("artifacts", "cached#3", "--json").json
    assert [(one["step_id"], one["path"]) for one in again] == [
        ("build[0]", "new.out"),
        ("build[1]", "one.out"),
        ("build[2]", "two.out"),
    ]
    assert again[1]["execution_id"] == listed[0]["execution_id"] != again[0]["execution_id"]
    assert "cached#2" in look("artifacts", "cached#3").out
    assert look("artifacts", "cached#3", "--get", "got").code == 0
    assert (tmp_path / "got/build[1]/one.out").read_text() == "one"

    pruned = look("db", "prune", "--older-than", "0s", "--keep", "1", "--json").json
    assert len(pruned["executions"]) == 1, "the second has what the third shows"
    assert look("artifacts", "cached#3", "--get", "more").code == 0
    assert look("audit", "verify").code == 0
    assert look("db", "prune", "--older-than", "0s", "--json").code == 0
    assert contents(tmp_path) == set()


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("run: 'echo hunter2hunter2 >t', secrets: [TOKEN], artifacts: t", "contains the secret"),
        ("run: 'echo x >hunter2hunter2', secrets: [TOKEN], artifacts: '*2'", "name of a file"),
        ("run: 'head -c 2000000 /dev/zero >t', artifacts: t", "more than the 1 MiB of one step"),
        ("run: mkdir d; cd d; seq 1001 | xargs touch, artifacts: d", "more than 1,000 files"),
        ("run: 'ln -s /etc e', artifacts: e/passwd", "is a symbolic link"),
    ],
)
def test_what_cannot_be_kept_fails_the_step_in_words(
    look: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, said: str
) -> None:
    (tmp_path / ".mission.toml").write_text("[artifacts]\nstep_mb = 1\n")
    (tmp_path / "bad.yaml").write_text(
        'version: "1.0"\nname: bad\nsecrets: [{TOKEN: env:THE_TOKEN}]\n'
        f"steps:\n  - {{id: a, {step}}}\n"
    )
    ran = look("run", "bad.yaml", "--json")
    assert ran.code == 1
    assert said in ran.json["step_results"]["a"]["error"]
    assert look("artifacts", "bad", "--json").json == []


def test_an_execution_as_a_whole_has_a_limit(look: Inside, tmp_path: Path) -> None:
    (tmp_path / ".mission.toml").write_text("[artifacts]\nexecution_mb = 1\n")
    big = "run: head -c 600000 /dev/zero >t"
    (tmp_path / "two.yaml").write_text(
        'version: "1.0"\nname: two\nsteps:\n'
        f"  - {{id: a, {big}, artifacts: t}}\n  - {{id: b, {big}, depends_on: a, artifacts: t}}\n"
    )
    ran = look("run", "two.yaml", "--json")
    assert ran.json["step_results"]["a"]["status"] == "Completed"
    assert "1 MiB of an execution" in ran.json["step_results"]["b"]["error"]


@pytest.mark.parametrize("value", ["[/etc/passwd]", "['../x']", "''", "[3]", "[.]"])
def test_a_pattern_that_leaves_the_folder_is_refused_with_its_place(
    look: Inside, tmp_path: Path, value: str
) -> None:
    (tmp_path / "wrong.yaml").write_text(
        f'version: "1.0"\nname: wrong\nsteps:\n  - {{id: a, run: x, artifacts: {value}}}\n'
    )
    (found,) = look("validate", "wrong.yaml", "--json").json["diagnostics"]
    assert (found["line"], found["severity"]) == (4, "error")


def test_limits_that_are_none_are_refused(look: Inside, tmp_path: Path) -> None:
    for text in ("step_mb = -1", "step_mb = true", "more_mb = 1"):
        (tmp_path / ".mission.toml").write_text(f"[artifacts]\n{text}\n")
        assert look("ls").code == 2


def test_a_bundle_holds_them_bound_to_the_events(look: Inside, tmp_path: Path) -> None:
    assert look("run", "kept.yaml", "-q").code == 0
    stored = tmp_path / "home/artifacts"
    (gone,) = stored.glob(f"*/{hashlib.sha256(b'made').hexdigest()}")
    gone.unlink()
    done = look("audit", "export", "kept", "-o", "a.zip", "--json").json
    assert (done["artifacts"], done["left_out"]) == (5, 1)
    with zipfile.ZipFile("a.zip") as archive:
        digest = hashlib.sha256(b"one\n").hexdigest()
        assert archive.read(f"artifacts/{digest}") == b"one\n"
        listed = json.loads(archive.read("artifacts.json"))
        events = archive.read("events.ndjson").decode()
    assert all(one["sha256"] in events for one in listed)
    (missing,) = [one for one in listed if not one["in_bundle"]]
    assert (missing["path"], missing["why"][:8]) == ("made.txt", "not kept")
    assert look("audit", "verify", "a.zip").code == 0
    data = Path("a.zip").read_bytes()
    at = data.index(b"one\n")
    Path("b.zip").write_bytes(data[:at] + b"One\n" + data[at + 4 :])
    found = look("audit", "verify", "b.zip", "--json")
    assert found.code == 8
    assert digest in found.json["findings"][0]["message"]

    (changed,) = stored.glob(f"*/{digest}")
    changed.write_bytes(b"two")
    refused = look("audit", "export", "kept", "-o", "c.zip")
    assert refused.code == 8
    assert digest in refused.err
    assert not Path("c.zip").exists()
    bare = look("audit", "export", "kept", "-o", "d.zip", "--no-artifacts", "--json").json
    assert (bare["artifacts"], bare["left_out"]) == (0, 6)
    assert look("audit", "verify", "d.zip").code == 0


def contents(tmp_path: Path) -> set[bytes]:
    return {one.read_bytes() for one in (tmp_path / "home/artifacts").glob("*/*")}


def test_they_are_pruned_with_the_last_execution_that_has_them(
    look: Inside, tmp_path: Path
) -> None:
    assert look("run", "kept.yaml", "-q").code == 0
    (tmp_path / "kept.yaml").write_text(MISSION.replace("echo one", "echo other"))
    assert look("run", "kept.yaml", "-q").code == 0
    assert {b"one\n", b"other\n", b"two\n"} <= contents(tmp_path)
    left = tmp_path / "home/artifacts/.0011223344556677.unfinished"
    left.write_bytes(b"a killed runner wrote this")
    os.utime(left, (1, 1))
    planned = look("db", "prune", "--older-than", "0s", "--dry-run", "--json").json
    assert (planned["artifacts"], planned["artifact_bytes"]) == (7, 4 + 6 + 4 + 2 + 4 + 2 + 2)

    archived = look("audit", "export", "--archive", "old", "--older-than", "0s", "--json").json
    assert len(archived["archived"]) == 2
    assert {b"one\n", b"other\n", b"two\n"} <= contents(tmp_path), "nothing is removed by it"
    for name in archived["archived"].values():
        assert look("audit", "verify", f"old/{name}").code == 0

    done = look("db", "prune", "--older-than", "0s", "--keep", "1", "--archive", "old", "--json")
    assert done.code == 0, done.err
    assert len(done.json["executions"]) == 1
    assert done.json["artifacts"] == 1
    assert b"one\n" not in contents(tmp_path)
    assert {b"other\n", b"two\n", b"made"} <= contents(tmp_path), "another execution has them"
    assert not left.exists()
    assert look("artifacts", "kept", "--get", "got").code == 0
    assert look("db", "prune", "--older-than", "0s").code == 0
    assert contents(tmp_path) == set()
    assert look("audit", "verify").code == 0
    assert look("audit", "export", "--archive", "old").code == 2, "nothing says what is old"
    assert look("audit", "export").code == 2
