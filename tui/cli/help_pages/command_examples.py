"""The examples that stand at the end of each command's help, in the docs and the man pages.

Tests parse each of them as the command would.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

EXAMPLES: Mapping[str, Sequence[tuple[str, str]]] = MappingProxyType(
    {
        "run": (
            ("mission run", "run the mission.yaml of this folder"),
            ("mission run deploy.yaml -p target=staging --watch", "again whenever a file changes"),
            ("mission run nightly -q -l team=data --on-end ./tell.sh", "by name, and tell the end"),
            (
                "mission run deploy.yaml --target build --dry-run",
                "the plan alone, of a step and what it depends on",
            ),
        ),
        "exec": (
            ("mission exec -- make -j4 test", "one command, recorded and audited"),
            ("mission exec --name backup --timeout 1h -- ./backup.sh", "with a name and a limit"),
        ),
        "retry": (
            ("mission retry @last-failed --watch", "what failed last, and watch it"),
            ("mission retry deploy#7 --set load.timeout_seconds=60", "with another limit"),
            ("mission retry deploy#7 --step upload --downstream --dry-run", "show what would run"),
            ("mission retry --name nightly --since 1d --yes", "all that failed since yesterday"),
        ),
        "rerun": (
            ("mission rerun deploy#7", "the same mission with the same parameters"),
            ("mission rerun nightly --reason 'new data' --watch", "its newest run, and watch it"),
            ("mission rerun -l batch=7 --dry-run", "show which would run of many"),
        ),
        "ls": (
            ("mission ls --state failed --since 1d", "what failed since yesterday"),
            (
                "mission ls --where 'who:ada param:tag=v2 !label:team=data'",
                "by terms of the screen",
            ),
            ("mission ls --fields run,state,took,labels --sort took:desc", "the longest first"),
            ("mission ls deploy --watch", "redrawn whenever something changes"),
        ),
        "show": (
            ("mission show @last", "the newest run and why it is in its state"),
            ("mission show deploy#7 upload", "one step with its attempts"),
            ("mission show deploy#7 --result", "the object that run --json printed"),
        ),
        "logs": (
            ("mission logs -f @last", "follow the newest run"),
            ("mission logs deploy#7 upload --tail 50", "the last lines of a step"),
            ("mission logs @last-failed --stream err --search timeout", "errors with a word"),
        ),
        "artifacts": (
            ("mission artifacts build#3", "which files were kept"),
            ("mission artifacts build#3 package --get out", "write those of a step to a folder"),
        ),
        "why": (
            ("mission why @last-failed", "why the run failed"),
            ("mission why deploy#7 publish", "why a step did not run"),
        ),
        "diff": (
            ("mission diff nightly", "the newest run and the last one that succeeded"),
            ("mission diff deploy#6 deploy#7 --no-logs", "two runs, without their logs"),
        ),
        "history": (
            ("mission history nightly", "how its runs ended"),
            ("mission history nightly load -n 20", "the last 20 runs of one step"),
        ),
        "watch": (
            ("mission watch deploy#7", "until it ends; the exit code is that of the run"),
            ("mission watch @last --plain --timeout 10m", "in lines, ten minutes at most"),
            ("mission watch nightly --on-end 'notify-send done'", "and run a command at the end"),
        ),
        "open": (
            ("mission open @last", "the screen on the newest run"),
            ("mission open deploy#7 --read-only", "to look at alone"),
        ),
        "events": (
            ("mission events deploy#7", "the audit events of a run, one a line"),
            ("mission events -f --since 1200", "follow all, after event 1200"),
        ),
        "cancel": (
            ("mission cancel deploy#7 --reason 'wrong target' --wait", "and wait for its end"),
            ("mission cancel deploy#7 --step upload", "one step of it"),
            ("mission cancel -l team=data --dry-run", "show what would be cancelled of many"),
            ("mission cancel --where 'who:ada since:1h' --yes", "many, without a question"),
        ),
        "pause": (
            ("mission pause nightly", "what runs goes on, nothing more starts"),
            ("mission pause deploy#7 --json", "with the outcome as JSON"),
        ),
        "resume": (
            ("mission resume nightly", "go on after a pause or a dead runner"),
            ("mission resume nightly --assume-lost retry", "also repeat what is not idempotent"),
        ),
        "queue": (
            ("mission queue", "who waits for whom"),
            ("mission queue --json", "as JSON"),
        ),
        "hold": (
            ("mission hold deploy#8", "let others of its group go first"),
            ("mission hold -l team=data --yes", "all that wait and have the label"),
        ),
        "release": (
            ("mission release deploy#8", "let it go on in its group"),
            ("mission release -l team=data --yes", "all that wait and have the label"),
        ),
        "approve": (
            ("mission approve deploy#7", "the only step that waits"),
            ("mission approve deploy#7 gate --input size=3 --comment ok", "with a value it asks"),
        ),
        "reject": (
            ("mission reject deploy#7", "the only step that waits"),
            ("mission reject deploy#7 gate --comment 'not on a Friday'", "and say why"),
        ),
        "validate": (
            ("mission validate", "the mission.yaml of this folder"),
            ("mission validate deploy.yaml nightly.yaml --json", "several, for a program"),
            ("cat deploy.yaml | mission validate -", "what stands on stdin"),
        ),
        "plan": (
            ("mission plan deploy.yaml", "the order of the steps, and what each would do"),
            ("mission plan deploy.yaml -p target=staging", "with a parameter"),
        ),
        "graph": (
            ("mission graph deploy.yaml", "draw the steps in the terminal"),
            ("mission graph deploy#7 -o mermaid", "a run, for a page"),
        ),
        "init": (
            ("mission init", "write mission.yaml"),
            ("mission init deploy.yaml -t deploy", "from a template"),
            ("mission init --list", "list the templates"),
        ),
        "examples": (
            ("mission examples", "list the sample missions"),
            ("mission examples hello | mission run -", "run one"),
            ("mission examples --copy samples", "copy all to a folder"),
        ),
        "explain": (
            ("mission explain step.retry", "a key of the mission file"),
            ("mission explain http", "a step type"),
            ("mission explain EXIT_NONZERO", "a code"),
        ),
        "schema": (
            ("mission schema > mission.schema.json", "for an editor"),
            ("mission schema --json | head -c 200", "its beginning"),
        ),
        "audit verify": (
            ("mission audit verify", "what was added since it was last verified"),
            ("mission audit verify --full --deep", "everything, with the records"),
            ("mission audit verify deploy-7.zip", "a bundle from elsewhere"),
        ),
        "audit show": (
            ("mission audit show deploy#7", "what was recorded of a run"),
            ("mission audit show deploy#7 --step upload --type attempt", "of one step"),
        ),
        "audit export": (
            ("mission audit export deploy#7 -o deploy-7.zip", "one run as a bundle"),
            ("mission audit export --archive old --older-than 90d", "all old runs"),
        ),
        "audit report": (
            ("mission audit report deploy#7 --format html -o deploy.html", "a page of one run"),
            ("mission audit report --since 30d", "all of a month"),
        ),
        "audit anchor": (
            ("mission audit anchor --checkpoint", "write the head of the log for a witness"),
            (
                "mission audit anchor --tsa-response head.tsr --tsa-ca tsa.pem",
                "store the answer of a time-stamping authority",
            ),
        ),
        "audit key show": (
            ("mission audit key show", "the keys that signed the log"),
            ("mission audit key show --json", "as JSON"),
        ),
        "audit key export": (
            ("mission audit key export -o log.pub", "the public key, for others"),
            ("mission audit key export --format pem", "in another format"),
        ),
        "audit key rotate": (
            ("mission audit key rotate", "sign with a new key from now on"),
            ("mission audit key rotate --json", "with the new key as JSON"),
        ),
        "audit key revoke": (
            ("mission audit key revoke 7f3a9c21 --reason stolen --since 2d", "not from then on"),
            ("mission audit key revoke 7f3a9c21 --reason stolen --from-event 1200", "by event"),
        ),
        "schedule add": (
            ("mission schedule add nightly.yaml --on '*-*-* 02:00'", "a timer of systemd"),
            ("mission schedule add nightly.yaml --cron '0 2 * * *' --print", "show the line alone"),
        ),
        "schedule list": (
            ("mission schedule list", "what is installed"),
            ("mission schedule list --json", "as JSON"),
        ),
        "schedule remove": (
            ("mission schedule remove nightly", "take a timer or crontab line away"),
            ("mission schedule remove nightly --json", "with what was removed as JSON"),
        ),
        "policy show": (
            ("mission policy show", "the policies in force"),
            ("mission policy show --schema", "what policies may speak of"),
        ),
        "policy test": (
            ("mission policy test deploy.yaml", "what they would allow of a mission"),
            ("mission policy test deploy.yaml -p target=production", "with a parameter"),
        ),
        "policy explain": (
            ("mission policy explain deploy#7 upload", "what decided on a step"),
            ("mission policy explain @last-failed upload --json", "as JSON"),
        ),
        "secrets list": (
            ("mission secrets list", "the names, never the values"),
            ("mission secrets list --json", "as JSON"),
        ),
        "secrets set": (
            ("mission secrets set API_TOKEN", "ask for the value"),
            ("pass show api | mission secrets set API_TOKEN", "take it from stdin"),
        ),
        "secrets rm": (
            ("mission secrets rm API_TOKEN", "forget one"),
            ("mission secrets rm API_TOKEN --json", "with the outcome as JSON"),
        ),
        "secrets rekey": (
            ("mission secrets rekey --passphrase", "protect the key by a passphrase"),
            ("mission secrets rekey --keyring", "by the keyring of the system"),
        ),
        "secrets scan": (
            ("mission secrets scan", "look for stored values where they must not be"),
            ("mission secrets scan .", "in this folder"),
        ),
        "db path": (
            ("mission db path", "where the records are"),
            ('sqlite3 -readonly "$(mission db path)" .tables', "look into them"),
        ),
        "db check": (
            ("mission db check", "whether the file is whole"),
            ("mission db check --json", "as JSON"),
        ),
        "db stats": (
            ("mission db stats", "what takes how much room"),
            ("mission db stats --json", "as JSON"),
        ),
        "db backup": (
            ("mission db backup", "next to the database"),
            ("mission db backup /mnt/backup/missions.db", "to this file"),
        ),
        "db prune": (
            ("mission db prune --older-than 90d --dry-run", "show what would go"),
            ("mission db prune --older-than 30d --logs-only", "the output of old runs alone"),
            ("mission db prune --keep 100 --archive old", "keep bundles of what goes"),
        ),
        "worker": (
            ("mission worker tls://cluster:8786", "run processes of a cluster's missions here"),
            ("mission worker tls://cluster:8786 --tag gpu=a100", "and say what is special here"),
        ),
        "doctor": (
            ("mission doctor", "whether all is there that missions need"),
            ("mission doctor --executor dask=tls://cluster:8786", "on a cluster, too"),
        ),
        "completion": (
            ('eval "$(mission completion bash)"', "in ~/.bashrc"),
            (
                "mission completion fish > ~/.config/fish/completions/mission.fish",
                "once, for fish",
            ),
        ),
        "help": (
            ("mission help", "all commands"),
            ("mission help audit verify", "one command"),
            ("mission help exit-codes", "a topic"),
        ),
        "version": (
            ("mission version", "the version"),
            ("mission version --json", "as JSON"),
        ),
    }
)
"""For each command, by its name without `mission`: command lines, and what each is for."""


def examples_of(path: str) -> Sequence[tuple[str, str]]:
    """Return the examples of a command, by its path such as `mission audit verify`."""
    return EXAMPLES.get(path.partition(" ")[2], ())
