"""Five journeys of an operator by keyboard, each a way through the screen of a real terminal.

Tests walk them and count the keys; the pictures of the docs are taken on the way.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.walk import Walk

_SALES = """\
version: "1.0"
name: sales-report
description: The sales of a month, in euros
params:
  source: {type: string, default: warehouse-1, description: where the orders are}
  month: {type: string, default: "2026-10", description: what to report}
steps:
  - {id: orders, name: Extract the orders, run: "sleep 0.15; echo 48,210 orders"}
  - {id: rates, name: Fetch the exchange rates, run: "sleep 0.1; echo EUR/USD 1.0921"}
  - {id: customers, name: Extract the customers, run: "sleep 0.1; echo 9,312 customers"}
  - id: convert
    name: Convert to euros
    depends_on: [orders, rates]
    env: {SOURCE: "{{ params.source }}"}
    run: sh convert.sh
  - {id: regions, name: Sales by region, depends_on: [convert, customers], run: echo 12 regions}
  - {id: products, name: Sales by product, depends_on: [convert], run: echo 840 products}
  - {id: charts, name: Draw the charts, depends_on: [regions, products], run: echo 24 charts}
  - {id: summary, name: Write the summary, depends_on: [regions, products], run: echo 3 pages}
  - {id: report, name: Bind the report, depends_on: [charts, summary], run: echo 41 pages}
  - {id: archive, name: Keep a copy, depends_on: [report], run: echo kept}
  - {id: publish, name: Publish the report, depends_on: [report], run: echo published}
  - {id: notify, name: Tell the team, depends_on: [publish], run: echo sent}
"""
_CONVERT = """\
echo "connecting to $SOURCE"
echo "reading table orders, 16 partitions"
for part in 01 02 03 04 05 06 07 08; do
  echo "partition $part: 3,013 orders converted"
done
sleep 0.3
if [ "$SOURCE" = warehouse-2 ]; then
  echo "WARNING: schema of $SOURCE is version 8, expected 7" >&2
  echo "partition 09: row 24,105 cannot be converted" >&2
  echo "KeyError: no column 'discount' in orders" >&2
  exit 1
fi
echo "total 5,119,902.00 EUR"
"""
_PLAIN = 'env: {SOURCE: "{{ params.source }}"}'
_STRICT = 'env: {SOURCE: "{{ params.source }}", ON_ERROR: stop}'

_CRAWL = """\
import signal, subprocess, sys, time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) > 1:
    time.sleep(600)
for part in range(2):
    subprocess.Popen([sys.executable, __file__, f"part-{part}"])
for page in range(1, 10**6):
    print(f"GET /orders?page={page}  200  1.2 MB", flush=True)
    time.sleep(0.4)
"""
_EXPORT = """\
version: "1.0"
name: export
config: {stop: {grace: 6s}}
steps:
  - {id: login, name: Log in, run: echo signed in}
  - {id: crawl, name: Read all pages, depends_on: [login], run: exec python3 crawl.py}
  - {id: merge, name: Merge the pages, depends_on: [crawl], run: echo merged}
  - {id: upload, name: Upload the export, depends_on: [merge], run: echo uploaded}
  - {id: clean, name: Remove the pages, depends_on: [upload], run: echo removed}
"""

_RENEW = """\
echo "renewing the certificate of $HOST"
case $HOST in
  web-?03 | web-?17 | web-?4[1-4])
    echo "ConnectionError: $HOST:8443 refused the connection" >&2
    exit 1 ;;
  web-060 | web-061)
    echo "OSError: no space left" >&2
    exit 1 ;;
esac
"""
_CERTIFICATES = """\
version: "1.0"
name: certificates
config: {fail_fast: false, parallel_limit: 8}
steps:
  - {id: order, name: Order certificates, run: echo 300 ordered}
  - id: renew
    name: Renew them
    depends_on: [order]
    foreach: [HOSTS]
    env: {HOST: "{{ item }}"}
    run: . ./renew.sh
  - {id: probe, name: Ask each host, depends_on: [renew], run: echo all answer}
  - {id: report, name: Report, depends_on: [probe], run: echo all renewed}
