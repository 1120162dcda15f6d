"""The codes of diagnostics and their meanings. Add codes, never rename one."""

from enum import StrEnum


class Code(StrEnum):
    """What is wrong; the meaning of each member is its documentation."""

    def __new__(cls, value: str, meaning: str = "") -> "Code":
        """Make a member that is its own name and carries its meaning."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    meaning: str

    # the file
    NOT_A_FILE = "NOT_A_FILE", "the path is a folder, socket or device"
    UNREADABLE = "UNREADABLE", "the file cannot be read"
    TOO_LARGE = "TOO_LARGE", "the file, or one text in it, is larger than the limit"
    BINARY = "BINARY", "the file contains NUL bytes: it is not text"
    ENCODING = "ENCODING", "the file is not UTF-8"
    CONTROL_CHARACTER = "CONTROL_CHARACTER", "a control character is used where none is allowed"
    EMPTY_FILE = "EMPTY_FILE", "the file is empty"
    # the syntax
    SYNTAX = "SYNTAX", "the file is not well-formed YAML or JSON"
    TAB = "TAB", "YAML is indented with a tab"
    TOO_DEEP = "TOO_DEEP", "lists and mappings are nested deeper than the limit"
    TOO_MANY_NODES = "TOO_MANY_NODES", "the file holds more values than the limit"
    ALIAS_BOMB = "ALIAS_BOMB", "aliases repeat more values than the limit"
    UNKNOWN_ALIAS = "UNKNOWN_ALIAS", "an alias has no complete anchor before it"
    TAG = "TAG", "a YAML tag (`!...`) is used"
    DUPLICATE_KEY = "DUPLICATE_KEY", "a key occurs twice in one mapping"
    MULTIPLE_DOCUMENTS = "MULTIPLE_DOCUMENTS", "the file holds more than one YAML document"
    KEY_NOT_TEXT = "KEY_NOT_TEXT", "the key of a mapping is a list or mapping"
    NUMBER_TEXT = "NUMBER_TEXT", "warning: a number is used as text and would look different"
    NUMBER_RANGE = "NUMBER_RANGE", "a number is infinite, not a number, or beyond 64 bits"
    # the structure
    NOT_A_MAPPING = "NOT_A_MAPPING", "the file is a list or a single value, not a mapping"
    OTHER_TOOL = "OTHER_TOOL", "the file is one of another program"
    MISSING_KEY = "MISSING_KEY", "a required key is missing"
    UNKNOWN_KEY = "UNKNOWN_KEY", "a key is not known here"
    WRONG_TYPE = "WRONG_TYPE", "a value has the wrong type"
    BAD_VALUE = "BAD_VALUE", "a value has the right type but is not allowed"
    OUT_OF_RANGE = "OUT_OF_RANGE", "a number is too small or too large"
    BAD_DURATION = "BAD_DURATION", "a duration is not positive, too long, or not readable"
    BAD_NAME = "BAD_NAME", "a name is empty, too long, or holds control characters"
    BAD_ID = "BAD_ID", "a step id or variable name does not follow its pattern"
    UNSUPPORTED_VERSION = "UNSUPPORTED_VERSION", "the schema version is not one this program reads"
    NO_STEPS = "NO_STEPS", "the mission has no step"
    TOO_MANY_STEPS = "TOO_MANY_STEPS", "the mission has more steps than the limit"
    DUPLICATE_ID = "DUPLICATE_ID", "two steps have the same id"
    UNKNOWN_STEP_TYPE = "UNKNOWN_STEP_TYPE", "no step type has that name"
    BROKEN_STEP_TYPE = "BROKEN_STEP_TYPE", "a step type of an installed package cannot be loaded"
    NOT_SUPPORTED = "NOT_SUPPORTED", "it is part of the language but not supported yet"
    RENAMED_KEY = "RENAMED_KEY", "warning: an older spelling of a key is used"
    MORE = "MORE", "further diagnostics are not shown"
    # parameters of steps
    MISSING_PARAMETER = "MISSING_PARAMETER", "a step lacks a required parameter"
    UNKNOWN_PARAMETER = "UNKNOWN_PARAMETER", "a step has a parameter its type does not know"
    BAD_PARAMETER = "BAD_PARAMETER", "a parameter of a step has a wrong value"
    # the graph
    UNKNOWN_DEPENDENCY = "UNKNOWN_DEPENDENCY", "a step depends on a step that does not exist"
    SELF_DEPENDENCY = "SELF_DEPENDENCY", "a step depends on itself"
    DUPLICATE_DEPENDENCY = "DUPLICATE_DEPENDENCY", "warning: a dependency is listed twice"
    CYCLE = "CYCLE", "steps depend on each other in a cycle"
    STOPPED_BEFORE = (
        "STOPPED_BEFORE",
        "warning: a step is to run after a failure, and the first failure stops the mission",
    )
    # templates
    TEMPLATE_SYNTAX = "TEMPLATE_SYNTAX", "a template cannot be parsed, or uses what is not allowed"
    TEMPLATE_NOT_ALLOWED = "TEMPLATE_NOT_ALLOWED", "a template is used where none is resolved"
    NOT_UPSTREAM = "NOT_UPSTREAM", "a template refers to a step that need not have ended before"
    UNKNOWN_STEP = "UNKNOWN_STEP", "a template refers to a step that does not exist"
    UNKNOWN_NAME = "UNKNOWN_NAME", "a template refers to a name, parameter or variable unknown here"
    NOT_BOOLEAN = "NOT_BOOLEAN", "a condition, or a part of one, is not true or false"
    # safety
    SECRET_PLACE = "SECRET_PLACE", "a template puts a secret where others would see it"
    SECRET_IN_FILE = "SECRET_IN_FILE", "the file contains a secret value"
    SCRIPT_TEMPLATE = "SCRIPT_TEMPLATE", "the text of a script contains a template"
    COMMAND_WORDS = "COMMAND_WORDS", "warning: `command` has a whole command line, not one program"
    SHELL_TEMPLATE = "SHELL_TEMPLATE", "warning: text passed to a shell contains a template"
    PARTIAL_NAME = "PARTIAL_NAME", "warning: only some combinations of a matrix have the name"
    NOT_SHARED = "NOT_SHARED", "warning: a cluster is asked for, and no folder is shared with it"
    NOT_EXPANDED = "NOT_EXPANDED", "warning: `$NAME` or `${{ }}` where its `$` stays in the text"
    FORBIDDEN_ENV = "FORBIDDEN_ENV", "an environment variable that changes how programs are loaded"
    REFUSED = "REFUSED", "safety refuses what a step does; the file itself is valid"
    SECRET_ENV = "SECRET_ENV", "a template reads an environment variable that looks like a secret"
