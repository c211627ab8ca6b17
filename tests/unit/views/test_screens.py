"""Every renderer over hostile names; what the last screen and the status must say; nothing wider than a terminal."""

from __future__ import annotations

import io
import json
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from irkit.journal.state import RunState
from irkit.model import records as r
from irkit.model.effects import Mark
from irkit.model.findings import Actor, Finding
from irkit.model.plans import Original
from irkit.model.playbooks import Expr
from irkit.views.final import final_screen
from irkit.views.naming import step_words
from irkit.views.outcome import lead
from irkit.views.progress import JsonProgress, LiveProgress, PlainProgress, choose
from irkit.views.report import build_report, report_json
from irkit.views.report_html import report_html
from irkit.views.report_markdown import code, report_markdown, text
from irkit.views.status import case_lines, cases_lines
from irkit.views.terminal import cells, paint
from tests.support.screens import CASE, WHO, asked, case_file, closed, ended, parked, playbook, records, wrote

NOW = "2026-11-20T03:05:00.000000Z"
BOOK = playbook(("scope", "read"), ("label", "protect"), ("isolate", "contain"))
EVIL = (
    "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u2066<script>alert(1)</script>'\"><img src=x onerror=alert(1)>"
    "{{7*7}}${jndi}`x`|[a](javascript:b)\r\nirkit: Contained"
)
PAYLOAD = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("<>&\"'`\x1b\n\r\u202e{}|[]()\\")), min_size=1,
    max_size=60,
)  # fmt: skip


def hostile_bodies(evil: str) -> list[r.AnyBody]:
    return [
        closed("scope", "proven", evil),
        *wrote("label", name=evil),
        closed("label", "leaky", evil, hint=evil),
        r.Note(request="request-1", who=WHO.model_copy(update={"operator": evil}), text=evil),
        parked("isolate", evil, evil),
        asked("isolate", evil),
        r.ArtefactStored(name=evil, location=evil, sha256="0" * 64, size=1, media_type=evil),
    ]


def finding(evil: str) -> Finding:
    return Finding(
        source="guardduty", id=evil, type="Execution:Runtime/ReverseShell", severity="8.0", title=evil,
        account="111122223333", region="eu-west-1", created="2026-11-20T03:00:00Z", updated="2026-11-20T03:00:00Z",
        actor=Actor(username=evil), raw_sha256="0" * 64,
    )  # fmt: skip


def hostile_case(folder: Path, evil: str = EVIL) -> Any:
    return case_file(folder, BOOK, hostile_bodies(evil), operator=evil, finding=finding(evil))


def active(text: str) -> set[str]:
    bad = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return {character for character in text if unicodedata.category(character) in bad} - {"\n"}


def plain_output(folder: Path, bodies: list[r.AnyBody], *, as_json: bool = False) -> str:
    case, _ = case_file(folder, BOOK)
    out = io.StringIO()
    with choose(case, "r1", as_json=as_json, colour=False, out=out) as progress:
        progress.heard(records(bodies, start=2))
    return out.getvalue()


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_screen_neutralises_hostile_values(tmp_path: Path) -> None:
    case, view = hostile_case(tmp_path)
    screens = [
        paint(final_screen(case, view, parked="parked"), colour=False),
        paint(case_lines(case, NOW), colour=False),
        paint(cases_lines([case], [(CASE, EVIL)], NOW), colour=False),
        plain_output(tmp_path, hostile_bodies(EVIL)),
    ]
    for screen in screens:
        assert active(screen) == set()
        assert "\nirkit: Contained" not in screen
    assert all("\\x1b" in screen for screen in (screens[0], screens[1], screens[3]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(PAYLOAD)
def test_html_shows_payloads_as_text_alone(tmp_path: Path, payload: str) -> None:
    case, _ = hostile_case(tmp_path, payload)
    harmless, _ = hostile_case(tmp_path, "x")
    page = Page(report_html(build_report(case, None, NOW)))
    calm = Page(report_html(build_report(harmless, None, NOW)))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in calm.tags]
    assert active(page.text) == set()


def test_html_asks_nobody_for_anything(tmp_path: Path) -> None:
    case, _ = hostile_case(tmp_path)
    text = report_html(build_report(case, None, NOW))
    page = Page(text)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "iframe", "link", "object", "embed", "form", "audio", "video", "svg", "base"}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "style", "action"}]
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert '<html lang="en">' in text
    assert 'name="viewport"' in text
    assert "@media print" in text
    assert "prefers-color-scheme: dark" in text
    assert "<title>" in text