"""


def _a_bad_night(walk: Walk) -> None:
    """Two nights that went well, then one with another definition and another parameter."""
    walk.write("convert.sh", _CONVERT)
    walk.write("sales-report.yaml", _SALES)
    for _night in range(2):
        assert walk.run("run", "sales-report.yaml").code == 0
    walk.write("sales-report.yaml", _SALES.replace(_PLAIN, _STRICT))
    assert walk.run("run", "sales-report.yaml", "-p", "source=warehouse-2").code == 1


def why_it_failed(walk: Walk) -> None:
    """Why did last night's run fail, and what changed since it last worked?"""
    _a_bad_night(walk)
    walk.sit_down("NEEDS YOU 1", "sales-report#3", "exit 1: KeyError: no column")
    walk.press("enter", "✗ convert", "exit 1 · EXIT_NONZERO")
    walk.press("enter", "exit 1: KeyError: no column 'discount' in orders", "sales-report#2")
    walk.take_picture(
        "why", "`env.ON_ERROR`: new: stop", "parameter `source`: warehouse-1 → warehouse-2"
    )
    walk.press("escape", "1 List")
    walk.press("D", "compared with sales-report#2", "convert: done → failed")
    walk.take_picture("changed", "mission file: ", "`source`: warehouse-1 → warehouse-2")


def retry_with_another_parameter(walk: Walk) -> None:
    """Run again only what is needed, with one parameter changed, and see that it is on record."""
    _a_bad_night(walk)
    walk.sit_down("sales-report#3")
    walk.press("enter", "✗ convert")
    walk.press("F", "Runs again", "Reused")
    walk.press("tab")
    walk.terminal.settle()
    walk.type_in("warehouse-2 lacks the discounts")
    walk.press("tab")
    walk.terminal.settle()
    walk.type_in("warehouse-1", "parameter `source`: warehouse-2 → warehouse-1")
    walk.take_picture("retry", "Runs again: 9 steps", "Reused: 3 steps")
    walk.press("ctrl+r", "sales-report#4", "✓ done")
    walk.press("A", "audit log", "execution.finalized")
    walk.press("v", "✓ INTACT", "a trusted key signed them")
    walk.press("/")
    walk.terminal.settle()
    walk.type_in("type:amended")
    walk.press("enter", "amended what the retry runs")
    walk.take_picture("audit", "warehouse-2 →", "✓ INTACT")


def cancel_a_runaway(walk: Walk) -> None:
    """Cancel a process that ignores SIGTERM and has children, and read what became of them."""
    walk.write("crawl.py", _CRAWL)
    walk.write("export.yaml", _EXPORT)
    assert walk.run("run", "export.yaml", "--detach").code == 0
    walk.sit_down("export#1", "RUNNING")
    walk.press("enter", "▶ crawl", "page=12 ")
    walk.press("X", "1 running step gets SIGTERM", "▸ Keep")
    walk.press("tab", "▸ Cancel run")
    walk.press("enter", "SIGTERM 2", "3 processes remain, SIGKILL in 4s")
    walk.take_picture("cancel", "processes remain", is_moving=True)
    walk.see("◼ cancelled")
    walk.press("enter", "1 Overview", "ended: 3 processes, 0 survivors")
    walk.take_picture("census", "cancelled by ada")


def find_the_failed_items(walk: Walk) -> None:
    """Find which of 300 items failed and why."""
    walk.write("renew.sh", _RENEW)
    hosts = ", ".join(f"web-{number:03}" for number in range(1, 301))
    walk.write("certificates.yaml", _CERTIFICATES.replace("HOSTS", hosts))
    assert walk.run("run", "certificates.yaml").code == 1
    walk.sit_down("certificates#1")
    walk.press("enter", "renew ×300", "×18 exit 1: ConnectionError: …:8443 refused the connection")
    walk.take_picture("items", "web-060", "exit 1: OSError: no space left")


def back_to_the_moment(walk: Walk) -> None:
    """Go back to the moment it happened, see the screen as it was, and return to now."""
    _a_bad_night(walk)
    walk.sit_down("sales-report#3")
    walk.press("enter", "✗ convert")
    walk.press("(", "THE PAST")
    walk.press("<", "▶ convert", "○ regions", "1▶")
    walk.press("2", "Convert to euros", "Sales by region", "8○")
    walk.take_picture("past", "THE PAST", "✓ Extract the orders", "1▶")
    walk.press(".", "✗ failed", "1✗ 8⊘")
    walk.terminal.settle()
    assert "THE PAST" not in walk.terminal.text


@dataclass(frozen=True, slots=True)
class Journey:
    """A way through the screen, and how many keys it may take at most, typed values aside."""

    name: str
    walk: Callable[[Walk], None]
    most_keys: int


JOURNEYS = (
    Journey("why", why_it_failed, 4),
    Journey("retry", retry_with_another_parameter, 9),
    Journey("cancel", cancel_a_runaway, 5),
    Journey("items", find_the_failed_items, 1),
    Journey("past", back_to_the_moment, 5),
)
