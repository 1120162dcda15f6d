"""`mission secrets` on the real command line: values go in, and never come out."""

from pathlib import Path

from tests.support.cli import mission, on_a_terminal

VALUE = "sesame-open-9f3"


def store(home: Path, name: str = "DEPLOY_TOKEN", value: str = VALUE) -> None:
    """Store a value."""
    done = mission(home, "secrets", "set", name, input=f"{value}\n")
    assert done.code == 0, done.err


def test_the_first_value_makes_a_key_and_says_what_losing_it_means(tmp_path: Path) -> None:
    done = mission(tmp_path / "home", "secrets", "set", "DEPLOY_TOKEN", input=f"{VALUE}\n")
    assert (done.code, done.out) == (0, "")
    assert "nothing recovers" in done.err
    assert "version 1" in done.err
    done = mission(tmp_path / "home", "secrets", "set", "DEPLOY_TOKEN", input="another-value\n")
    assert "nothing recovers" not in done.err
    assert "version 2" in done.err


def test_names_are_listed_and_values_are_not(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert mission(home, "secrets", "list", "--json").json == []
    store(home)
    listed = mission(home, "secrets", "list")
    assert "DEPLOY_TOKEN  version 1" in listed.out
    assert VALUE not in listed.out + listed.err
    (entry,) = mission(home, "secrets", "list", "--json").json
    assert (entry["name"], entry["version"], entry["masked"]) == ("DEPLOY_TOKEN", 1, True)
    for path in home.rglob("*"):
        assert not path.is_file() or VALUE.encode() not in path.read_bytes()


def test_a_short_value_is_refused_unless_it_is_meant(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = mission(home, "secrets", "set", "PIN", input="1234\n")
    assert done.code == 2
    assert "--unmaskable" in done.err
    done = mission(home, "secrets", "set", "PIN", "--unmaskable", input="1234\n")
    assert done.code == 0
    assert "too short to be masked" in done.err
    assert "not masked" in mission(home, "secrets", "list").out


def test_bad_names_and_empty_values_are_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for name in ("9LIVES", "a-b", "LD_PRELOAD", "x\x1b[31m"):
        done = mission(home, "secrets", "set", name, input="long enough\n")
        assert done.code == 2, name
        assert "\x1b" not in done.err
    assert mission(home, "secrets", "set", "EMPTY", input="\n").code == 2
    assert not (home / "secrets.json").exists()


def test_a_removed_secret_is_gone_and_an_unknown_one_is_not_found(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert mission(home, "secrets", "rm", "NONE").code == 4
    store(home)
    assert mission(home, "secrets", "rm", "DEPLOY_TOKEN").code == 0
    assert mission(home, "secrets", "rm", "DEPLOY_TOKEN").code == 4


def test_a_damaged_store_is_said_without_a_traceback(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store(home)
    file = home / "secrets.json"
    file.write_bytes(file.read_bytes().replace(b"DEPLOY", b"DEPLOX"))
    done = mission(home, "secrets", "list")
    assert done.code == 9
    assert "was changed" in done.err
    file.write_bytes(b"{}")
    assert mission(home, "secrets", "list").code == 9


def test_a_passphrase_protects_the_store(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store(home)
    assert mission(home, "secrets", "rekey", "--passphrase", input="short\n").code == 2
    done = mission(home, "secrets", "rekey", "--passphrase", input="a long passphrase\n")
    assert done.code == 0, done.err
    refused = mission(home, "secrets", "list")
    assert refused.code == 9
    assert "MISSION_PASSPHRASE_FILE" in refused.err
    (tmp_path / "phrase").write_text("a long passphrase\n")
    known = {"MISSION_PASSPHRASE_FILE": str(tmp_path / "phrase")}
    assert "DEPLOY_TOKEN" in mission(home, "secrets", "list", env=known).out
    assert mission(home, "secrets", "rekey", env=known).code == 0
    assert "DEPLOY_TOKEN" in mission(home, "secrets", "list").out


def test_a_planted_value_is_found_in_every_form(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store(home)
    clean = mission(home, "secrets", "scan", "--json")
    assert clean.code == 0
    assert clean.json["found"] == []
    (home / "logs").mkdir(exist_ok=True)
    planted = home / "logs" / "planted"
    planted.write_bytes(
        b"x" * (4 * 1024 * 1024 - 5) + VALUE.encode() + b" " + VALUE.encode().hex().encode()
    )
    found = mission(home, "secrets", "scan", "--json")
    assert found.code == 1
    assert [(one["offset"], one["name"]) for one in found.json["found"]] == [
        (4 * 1024 * 1024 - 5, "DEPLOY_TOKEN"),
        (4 * 1024 * 1024 - 4 + len(VALUE), "DEPLOY_TOKEN"),
    ]
    assert VALUE not in mission(home, "secrets", "scan").out


def test_on_a_terminal_the_value_is_asked_for_without_echo(tmp_path: Path) -> None:
    done = on_a_terminal(
        tmp_path / "home",
        "secrets",
        "set",
        "DEPLOY_TOKEN",
        question=b"not shown",
        answer=f"{VALUE}\r".encode(),
    )
    assert done.code == 0, done.out
    assert VALUE not in done.out
    assert "DEPLOY_TOKEN" in mission(tmp_path / "home", "secrets", "list").out
