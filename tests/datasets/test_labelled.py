"""Pictures with a sheet: classes, labels and numbers read from its columns."""

from __future__ import annotations

import json

import numpy as np
import pytest

from trainyard.datasets import DatasetOptions, SplitOptions, open_dataset

from .conftest import Ingest, messages, picture, random_pictures, zip_of

NUM = 12
PICTURES = [random_pictures(1, 5, 4, 3, seed=i)[0] for i in range(NUM)]
FILES = {f"pictures/{i:02}.png": picture(pixels) for i, pixels in enumerate(PICTURES)}
AS_GIVEN = SplitOptions(val=0, test=0)
NUMBERS = np.random.default_rng(0).normal(size=(NUM, 2)).round(3)


def sheet(*columns: str, rows: list[tuple] | None = None, files: str = "pictures/{:02}.png"):
    """CSV text: a column of files and the given ones; rows are tuples of their cells."""
    lines = [",".join(["file", *columns])]
    for i, row in enumerate(rows or []):
        lines.append(",".join(map(str, [files.format(i), *row])))
    return "\n".join(lines).encode()


def options(**values) -> DatasetOptions:
    return DatasetOptions(split=AS_GIVEN, **values)


def stored(tmp_path, split: str = "train"):
    return open_dataset(tmp_path / "store" / "out").splits[split]


