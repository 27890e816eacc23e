from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, cast

import pytest
from pydantic import AfterValidator, BaseModel

from tidegate.kernel.errors import InputError
from tidegate.kernel.event import Json
from tidegate.kernel.fault import render
from tidegate.kernel.step import DocumentKind, Finding
from tidegate.kernel.textfile import FILE_MAX_BYTES
from tidegate.services.folder import BYTES_MAX, FOLDERS_MAX
from tidegate.services.judging import NAME_MAX, check_files, read_project
from tidegate.services.project import Project

Entries = Iterable[tuple[str, Json, tuple[str | int, ...]]]


def dated(text: str) -> str:
    if text == "raise":
        raise InputError("expression.invalid", "no expression", fix="write one")
    return text


class Rule(BaseModel, extra="forbid", strict=True):
    rule_name: str
    job: Annotated[str, AfterValidator(dated)] = "none"
    window_hours: int = 24
    inputs: tuple[str, ...] = ()


class Dataset(BaseModel, extra="forbid", strict=True):
    owner: str


class Settings(BaseModel, extra="forbid", strict=True):
    timezone: str = "UTC"


def rule_entries(document: Json) -> Entries:
    if isinstance(document, str):
        raise ValueError("a rule is no text|write rule_name: and what it waits for")
    fields = cast("dict[str, Json]", document) if isinstance(document, dict) else {}
    if "rules" in fields:
        return [(one["rule_name"], one, ("rules", n)) for n, one in enumerate(fields["rules"])]
    return [(str(fields.get("rule_name", "")), cast("Json", document), ())]


def dataset_entries(document: Json) -> Entries:
    return [(name, body, (name,)) for name, body in document.items()]


RULES = DocumentKind(name="rule", folder="rules", model=Rule, entries=rule_entries)
DATASETS = DocumentKind(name="dataset", folder="datasets", model=Dataset, entries=dataset_entries)
SETTINGS = DocumentKind(
    name="project", folder="", model=Settings, entries=lambda document: [("project", document, ())]
)
KINDS = (SETTINGS, RULES, DATASETS)


