"""Timers: the text of units and crontab lines, and what is installed by programs that stand in."""

import os
import shlex
import subprocess
from pathlib import Path
from shutil import which

import pytest

from core.errors import UsageError
from tests.support.cli import Inside
from tui.host.scheduling.cron_line import check_cron, cron_line
from tui.host.scheduling.scheduled_run import ScheduledRun, schedule_name
from tui.host.scheduling.systemd_timer import unit_texts

MISSION = 'version: "1.0"\nname: night ly\nparams: {n: {}}\nsteps: [{id: a, step_type: noop}]\n'
ODD = ScheduledRun(
    name="odd",
    when="*-*-* 03:00",
    command=("/opt/my tools/mission", "run", "50% of $HOME", 'a "b" \\ c'),
    folder="/srv/100% mine",
    environ={"MISSION_HOME": '/srv/$x "y"'},
)

CRONTAB = """\
#!/bin/sh
set -e
case $1 in
  -l) if [ -e "$TABLE" ]; then cat "$TABLE"; else echo "no crontab for me" >&2; exit 1; fi ;;
  -) cat > "$TABLE" ;;
esac
"""
SYSTEMCTL = """\
#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in *show*) echo ActiveState=active; echo "NextElapseUSecRealtime=Mon 03:00" ;; esac
"""


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("crontab", CRONTAB), ("systemctl", SYSTEMCTL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MISSION)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("TABLE", str(tmp_path / "table"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Inside(tmp_path / "home", monkeypatch, capfd)


def test_a_crontab_line_is_installed_beside_others_replaced_and_removed(
    inside: Inside, tmp_path: Path
) -> None:
    table = tmp_path / "table"
    table.write_text("# mine\n5 4 * * * other # missiondeck:night-ly-2\n")

    assert inside("schedule", "add", "m.yaml", "-p", "n=1%", "--cron", "0 3 * * 1-5").code == 0
    assert inside("schedule", "add", "m.yaml", "-p", "n=2%", "--cron", "@daily").code == 0

    *others, own = table.read_text().splitlines()
    assert others == ["# mine", "5 4 * * * other # missiondeck:night-ly-2"]
    assert own.startswith(f"@daily cd {tmp_path} && MISSION_HOME=")
    assert own.endswith("-p n=2\\% # missiondeck:night-ly")
    found = {one["name"]: one for one in inside("schedule", "list", "--json").json["schedules"]}
    assert found["night-ly"]["when"] == "@daily"
    assert found["night-ly-2"]["when"] == "5 4 * * *"
    assert inside("schedule", "remove", "night-ly").code == 0
    assert table.read_text().splitlines() == others
    assert inside("schedule", "remove", "night-ly").code == 4


def test_a_timer_is_written_started_listed_and_removed(inside: Inside, tmp_path: Path) -> None:
    units = tmp_path / "config" / "systemd" / "user"

    assert (
        inside("schedule", "add", "m.yaml", "-p", "n=1", "--on", "daily", "--name", "x").code == 0
    )

    assert sorted(one.name for one in units.iterdir()) == [
        "missiondeck-x.service",
        "missiondeck-x.timer",
    ]
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["--user daemon-reload", "--user enable --now missiondeck-x.timer"]
    [one] = inside("schedule", "list", "--json").json["schedules"]
    assert (one["name"], one["when"], one["active"], one["next"]) == (
        "x",
        "daily",
        True,
        "Mon 03:00",
    )
    assert inside("schedule", "remove", "x").code == 0
    assert list(units.iterdir()) == []


def test_what_is_wrong_is_refused_before_anything_is_written(
    inside: Inside, tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_text("version: '1.0'\nname: bad\nsteps: []\n")
    (tmp_path / "wants.yaml").write_text(MISSION.replace("{n: {}}", "{n: {required: true}}"))
    for arguments, code in (
        (("m.yaml", "-p", "n=1"), 2),
        (("m.yaml", "-p", "n=1", "--on", "daily", "--cron", "@daily"), 2),
        (("m.yaml", "-p", "n=1", "--cron", "61 3 * * *"), 2),
        (("m.yaml", "-p", "n=1", "--on", "daily\nExecStart=/bin/false"), 2),
        (("bad.yaml", "--cron", "@daily"), 3),
        (("m.yaml", "-p", "m=1", "--cron", "@daily"), 2),
        (("wants.yaml", "--cron", "@daily"), 2),
    ):
        assert inside("schedule", "add", *arguments).code == code, arguments
    assert not (tmp_path / "table").exists()
    assert not (tmp_path / "config").exists()


def test_without_systemctl_the_files_are_written_and_the_rest_is_said(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin" / "systemctl").write_text("#!/bin/sh\nexit 1\n")

    done = inside("schedule", "add", "m.yaml", "-p", "n=1", "--on", "daily")

    assert done.code == 0
    assert "systemctl --user daemon-reload && systemctl --user enable --now" in done.err


@pytest.mark.parametrize(
    "when",
    ["0 3 * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "a * * * *",
     "*/0 * * * *", "5/2 * * * *", "9-3 * * * *", "1,,2 * * * *", "@never", "* * * * *\n", ""],
)  # fmt: skip
def test_what_is_no_time_of_a_crontab_is_refused(when: str) -> None:
    with pytest.raises(UsageError):
        check_cron(when)


@pytest.mark.parametrize("when", ["*/5 0-6,12 1-31/2 jan-MAR sun,1-5", "0 0 * * 7", "@weekly"])
def test_times_of_a_crontab(when: str) -> None:
    check_cron(when)


def test_a_shell_gets_the_words_of_a_crontab_line_as_they_are(tmp_path: Path) -> None:
    run = ScheduledRun(
        name="odd",
        when="@daily",
        command=("printf", "%s|", *ODD.command),
        folder=str(tmp_path),
        environ=ODD.environ,
    )

    text = cron_line(run).removeprefix("@daily ").replace("\\%", "%")

    done = subprocess.run(["sh", "-c", text], check=True, capture_output=True, text=True)
    assert done.stdout == "".join(f"{word}|" for word in ODD.command)


def test_units_quote_what_systemd_expands() -> None:
    service = unit_texts(ODD)["missiondeck-odd.service"]

    assert 'ExecStart="/opt/my tools/mission" "run" "50%% of $$HOME" "a \\"b\\" \\\\ c"' in service
    assert 'Environment="MISSION_HOME=/srv/$x \\"y\\""' in service
    assert "WorkingDirectory=/srv/100%% mine\n" in service


@pytest.mark.skipif(which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    run = ScheduledRun(name="t", when="daily", command=("/bin/true", "a b"), folder="/", environ={})
    for name, text in unit_texts(run).items():
        (tmp_path / name).write_text(text)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(tmp_path / "missiondeck-t.timer")],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )

    told = [line for line in done.stderr.splitlines() if "missiondeck-t" in line]
    assert told == [], shlex.join(told)


@pytest.mark.parametrize(("text", "name"), [("a b/c", "a-b-c"), ("--x", "x"), ("ä1", "1")])
def test_the_name_of_a_schedule(text: str, name: str) -> None:
    assert schedule_name(text) == name