@pytest.mark.parametrize(
    "files", ["pictures/{:02}.png", "{:02}.png", "{:02}", "./pictures/{:02}.png"]
)
def test_a_column_of_names_is_classes_and_files_are_found(take: Ingest, tmp_path, files):
    text = sheet("label", rows=[("cat" if i % 3 else "dog",) for i in range(NUM)], files=files)
    manifest = take(zip_of(FILES | {"labels.csv": text}), options())
    assert (manifest.format, manifest.task) == ("labelled", "classification")
    assert manifest.class_names == ["cat", "dog"]
    x, y = stored(tmp_path)
    np.testing.assert_array_equal(x, np.stack(PICTURES).transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(y, [int(i % 3 == 0) for i in range(NUM)])
    assert "labels.csv read as classification of column(s) label" in messages(manifest)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_found(take: Ingest, separator):
    text = sheet("class", rows=[(i % 2,) for i in range(NUM)]).replace(b",", separator.encode())
    assert take(zip_of(FILES | {"x.csv": text})).class_names == ["0", "1"]


def test_columns_of_ones_are_labels_and_lists_are_too(take: Ingest, tmp_path):
    flags = np.random.default_rng(0).integers(0, 2, (NUM, 3))
    flags[0] = 0
    names = ["edema", "mass", "node"]
    text = sheet(*names, rows=[tuple(row) for row in flags])
    manifest = take(zip_of(FILES | {"labels.csv": text}), options())
    assert (manifest.task, manifest.class_names) == ("multi-label", names)
    np.testing.assert_array_equal(stored(tmp_path)[1], flags)
    sets = [[n for n, flag in zip(names, row, strict=True) if flag] for row in flags]
    piped = sheet("tags", rows=[("|".join(one),) for one in sets])
    assert take(zip_of(FILES | {"l.csv": piped}), options(), name="b").sha256 == manifest.sha256
    lines = [json.dumps({"file": f"{i:02}.png", "labels": one}) for i, one in enumerate(sets)]
    as_json = {"pictures/metadata.jsonl": "\n".join(lines).encode()}
    assert take(zip_of(FILES | as_json), options(), name="c").sha256 == manifest.sha256


def test_columns_with_a_single_one_are_classes_unless_labels_are_asked_for(take: Ingest):
    text = sheet("a", "b", "c", rows=[tuple(np.eye(3, dtype=int)[i % 3]) for i in range(NUM)])
    data = zip_of(FILES | {"labels.csv": text})
    manifest = take(data, name="classes")
    assert (manifest.task, manifest.class_names) == ("classification", ["a", "b", "c"])
    assert take(data, options(task="multi-label")).task == "multi-label"


def test_columns_of_numbers_are_outputs_by_their_names(take: Ingest, tmp_path):
    text = sheet("weight", "height", rows=[tuple(row) for row in NUMBERS])
    manifest = take(zip_of(FILES | {"labels.csv": text}), options())
    assert (manifest.task, manifest.outputs) == ("regression", ["weight", "height"])
    np.testing.assert_array_equal(stored(tmp_path)[1], NUMBERS.astype(np.float32))


def test_numbers_with_a_decimal_comma_are_numbers(take: Ingest, tmp_path):
    halves = [20 + i / 2 for i in range(NUM)]
    cells = [(str(one).replace(".", ","),) for one in halves]
    data = sheet("age", rows=cells).replace(b",", b";", 1)
    text = b"\n".join(line.replace(b",", b";", 1) for line in data.split(b"\n"))
    manifest = take(zip_of(FILES | {"labels.csv": text}), options())
    assert (manifest.task, manifest.outputs) == ("regression", ["age"])
    np.testing.assert_array_equal(stored(tmp_path)[1][:, 0], np.array(halves, np.float32))
    quoted = sheet("age", rows=[(f'"{cell}"',) for (cell,) in cells])
    manifest = take(zip_of(FILES | {"labels.csv": quoted}), options(), name="b")
    assert manifest.outputs == ["age"]


@pytest.mark.parametrize(
    ("name", "numbers", "task"),
    [
        ("age", list(range(20, 44)), "regression"),  # 24 different ones
        ("age", [i % 21 for i in range(96)], "regression"),
        ("age", [i % 20 for i in range(96)], "classification"),
        ("label", [i % 24 for i in range(96)], "classification"),  # 0 to 23, four each
        ("label", [i % 24 for i in range(95)], "regression"),
        ("label", [i % 24 * 2 for i in range(96)], "regression"),  # with gaps
        ("label", [-1, 1] * 12, "classification"),
        ("label", list(range(12)), "classification"),
        ("size", list(range(12)), "regression"),
    ],
)
def test_whole_numbers_are_classes_or_quantities_by_one_rule(take: Ingest, name, numbers, task):
    """In a sheet as in a table: at most 20, or called label and without gaps."""
    pictures = random_pictures(len(numbers), 5, 4)
    files = {f"{i:02}.png": picture(p) for i, p in enumerate(pictures)}
    text = sheet(name, rows=[(n,) for n in numbers], files="{:02}.png")
    manifest = take(zip_of(files | {"labels.csv": text}))
    assert manifest.task == task
    assert f"holds {len(set(numbers))} different" in messages(manifest)
    table = "\n".join([f"x,{name}", *(f"{i / 7},{n}" for i, n in enumerate(numbers))])
    manifest = take(table.encode(), DatasetOptions(target=name), name="table")
    assert (manifest.format, manifest.task) == ("csv", task)


def test_a_column_that_names_the_rows_is_no_class(refuse):
    files = {f"{i:02}.png": picture(p) for i, p in enumerate(random_pictures(24, 5, 4))}
    text = sheet("label", rows=[(f"who{i}",) for i in range(24)], files="{:02}.png")
    told = refuse(zip_of(files | {"labels.csv": text}))
    assert 'the column "label" has 24 different values in 24 rows: it names the rows' in told


@pytest.mark.parametrize("form", ["a|b", "a;b", '"a,b"', '"a, b"', "\"['a', 'b']\""])
def test_lists_of_labels_are_told_from_names(take: Ingest, tmp_path, form):
    single = "['c']" if "[" in form else "c"
    text = sheet("tags", rows=[(form if i % 2 else single,) for i in range(NUM)])
    manifest = take(zip_of(FILES | {"labels.csv": text}), options())
    assert (manifest.task, manifest.class_names) == ("multi-label", ["a", "b", "c"])
    np.testing.assert_array_equal(stored(tmp_path)[1][:2], [[0, 0, 1], [1, 1, 0]])


def test_spaces_separate_labels_where_they_are_asked_for(take: Ingest):
    text = sheet("tags", rows=[("haze water" if i % 2 else "clear water",) for i in range(NUM)])
    data = zip_of(FILES | {"labels.csv": text})
    assert take(data, options()).class_names == ["clear water", "haze water"]
    manifest = take(data, options(task="multi-label"), name="b")
    assert manifest.class_names == ["clear", "haze", "water"]


def test_commas_in_names_of_classes_separate_nothing(take: Ingest):
    names = ['"tench, Tinca tinca"', '"hen, Gallus"', "cock"]
    text = sheet("class", rows=[(names[i % 3],) for i in range(NUM)])
    manifest = take(zip_of(FILES | {"labels.csv": text}), options())
    assert manifest.class_names == ["cock", "hen, Gallus", "tench, Tinca tinca"]


def test_labels_beside_quantities_are_asked_about(take: Ingest, refuse):
    rows = [(20 + i, i % 2, int(i % 3 == 0)) for i in range(NUM)]
    data = zip_of(FILES | {"labels.csv": sheet("age", "cat", "dog", rows=rows)})
    assert "which column is to be predicted? Say it as options.target" in refuse(data)
    manifest = take(data, options(target=["cat", "dog"]), name="b")
    assert (manifest.task, manifest.class_names) == ("multi-label", ["cat", "dog"])
    assert take(data, options(target=["age", "cat"]), name="c").task == "regression"


def test_sheets_of_windows_are_read(take: Ingest):
    text = sheet("label", rows=[("Bär" if i % 2 else "Hund",) for i in range(NUM)])
    windows = text.decode().encode("cp1252")
    manifest = take(zip_of(FILES | {"labels.csv": windows}), options())
    assert manifest.class_names == ["Bär", "Hund"]
    assert "labels.csv no UTF-8: read as Windows-1252" in messages(manifest)
    wide = text.decode().encode("utf-16")
    assert take(zip_of(FILES | {"labels.csv": wide}), options(), name="b").class_names[0] == "Bär"


def test_target_and_task_decide_what_is_open(take: Ingest, refuse, tmp_path):
    rows = [(i % 2, i * 5, "x") for i in range(NUM)]
    data = zip_of(FILES | {"labels.csv": sheet("sex", "age", "note", rows=rows)})
    assert "which column is to be predicted? Say it as options.target" in refuse(data)
    manifest = take(data, options(target="age", task="regression"))
    assert manifest.outputs == ["age"]
    np.testing.assert_array_equal(stored(tmp_path)[1][:, 0], np.arange(NUM) * 5)
    assert take(data, options(target="sex"), name="b").class_names == ["0", "1"]
    assert take(data, options(ignore=["note", "age"]), name="c").class_names == ["0", "1"]
    assert 'no column "ages"; there are file, sex' in refuse(data, options(target="ages"), name="d")


def test_a_column_may_hold_the_split(take: Ingest):
    splits = ["train"] * 8 + ["valid"] * 2 + ["test"] * 2
    text = sheet("label", "split", rows=[(i % 2, split) for i, split in enumerate(splits)])
    manifest = take(zip_of(FILES | {"labels.csv": text}))
    assert [s.num_samples for s in manifest.splits.values()] == [8, 2, 2]
    assert manifest.made_splits == []


def test_sheets_in_folders_of_splits_count_together(take: Ingest):
    files = {}
    for split, num in (("train", 8), ("test", 4)):
        files |= {f"{split}/{i:02}.png": picture(PICTURES[i]) for i in range(num)}
        rows = [(i % 2,) for i in range(num)]
        files[f"{split}/metadata.csv"] = sheet("label", rows=rows, files="{:02}.png")
    manifest = take(zip_of(files), options())
    assert {n: s.num_samples for n, s in manifest.splits.items()} == {"train": 8, "test": 4}


def test_folders_of_pictures_give_the_splits_where_the_sheet_does_not(take: Ingest, tmp_path):
    """As many other pictures in test_images/ as in train_images/, brighter than those."""
    files, lines = {}, ["file,label"]
    for i, pixels in enumerate(PICTURES):
        for split, shade in (("train", 0), ("test", 128)):
            name = f"{split}_images/{i:02}.png"
            files[name] = picture(pixels // 2 + shade)
            lines.append(f"{name},{i % 2}")
    manifest = take(zip_of(files | {"labels.csv": "\n".join(lines).encode()}), options())
    assert {n: s.num_samples for n, s in manifest.splits.items()} == {"train": 12, "test": 12}
    assert stored(tmp_path, "train")[0].max() < 128 <= stored(tmp_path, "test")[0].min()
    assert "the splits are those of the files' folders" in messages(manifest)


def test_a_group_keeps_its_number_for_the_split(take: Ingest, refuse):
    rows = [(i % 2, f"patient {i // 4}") for i in range(NUM)]
    data = zip_of(FILES | {"labels.csv": sheet("label", "who", rows=rows)})
    assert take(data, options(group="who")).task == "classification"
    assert 'no column "whom" for the groups' in refuse(data, options(group="whom"), name="b")


def test_what_does_not_fit_together_is_left_out_and_said(take: Ingest):
    rows = [(f"{i % 2}",) for i in range(NUM - 1)]
    text = sheet("label", rows=rows)
    text += b"\nnobody.png,1\npictures/00.png,0\npictures/01.png,0\npictures/11.png,\n"
    manifest = take(zip_of(FILES | {"labels.csv": text, "lone.png": FILES["pictures/00.png"]}))
    told = messages(manifest)
    assert "labels.csv line 13 left out: names no file of the archive" in told
    assert "line 14 left out: pictures/00.png has the same row: labels.csv line 2" in told
    assert "line 15 left out: pictures/01.png has another row: labels.csv line 3" in told
    assert "labels.csv line 16 left out: no classification target" in told
    assert "lone.png left out: has no row in labels.csv" in told
    assert sum(s.num_samples for s in manifest.splits.values()) == NUM - 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.csv", b"file,label\npictures/00.png\npictures/01.png,1\n", "line 2: 1 cells, but 2"),
        ("l.csv", sheet("a", "a", rows=[(1, 2)] * NUM), 'two columns are called "a"'),
        ("l.csv", b"file,label\n00.png,\x81\x8d", "neither UTF-8, UTF-16 nor Windows"),
        ("l.csv", sheet(rows=[()] * NUM), "which column is to be predicted"),
        ("l.jsonl", b'{"file": "00.png", "label": 1}\n{"file"', "line 2: not JSON"),
        ("l.jsonl", b'{"file": "00.png", "label": {}}', "line 1: expected an object of texts"),
        ("l.csv", sheet("label", rows=[("a",)] * NUM), "all of one class"),
    ],
)
def test_sheets_that_cannot_be_read_are_rejected_with_the_line(refuse, name, text, message):
    assert message in refuse(zip_of(FILES | {name: text}))


