"""What the complaints of libyaml mean, in words that say what to do: nearly all bad files make one of few mistakes."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import yaml

from cagents_fs.model.text import safe_text


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing wrong with a text; line and column count from 0, as the parser does."""

    text: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Where the parser stopped, and where what it was reading began."""

    problem: str
    lines: Sequence[str]
    line: int
    column: int
    began: int  # line in which the token or block began that could not be finished
    began_column: int

    def at(self, line: int) -> str:
        return self.lines[line] if 0 <= line < len(self.lines) else ""

    @property
    def before(self) -> int:
        """The last line with something in it before the one in which the parser stopped; -1 where there is none."""
        return next((n for n in range(min(self.line, len(self.lines)) - 1, -1, -1) if self.lines[n].strip()), -1)


# What a file of ours may begin with. Prose has spaces, and no `key:` at its beginning.
_YAML_LINE = re.compile(r"""\s*(?:-(?:\s|$)|[\[{"'?&*!|>%#]|[^\s#:][^:]*:(?:\s|$)|[\w.-]+:\S|---|\.\.\.)""")
NO_SPACE = re.compile(r"""(?P<head>\s*(?:-\s+)*)(?P<key>[A-Za-z_][\w.-]*):(?!//)(?P<value>[^\s:].*)$""")
_NO_DASH_SPACE = re.compile(r"\s*-[^\s-]")
_ITEM = re.compile(r"[^,\]}]*")  # of a list or a mapping in one line
_FENCE = re.compile(r"(?:```|~~~)")
# Neither libyaml nor YAML 1.2 lets these stand in a file.
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def explain(error: yaml.YAMLError, lines: Sequence[str]) -> list[Complaint]:
    """Why the parser stopped, and what to do about it."""
    if isinstance(error, yaml.reader.ReaderError):
        return [_control(lines)]
    mark: Any = getattr(error, "problem_mark", None)
    began: Any = getattr(error, "context_mark", None) or mark
    problem = f"{getattr(error, 'context', None) or ''}: {getattr(error, 'problem', None) or error}"
    unknown = f"this is no valid YAML: {safe_text(problem.removeprefix(': '), 200)}"
    if mark is None:
        return [Complaint(unknown)]
    trouble = _Trouble(problem, lines, mark.line, mark.column, began.line, began.column)
    for pattern, rules in _RULES:
        if pattern.search(problem):
            found = next((complaint for rule in rules if (complaint := rule(trouble)) is not None), None)
            if found is not None:
                return [found]
    return [Complaint(unknown, mark.line, mark.column)]


def about_key(line: str) -> str:
    """A list or a mapping stands where a key belongs: nearly always `{{ name }}` without quotes."""
    if "{{" in line:
        return f"'{{{{' begins a mapping in YAML; quote this value{_suggestion(line, line.index('{{'))}"
    return "a key must be text; found a list or a mapping"


def _control(lines: Sequence[str]) -> Complaint:
    for number, line in enumerate(lines):
        match = _CONTROL.search(line)
        if match is not None:
            others = sum(len(_CONTROL.findall(line)) for line in lines[number:]) - 1
            more = f", and {others} more like it" if others else ""
            how = "remove it, or write it as an escape in double quotes"
            return Complaint(f"a control character (U+{ord(match[0]):04X}){more}; {how}", number, match.start())
    return Complaint("a character that YAML does not allow; remove it")


def _suggestion(line: str, start: int) -> str:
    """How the line reads with its value, from column `start` on, in quotes."""
    head, value, rest = line[:start], line[start:].strip(), ""
    if head.count("[") + head.count("{") > head.count("]") + head.count("}"):  # an item of a list in one line
        value, rest = (_ITEM.match(value) or [""])[0].rstrip(), value
        rest = rest.removeprefix(value)
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" and value[1:-1].count(value[0]) % 2:
        value = value[1:-1]  # `'don't'` was meant to be quoted
    if not value or len(value) > 200:
        return ""
    quote = "'" if '"' in value or "\\" in value else '"'
    value = value.replace("'", "''") if quote == "'" else value
    space = " " if head[-1:].isspace() or not rest else ""
    return f": {safe_text(f'{head.strip()}{space}{quote}{value}{quote}{rest}'.strip(), 120)}"


def _fence(trouble: _Trouble) -> Complaint | None:
    fences = [n for n, line in enumerate(trouble.lines) if _FENCE.match(line)]
    if not fences or fences[0] > max(trouble.line, trouble.began):
        return None
    named = ", ".join(str(n + 1) for n in fences[:4])
    text = f"a Markdown fence in line {named}; remove it: the file holds nothing but YAML (in a text block, indent it)"
    return Complaint(text, fences[0], 0)


def _mark_inside(trouble: _Trouble) -> Complaint | None:
    column = trouble.at(trouble.line).find("\ufeff")
    if column < 0:
        return None
    return Complaint("a byte order mark (U+FEFF) inside the file; remove it", trouble.line, column)


def _tab(trouble: _Trouble) -> Complaint | None:
    for number in (trouble.line, trouble.began):
        line = trouble.at(number)
        indent = line[: len(line) - len(line.lstrip())]
        odd = next((letter for letter in indent if letter != " "), None)
        if odd is not None:
            name = "a tab" if odd == "\t" else f"U+{ord(odd):04X} (not an ordinary space)"
            return Complaint(f"this line is indented with {name}; use spaces", number, indent.index(odd))
    if trouble.at(trouble.line)[trouble.column : trouble.column + 1] == "\t":
        return Complaint("a tab where YAML allows none; use spaces", trouble.line, trouble.column)
    return None


def _prose(trouble: _Trouble) -> Complaint | None:
    first = next(
        (n for n, line in enumerate(trouble.lines) if line.strip() and not line.startswith(("#", "---"))), None
    )
    if first is None or first > trouble.line or _YAML_LINE.match(trouble.lines[first]):
        return None
    line = trouble.lines[first].strip()
    if " " not in line or not any(_YAML_LINE.match(other) for other in trouble.lines[first + 1 :]):
        return None
    shown = safe_text(line, 60)
    return Complaint(f"text before the YAML ('{shown}'); remove it, or begin its lines with #", first, 0)


def _no_space(trouble: _Trouble) -> Complaint | None:
    for number in (trouble.began, trouble.before):
        match = NO_SPACE.match(trouble.at(number))
        if match is not None:
            better = safe_text(f"{match['key']}: {match['value']}", 80)
            return Complaint(f"a space is missing after the colon; write: {better}", number, match.end("key"))
    return None


def _no_dash_space(trouble: _Trouble) -> Complaint | None:
    line = trouble.at(trouble.began)
    if not _NO_DASH_SPACE.match(line):
        return None
    return Complaint("a space is missing after the dash", trouble.began, line.index("-"))


def _colon_in_value(trouble: _Trouble) -> Complaint | None:
    line = trouble.at(trouble.line)
    first = re.match(r"""\s*(?:-\s+)*(?:"[^"]*"|'[^']*'|[^\s#:][^:]*?):\s+(?=\S)""", line)
    if first is None or first.end() > trouble.column:
        return None
    curly = "; curly quotes are ordinary letters to YAML" if re.search("[“”‘’]", line) else ""
    if curly:
        line = re.sub("[“”]", "", line)
    text = f"this value contains ': '; quote this value{_suggestion(line, first.end())}{curly}"
    return Complaint(text, trouble.line, first.end())


def _deeper(trouble: _Trouble) -> Complaint | None:
    line = trouble.at(trouble.line)
    if line.startswith("---"):
        return Complaint("what follows `---` begins on a line of its own", trouble.line, trouble.column)
    if trouble.before < 0:
        return None
    above = safe_text(trouble.at(trouble.before).strip(), 60)
    how = "give both lines the same indentation"
    text = f"a key cannot begin here: the line above ('{above}') already has a value; {how}"
    return Complaint(text, trouble.line, len(line) - len(line.lstrip()))


def _neither(trouble: _Trouble) -> Complaint | None:
    line = safe_text(trouble.at(trouble.began).strip(), 60)
    how = "begin it with #, or indent it into the text above"
    text = f"'{line}' is no `key: value`, no list item and no comment; {how}"
    return Complaint(text, trouble.began, trouble.began_column)


def _first_letter(trouble: _Trouble) -> Complaint | None:
    line = trouble.at(trouble.line)
    letter = safe_text(line[trouble.column : trouble.column + 1])
    text = f"no value can begin with '{letter}'; quote this value{_suggestion(line, trouble.column)}"
    return Complaint(text, trouble.line, trouble.column)


def _first_letter_began(trouble: _Trouble) -> Complaint | None:
    line = trouble.at(trouble.began)
    if line.lstrip().startswith("* "):
        return Complaint("an item of a list begins with `- `, not with `* `", trouble.began, line.index("*"))
    if not trouble.began_column and ":" not in line:
        return _neither(trouble)  # `**Request**`: quoted, it would fit no better
    letter = safe_text(line[trouble.began_column : trouble.began_column + 1])
    text = f"'{letter}' has a meaning of its own in YAML; quote this value{_suggestion(line, trouble.began_column)}"
    return Complaint(text, trouble.began, trouble.began_column)


def _after_value(trouble: _Trouble) -> Complaint | None:
    """Text behind a closing quote or bracket: `a: "x" y`, `a: {b} c`, `a: 'it's'`."""
    line = trouble.at(trouble.line)
    head = re.match(r"""\s*(?:-\s+)*(?:[^\s#:"'\[{][^:]*:\s+)?(?=["'\[{])""", line)
    if head is None or head.end() >= trouble.column or not line[: trouble.column].strip():
        return None
    closing = "bracket" if line[head.end()] in "[{" else "quote"
    text = f"text follows the closing {closing}; quote this value as a whole{_suggestion(line, head.end())}"
    return Complaint(text, trouble.line, trouble.column)


def _indentation(trouble: _Trouble) -> Complaint | None:
    line = trouble.at(trouble.line)
    if line[: trouble.column].strip():
        return None
    if line.lstrip().startswith(("]", "}")):
        return Complaint("a closing bracket that nothing opens; remove it", trouble.line, trouble.column)
    kind = "list" if "block collection" in trouble.problem else "mapping"
    if trouble.column == trouble.began_column:
        found, wanted = ("a key", "list item") if kind == "list" else ("a list item", "key")
        text = f"{found} stands where the next {wanted} of the {kind} from line {trouble.began + 1} belongs"
    else:
        text = (
            f"this line is indented by {trouble.column}, which fits no line above it; the {kind} that it may belong to "
            f"(line {trouble.began + 1}) is indented by {trouble.began_column}"
        )
    return Complaint(text, trouble.line, trouble.column)


def _after_end(trouble: _Trouble) -> Complaint | None:
    first = next((line for line in trouble.lines if line.strip() and not line.lstrip().startswith("#")), "")
    if first[:1] == " " and ":" in first and trouble.column < len(first) - len(first.lstrip()):
        text = "this line begins further left than the first key; give all keys of a mapping the same indentation"
    elif any(line.startswith("...") for line in trouble.lines[: trouble.line]):
        text = "what follows the end of the document (`...`) is not read; remove it"
    else:
        text = "a second value follows the first; a file holds one mapping"
    return Complaint(text, trouble.line, trouble.column)


def _block(trouble: _Trouble) -> Complaint | None:
    line = trouble.at(trouble.line)
    if line.lstrip().startswith(("|", ">")):
        return _neither(trouble)
    text = "the text of a block begins on the line after `|` or `>`, indented by spaces; or quote this value"
    return Complaint(text, trouble.line, trouble.column)


def _unclosed(trouble: _Trouble) -> Complaint | None:
    return Complaint("the quote that opens here is never closed", trouble.began, trouble.began_column)


def _bracket(trouble: _Trouble) -> Complaint | None:
    text = "the bracket that opens here is not closed, or a comma is missing inside; if this is text, quote this value"
    line = trouble.at(trouble.began)
    return Complaint(text + _suggestion(line, trouble.began_column), trouble.began, trouble.began_column)


def _here(text: str, trouble: _Trouble) -> Complaint:
    return Complaint(text, trouble.line, trouble.column)


_DIRECTIVE = "directives (lines that begin with %) are not read; remove this line"
_LIST = "a list begins on a line of its own, below its key; or quote this value"
_COLON = "a colon that ends no key; quote this text, or check the indentation"
_MISFIT = "this fits nothing around it; quote this text, or check the indentation"
_ESCAPE = r"no such escape in double quotes; double the backslash (\\), or use single quotes"
_RULES: tuple[tuple[re.Pattern[str], tuple[Callable[[_Trouble], Complaint | None], ...]], ...] = tuple(
    (re.compile(pattern), rules)
    for pattern, rules in (
        ("", (_fence, _prose, _mark_inside)),
        ("cannot start any token|tab character", (_tab, _first_letter)),
        ("mapping values are not allowed", (_no_space, _colon_in_value, _tab, _deeper, partial(_here, _COLON))),
        ("could not find expected ':'", (_no_space, _no_dash_space, _tab, _neither)),
        ("sequence entries are not allowed", (partial(_here, _LIST),)),
        ("quoted scalar: found unexpected", (_unclosed,)),
        ("escape|hexdecimal", (partial(_here, _ESCAPE),)),
        ("mapping keys are not allowed", (_first_letter,)),
        ("plain scalar: found unexpected", (partial(_here, "put a space after the colon; or quote this text"),)),
        ("block scalar", (_block,)),
        ("scanning an? (alias|anchor)|a tag|tag handle|tag URI", (_first_letter_began,)),
        ("directive|incompatible YAML", (partial(_here, _DIRECTIVE),)),
        ("expected <document start>|expected '<document start>'", (_tab, _after_end)),
        ("expected ',' or", (_bracket,)),
        ("node content", (_first_letter,)),
        ("expected key|'-' indicator|<block end>", (_after_value, _tab, _indentation, partial(_here, _MISFIT))),
    )
)
