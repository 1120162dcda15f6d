"""Five journeys of an operator by keyboard, each a way through the screen of a real terminal.

Tests walk them and count the keys; the pictures of the docs are taken on the way.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.walk import Walk

_CONVERT = """\
import os, time

ROWS = {
    "warehouse-1": [{"amount": 118.0, "discount": 0.1}] * 48_210,
    "warehouse-2": [{"amount": 118.0}] * 51_877,
}
rows = ROWS[os.environ["SOURCE"]]
print(f"opening {len(rows):,} orders of {os.environ['SOURCE']}", flush=True)
time.sleep(0.2)
total = 0.0
for row in rows:
    total += row["amount"] * (1 - row["discount"])
print(f"total {total:,.2f} EUR")
"""
_SALES = """\
version: "1.0"
name: sales-report
params:
  source: {type: string, default: warehouse-1, description: where the orders are}
  month: {type: string, default: "2026-10", description: what to report}
steps:
  - {id: extract, name: Extract the orders, run: "sleep 0.15; echo 14 tables read"}
  - {id: rates, name: Fetch the exchange rates, run: "sleep 0.1; echo EUR/USD 1.0921"}
  - id: convert
    name: Convert the currencies
    depends_on: [extract, rates]
    env: {SOURCE: "{{ params.source }}"}
    run: python3 convert.py
  - {id: charts, name: Draw the charts, depends_on: [convert], run: echo 12 charts}
  - {id: publish, name: Publish the report, depends_on: [charts], run: echo published}
  - {id: notify, name: Tell the team, depends_on: [publish], run: echo sent}
"""
_STRICT = '    env: {SOURCE: "{{ params.source }}", RATES: strict}\n'


def _a_bad_night(walk: Walk) -> None:
    """Two nights that went well, then one with another definition and another parameter."""
    walk.write("convert.py", _CONVERT)
    walk.write("sales-report.yaml", _SALES)
    for _night in range(2):
        assert walk.run("run", "sales-report.yaml").code == 0
    walk.write("sales-report.yaml", _SALES.replace('    env: {SOURCE: "{{ params.source }}"}\n', _STRICT))
    assert walk.run("run", "sales-report.yaml", "-p", "source=warehouse-2").code == 1


def why_it_failed(walk: Walk) -> None:
    """Why did last night's run fail, and what changed since it last worked?"""
    _a_bad_night(walk)
    walk.sit_down("NEEDS YOU 1", "sales-report#3", "KeyError: 'discount'")
    walk.press("enter", "✗ convert", "exit 1")
    walk.press("enter", "exit 1: KeyError: 'discount'", "last succeeded in sales-report#2")
    walk.see("definition `env.RATES`: new: strict", "`source`: warehouse-1 → warehouse-2")
    walk.take_picture("why", "what can be done" if False else "KeyError: 'discount'")
    walk.press("escape", "1 List")
    walk.press("D", "compared with sales-report#2", "mission file: ", "convert: done → failed")
    walk.take_picture("changed")


def retry_with_another_parameter(walk: Walk) -> None:
    """Run again only what is needed, with one parameter changed, and see that it is on record."""
    _a_bad_night(walk)
    walk.sit_down("sales-report#3")
    walk.press("enter", "✗ convert")
    walk.press("F", "Runs again", "source")
    walk.press("tab")
    walk.type_in("warehouse-1", "parameter `source`: warehouse-2 → warehouse-1")
    walk.take_picture("desk", "Reused")
    walk.press("ctrl+r", "sales-report#4", "✓ done")
    walk.take_picture("done")
    walk.press("A", "audit log")
    walk.take_picture("audit")


_STUBBORN = """\
import signal, subprocess, sys, time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) > 1:
    time.sleep(600)
for part in range(2):
    subprocess.Popen([sys.executable, __file__, f"part-{part}"])
for page in range(1, 10**6):
    print(f"page {page} of an export without end", flush=True)
    time.sleep(0.4)
"""
_EXPORT = """\
version: "1.0"
name: export
config: {stop: {grace: 6s}}
steps:
  - {id: login, name: Log in, run: echo signed in}
  - {id: crawl, name: Read all pages, depends_on: [login], run: exec python3 crawl.py}
  - {id: upload, name: Upload the export, depends_on: [crawl], run: echo uploaded}
"""


def cancel_a_runaway(walk: Walk) -> None:
    """Cancel a process that ignores SIGTERM and has children, and read what became of them."""
    walk.write("crawl.py", _STUBBORN)
    walk.write("export.yaml", _EXPORT)
    r=walk.run("run", "export.yaml", "--detach"); assert r.code==0, r
    walk.sit_down("export#1", "RUNNING")
    walk.press("enter", "▶ crawl", "page 2")
    walk.press("X", "1 running step gets SIGTERM")
    walk.take_picture("dialog")
    walk.press("tab", "▸ Cancel run")
    walk.press("enter", "processes remain")
    walk.take_picture("census")
    walk.see("◼ cancelled")
    walk.press("enter", "Overview")
    walk.press("5", "left running")
    walk.take_picture("final")


_RENEW = """\
import sys, time

host, number = sys.argv[1], int(sys.argv[1][4:])
print(f"renewing the certificate of {host}", flush=True)
if number % 7 == 3:
    sys.exit(f"ConnectionError: {host}:8443 refused the connection")
if number in (60, 61):
    sys.exit(f"OSError: no space left on device: /etc/ssl/{host}.pem")
"""


def find_the_failed_items(walk: Walk) -> None:
    """Find which of 300 items failed and why."""
    walk.write("renew.py", _RENEW)
    hosts = ", ".join(f"web-{number:03}" for number in range(1, 301))
    walk.write("certificates.yaml", f"""\
version: "1.0"
name: certificates
config: {{fail_fast: false, parallel_limit: 8}}
steps:
  - {{id: order, name: Order the certificates, run: echo 300 ordered}}
  - id: renew
    name: Renew them
    depends_on: [order]
    foreach: [{hosts}]
    env: {{HOST: "{{{{ item }}}}"}}
    run: python3 renew.py "$HOST"
  - {{id: report, name: Report, depends_on: [renew], run: echo all renewed}}
""")
    assert walk.run("run", "certificates.yaml").code == 1
    walk.sit_down("certificates#1")
    walk.take_picture("home")
    walk.press("enter", "renew", "ConnectionError")
    walk.take_picture("items")


def back_to_the_moment(walk: Walk) -> None:
    """Go back to the moment it happened, see the screen as it was, and return to now."""
    _a_bad_night(walk)
    walk.sit_down("sales-report#3")
    walk.press("enter", "✗ convert")
    walk.press("(", "THE PAST")
    walk.take_picture("failed")
    walk.press("<", "▶ convert")
    walk.take_picture("running")
    walk.press(".", "✗ convert")
    walk.terminal.settle()
    assert "THE PAST" not in walk.terminal.text


@dataclass(frozen=True, slots=True)
class Journey:
    """A way through the screen, and how many keys it may take at most."""

    name: str
    walk: Callable[[Walk], None]
    most_keys: int


JOURNEYS = (
    Journey("why", why_it_failed, 5),
    Journey("retry", retry_with_another_parameter, 12),
    Journey("cancel", cancel_a_runaway, 6),
    Journey("items", find_the_failed_items, 4),
    Journey("past", back_to_the_moment, 5),
)