def test_rows_without_pictures_are_left_out_however_many_they_are(take: Ingest):
    rows = [(i % 2,) for i in range(NUM * 5)]
    text = sheet("label", rows=rows[::-1])
    manifest = take(zip_of(FILES | {"labels.csv": text}), options())
    assert manifest.splits["train"].num_samples == NUM
    (found,) = [f for f in manifest.report.findings if f.code == "left-out"]
    assert found.count == NUM * 4


def test_names_may_differ_in_capitals_and_suffix(take: Ingest):
    text = sheet("label", rows=[(i % 2,) for i in range(NUM)], files="Pictures/{:02}.PNG")
    assert take(zip_of(FILES | {"labels.csv": text})).format == "labelled"
    text = sheet("label", rows=[(i % 2,) for i in range(NUM)], files="{:02}.jpeg")
    assert take(zip_of(FILES | {"labels.csv": text}), name="b").format == "labelled"


def test_a_sheet_that_names_nothing_is_told_where_folders_become_classes(take: Ingest):
    files = {f"part{1 + i % 2}/{i:02}.png": one for i, one in enumerate(FILES.values())}
    text = sheet("dx", rows=[("nv",)] * NUM, files="ISIC_{:02}.jpg")
    manifest = take(zip_of(files | {"metadata.csv": text}))
    assert manifest.class_names == ["part1", "part2"]
    (found,) = [f for f in manifest.report.findings if f.code == "sheet-not-used"]
    assert (found.severity, found.examples[0].name) == ("warning", "metadata.csv")