def test_html_says_what_matters(tmp_path: Path) -> None:
    bodies = [*wrote("label"), closed("label", "proven"), closed("isolate", "unproven", "nobody probed"), ended()]
    case, _ = case_file(tmp_path, BOOK, bodies, lab=True)
    text = report_html(build_report(case, None, NOW))
    for wanted in ("CONTAINMENT UNPROVEN", CASE, "identity unproven", "req-1", "nobody probed", "LAB", "patch pods"):
        assert wanted in text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(PAYLOAD)
def test_markdown_gets_no_line_and_no_html_from_a_payload(tmp_path: Path, payload: str) -> None:
    case, _ = hostile_case(tmp_path, payload)
    harmless, _ = hostile_case(tmp_path, "x")
    text = report_markdown(build_report(case, None, NOW))
    calm = report_markdown(build_report(harmless, None, NOW))
    assert text.count("\n") == calm.count("\n")
    assert active(text) == set()
    assert all(line.count("\\<") + line.count("`") > 0 for line in text.split("\n") if "<script" in line.lower())


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        ("[a](javascript:b)", r"\[a\]\(javascript\:b\)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("a|b `c` **d**", r"a\|b \`c\` \*\*d\*\*"),
        ("# x", r"\# x"),
    ],
)
def test_markdown_text_is_never_markup(raw: str, escaped: str) -> None:
    assert text(raw) == escaped


@pytest.mark.parametrize(
    ("raw", "span"), [("a", "`a`"), ("a`b", "`` a`b ``"), ("``", "``` `` ```"), ("a|b", r"`a\|b`")]
)
def test_a_markdown_code_span_cannot_be_left(raw: str, span: str) -> None:
    assert code(raw) == span


def test_json_report_is_json_and_inert(tmp_path: Path) -> None:
    case, _ = hostile_case(tmp_path)
    report = build_report(case, None, NOW)
    text = report_json(report)
    assert active(text) == set()
    assert json.loads(text)["notes"][0]["text"] == EVIL
    assert json.loads(text)["verdict"]["words"] == "NOT CONTAINED YET"


def test_report_shows_before_and_after(tmp_path: Path) -> None:
    mark = Mark(within="c", case=CASE, action="test.protect", scope="u", params="0" * 64)
    target, name = "c|Pod|u", 'metadata.labels["app"]'
    bodies: list[r.AnyBody] = [
        r.StepPlanned(
            run="r1", step="label", turn=1, action="test.protect", mark=mark, target=target, why="w", effects=("e",), impact=(),
            touches=(r.Touch(target=target, field=name, value=None),),
        ),
        r.OriginalKept(run="r1", step="label", mark=mark.id, original=Original(target=target, field=name, value="web")),
        closed("label", "proven"),
    ]  # fmt: skip
    case, _ = case_file(tmp_path, BOOK, bodies)
    step = next(one for one in build_report(case, None, NOW)["runs"][0]["steps"] if one["step"] == "label")
    assert step["fields"] == [{"target": "pod u", "field": name, "before": "web", "after": None}]


def test_gaps_name_what_nobody_knows(tmp_path: Path) -> None:
    bodies = [wrote("label")[0], r.JournalRecovered(size=7, blob="0" * 64, after=3)]
    case, _ = case_file(tmp_path, BOOK, bodies)
    gaps = "\n".join(build_report(case, None, NOW)["gaps"])
    for wanted in (
        "Identity unproven: ada",
        "not verified",
        "torn tail of 7 bytes",
        "nobody knows whether e",
        "r1 has not",
    ):
        assert wanted in gaps


@pytest.mark.parametrize("bodies", [
    [closed("scope", "proven"), closed("label", "failed", "w" * 300, hint="do this"), closed("isolate", "skipped")],
    [parked("isolate", "d" * 300), asked("label", "r " * 200)],
])  # fmt: skip
def test_screens_fit_eighty_columns(tmp_path: Path, bodies: list[r.AnyBody]) -> None:
    case, view = case_file(tmp_path, BOOK, bodies, lab=True)
    text = paint(final_screen(case, view, parked="parked"), colour=False, lab=True)
    text += paint(case_lines(case, NOW), colour=False) + paint(cases_lines([case], [], NOW), colour=False)
    text += plain_output(tmp_path, bodies)
    assert max(cells(line) for line in text.splitlines()) <= 80


def test_last_screen_names_approval_parking_and_evidence(tmp_path: Path) -> None:
    case, view = case_file(tmp_path, BOOK, [closed("scope", "proven"), asked("label"), parked("isolate")])
    text = paint(final_screen(case, view, parked="parked"), colour=False)
    assert text.strip().startswith("NOT CONTAINED YET")
    assert f"irkit approve {CASE} label" in text
    assert "7c1f 09ab" in text
    assert "log in" in text
    assert f"irkit resume {CASE}" in text
    assert "journal 5 records, not sealed" in text


def test_the_verdict_is_on_the_screen_however_much_there_is_to_say(tmp_path: Path) -> None:
    """A terminal of 24 rows shows the end."""
    failed = closed("label", "failed", "no answer " * 120)
    for name, bodies in (("short", [closed("scope", "proven")]), ("long", [closed("scope", "proven"), failed])):
        case, view = case_file(tmp_path / name, BOOK, bodies)
        lines = paint(final_screen(case, view), colour=False).splitlines()
        assert (len(lines) > 24) is (name == "long")
        verdict = lead(view).words
        assert 1 == sum(verdict in line for line in lines[-20:])
        assert lines[1].startswith(verdict)


def test_plain_progress_prints_one_change_a_line_and_only_of_its_run(tmp_path: Path) -> None:
    other = r.StepClosed(run="r9", step="label", verdict=closed("label", "proven").verdict, reason="x")
    case, _ = case_file(tmp_path, BOOK)
    case.state.runs["r9"] = case.state.runs["r1"]
    out = io.StringIO()
    PlainProgress(case, "r1", out).heard(records([closed("scope", "proven", "seen"), other], start=3))
    lines = out.getvalue().splitlines()
    assert len(lines) == 1
    assert "✓ scope" in lines[0]
    assert "proven: seen" in lines[0]


def test_one_wait_is_one_line_however_often_it_is_looked_at(tmp_path: Path) -> None:
    """A probe of half a minute was told thirty times over; what a try failed of is told each time."""

    def waits(why: str, step: str = "isolate", *, failed: bool = False) -> r.AnyBody:
        return r.StepWaiting(
            run="r1", step=step, turn=1, until="2026-11-20T03:00:09.000000Z", why=why, failed=failed
        )  # fmt: skip

    mark = Mark(within="c", case=CASE, action="test.contain", scope="u", params="0" * 64)
    planned = r.StepPlanned(
        run="r1", step="isolate", turn=2, action="x", mark=mark, target="x", why="it is open again", effects=(),
        impact=(), touches=(),
    )  # fmt: skip
    bodies = [waits("a"), waits("x", "label"), waits("a"), waits("b"), waits("b"), waits("x", "label"), planned,
              waits("b"), waits("no", failed=True), waits("no", failed=True)]  # fmt: skip
    shown = [" ".join(line.split()) for line in plain_output(tmp_path, bodies).splitlines()]
    assert shown == [
        "… isolate waits: a", "… label waits: x", "… isolate waits: b", "… isolate it is open again",
        "… isolate waits: b", "… isolate tries again: no", "… isolate tries again: no",
    ]  # fmt: skip


def test_what_was_not_needed_is_told_so_once(tmp_path: Path) -> None:
    body = closed("label", "skipped", "not needed: `when: inputs.x` is false", condition="inputs.x")
    case, _ = case_file(tmp_path, BOOK, [body])
    for shown in (plain_output(tmp_path / "b", [body]), paint(case_lines(case, NOW), colour=False)):
        assert "skipped" not in shown
        assert shown.count("not needed: ") == 1
        assert "inputs.x" in shown
    assert "not needed | 0 ms | \\`when" in report_markdown(build_report(case, None, NOW))


def test_status_names_a_child_by_its_target_and_types_its_key(tmp_path: Path) -> None:
    """Three pods of one step were three rows of the same clipped uid."""
    pods = Expr(expr=("inputs", "pods"))
    book = playbook(("isolate", "contain"))
    book = book.model_copy(update={"steps": (book.steps[0].model_copy(update={"for_each": pods}),)})
    key = "isolate[52790390-09f3-4ac3-97c1-3b721b977804]"
    case, view = case_file(tmp_path, book)
    view.run.children["isolate"] = (key,)
    view.run.items[key] = {"kind": "Pod", "namespace": "shop", "name": "web-59d75d5c65-g4hmm"}
    case.hear(records([asked(key)], start=2))
    shown = paint(case_lines(case, NOW), colour=False)
    assert "? isolate " in shown
    assert "shop/web-59d75d5c65-g4hmm: " in shown
    assert f"irkit approve {CASE} {key}" in shown
    assert "…" not in shown


def test_what_ends_a_sentence_ends_no_row(tmp_path: Path) -> None:
    done: list[r.AnyBody] = [*(closed(step.id, "proven") for step in BOOK.steps), ended()]
    case, _ = case_file(tmp_path, BOOK, done, mode="undo")
    for shown in (paint(case_lines(case, NOW), colour=False), paint(cases_lines([case], [], NOW), colour=False)):
        assert "Taken back" in shown
        assert "Taken back." not in shown


def test_json_progress_writes_the_journals_own_records(tmp_path: Path) -> None:
    lines = plain_output(tmp_path, [closed("scope", "proven"), ended()], as_json=True).splitlines()
    parsed = [json.loads(line) for line in lines]
    assert [one["kind"] for one in parsed] == ["step.closed", "run.closed"]
    assert set(parsed[0]) == {"body", "kind", "prev", "seq", "time", "v", "writer"}
    assert r.StepClosed.parse(parsed[0]["body"]) == closed("scope", "proven")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("colour", [True, False])
def test_live_progress_respects_no_colour_and_neutralises(tmp_path: Path, colour: bool) -> None:
    case, _ = case_file(tmp_path, BOOK)
    out = Terminal()
    progress = choose(case, "r1", as_json=False, colour=colour, out=out)
    assert isinstance(progress, LiveProgress)
    with progress:
        progress.heard(records(hostile_bodies("\x1b[2J\x07boo"), start=3))
    text = out.getvalue()
    assert "boo" in text
    assert "\x1b[2J" not in text
    assert "\x07" not in text
    assert ("\x1b[32m" in text or "\x1b[1;31m" in text) is colour


def test_a_pipe_gets_plain_lines_or_json(tmp_path: Path) -> None:
    case, _ = case_file(tmp_path, BOOK)
    assert type(choose(case, "r1", as_json=False, colour=False, out=io.StringIO())) is PlainProgress
    assert isinstance(choose(case, "r1", as_json=True, colour=False, out=Terminal()), JsonProgress)


def test_a_child_is_named_by_what_it_is_about() -> None:
    run = RunState.__new__(RunState)
    run.items = {"isolate[p-1]": {"namespace": "shop", "name": "web-1", "uid": "p-1"}, "each[7]": 7}
    assert ("isolate", "shop/web-1: ") == step_words(run, "isolate[p-1]")
    assert ("each[7]", "") == step_words(run, "each[7]")
    assert ("label", "") == step_words(run, "label")
    assert ("label", "") == step_words(None, "label")


def test_the_list_says_when_the_latest_run_began_and_not_when_the_case_did(tmp_path: Path) -> None:
    case, _ = case_file(tmp_path, BOOK, mode="undo")
    case.state.opened = "2026-11-20T02:00:00.000000Z"
    run = case.latest()
    assert run is not None
    shown = " ".join(paint(cases_lines([case], [], "2026-11-20T03:05:01.000000Z"), colour=False).split())
    assert "5 min ago" in shown
    assert "65 min" not in shown
    assert "1 h" not in shown
