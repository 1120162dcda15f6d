"""Reads text as a shell does, without running it, and judges every command that it would run.

The grammar of Bash gives the structure (tree-sitter); words are expanded here as far as their
values are known. Conditions are not decided: both ways are read. What cannot be parsed is split
into commands roughly.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from core.security.safety.finding import Finding
from core.security.safety.shell.command_reader import CommandReader
from core.security.safety.shell.dangerous_place import Places
from core.security.safety.shell.destructive_rule import judge_write
from core.security.safety.shell.fork_bomb import is_fork_bomb
from core.security.safety.shell.plain_source import plain_source
from core.security.safety.shell.rough_split import rough_commands
from core.security.safety.shell.shell_mark import ANY, UNKNOWN, cleaned, plain
from core.security.safety.shell.shell_state import ASSIGNMENT, Lookup, ShellState
from core.security.safety.shell.shell_word import expand, expand_here, expand_text

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

MAX_DEPTH: Final = 30
"""How deeply texts and functions within texts are read."""
MAX_TEXT_BYTES: Final = 4 * 1024 * 1024
"""How much text is read in all, repetitions included."""

_REDIRECTS: Final = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
_LOOPS: Final = frozenset({"while_statement", "c_style_for_statement"})
_LIVE: Final = re.compile(r"[*?]|\[[^\]]*\]")
_SELF: Final = frozenset({"$0", "${0}", "$BASH_SOURCE", "${BASH_SOURCE}", "${BASH_SOURCE[0]}"})


class ShellReader:
    """One shell and those that it starts; `findings` fills while it reads."""

    def __init__(self, places: Places, lookup: Lookup, folder: str | None) -> None:
        self.findings: list[Finding] = []
        self._state = ShellState(lookup, folder)
        self._commands = CommandReader(self, self._state, places)
        self._depth = 0
        self._calls: list[str] = []
        self._left_bytes = MAX_TEXT_BYTES

    # --- what is read -----------------------------------------------------------------------------

    def read(self, text: str, stdin: str | None = None) -> str | None:
        """Read a script; return what it prints if that is known."""
        if self._depth >= MAX_DEPTH or not text.strip():
            return None
        self._left_bytes -= len(text)
        if self._left_bytes < 0:
            return None
        text = plain_source(text)
        self._depth += 1
        try:
            root = _parser().parse(text.encode("utf-8", "replace")).root_node
            if is_fork_bomb(root, _SELF.__contains__):
                self.found(_fork_bomb("the script starts itself"))
            return self._parsed(root, stdin)
        except RecursionError:
            self._roughly(text)
            return None
        finally:
            self._depth -= 1

    def read_command(self, words: Sequence[str], stdin: str | None = None) -> str | None:
        """Read a command that is given as its words, with marks."""
        return self._commands.read(list(words), stdin)

    # --- for the expansion of words ---------------------------------------------------------------

    def value(self, name: str) -> str | None:
        """Return the value of a variable or parameter."""
        return self._state.value(name)

    def assign(self, name: str, value: str | None) -> None:
        """Give a variable a value."""
        self._state.assign(name, value)

    def output(self, text: str) -> str | None:
        """Read a command substitution; return what it prints without line feeds at the end."""
        folder = self._state.folder
        printed_text = self.read(text)
        self._state.folder = folder
        return None if printed_text is None else printed_text.rstrip("\n")

    def process(self, text: str) -> str:
        """Read a process substitution; return the path that stands for what it prints."""
        printed_text = self.output(text)
        if printed_text is None:
            return UNKNOWN
        path = f"/dev/fd/{63 - len(self._state.files) % 50}"
        self._state.files[path] = printed_text
        return path

    # --- structure --------------------------------------------------------------------------------

    def _parsed(self, root: "Node", stdin: str | None) -> str | None:
        if root.has_error:
            for child in root.children:
                if child.has_error or child.type == "ERROR":
                    self._roughly(_text(root)[_offset(root, child) :])
                    break
        return self._walk(root, stdin)

    def _roughly(self, text: str) -> None:
        for words in rough_commands(text):
            assigned = 0
            for word in words:
                if ASSIGNMENT.fullmatch(word) is None:
                    break
                self._assigned(word)
                assigned += 1
            self._command_of(words[assigned:], None)

    def _walk(self, node: "Node", stdin: str | None) -> str | None:
        """Read a node; return what it prints, None when that is not known."""
        kind = node.type
        if kind == "command":
            return self._command(node, stdin)
        if kind == "pipeline":
            return self._pipeline(node, stdin)
        if kind == "redirected_statement":
            return self._redirected(node, stdin)
        if kind in {"variable_assignment", "variable_assignments", "declaration_command"}:
            self._assignments(node)
            return ""
        if kind == "function_definition":
            self._define(node)
            return ""
        if kind == "for_statement":
            return self._for(node, stdin)
        if kind in {"subshell", "command_substitution"}:
            folder = self._state.folder
            result = self._sequence(node.named_children, stdin)
            self._state.folder = folder
            return result
        if kind in {"if_statement", "case_statement"} or kind in _LOOPS:
            self._state.conditions += 1
            self._sequence(node.named_children, stdin)
            self._state.conditions -= 1
            return None
        if kind == "list":
            return self._list(node, stdin)
        if kind in {"word", "string", "raw_string", "concatenation", "comment", "heredoc_body"}:
            return ""
        return self._sequence(node.named_children, stdin)

    def _sequence(self, nodes: Sequence["Node"], stdin: str | None) -> str | None:
        found: list[str] = []
        is_whole = True
        for node in nodes:
            result = self._walk(node, stdin)
            if result is None:
                is_whole = False
            else:
                found.append(result)
        return "".join(found) if is_whole else None

    def _list(self, node: "Node", stdin: str | None) -> str | None:
        left, *rest = node.named_children
        result = self._walk(left, stdin)
        is_or = any(child.type == "||" for child in node.children)
        self._state.conditions += is_or
        for child in rest:
            after = self._walk(child, stdin)
            result = None if result is None or after is None else result + after
        self._state.conditions -= is_or
        return result

    def _pipeline(self, node: "Node", stdin: str | None) -> str | None:
        result = stdin
        for child in node.named_children:
            result = self._walk(child, result)
        return result

    def _for(self, node: "Node", stdin: str | None) -> str | None:
        name, values = "", list[str]()
        for child in node.named_children:
            if child.type == "variable_name" and not name:
                name = _text(child)
            elif child.type == "do_group":
                self._state.assign_all(name, [_LIVE.sub(ANY, one) for one in values] or [None])
                self._state.conditions += 1
                self._walk(child, stdin)
                self._state.conditions -= 1
            else:
                values += expand(cleaned(_text(child)), self)
        return None

    def _define(self, node: "Node") -> None:
        body = node.child_by_field_name("body") or node
        name = _text(node.child_by_field_name("name") or node)
        if is_fork_bomb(body, name.__eq__):
            self.found(_fork_bomb(f"the function `{name}` starts itself"))
        self._state.functions[name] = body
        parameters, self._state.parameters = self._state.parameters, None
        folder = self._state.folder
        self._calls.append(name)
        self._state.conditions += 1
        self._walk(body, None)
        self._state.conditions -= 1
        self._calls.pop()
        self._state.parameters, self._state.folder = parameters, folder

    # --- redirections -----------------------------------------------------------------------------

    def _redirected(self, node: "Node", stdin: str | None) -> str | None:
        body = node.child_by_field_name("body")
        redirects = [child for child in node.named_children if child.type in _REDIRECTS]
        for redirect in redirects:
            if redirect.type == "heredoc_redirect":
                stdin = self._here_document(redirect)
            elif redirect.type == "herestring_redirect":
                stdin = self._here_string(redirect)
            elif _operator(redirect) in {"<", "<>"}:
                stdin = self._read_file(redirect)
        result = "" if body is None else self._walk(body, stdin)
        nested = [
            one
            for child in redirects
            if child.type == "heredoc_redirect"
            for one in child.named_children
        ]
        for redirect in [*redirects, *nested]:
            if redirect.type == "file_redirect":
                result = self._written(redirect, result)
        for child in nested:
            if child.type in {"pipeline", "command", "list", "redirected_statement"}:
                result = self._walk(child, result)
        return result

    def _here_document(self, redirect: "Node") -> str | None:
        start = next((c for c in redirect.children if c.type == "heredoc_start"), None)
        body = next((c for c in redirect.children if c.type == "heredoc_body"), None)
        if body is None:
            return ""
        text = cleaned(_text(body))
        if redirect.children and redirect.children[0].type == "<<-":
            text = "".join(line.lstrip("\t") for line in text.splitlines(keepends=True))
        if start is not None and any(quote in _text(start) for quote in "'\"\\"):
            return text
        return expand_here(text, self)

    def _here_string(self, redirect: "Node") -> str:
        raw = cleaned(_text(redirect)).partition("<<<")[2].strip()
        return expand_text(raw, self) + "\n"

    def _read_file(self, redirect: "Node") -> str | None:
        words = self._destination(redirect)
        return self._state.file(words[0]) if words else None

    def _destination(self, redirect: "Node") -> list[str]:
        node = redirect.child_by_field_name("destination")
        return [] if node is None else expand(cleaned(_text(node)), self)

    def _written(self, redirect: "Node", printed_text: str | None) -> str | None:
        """Judge where output goes; return what is left for the standard output."""
        operator = _operator(redirect)
        if ">" not in operator:
            return printed_text
        for word in self._destination(redirect):
            self.found(judge_write(word, self._state.folder))
            if operator in {">", ">|", "&>"} and printed_text is not None:
                self._state.keep_file(word, printed_text)
        return printed_text if operator in {">&", "<&"} else ""

    # --- variables --------------------------------------------------------------------------------

    def _assignments(self, node: "Node") -> None:
        nodes = [node] if node.type == "variable_assignment" else node.named_children
        for child in nodes:
            if child.type == "variable_assignment":
                self._assigned(cleaned(_text(child)))

    def _assigned(self, raw: str) -> None:
        match = ASSIGNMENT.fullmatch(raw)
        if match is None:
            return
        name, is_added, value = match[1], match[3] or match[2], match[4]
        text: str | None
        if value.startswith("("):
            text = " ".join(plain(one) for one in expand(value.strip("()"), self))
        else:
            text = expand_text(value, self)
        if is_added:
            before = self._state.value(name)
            text = None if before is None else before + text
        self._state.assign(name, text)

    # --- commands ---------------------------------------------------------------------------------

    def _command(self, node: "Node", stdin: str | None) -> str | None:
        words: list[tuple[int, int]] = []
        variables: dict[str, str | None] = {}
        for child in node.children:
            if child.type == "variable_assignment":
                match = ASSIGNMENT.fullmatch(cleaned(_text(child)))
                if match is not None:
                    variables[match[1]] = expand_text(match[4], self)
            elif child.type == "herestring_redirect":
                stdin = self._here_string(child)
            elif child.type == "file_redirect":
                self._written(child, None)
            elif words and words[-1][1] == child.start_byte:
                words[-1] = (words[-1][0], child.end_byte)
            else:
                words.append((child.start_byte, child.end_byte))
        source, base = node.text or b"", node.start_byte
        raw = [source[start - base : end - base].decode("utf-8", "replace") for start, end in words]
        return self._command_of(raw, stdin, variables)

    def _command_of(
        self,
        raw: Sequence[str],
        stdin: str | None,
        variables: dict[str, str | None] | None = None,
    ) -> str | None:
        """Expand the words of a command, in every way its variables allow, and read it."""
        raw = [cleaned(word) for word in raw]
        result: str | None = None
        for choice in range(self._state.choices(" ".join(raw))):
            self._state.choice = choice
            words = [word for one in raw for word in expand(one, self)]
            if variables:
                before = self._state.with_variables(variables)
                result = self._commands.read(words, stdin)
                self._state.restore(before)
            else:
                result = self._commands.read(words, stdin)
        self._state.choice = 0
        return result

    def call(self, name: str, words: list[str], stdin: str | None) -> str | None:
        """Read the body of a function with its parameters; return what it prints if known."""
        if name in self._calls or len(self._calls) >= MAX_DEPTH:
            return None
        self._calls.append(name)
        before, self._state.parameters = self._state.parameters, words
        choice = self._state.choice
        result = self._walk(self._state.functions[name], stdin)
        self._state.choice = choice
        self._state.parameters = before
        self._calls.pop()
        return result

    def found(self, finding: Finding | None) -> None:
        """Keep a finding, once."""
        if finding is not None and finding not in self.findings:
            self.findings.append(finding)


def _fork_bomb(what: str) -> Finding:
    return Finding("safety.fork-bomb", f"{what} in the background again and again: a fork bomb")


def _parser() -> "Parser":
    """Return the parser, which is loaded on first use."""
    if not _PARSERS:
        import tree_sitter_bash
        from tree_sitter import Language, Parser

        _PARSERS.append(Parser(Language(tree_sitter_bash.language())))
    return _PARSERS[0]


_PARSERS: "list[Parser]" = []


def _text(node: "Node") -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _offset(root: "Node", child: "Node") -> int:
    """Return where a child begins in the text of the root, in characters."""
    before = (root.text or b"")[: child.start_byte - root.start_byte]
    return len(before.decode("utf-8", "replace"))


def _operator(redirect: "Node") -> str:
    return next((child.type for child in redirect.children if not child.is_named), "")
