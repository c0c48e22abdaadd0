"""Files of tables: what is taken for one, how it is opened, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from trainyard.datasets import DatasetOptions, IngestLimits

from .conftest import Ingest, messages, picture, random_pictures, zip_of
from .tables import ALL_IN_TRAIN, HEADER, KIND, ROWS, csv_of, parquet_of, read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(take: Ingest, delimiter):
    manifest = take(csv_of(HEADER, ROWS, delimiter), KIND)
    assert manifest.features[:2] == ["size", "weight"]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", None), ("utf-8-sig", None), ("utf-16", None), ("cp1252", "read as Windows-1252")],
)
def test_text_is_read_in_the_encodings_of_spreadsheets(take: Ingest, encoding, said):
    text = csv_of(("größe", "kind"), [[n % 5, "süß" if n % 2 else "sauer"] for n in range(40)])
    manifest = take(text.decode().encode(encoding), KIND)
    assert manifest.features == ["größe"]
    assert manifest.class_names == ["sauer", "süß"]
    assert said is None or said in messages(manifest)


@pytest.mark.parametrize("above", ["# weighed in May\n", "#a, b, \"c\n#\n\n# it's\n"])
def test_lines_that_begin_with_a_hash_are_passed_over(take: Ingest, above):
    table = csv_of(HEADER, ROWS)
    manifest = take(above.encode() + table, KIND)
    assert manifest.sha256 == take(table, KIND, name="bare").sha256
    assert "above the header begin with #: passed over" in messages(manifest)


def test_the_first_name_of_a_column_may_begin_with_a_hash(take: Ingest):
    manifest = take(csv_of(("#size", *HEADER[1:]), ROWS), KIND)
    assert manifest.features[0] == "#size"


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_packed_table_is_the_same(take: Ingest, pack):
    table = csv_of(HEADER, ROWS)
    assert take(pack(table), KIND).sha256 == take(table, KIND, name="plain").sha256
    rows = {"size": [row[0] for row in ROWS], "kind": [row[3] for row in ROWS]}
    parquet = take(pack(parquet_of(rows)), KIND, name="parquet")
    assert parquet.features == ["size"]


def test_quoted_fields_hold_delimiters_quotes_and_line_ends(take: Ingest, tmp_path: Path):
    fields = ['"a, b"', '"say ""c"""', '"two\nlines"']
    rows = [[n, fields[n % 3], n % 2] for n in range(30)]
    manifest = take(
        csv_of(("n", "text", "y"), rows), DatasetOptions(target="y", split=ALL_IN_TRAIN)
    )
    assert manifest.features == ["n", "text=a, b", 'text=say "c"', "text=two\nlines"]
    x, _ = read(tmp_path)
    assert x[:, 0, 0].tolist() == list(range(30))
    assert x[:, 1:, 0].argmax(1).tolist() == [n % 3 for n in range(30)]


def test_rows_of_another_width_are_left_out_and_said_once(take: Ingest):
    text = csv_of(HEADER, [*ROWS[:20], ["1", "2"], *ROWS[20:]])
    manifest = take(text, KIND)
    assert sum(s.num_samples for s in manifest.splits.values()) == 60
    said = messages(manifest)
    assert said.count("without the 4 fields of the header (row 22 has 2)") == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"1,2,3\n4,5,6\n7,8,9\n", "its first row holds numbers (1,2,3): expected a header"),
        (csv_of(("a", "a", "kind"), [[1, 2, "x"]] * 5), 'two columns have the name "a"'),
        (csv_of(("a", "kind"), [[1, f"x{n}"] for n in range(50)]), "it names the rows"),
        (b'{"a": 1, "b": 2}\n{"a": 1, "b": 3}\n', "the file is of no known format"),
        (b"\x00\x01,\x02\n" * 9, "the file is of no known format"),
        (zip_of({"a.csv": csv_of(HEADER, ROWS), "b.csv": csv_of(("a", "kind"), [[1, "x"]] * 5)}),
         'has other columns than a.csv: lacks "size", "weight", "colour", has "a" besides; a file '
         "that is no part of the data can be named in the option `ignore`"),
        (zip_of({"sample_submission.csv": csv_of(("id", "kind"), [[n, 0] for n in range(5)]),
                 "test.csv": csv_of(HEADER[:3], [row[:3] for row in ROWS]),
                 "train.csv": csv_of(HEADER, ROWS)}),
         'error test.csv has other columns than train.csv: lacks "kind", has none besides; '),
        (b"size,weight,kind\n", "mine.zip it has a header (size,weight,kind) and no rows below it"),
        (b"Fruit of 2020\n\n" + csv_of(HEADER, ROWS),
         'mine.zip above its header stand lines such as "Fruit of 2020": the names of the columns'),
    ],
    ids=["no names", "a name twice", "names of rows", "JSON", "bytes", "other columns", "Kaggle",
         "no rows", "a title"],
)  # fmt: skip
def test_what_is_no_usable_table_is_refused_with_its_reason(refuse, data, message):
    assert message in refuse(data, KIND)


def test_a_table_beside_pictures_is_not_taken_for_the_data(refuse):
    files = {"labels.csv": csv_of(("file", "kind"), [["a.png", "x"]] * 5)}
    files["a.png"] = picture(random_pictures(1, 4, 4)[0])
    assert "target" not in refuse(zip_of(files), KIND)


def test_files_of_a_zip_are_one_table_and_their_names_can_be_groups(take: Ingest, tmp_path: Path):
    files = {f"site_{n}.csv": csv_of(HEADER, ROWS[6 * n : 6 * n + 6]) for n in range(10)}
    files["README"] = b"a, b, c\nd, e, f"
    manifest = take(zip_of(files), DatasetOptions(target="kind", group="file"))
    assert {name: s.num_samples for name, s in manifest.splits.items()} == {
        "train": 48, "val": 6, "test": 6,
    }  # fmt: skip
    assert manifest.split_options.by == "group"
    assert "ignored 1 file(s) that are no tables: README" in messages(manifest)


def test_files_named_after_splits_are_these_splits(take: Ingest):
    files = {"data/train.csv": ROWS[:40], "data/valid.csv": ROWS[40:50], "data/test.csv": ROWS[50:]}
    manifest = take(zip_of({name: csv_of(HEADER, rows) for name, rows in files.items()}), KIND)
    assert [s.num_samples for s in manifest.splits.values()] == [40, 10, 10]
    assert manifest.made_splits == []


def test_a_table_that_unpacks_without_end_is_refused(refuse):
    packed = zstandard.compress(b"size,kind\n" + b"1,x\n" * 500_000)
    limits = IngestLimits(max_unpacked_bytes=1_000_000)
    assert "unpacks to more than the limit of 1,000,000 bytes" in refuse(packed, KIND, limits)
    assert "the archive is damaged" in refuse(packed[: len(packed) // 2], KIND)


def test_frames_of_zstandard_follow_each_other(take: Ingest):
    table = csv_of(HEADER, ROWS)
    packed = zstandard.compress(table[:200]) + zstandard.compress(table[200:])
    assert take(packed, KIND).sha256 == take(table, KIND, name="plain").sha256