def test_a_sheet_that_was_read_is_not_called_ignored(take: Ingest):
    text = sheet("label", rows=[(i % 2,) for i in range(NUM)])
    manifest = take(zip_of(FILES | {"labels.csv": text, "README.md": b"hello"}))
    assert "ignored 1 hidden, system or text file(s): README.md" in messages(manifest)


def test_a_column_that_may_name_patients_is_told_with_its_leaks(take: Ingest):
    """Six pictures of each of two patients; p0 stands in train and test."""
    rows = [(i % 2, f"p{i // 6}", "train" if i < 4 or i > 5 else "test") for i in range(NUM)]
    data = zip_of(FILES | {"labels.csv": sheet("label", "patientId", "split", rows=rows)})
    found = [f for f in take(data).report.findings if f.code == "possible-group"]
    (leak,) = [f for f in found if "both train and test" in f.message]
    assert leak.message == (
        '"patientId" looks like the name of a group, of which 1 have samples in both train and '
        "test: 2 of 2 samples of test"
    )
    assert leak.advice.startswith("Name the column in the option `group`")
    assert leak.examples
    named = take(data, DatasetOptions(group="patientId"), name="b").report.findings
    assert "possible-group" not in {f.code for f in named}
    once = [(i % 2, f"p{i}") for i in range(NUM)]
    data = zip_of(FILES | {"labels.csv": sheet("label", "patient_id", rows=once)})
    assert "possible-group" not in {f.code for f in take(data, name="c").report.findings}


def test_a_sheet_that_names_no_file_is_none(take: Ingest):
    files = {k.replace("pictures/", f"{'ab'[i % 2]}/"): v for i, (k, v) in enumerate(FILES.items())}
    assert take(zip_of(files | {"notes.csv": b"a,b\n1,2\n"})).format == "folders"