def write(root: Path, **files: str | bytes) -> Path:
    """Files by name; `__` in a name stands for a slash, the first `_` of an ending for a dot."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path = path.with_name(".".join(path.name.rsplit("_", 1)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def said(project: Project) -> list[str]:
    return [fault.headline() for fault in project.faults]


def warned(project: Project) -> list[str]:
    return [fault.headline() for fault in project.warnings]


# ---- what is read
def test_a_folder_becomes_documents_by_kind_name_and_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        tidegate_yaml="timezone: Europe/Berlin\n",
        rules__a_yaml="rule_name: a\n---\nrule_name: b\njob: x\n",
        rules__deep__er__c_json='{"rule_name": "c", "inputs": ["x"]}',
        rules__many_yml="rules:\n- rule_name: d\n- rule_name: e\n",
        datasets__all_yaml="orders: {owner: sales}\nstock: {owner: store}\n",
    )

    project = read_project(tmp_path, KINDS)

    assert (project.faults, project.warnings) == ((), ())
    assert [(one.kind, one.name, one.file) for one in project.documents] == [
        ("dataset", "orders", "datasets/all.yaml"),
        ("dataset", "stock", "datasets/all.yaml"),
        ("rule", "a", "rules/a.yaml"),
        ("rule", "b", "rules/a.yaml"),
        ("rule", "c", "rules/deep/er/c.json"),
        ("rule", "d", "rules/many.yml"),
        ("rule", "e", "rules/many.yml"),
        ("project", "project", "tidegate.yaml"),
    ]
    assert project.find("dataset", "stock").body == {"owner": "store"}
    assert project.find("rule", "c").body == {"rule_name": "c", "inputs": ["x"]}
    assert project.sources["datasets/all.yaml"].startswith("orders:")


def test_a_value_has_its_place_in_its_file() -> None:
    files = {
        "datasets/all.yaml": b"orders:\n  owner: sales\nstock:\n  owner: store\n",
        "rules/many.yaml": b"rules:\n- rule_name: a\n- rule_name: b\n  job: x\n",
    }

    project = check_files(files, KINDS)

    assert project.place("dataset", "stock", ("owner",)) == ("datasets/all.yaml", 4, 10, 5)
    assert project.place("rule", "b", ("job",)) == ("rules/many.yaml", 4, 8, 1)
    assert project.place("rule", "b", ("inputs", 3)) == ("rules/many.yaml", 3, 3, 12)
    with pytest.raises(InputError) as caught:
        project.place("rule", "z", ())
    assert caught.value.code == "document.unknown"


def test_findings_of_engines_get_their_places() -> None:
    project = check_files({"rules/a.yaml": b"rule_name: a\njob: nightly\n"}, KINDS)

    found = project.with_findings(
        [
            Finding("rule", "a", ("job",), 'no job is called "nightly"', "write it"),
            Finding("rule", "a", (), "nothing waits for it", warning=True),
        ]
    )

    assert said(found) == ['rules/a.yaml:2:6: no job is called "nightly"; fix: write it']
    assert warned(found) == ["rules/a.yaml:1:1: warning: nothing waits for it"]


def test_an_empty_settings_file_is_a_project_without_settings(tmp_path: Path) -> None:
    write(tmp_path, tidegate_yaml="# nothing yet\n")

    project = read_project(tmp_path, KINDS)

    assert project.find("project", "project").body == {}
    assert warned(project) == [
        ".: warning: this project holds no documents yet; "
        "fix: write the first, such as rules/daily.yaml"
    ]


def test_a_broken_settings_file_is_no_empty_one() -> None:
    project = check_files({"tidegate.yaml": b"timezone: ["}, KINDS)

    assert project.documents == ()
    assert said(project) == [
        "tidegate.yaml:1:11: the [ that opens here is never closed; fix: add ]"
    ]


# ---- what is wrong
def test_all_faults_of_all_files_are_told_at_once() -> None:
    files = {
        "rules/a.yaml": b"rule_name: a\nwindow_hours: x\n---\nrule_name: [\n---\nrulename: c\n",
        "rules/b.yaml": b"rule_name: b\n",
        "rules/c.json": b'{"rule_name": "c",}',
        "datasets/x.yaml": b"orders: {ownr: me}\nstock: {owner: 5}\nfine: {owner: me}\n",
        "rules/text.yaml": b"just text\n",
        "rules/bytes.yaml": b"rule_name: \xff\n",
        "rules/raise.yaml": b"rule_name: r\njob: raise\n",
    }

    project = check_files(files, KINDS)

    assert said(project) == [
        'datasets/x.yaml:1:10: unknown key "ownr"; fix: did you mean "owner"?',
        'datasets/x.yaml:2:16: owner is the number 5; fix: write it in quotes: "5"',
        'rules/a.yaml:2:15: window_hours is the text "x"; fix: write a whole number such as 3',
        "rules/a.yaml:4:12: the [ that opens here is never closed; fix: add ]",
        'rules/a.yaml:6:1: unknown key "rulename"; fix: did you mean "rule_name"?',
        "rules/bytes.yaml:1:12: the byte 0xFF is no UTF-8; fix: save it as UTF-8",
        "rules/c.json:1:18: a comma before the closing }; fix: remove the comma",
        "rules/raise.yaml:1:1: no expression; fix: write one",
        "rules/text.yaml:1:1: a rule is no text; fix: write rule_name: and what it waits for",
    ]
    assert [one.name for one in project.documents] == ["fine", "b"]


def test_a_fault_of_reading_is_not_told_again_by_the_model() -> None:
    project = check_files(
        {"rules/a.yaml": b"rule_name: a\nwindow_hours: .nan\njob: {{ ds }}\n"}, KINDS
    )

    assert said(project) == [
        "rules/a.yaml:2:15: .nan is no number that JSON can carry; "
        "fix: put it in quotes if it is text",
        'rules/a.yaml:3:7: a template without quotes is read as a mapping; fix: write "{{ ds }}"',
    ]


def test_a_name_written_twice_is_told_with_both_places() -> None:
    files = {
        "rules/a.yaml": b"job: x\nrule_name: daily\n",
        "rules/b.yaml": b"rule_name: daily\n---\nrule_name: daily\n",
        "datasets/a.yaml": b"daily: {owner: me}\n",
        "datasets/b.yaml": b"x: {owner: me}\ndaily: {owner: me}\n",
    }

    project = check_files(files, KINDS)

    assert said(project) == [
        'datasets/b.yaml:2:1: dataset "daily" is written twice, first in datasets/a.yaml:1; '
        "fix: rename one of the two",
        'rules/b.yaml:1:12: rule "daily" is written twice, first in rules/a.yaml:2; '
        "fix: rename one of the two",
        'rules/b.yaml:3:12: rule "daily" is written twice, first in rules/a.yaml:2; '
        "fix: rename one of the two",
    ]
    assert len(project.documents) == 3


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ('""', "this rule has no name"),
        ('"  "', "this rule has no name"),
        ("x" * (NAME_MAX + 1), f"the name has {NAME_MAX + 1} characters"),
        ('"a\\nb"', "the name holds a character that cannot be printed"),
    ],
)
def test_a_name_that_names_nothing_is_a_fault(name: str, what: str) -> None:
    project = check_files({"rules/a.yaml": f"rule_name: {name}".encode()}, KINDS)

    assert [fault.what for fault in project.faults] == [what]
    assert project.faults[0].column == 12


def test_a_document_that_holds_nothing_of_its_kind_is_a_warning() -> None:
    project = check_files({"rules/a.yaml": b"rules: []\n", "rules/b.yaml": b"\n"}, KINDS)

    assert project.faults == ()
    assert warned(project) == [
        "rules/a.yaml:1:1: warning: this document holds no rule; fix: write one, or remove it",
        "rules/b.yaml: warning: the file holds no document; fix: write one, or remove it",
    ]


# ---- what is not read
def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    write(
        tmp_path,
        tidegate_yaml="",
        rule__a_yaml="rule_name: a",
        sources__a_yaml="x: y",
        functions__a_py="",
        stray_yaml="x: y",
        tidegate_yml="timezone: UTC",
        other__a_yaml="x: y",
        plain__a_csv="",
        rules__a_yaml="rule_name: a",
        rules__b_yaml_bak="rule_name: b",
        rules__README_md="",
        rules__x_txt="",
    )
    (tmp_path / ".hidden.yaml").write_text("x: [")
    (tmp_path / "archive").mkdir()
    write(tmp_path / "rules" / ".git", a_yaml="x: [")
    write(tmp_path / "rules" / "__pycache__", a_yaml="x: [")

    project = read_project(tmp_path, KINDS)

    assert project.faults == ()
    assert warned(project) == [
        "functions: warning: this folder is not read by this version; "
        "fix: what lies here has no effect yet; a job may start it",
        "other: warning: this folder is not read; fix: documents lie in datasets, rules",
        'rule: warning: this folder is not read; fix: did you mean "rules"?',
        "rules/b_yaml.bak: warning: this file is not read; fix: let its name end in .yaml",
        "sources: warning: this folder is not read by this version; "
        "fix: what lies here has no effect yet; a job may start it",
        "stray.yaml: warning: this file is not read; fix: put it into a folder such as rules",
        "tidegate.yml: warning: this file is not read; fix: rename it to tidegate.yaml",
    ]


def test_a_folder_that_is_no_project_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, plain_txt="")
    cases = [
        (tmp_path, "holds neither tidegate.yaml nor a folder such as rules"),
        (tmp_path / "nowhere", "cannot be read: No such file or directory"),
        (tmp_path / "plain.txt", "cannot be read: Not a directory"),
    ]

    for folder, why in cases:
        with pytest.raises(InputError) as caught:
            read_project(folder, KINDS)

        assert caught.value.code == "project.missing"
        assert caught.value.message == f"{folder} {why}"


def test_a_folder_with_rules_and_no_settings_is_a_project(tmp_path: Path) -> None:
    write(tmp_path, rules__a_yaml="rule_name: a")

    assert [one.name for one in read_project(tmp_path, KINDS).documents] == ["a"]


# ---- what cannot be read
def test_links_stay_within_the_project(tmp_path: Path) -> None:
    root = write(tmp_path / "project", rules__a_yaml="rule_name: a")
    write(tmp_path, secret_yaml="rule_name: secret")
    rules = root / "rules"
    (rules / ".hidden").mkdir()
    (rules / ".hidden" / "b.yaml").write_text("rule_name: b")
    (rules / "b.yaml").symlink_to(".hidden/b.yaml")
    (rules / "out.yaml").symlink_to(tmp_path / "secret.yaml")
    (rules / "gone.yaml").symlink_to("nowhere.yaml")
    (rules / "loop.yaml").symlink_to("loop.yaml")
    (rules / "folder").symlink_to(tmp_path)
    (root / "datasets").symlink_to(tmp_path)

    project = read_project(root, KINDS)

    assert [one.name for one in project.documents] == ["a", "b"]
    assert said(project) == [
        "datasets: a link to a folder is not followed; fix: put the files here",
        "rules/folder: a link to a folder is not followed; fix: put the files here",
        "rules/gone.yaml: the file cannot be read: No such file or directory; fix: mend the link",
        "rules/loop.yaml: the file cannot be read: Too many levels of symbolic links; "
        "fix: mend the link",
        "rules/out.yaml: the link leads out of the project; fix: put the file itself here",
    ]


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    root = write(tmp_path, rules__a_yaml="rule_name: a")
    os.mkfifo(root / "rules" / "pipe.yaml")
    (root / "tidegate.yaml").mkdir()

    project = read_project(root, KINDS)

    assert said(project) == [
        "rules/pipe.yaml: this is no regular file; fix: put a file here",
        "tidegate.yaml: this is no regular file; fix: put a file here",
    ]


def test_a_file_name_of_odd_bytes_can_be_printed(tmp_path: Path) -> None:
    root = write(tmp_path, rules__a_yaml="rule_name: a")
    (Path(os.fsdecode(os.fsencode(root) + b"/rules/\xff\n.yaml"))).write_text("x: [")

    project = read_project(root, KINDS)

    text = render(project.faults, project.sources)
    assert text.encode().decode().startswith("rules/� .yaml:1:4: ")


def test_the_sizes_of_a_project_are_limited(tmp_path: Path) -> None:
    root = write(tmp_path, rules__a_yaml="rule_name: a", rules__b_yaml=b"#" * (FILE_MAX_BYTES + 1))
    write(root / "datasets" / "/".join(["deep"] * FOLDERS_MAX), a_yaml="x: {owner: me}")

    project = read_project(root, KINDS)

    assert [one.name for one in project.documents] == ["a"]
    assert [fault.what for fault in project.faults] == [
        "more than 16 folders inside one another",
        "the file is larger than 4 MiB",
    ]


def test_all_files_together_are_limited(tmp_path: Path) -> None:
    root = write(tmp_path, rules__a_yaml="rule_name: a")
    for number in range(BYTES_MAX // FILE_MAX_BYTES):
        path = root / "rules" / f"b{number:02}.yaml"
        path.touch()
        os.truncate(path, FILE_MAX_BYTES)  # takes no room on the disk

    project = read_project(root, KINDS)

    assert [one.name for one in project.documents] == ["a"]
    assert project.faults[-1].headline() == (
        "rules/b15.yaml: the project is over its limit of 10,000 files, 64 MiB in all; "
        "fix: split it into several"
    )
