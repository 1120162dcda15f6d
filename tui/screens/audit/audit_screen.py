"""The audit screen: the chain, verified in a worker; from a finding to the record it is about."""

import asyncio
import json
from functools import partial
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from core.audit.verify.verdict import Finding
from core.domain.records import AuditEvent
from core.errors import BugError, MissionDeckError
from tui.keys.textual_bindings import bindings
from tui.lines.audit_lines import progress_text, record_lines, verdict_view
from tui.output.json_shapes import chain_event
from tui.screens.audit.audit_layout import AuditLayout
from tui.screens.audit.verification_run import VerificationRun
from tui.widgets.base.line_view import LineView
from tui.words.safe_text import clean_line

TICK_SECONDS = 0.2
COUNT_TICKS = 5
"""After how many ticks the number of events is read again."""


class AuditScreen(AuditLayout):
    """Says of the log only what a verification has found, and to which event."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("audit")

    def __init__(self) -> None:
        super().__init__()
        self._verification = VerificationRun()
        self._finding = -1
        self._ticks = 0
        self._stopped = ""

    def on_mount(self) -> None:
        """Read how many events there are, and how far they were verified."""
        self._chain.focus()
        self._titles()
        self._say()
        self._count()
        if self.deck.log_checked is None:
            self._read_status()
        self.set_interval(TICK_SECONDS, self._tick)

    def on_unmount(self) -> None:
        """Stop a verification that goes on."""
        self._verification.stop()

    def offers(self, action: str) -> bool:
        """Offer to stop what runs, and to go to findings that there are."""
        if action == "stop":
            return self._verification.is_running
        if action.startswith("verify("):
            return not self._verification.is_running
        if action.startswith("finding("):
            return bool(self._findings)
        return True

    @property
    def _findings(self) -> tuple[Finding, ...]:
        checked = self.deck.log_checked
        report = None if checked is None else checked.report
        return () if report is None else report.findings

    # --- verification ----------------------------------------------------------------------------

    @work(exclusive=True, group="status")
    async def _read_status(self) -> None:
        try:
            checked = await asyncio.to_thread(self.deck.backend.log_status)
        except BugError:
            raise
        except MissionDeckError:
            return  # no database yet, or the feed says what is wrong
        if self.deck.log_checked is None:
            self.deck.note_checked(checked)
        self._say()

    def action_verify(self, full: bool) -> None:
        """Verify everything, or the chain behind what was verified before."""
        if not self._verification.is_running:
            self._verify(full)

    @work(exclusive=True, group="verify")
    async def _verify(self, full: bool) -> None:
        self._stopped = ""
        verify = partial(self.deck.backend.verify_log, full=full)
        try:
            checked = await self._verification.run(lambda progress: verify(progress=progress))
        except BugError:
            raise
        except MissionDeckError as error:
            self.show_banner(clean_line(f"it cannot be verified: {error.message}"))
            return
        finally:
            self.refresh_bindings()
        if checked is None:
            self._stopped = (
                f"stopped at event {self._verification.count:,} of {self._verification.total:,}; "
            )
        else:
            self._finding = -1
            self.deck.note_checked(checked)
            self._chain.read_anew()
        self._say()
        self.record_changed()

    def action_stop(self) -> None:
        """Stop the verification that goes on."""
        self._verification.stop()

    def _tick(self) -> None:
        self._ticks += 1
        if self._verification.is_running:
            self._say()
        if self._ticks % COUNT_TICKS == 0 and self.is_current:
            self._count()
            self._say()

    def _say(self) -> None:
        """Show the progress, or the verdict."""
        run = self._verification
        if run.is_running:
            text = progress_text(run.count, run.total, run.seconds)
            self._verdict.set_lines([[("▶ ", "state:RUNNING"), (text, "text")]])
            return
        self._chain.mark({one.seq for one in self._findings if one.seq is not None})
        lines = verdict_view(self.deck.log_checked, self.deck.clock.now())
        if self._stopped:
            lines.insert(0, [("◼ ", "warn"), (f"{self._stopped}nothing follows from it", "warn")])
        self._verdict.set_lines(lines, keep_place=True)

    # --- findings and records --------------------------------------------------------------------

    def action_finding(self, step: int) -> None:
        """Go to the record of the next or previous finding."""
        findings = self._findings
        if not findings:
            self.deck.show_notice("nothing was found wrong")
            return
        self._finding = (self._finding + step) % len(findings) if self._finding >= 0 else 0
        seq = findings[self._finding].seq
        if seq is not None:
            self.set_filter("")
            self._chain.go_to(seq)
        self.record_changed()
        self.deck.show_notice(f"finding {self._finding + 1} of {len(findings)}")

    def on_line_view_moved(self, _event: LineView.Moved) -> None:
        """Show the record under the cursor."""
        self._finding = -1
        self.record_changed()

    def on_line_view_chosen(self, _event: LineView.Chosen) -> None:
        """Go to the details."""
        self.action_other_pane()

    def record_changed(self) -> None:
        """Show the record under the cursor, and what is wrong with it."""
        number = self._chain.number
        if 0 <= self._finding < len(self._findings):
            wrong = [self._findings[self._finding]]
        else:
            wrong = [one for one in self._findings if one.seq == number and number is not None]
        width = max(24, self._record.size.width - 3)
        self._record.set_lines(
            record_lines(self._chain.event, number, self._chain.absence, wrong, width)
        )

    def action_other_pane(self) -> None:
        """Focus the chain or the record."""
        to_record = self.focused is self._chain and self._record.display
        self.set_focus(self._record if to_record else self._chain)

    def _event_read(self) -> AuditEvent | None:
        """Return the event under the cursor; say why not if it is not there or not read yet."""
        event, number = self._chain.event, self._chain.number
        if event is None:
            reading = "no event is chosen" if number is None else f"event {number} is being read"
            self.deck.show_notice(self._chain.absence or reading)
        return event

    def action_open_run(self) -> None:
        """Open the execution that the event is about."""
        event = self._event_read()
        if event is None:
            return
        if event.execution_id is None:
            self.deck.show_notice("this event is about no execution")
            return
        self.deck.open_execution(event.execution_id)

    # --- taking along ----------------------------------------------------------------------------

    @work(exclusive=True, group="export")
    async def action_export(self) -> None:
        """Write the evidence of the execution under the cursor; everything is verified first."""
        event = self._event_read()
        if event is None:
            return
        if event.execution_id is None:
            self.deck.show_notice("this event is about no execution; choose one of an execution")
            return
        self.deck.show_notice("verifying, then writing the evidence …")
        try:
            path = await asyncio.to_thread(self.deck.backend.export_evidence, event.execution_id)
        except BugError:
            raise
        except MissionDeckError as error:
            self.show_banner(clean_line(f"not exported: {error.message}"))
            return
        self.deck.show_notice(clean_line(f"written to {path}"))

    def action_copy(self, form: str) -> None:
        """Copy the mouse selection, else the record; or the record as JSON."""
        event = self._event_read()
        if event is None:
            return
        if form == "json":
            text = json.dumps(chain_event(event), ensure_ascii=False, indent=2)
            self.deck.copy(text, f"event {event.seq} as JSON")
        else:
            text = self.get_selected_text() or self._record.plain
            self.deck.copy(text, f"event {event.seq}")

    def action_back(self) -> None:
        """Clear the filter, or return."""
        if self._filter:
            self.set_filter("")
        else:
            self.dismiss()
