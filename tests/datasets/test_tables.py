"""Tables whose rows are samples: what is read, what is said of it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainyard.datasets import DatasetOptions, SplitOptions

from .conftest import Ingest, messages, zip_of
from .tables import ALL_IN_TRAIN, HEADER, KIND, KINDS, ROWS, csv_of, parquet_of, read


def test_text_to_predict_is_classification_and_texts_become_channels(take: Ingest, tmp_path: Path):
    manifest = take(csv_of(HEADER, ROWS), DatasetOptions(target="kind", split=ALL_IN_TRAIN))
    assert (manifest.format, manifest.task) == ("csv", "classification")
    assert manifest.class_names == ["apple", "pear", "plum"]
    assert manifest.features == ["size", "weight", "colour=green", "colour=red"]
    assert manifest.input_shape == (4, 1)
    x, y = read(tmp_path)
    expected = [[r[0], r[1], r[2] == "green", r[2] == "red"] for r in ROWS]
    np.testing.assert_array_equal(x[:, :, 0], np.array(expected, np.float32))
    assert y.tolist() == [KINDS.index(row[3]) for row in ROWS]
    said = messages(manifest)
    assert 'the task is classification: the target "kind" holds text' in said
    assert 'the texts of column "colour" became 2 channels' in said
    assert manifest.statistics.mean == pytest.approx(x[:, :, 0].mean(0), rel=1e-6)


def test_decimal_commas_between_semicolons_are_numbers(take: Ingest, tmp_path: Path):
    text = csv_of(("a", "y"), [[f"{n},5", f"-{n % 4},25"] for n in range(30)], ";")
    manifest = take(text, DatasetOptions(target="y", task="regression", split=ALL_IN_TRAIN))
    x, y = read(tmp_path)
    assert x[:, 0, 0].tolist() == [n + 0.5 for n in range(30)]
    assert y[:4, 0].tolist() == [-0.25, -1.25, -2.25, -3.25]
    assert manifest.outputs == ["y"]


def test_many_numbers_are_regression_and_few_whole_ones_are_classes(take: Ingest):
    rows = [[n, n * 0.37, n % 3] for n in range(60)]
    data = csv_of(("a", "price", "stars"), rows)
    regression = take(data, DatasetOptions(target="price"), name="regression")
    assert (regression.task, regression.outputs) == ("regression", ["price"])
    stars = take(data, DatasetOptions(target="stars"), name="stars")
    assert (stars.task, stars.class_names) == ("classification", ["0", "1", "2"])
    assert "the option `task` decides otherwise" in messages(stars)
    asked = take(data, DatasetOptions(target="stars", task="regression"), name="asked")
    assert (asked.task, asked.targets.maximum) == ("regression", [2.0])


def test_several_flags_are_labels_and_several_numbers_outputs(take: Ingest, tmp_path: Path):
    rows = [[n, n % 2, n % 3 == 0, n * 0.5] for n in range(40)]
    data = csv_of(("a", "wet", "cold", "depth"), [[r[0], r[1], int(r[2]), r[3]] for r in rows])
    options = DatasetOptions(target=["wet", "cold"], ignore=["depth"], split=ALL_IN_TRAIN)
    manifest = take(data, options)
    assert (manifest.task, manifest.class_names) == ("multi-label", ["wet", "cold"])
    assert manifest.features == ["a"]
    assert read(tmp_path)[1].tolist() == [[r[1], int(r[2])] for r in rows]
    numbers = take(data, DatasetOptions(target=["depth", "wet"]), name="numbers")
    assert (numbers.task, numbers.outputs) == ("regression", ["depth", "wet"])


def test_rows_without_a_cell_are_left_out_and_counted_with_examples(take: Ingest, tmp_path: Path):
    rows = [list(row) for row in ROWS]
    rows[3][0], rows[5][1], rows[7][3], rows[9][0] = "", "NA", "", "inf"
    manifest = take(csv_of(HEADER, rows), DatasetOptions(target="kind", split=ALL_IN_TRAIN))
    assert manifest.splits["train"].num_samples == 56
    said = messages(manifest)
    assert 'left out: 2 row(s) without "size", of which 1 hold no number ("inf" in' in said
    assert 'left out: 1 row(s) without "weight": mine.zip row 6' in said
    assert 'left out: 1 row(s) without "kind": mine.zip row 8' in said
    assert np.isfinite(read(tmp_path)[0]).all()


def test_columns_that_no_model_can_see_are_left_out_and_said(take: Ingest):
    rows = [[n, f"person {n}", "", n if n % 3 == 0 else "", n % 2] for n in range(60)]
    manifest = take(csv_of(("a", "who", "void", "rare", "y"), rows), DatasetOptions(target="y"))
    assert manifest.features == ["a"]
    said = messages(manifest)
    assert 'left out: column "who": it holds 60 different texts, such as "person 0"' in said
    assert 'left out: column "void": it is empty' in said
    assert 'left out: column "rare": 40 of its 60 cells are empty' in said


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["a table needs the option `target`", '"size", "weight", "colour", "kind"']),
        (
            {"target": "kid", "features": ["siz"], "group": "who", "time": "when",
             "split": {"column": "part"}},
            ['options.target: no column "kid": did you mean "kind"?',
             'options.features: no column "siz": did you mean "size"?',
             'options.group: no column "who"', 'options.time: no column "when"',
             'options.split.column: no column "part"'],
        ),
        ({"target": "kind", "group": "kind"}, ['both options.group and options.target']),
        ({"target": "kind", "features": ["size", "kind"]}, ["it gives itself away"]),
        ({"target": "kind", "task": "regression"}, ["must hold numbers for regression"]),
        ({"target": "size", "task": "classification"}, ["with fractions, which are no classes"]),
        ({"target": ["size", "weight"], "task": "multi-label"},
         ['"size" must hold 0 and 1', '"weight" must hold 0 and 1']),
        ({"target": "kind", "task": "segmentation"}, ["cannot be for segmentation"]),
        ({"target": "kind", "split": {"by": "group"}}, ["needs the option `group`"]),
    ],
)  # fmt: skip
def test_all_mistakes_in_the_options_are_told_at_once(refuse, options, expected):
    said = refuse(csv_of(HEADER, ROWS), DatasetOptions.model_validate(options))
    assert all(text in said for text in expected), said


def test_a_column_of_words_gives_the_splits(take: Ingest):
    words = ["train"] * 40 + ["Validation"] * 10 + ["test"] * 10
    header, rows = (*HEADER, "part"), [[*row, w] for row, w in zip(ROWS, words, strict=True)]
    options = DatasetOptions(target="kind", split=SplitOptions(column="part"))
    manifest = take(csv_of(header, rows), options)
    assert [s.num_samples for s in manifest.splits.values()] == [40, 10, 10]
    assert not any(name.startswith("part") for name in manifest.features)


def test_other_words_in_the_column_of_splits_are_refused(refuse):
    rows = [[*row, "holdout" if n else "train"] for n, row in enumerate(ROWS)]
    options = DatasetOptions(target="kind", split=SplitOptions(column="part"))
    said = refuse(csv_of((*HEADER, "part"), rows), options)
    assert 'must say train, val or test; it has 1 other value(s): "holdout"' in said


def test_rows_with_a_moment_can_be_split_by_time(take: Ingest, tmp_path: Path):
    rows = [[f"2020-{n % 12 + 1:02}-{n // 12 + 1:02}", n, n % 2] for n in range(120)]
    options = DatasetOptions(
        target="y", time="day", task="classification", split=SplitOptions(by="time", embargo=2)
    )
    take(csv_of(("day", "a", "y"), rows), options)
    when = {n: row[0] for n, row in enumerate(rows)}
    days = {s: [when[int(n)] for n in read(tmp_path, s)[0][:, 0, 0]] for s in ("train", "test")}
    assert max(days["train"]) < min(days["test"])


def test_parquet_gives_the_same_dataset_as_its_csv(take: Ingest):
    columns = {name: [row[n] for row in ROWS] for n, name in enumerate(HEADER)}
    from_csv = take(csv_of(HEADER, ROWS), KIND, name="csv")
    from_parquet = take(parquet_of(columns), KIND, name="parquet")
    assert from_parquet.format == "parquet"
    assert from_parquet.sha256 == from_csv.sha256
    shards = {f"part-{n}.parquet": {k: v[30 * n : 30 * n + 30] for k, v in columns.items()}
              for n in range(2)}  # fmt: skip
    both = take(zip_of({n: parquet_of(c) for n, c in shards.items()}), KIND, name="shards")
    assert both.sha256 == from_csv.sha256


def test_a_damaged_parquet_file_is_refused(refuse):
    data = parquet_of({"a": list(range(50)), "kind": ["x", "y"] * 25})
    assert "the Parquet file is damaged" in refuse(data[:-20], KIND)


def test_a_parquet_file_of_millions_of_equal_cells_is_refused(refuse, tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"a": pa.array(np.zeros(4_000_000)), "y": pa.array(np.zeros(4_000_000))})
    with pq.ParquetWriter(tmp_path / "bomb", table.schema) as writer:
        for _ in range(3):
            writer.write_table(table)
    assert "a bomb?" in refuse(tmp_path / "bomb", DatasetOptions(target="y"))


def test_the_row_index_of_pandas_is_no_feature(take: Ingest):
    columns = {"size": [row[0] for row in ROWS], "kind": [row[3] for row in ROWS]}
    manifest = take(parquet_of({**columns, "__index_level_0__": list(range(60))}), KIND)
    assert manifest.features == ["size"]
    assert 'left out: column "__index_level_0__": the row index that pandas wrote' in messages(
        manifest
    )
    asked = DatasetOptions(target="kind", features=["size", "Unnamed: 0"])
    rows = [[n, row[0], row[3]] for n, row in enumerate(ROWS)]
    manifest = take(csv_of(("Unnamed: 0", "size", "kind"), rows), asked, name="asked")
    assert manifest.features == ["size", "Unnamed: 0"]


@pytest.mark.parametrize("column", ["patient_id", "PatientID", "Subject", "case number"])
def test_a_column_named_like_patients_is_asked_about_where_splits_mix_them(take: Ingest, column):
    """Given splits: of 20 patients of 3 rows each all stand in train, val and test."""
    rows = [
        [f"p{n // 3}", *row[1:3], KINDS[n % 2], ["train", "val", "test"][n % 3]]
        for n, row in enumerate(ROWS)
    ]
    data = csv_of((column, *HEADER[1:], "split"), rows)
    options = DatasetOptions(target="kind", split=SplitOptions(column="split"))
    found = [f for f in take(data, options).report.findings if f.code == "possible-group"]
    assert [f.count for f in found] == [20, 20, 20]
    assert found[0].message == (
        f'"{column}" looks like the name of a group, of which 20 have samples in both train and '
        "val: 20 of 20 samples of val"
    )
    assert (found[0].examples[0].name, found[0].examples[0].twin.name) == (
        "mine.zip row 2",
        "mine.zip row 1",
    )
    assert "`group`" in found[0].advice
    named = options.model_copy(update={"group": column})
    codes = [f.code for f in take(data, named, name="named").report.findings]
    assert codes.count("group-leak") == 3
    assert "possible-group" not in codes


def test_patients_of_a_row_each_and_other_columns_are_not_asked_about(take: Ingest):
    rows = [[f"p{n}", n % 9, *row[1:]] for n, row in enumerate(ROWS)]
    manifest = take(csv_of(("patient_id", "age", *HEADER[1:]), rows), KIND)
    assert "possible-group" not in {f.code for f in manifest.report.findings}
